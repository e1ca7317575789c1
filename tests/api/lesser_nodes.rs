//! Nodes that keep or answer less than others: no constant calls, no internal transactions. The service goes on and says so.

use crate::common::{Reply, TestApp, settings, with};
use leyden_sim::{faults::ReadFault, keys};
use serde_json::json;

/// The energy of a transfer to a holder of the token, and of a first one.
const ORDINARY: i64 = 65_000;
const FIRST: i64 = 131_000;

async fn quote(app: &TestApp, customer: u32) -> Reply {
    let body = json!({"recipientAddress": keys::test_address(customer), "transactionCount": 2});
    app.post("/api/v1/quotes", &body).await
}

async fn order(app: &TestApp, customer: u32) -> Reply {
    let body = json!({"recipientAddress": keys::test_address(customer), "transactionCount": 2});
    app.post("/api/v1/orders", &body).await
}

async fn flash_order(app: &TestApp, customer: u32) -> Reply {
    let body = json!({"recipientAddress": keys::test_address(customer), "chatId": 1});
    app.post("/api/energy-flash/create-order", &body).await
}

#[test]
fn where_no_node_does_constant_calls_a_first_transfer_is_sold_and_said() {
    with(settings(), async |app| {
        app.node.faults().without_constant_calls = true;
        let quoted = quote(&app, 1).await.data();
        assert_eq!(
            (&quoted["notice"], &quoted["energyAmount"]),
            (&json!("first_transfer_assumed"), &json!(2 * FIRST))
        );
        for made in [order(&app, 1).await.data(), flash_order(&app, 1).await.data()] {
            assert_eq!(made["notice"], "first_transfer_assumed", "{made}");
            assert_eq!(made["energyPerTransaction"], FIRST);
        }
        let by_quote = json!({"recipientAddress": keys::test_address(1), "quoteId": quoted["quoteId"]});
        let made = app.post("/api/v1/orders", &by_quote).await.data();
        assert_eq!(made["energyPerTransaction"], FIRST, "as it was quoted");
        // A quote for nobody is for a holder, which nobody knows this recipient to be.
        let nobody = app.post("/api/v1/quotes", &json!({"transactionCount": 1})).await.data();
        assert_eq!((&nobody["energyAmount"], nobody.get("notice")), (&json!(ORDINARY), None));
        let wrong = json!({"recipientAddress": keys::test_address(1), "quoteId": nobody["quoteId"]});
        assert_eq!(app.post("/api/v1/orders", &wrong).await.refusal(), "QUOTE_MISMATCH");
        // Nothing of it is remembered: as soon as a node can say it, it is asked.
        app.node.faults().without_constant_calls = false;
        let quoted = quote(&app, 1).await.data();
        assert_eq!((&quoted["energyAmount"], quoted.get("notice")), (&json!(2 * ORDINARY), None));
        for made in [order(&app, 1).await.data(), flash_order(&app, 1).await.data()] {
            assert_eq!((&made["energyPerTransaction"], made.get("notice")), (&json!(ORDINARY), None));
        }
    });
}

/// That no answer comes says nothing of the recipient.
#[test]
fn a_node_that_does_not_answer_sells_nothing() {
    with(settings(), async |app| {
        app.state().handles.pause_reading(true);
        app.node.faults().reads.extend(std::iter::repeat_n(ReadFault::Unavailable, 10_000));
        let refused = quote(&app, 1).await;
        assert_eq!((refused.status.as_u16(), refused.refusal().as_str()), (503, "CHAIN_UNAVAILABLE"));
        app.node.faults().reads.clear();
        app.state().handles.pause_reading(false);
    });
}
