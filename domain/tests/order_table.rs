//! What every event does to an order in every state, written out. The table in `snapshots/order_table.txt` is
//! documentation and test at once; `UPDATE_SNAPSHOTS=1 cargo test -p leyden-domain --test order_table` rewrites it.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

#[expect(dead_code, reason = "each test uses a part of the kit")]
mod kit;

use kit::{delivery, funding, operation_id, order, slot};
use leyden_domain::{
    Height, Timestamp,
    order::{
        Confirmation, Effect, HoldReason, Order, OrderEvent, OrderState, OrderStateKind, Party, RefundReason,
        step,
    },
};
use std::fmt::Write as _;

fn state(kind: OrderStateKind) -> OrderState {
    let funding = funding(1, 10);
    let confirmation = Confirmation::ForkBound { block: delivery(10).block };
    let ends_at = slot(20);
    let why = RefundReason::NoCapacity;
    let operation = operation_id(1);
    match kind {
        OrderStateKind::AwaitingPayment => OrderState::AwaitingPayment,
        OrderStateKind::Paid => OrderState::Paid { funding },
        OrderStateKind::Funded => OrderState::Funded { funding, confirmation },
        OrderStateKind::Reserved => OrderState::Reserved { funding, confirmation },
        OrderStateKind::Delegating => OrderState::Delegating { funding, confirmation },
        OrderStateKind::Active => OrderState::Active { funding, delivered_at: slot(10), ends_at },
        OrderStateKind::Reclaiming => {
            OrderState::Reclaiming { funding, ends_at, reverted: false, refund: None }
        }
        OrderStateKind::Completed => OrderState::Completed { funding, ends_at },
        OrderStateKind::Reverted => OrderState::Reverted { funding },
        OrderStateKind::RefundDue => OrderState::RefundDue { funding, why },
        OrderStateKind::Refunding => OrderState::Refunding { funding, why, operation },
        OrderStateKind::Refunded => OrderState::Refunded { funding, why, operation },
        OrderStateKind::Forfeited => OrderState::Forfeited { funding, why },
        OrderStateKind::Expired => OrderState::Expired { at: slot(41) },
        OrderStateKind::Cancelled => OrderState::Cancelled { at: slot(5), by: Party::Customer },
        OrderStateKind::Held => {
            OrderState::Held { why: HoldReason::Operator, from: Box::new(OrderState::Paid { funding }) }
        }
    }
}

fn events() -> Vec<OrderEvent> {
    vec![
        OrderEvent::PaymentMatched(funding(1, 10)),
        OrderEvent::PaymentConfirmed(Confirmation::Solid { height: Height::new(10) }),
        OrderEvent::PaymentUndone,
        OrderEvent::PaymentMoved(delivery(11)),
        OrderEvent::DeadlinePassed,
        OrderEvent::Cancelled(Party::Operator),
        OrderEvent::CapacityHeld,
        OrderEvent::DelegationSigned,
        OrderEvent::DelegationFailed,
        OrderEvent::Delivered(slot(12)),
        OrderEvent::DeliveryUndone,
        OrderEvent::RentalEnded,
        OrderEvent::Reclaimed,
        OrderEvent::Unservable(RefundReason::RecipientUnusable),
        OrderEvent::CutShort(RefundReason::NoCapacity),
        OrderEvent::RefundSigned(operation_id(2)),
        OrderEvent::RefundFailed,
        OrderEvent::RefundSolid,
        OrderEvent::RefundKept,
        OrderEvent::Hold(HoldReason::Operator),
        OrderEvent::Release,
    ]
}

fn in_state(state: OrderState) -> Order {
    Order { state, version: 7, ..order(0) }
}

/// Late enough for everything that waits for a time.
fn now() -> Timestamp {
    slot(50)
}

const fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::RequireUnpaid => "require unpaid",
        Effect::ReleaseCapacity => "release capacity",
        Effect::IntendReclaims => "intend reclaims",
    }
}

fn table() -> String {
    let mut text = String::new();
    for kind in OrderStateKind::ALL {
        let terminal = if kind.is_terminal() { " (terminal)" } else { "" };
        writeln!(text, "{}{terminal}", kind.name()).unwrap();
        let mut refused = Vec::new();
        for event in events() {
            match step(&in_state(state(kind)), &event, now()) {
                Ok(transition) => {
                    let effects: Vec<_> = transition.effects.iter().copied().map(effect_name).collect();
                    let effects = if effects.is_empty() {
                        String::new()
                    } else {
                        format!("  [{}]", effects.join(", "))
                    };
                    let to = transition.order.state.kind().name();
                    writeln!(text, "  {:<18} -> {to}{effects}", event.name()).unwrap();
                }
                Err(_) => refused.push(event.name()),
            }
        }
        writeln!(text, "  refused: {}\n", refused.join(", ")).unwrap();
    }
    text
}

#[test]
fn the_table_is_as_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/order_table.txt");
    let table = table();
    if std::env::var("UPDATE_SNAPSHOTS").is_ok() {
        std::fs::write(path, &table).unwrap();
    }
    let documented = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(table, documented, "UPDATE_SNAPSHOTS=1 rewrites the snapshot");
}

#[test]
fn every_event_is_in_the_table() {
    let mut names: Vec<_> = events().iter().map(OrderEvent::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 21);
    // Fails to compile when an event is added that the table does not know.
    for event in events() {
        match event {
            OrderEvent::PaymentMatched(_)
            | OrderEvent::PaymentConfirmed(_)
            | OrderEvent::PaymentUndone
            | OrderEvent::PaymentMoved(_)
            | OrderEvent::DeadlinePassed
            | OrderEvent::Cancelled(_)
            | OrderEvent::CapacityHeld
            | OrderEvent::DelegationSigned
            | OrderEvent::DelegationFailed
            | OrderEvent::Delivered(_)
            | OrderEvent::DeliveryUndone
            | OrderEvent::RentalEnded
            | OrderEvent::Reclaimed
            | OrderEvent::Unservable(_)
            | OrderEvent::CutShort(_)
            | OrderEvent::RefundSigned(_)
            | OrderEvent::RefundFailed
            | OrderEvent::RefundSolid
            | OrderEvent::RefundKept
            | OrderEvent::Hold(_)
            | OrderEvent::Release => {}
        }
    }
}

#[test]
fn terminal_is_terminal() {
    for kind in OrderStateKind::ALL.into_iter().filter(|kind| kind.is_terminal()) {
        for event in events() {
            let refusal = step(&in_state(state(kind)), &event, now()).unwrap_err();
            assert_eq!((refusal.state, refusal.event), (kind, event.name()));
        }
    }
}

#[test]
fn held_goes_back_to_exactly_what_it_was() {
    for kind in OrderStateKind::ALL {
        let before = in_state(state(kind));
        // What is sent is followed to its end, and its order with it.
        if kind == OrderStateKind::Refunding {
            assert!(step(&before, &OrderEvent::Hold(HoldReason::Operator), now()).is_err());
        }
        if kind.is_terminal() || matches!(kind, OrderStateKind::Held | OrderStateKind::Refunding) {
            continue;
        }
        let held = step(&before, &OrderEvent::Hold(HoldReason::Operator), now()).unwrap();
        assert!(held.effects.is_empty());
        assert_eq!(held.order.state.kind(), OrderStateKind::Held);
        assert_eq!(held.order.state.funding(), before.state.funding());
        assert_eq!(held.order.state.ends_at(), before.state.ends_at());
        let released = step(&held.order, &OrderEvent::Release, now()).unwrap();
        assert_eq!(released.order.state, before.state);
    }
}

#[test]
fn a_step_changes_the_state_and_the_version_and_nothing_else() {
    for kind in OrderStateKind::ALL {
        let before = in_state(state(kind));
        for event in events() {
            let Ok(transition) = step(&before, &event, now()) else { continue };
            assert_eq!((transition.from, transition.from_version), (kind, 7));
            assert_eq!(transition.event, event.name());
            let expected = Order {
                state: transition.order.state.clone(),
                version: 8,
                updated_at: now(),
                ..before.clone()
            };
            assert_eq!(transition.order, expected);
            // Money is never forgotten: only an undone payment makes an order unpaid again.
            if before.state.funding().is_some() && transition.order.state.funding().is_none() {
                assert_eq!(event, OrderEvent::PaymentUndone);
            }
        }
    }
}

#[test]
fn a_rental_does_not_end_early() {
    let active = in_state(state(OrderStateKind::Active));
    let early = Timestamp::from_ms(slot(20).ms() - 1);
    assert!(step(&active, &OrderEvent::RentalEnded, early).is_err());
    assert!(step(&active, &OrderEvent::RentalEnded, slot(20)).is_ok());
}

#[test]
fn a_reverted_rental_ends_as_reverted() {
    let active = in_state(state(OrderStateKind::Active));
    let reclaiming = step(&active, &OrderEvent::PaymentUndone, now()).unwrap();
    assert_eq!(reclaiming.effects, [Effect::IntendReclaims]);
    let over = step(&reclaiming.order, &OrderEvent::Reclaimed, now()).unwrap();
    assert_eq!(over.order.state.kind(), OrderStateKind::Reverted);
}
