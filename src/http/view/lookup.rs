//! What is known of a transaction that somebody calls a payment.

use super::{
    RefundNoteView,
    lookup_texts::{self, Text},
};
use crate::http::{
    error::Language,
    lookup::{Looked, Lookup, Missing, Recorded},
    time::iso,
};
use leyden_domain::{
    Address, Asset, Sun, Timestamp, UsdtMicro,
    chain::{Moved, Movement, TransactionReport},
    order::Order,
    payment::{Payment, PaymentState},
};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// What is known of a transaction.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LookupView {
    /// The transaction.
    tx_hash: String,
    /// `recorded`: it is in the books, see `payments`. Else why it is not: `not_seen`: no node knows it. `waiting`: in no
    /// block yet. `failed`: in a block, where it failed. `pays_others`: it pays nothing to us. `maybe_by_contract`: it calls a contract, and the node
    /// that was asked shows no payment to us, though not every node shows what contracts send. `other_token`: in a token that
    /// is not taken. `dust`: less than anything is recorded of. `ahead`: in a block that is about to be read.
    /// `before_first`: in a block before the service began to read. `other_fork`: a node shows it in a block that we read
    /// without it. `unknown`: not in the books, and no node could be asked.
    #[schema(example = "recorded")]
    outcome: &'static str,
    /// The same for people, in the language of `Accept-Language`.
    message: &'static str,
    /// What the payer can do.
    advice: &'static str,
    /// How far was looked.
    looked: LookedView,
    /// Its payments in the books.
    payments: Vec<RecordedView>,
    /// What a node says of it, where it is not in the books. Nothing is decided by this.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<TransactionView>,
}

/// How far the chain was read.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LookedView {
    /// The newest block in the books; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<i64>,
    /// Its hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    /// Its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    /// The newest block that cannot be undone any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    solid_height: Option<i64>,
    /// How many blocks the books are behind the node; null where nobody knows.
    lag_blocks: Option<i64>,
}

impl From<&Looked> for LookedView {
    fn from(looked: &Looked) -> Self {
        Self {
            height: looked.read.map(|head| head.height().get()),
            hash: looked.read.map(|head| head.block.id().to_string()),
            time: looked.read.map(|head| iso(head.timestamp)),
            solid_height: looked.solid.map(|head| head.height().get()),
            lag_blocks: looked.lag_blocks,
        }
    }
}

/// A payment that is in the books.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordedView {
    /// Its id.
    payment_id: String,
    /// Which of the transaction's transfers.
    index: u32,
    /// `TRX` or `USDT`.
    asset: &'static str,
    /// How much, in whole coins.
    #[schema(example = "15.000137")]
    amount: String,
    /// The same in millionths: sun for TRX.
    amount_micro: i64,
    /// Who paid.
    from_address: String,
    /// Which of our addresses received it.
    to_address: String,
    /// `unrouted`, `settled`, `over`, `under`, `part`, `late`, `second` or `suspense`.
    state: &'static str,
    /// Which rule said so: `settled`, `over`, `under`, `part`, `late`, `second`, `pending`, or why it fits nothing: `no_order`,
    /// `ambiguous`, `orderless_off`, `sender_denied`, `wrong_asset`, `unusable_sender`, `one_node`.
    rule: &'static str,
    /// The same for people.
    message: &'static str,
    /// What the payer can do.
    advice: &'static str,
    /// `undone`: the block that held it left the chain, and none holds it now. `seen`: in a block that may still be undone.
    /// `solid`: for good.
    finality: &'static str,
    /// What makes us believe it: `contract` (proven by its block), `log` or `internal` (the block's receipts), or
    /// `lone_receipt` (one node's receipt, which another node does not show).
    evidence: &'static str,
    /// Blocks from its own to the newest one read, both counted.
    confirmations: i64,
    /// The block that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<BlockView>,
    /// When it will probably be solid, by the chain's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    solid_expected_at: Option<String>,
    /// The order that it pays for or was meant for.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<MeantView>,
    /// Paid beyond what could be bought, in sun.
    #[serde(skip_serializing_if = "Option::is_none")]
    excess_sun: Option<i64>,
    /// What goes back of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refund: Option<RefundNoteView>,
}

/// A block.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BlockView {
    /// Its number.
    height: i64,
    /// Its hash.
    hash: String,
    /// Its time.
    time: String,
}

/// The order that a payment pays for or was meant for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MeantView {
    /// `yours`, or `another`, of which nothing more is said.
    relation: &'static str,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<String>,
    /// Its exact state.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    /// The least that it costs, in sun.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_sun: Option<i64>,
}

/// A transaction as a node shows it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransactionView {
    /// The block that holds it; absent while it waits for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    block_height: Option<i64>,
    /// Whether it failed there.
    failed: bool,
    /// The protocol's name of what it does.
    #[schema(example = "TransferContract")]
    kind: &'static str,
    /// When it can no longer get into a block.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// What it moves; of one that waits or failed, what it asks for.
    transfers: Vec<MovementView>,
}

/// Money or tokens that go from one address to another.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MovementView {
    /// Which of the transaction's transfers.
    index: u32,
    /// `TRX`, `USDT`, or the address of another token's contract.
    asset: String,
    /// From whom.
    from_address: String,
    /// To whom.
    to_address: String,
    /// Whether that is one of our payment addresses.
    to_us: bool,
    /// How much, in millionths or in the token's own unit; absent where it is more than anybody counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_micro: Option<i64>,
}

impl LookupView {
    /// As somebody is shown it who may see these orders. `ours` are our payment addresses.
    pub(crate) fn new(
        found: &Lookup,
        may_see: &dyn Fn(&Order) -> bool,
        ours: &BTreeSet<Address>,
        language: Language,
    ) -> Self {
        let (outcome, report) = match &found.missing {
            None => ("recorded", None),
            Some(Missing::Told(absence, report)) => (absence.name(), report.as_deref()),
            Some(Missing::NobodyToAsk) => ("unknown", None),
        };
        let Text { message, advice } = lookup_texts::of_outcome(outcome, language);
        let payments =
            found.recorded.iter().map(|one| RecordedView::new(one, &found.looked, may_see, language));
        Self {
            tx_hash: found.tx_id.to_string(),
            outcome,
            message,
            advice,
            looked: LookedView::from(&found.looked),
            payments: payments.collect(),
            transaction: report.map(|report| TransactionView::new(report, ours)),
        }
    }

    /// An example for the document.
    pub(crate) fn example_not_seen() -> serde_json::Value {
        let Text { message, advice } = lookup_texts::of_outcome("not_seen", Language::English);
        json!({ "success": true, "data": {
            "txHash": EXAMPLE_HASH, "outcome": "not_seen", "message": message, "advice": advice,
            "looked": example_looked(), "payments": [],
        }})
    }
}

/// A transaction that examples speak of.
const EXAMPLE_HASH: &str = "5f1c2b0c9d7e4a6f8b3d1e0a9c8b7f6e5d4c3b2a19081726354a5b6c7d8e9f00";

fn example_looked() -> serde_json::Value {
    json!({
        "height": 79_072_107, "hash": "0000000004b68a2b3f1d5e7c9b8a76543210fedcba9876543210fedcba987654",
        "time": "2026-01-08T09:15:03.000Z", "solidHeight": 79_072_089, "lagBlocks": 0,
    })
}

impl RecordedView {
    fn new(
        recorded: &Recorded,
        looked: &Looked,
        may_see: &dyn Fn(&Order) -> bool,
        language: Language,
    ) -> Self {
        let Payment { id, asset, from, to, amount, evidence, block, state } = &recorded.payment;
        let rule = rule(state);
        let Text { message, advice } = lookup_texts::of_rule(rule, language);
        let finality = match (block, looked.solid) {
            (None, _) => "undone",
            (Some(block), Some(solid)) if block.block.height() <= solid.height() => "solid",
            (Some(_), _) => "seen",
        };
        let confirmations = match (block, looked.read) {
            (Some(block), Some(read)) => {
                read.height().get().saturating_sub(block.block.height().get()).saturating_add(1).max(1)
            }
            (Some(_), None) => 1,
            (None, _) => 0,
        };
        // The solid block follows the newest one at a distance that hardly changes.
        let solid_expected_at = match (block, looked.read, looked.solid) {
            (Some(block), Some(read), Some(solid)) if finality == "seen" => {
                let behind = read.timestamp.ms().saturating_sub(solid.timestamp.ms()).max(0);
                Some(iso(Timestamp::from_ms(block.timestamp.ms().saturating_add(behind))))
            }
            _ => None,
        };
        Self {
            payment_id: id.to_string(),
            index: id.index,
            asset: asset.name(),
            amount: match asset {
                Asset::Trx => Sun::new(*amount).to_string(),
                Asset::Usdt => UsdtMicro::new(*amount).to_string(),
            },
            amount_micro: *amount,
            from_address: from.to_string(),
            to_address: to.to_string(),
            state: state.name(),
            rule,
            message,
            advice,
            finality,
            evidence: evidence.name(),
            confirmations,
            block: block.map(|block| BlockView {
                height: block.block.height().get(),
                hash: block.block.id().to_string(),
                time: iso(block.timestamp),
            }),
            solid_expected_at,
            order: state
                .order()
                .map(|_| MeantView::new(recorded.order.as_ref().filter(|order| may_see(order)))),
            excess_sun: match state {
                PaymentState::Settles { excess, .. } if *excess > Sun::ZERO => Some(excess.get()),
                _ => None,
            },
            refund: recorded.refund.as_ref().map(RefundNoteView::from),
        }
    }

    /// An example for the document.
    pub(crate) fn example_settled() -> serde_json::Value {
        example(
            "settled",
            &json!({ "order": {
                "relation": "yours", "orderId": "FLASH_1767863700000_k3v9x0q2m", "state": "active", "dueSun": 1_500_137,
            }}),
        )
    }

    /// An example for the document.
    pub(crate) fn example_refused() -> serde_json::Value {
        example("no_order", &json!({ "state": "suspense" }))
    }
}

fn example(rule: &'static str, more: &serde_json::Value) -> serde_json::Value {
    let whole = lookup_texts::of_outcome("recorded", Language::English);
    let text = lookup_texts::of_rule(rule, Language::English);
    let mut payment = json!({
        "paymentId": format!("{EXAMPLE_HASH}_0"), "index": 0, "asset": "TRX", "amount": "1.500137", "amountMicro": 1_500_137,
        "fromAddress": "TMuA6YqfCeX8EhbfYEg5y7S4DqzSJireY9", "toAddress": "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
        "evidence": "contract",
        "state": rule, "rule": rule, "message": text.message, "advice": text.advice,
        "finality": "seen", "confirmations": 3,
        "block": {
            "height": 79_072_105, "hash": "0000000004b68a29c0ffee00112233445566778899aabbccddeeff0011223344",
            "time": "2026-01-08T09:14:57.000Z",
        },
        "solidExpectedAt": "2026-01-08T09:15:51.000Z",
    });
    if let (Some(payment), Some(more)) = (payment.as_object_mut(), more.as_object()) {
        payment.extend(more.clone());
    }
    json!({ "success": true, "data": {
        "txHash": EXAMPLE_HASH, "outcome": "recorded", "message": whole.message, "advice": whole.advice,
        "looked": example_looked(), "payments": [payment],
    }})
}

/// The rule that put a payment where it is.
const fn rule(state: &PaymentState) -> &'static str {
    match state {
        PaymentState::Unrouted => "pending",
        PaymentState::Suspense { reason } => reason.name(),
        other => other.name(),
    }
}

impl MeantView {
    fn new(visible: Option<&Order>) -> Self {
        Self {
            relation: if visible.is_some() { "yours" } else { "another" },
            order_id: visible.map(|order| order.id.to_string()),
            state: visible.map(|order| order.state.kind().name()),
            due_sun: visible.and_then(|order| order.amount_due(order.count.least()).ok()).map(Sun::get),
        }
    }
}

impl TransactionView {
    fn new(report: &TransactionReport, ours: &BTreeSet<Address>) -> Self {
        Self {
            block_height: report.height.map(leyden_domain::Height::get),
            failed: report.failed,
            kind: report.kind.name(),
            expires_at: report.expires_at.map(iso),
            transfers: report.movements.iter().map(|movement| MovementView::new(movement, ours)).collect(),
        }
    }
}

impl MovementView {
    fn new(movement: &Movement, ours: &BTreeSet<Address>) -> Self {
        Self {
            index: movement.index,
            asset: match movement.what {
                Moved::Asset(asset) => asset.name().to_owned(),
                Moved::Token(contract) => contract.to_string(),
            },
            from_address: movement.from.to_string(),
            to_address: movement.to.to_string(),
            to_us: ours.contains(&movement.to),
            amount_micro: movement.amount,
        }
    }
}
