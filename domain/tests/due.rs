//! Which event is due, at the edges: the last moment of a time, the first block that is enough, one part that is missing.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "each test uses a part of the kit")]
mod kit;

use kit::{ENERGY, delegation, delivery, funding, head, operation_id, order, payment, slot};
use leyden_domain::{
    Energy, Height, Span, Sun,
    chain::Head,
    operation::{ChainView, Operation, OperationKind, OperationState, RefusalMeaning},
    order::{
        Confirmation, Facts, HoldReason, Order, OrderEvent, OrderState, OrderStateKind, Party, RefundReason,
        confirmation_of, next_event, step, undelivered,
    },
    payment::{Payment, PaymentState},
};

const ABOVE: Sun = Sun::from_trx(100);

/// What is known of order 0: its payment, its delegations, what takes them back, and how far the chain is read and solid.
struct Known {
    payment: Option<Payment>,
    delegations: Vec<Operation>,
    reclaims: Vec<Operation>,
    chain: ChainView,
}

impl Known {
    /// Paid in block 10; read to block 60, solid to block 42.
    fn new() -> Self {
        Self {
            payment: Some(paid(Some(10))),
            delegations: Vec::new(),
            reclaims: Vec::new(),
            chain: ChainView { head: head(60), solid: head(42) },
        }
    }

    fn due(&self, state: &OrderState) -> Option<OrderEvent> {
        let order = Order { state: state.clone(), ..order(0) };
        next_event(
            &order,
            &Facts {
                payment: self.payment.as_ref(),
                delegations: &self.delegations,
                reclaims: &self.reclaims,
                chain: self.chain,
                solid_above: ABOVE,
            },
        )
    }
}

/// The payment of order 0, in this block.
fn paid(height: Option<i64>) -> Payment {
    let mut payment = payment(1, 3_000_100, height.unwrap_or(10));
    payment.state = PaymentState::Settles { order: order(0).id, count: 1, excess: Sun::ZERO };
    payment.block = height.map(delivery);
    payment
}

fn reclaim(delegation: u64, state: OperationState) -> Operation {
    let kind = OperationKind::Undelegate { delegation: operation_id(delegation) };
    Operation { kind, ..kit::delegation(delegation + 100, ENERGY, state) }
}

fn confirmation() -> Confirmation {
    Confirmation::ForkBound { block: delivery(10).block }
}

fn half() -> Energy {
    Energy::new(ENERGY.get() / 2)
}

#[test]
fn an_order_expires_after_its_last_moment() {
    let expires_at = order(0).expires_at;
    let at = |ms| Head { timestamp: expires_at.plus(Span::from_ms(ms)), ..head(60) };
    // (read to, solid to, there was a payment whose block is undone)
    for (read, solid, was_paid, is_due) in [
        (0, -60_000, false, false),
        (1, -60_000, false, true),
        (60_000, 0, true, false),
        (60_000, 1, true, true),
        (60_000, 0, false, true),
    ] {
        let chain = ChainView { head: at(read), solid: at(solid) };
        let known = Known { payment: was_paid.then(|| paid(None)), chain, ..Known::new() };
        let expected = is_due.then_some(OrderEvent::DeadlinePassed);
        assert_eq!(known.due(&OrderState::AwaitingPayment), expected, "{read} {solid} {was_paid}");
    }
    // What was paid is paid, however late it is noticed.
    let matched = Known::new().due(&OrderState::AwaitingPayment);
    assert!(matches!(matched, Some(OrderEvent::PaymentMatched(_))), "{matched:?}");
}

#[test]
fn money_that_is_due_back_is_forgotten_when_its_payment_is_gone_for_good() {
    // Order 0 expires at the time of block 40.
    for (block, solid, is_there, is_due) in [
        (10, 40, false, false),
        (10, 41, false, true),
        (10, 41, true, false),
        (41, 41, false, true),
        (42, 41, false, false),
        (42, 42, false, true),
        (40, 40, false, false),
    ] {
        let chain = ChainView { head: head(60), solid: head(solid) };
        let payment = is_there.then(|| paid(Some(block)));
        let state = OrderState::RefundDue { funding: funding(1, block), why: RefundReason::NoCapacity };
        let due = Known { payment, chain, ..Known::new() }.due(&state);
        assert_eq!(due, is_due.then_some(OrderEvent::PaymentUndone), "{block} {solid} {is_there}");
    }
}

#[test]
fn a_payment_is_confirmed_by_its_block_or_by_its_smallness() {
    let chain = |solid: i64| ChainView { head: head(60), solid: head(solid) };
    let by = |paid: i64, solid: i64| {
        let funding = leyden_domain::order::Funding { paid: Sun::new(paid), ..funding(1, 10) };
        confirmation_of(&funding, chain(solid), ABOVE)
    };
    let (small, large) = (ABOVE.get(), ABOVE.get() + 1);
    assert_eq!(by(small, 9), Some(confirmation()));
    assert_eq!(by(large, 9), None);
    for paid in [small, large] {
        assert_eq!(by(paid, 10), Some(Confirmation::Solid { height: Height::new(10) }));
    }
}

#[test]
fn what_is_held_must_be_all_that_was_bought() {
    let reserved = OrderState::Reserved { funding: funding(1, 10), confirmation: confirmation() };
    let due = |delegations: &[Operation]| {
        Known { delegations: delegations.to_vec(), ..Known::new() }.due(&reserved)
    };
    let intended = |n, energy| delegation(n, energy, OperationState::Intended);
    assert_eq!(due(&[intended(1, ENERGY)]), None);
    assert_eq!(due(&[intended(1, half()), intended(2, half())]), None);
    assert_eq!(due(&[]), Some(OrderEvent::DelegationFailed));
    let less = Energy::new(ENERGY.get() - 1);
    assert_eq!(due(&[intended(1, less)]), Some(OrderEvent::DelegationFailed));
    let dead = [OperationState::Failed, OperationState::Cancelled];
    for state in dead {
        assert_eq!(due(&[delegation(1, ENERGY, state)]), Some(OrderEvent::DelegationFailed));
    }
    let order = Order { state: reserved.clone(), ..order(0) };
    assert_eq!(undelivered(&order, &[intended(1, less)]), Energy::new(1));
}

#[test]
fn who_cannot_be_served_by_any_account_gets_the_money_back() {
    let (funding, confirmation) = (funding(1, 10), confirmation());
    let states = [
        OrderState::Funded { funding, confirmation },
        OrderState::Reserved { funding, confirmation },
        OrderState::Delegating { funding, confirmation },
    ];
    let refused =
        |meaning| Operation { failure: Some(meaning), ..delegation(1, ENERGY, OperationState::Failed) };
    let unusable = Some(OrderEvent::Unservable(RefundReason::RecipientUnusable));
    for state in states {
        let due = |delegations: Vec<Operation>| Known { delegations, ..Known::new() }.due(&state);
        assert_eq!(due(vec![refused(RefusalMeaning::ReceiverUnusable)]), unusable, "{state:?}");
        assert_ne!(due(vec![refused(RefusalMeaning::CapacityGone)]), unusable, "another account can");
        // Not while something of ours is under way: it may have arrived.
        for live in [OperationState::Signed, OperationState::Included, OperationState::Solid] {
            let both = vec![refused(RefusalMeaning::ReceiverUnusable), delegation(2, half(), live)];
            assert_ne!(due(both), unusable, "{state:?} {live:?}");
        }
    }
}

#[test]
fn one_missing_part_undoes_a_delivery() {
    let active = OrderState::Active { funding: funding(1, 10), delivered_at: slot(11), ends_at: slot(90) };
    let due = |other: OperationState| {
        let parts = vec![delegation(1, half(), OperationState::Solid), delegation(2, half(), other)];
        Known { delegations: parts, ..Known::new() }.due(&active)
    };
    assert_eq!(due(OperationState::Solid), None);
    assert_eq!(due(OperationState::Included), None);
    for gone in [OperationState::Failed, OperationState::Cancelled, OperationState::Signed] {
        assert_eq!(due(gone), Some(OrderEvent::DeliveryUndone), "{gone:?}");
    }
}

#[test]
fn a_rental_goes_on_with_its_payment_in_another_block() {
    let active = OrderState::Active { funding: funding(1, 10), delivered_at: slot(11), ends_at: slot(90) };
    let due = |payment: Option<Payment>, state| {
        let delegations = vec![delegation(1, ENERGY, state)];
        Known { payment, delegations, ..Known::new() }.due(&active)
    };
    for state in [OperationState::Included, OperationState::Solid] {
        assert_eq!(due(Some(paid(Some(10))), state), None);
        assert_eq!(due(Some(paid(Some(12))), state), Some(OrderEvent::PaymentMoved(delivery(12))));
    }
    assert_eq!(due(None, OperationState::Included), None, "what is not final may leave with its payment");
    assert_eq!(due(None, OperationState::Solid), Some(OrderEvent::PaymentUndone));
}

#[test]
fn what_is_taken_back_is_back_when_all_of_it_is() {
    let reclaiming =
        OrderState::Reclaiming { funding: funding(1, 10), ends_at: slot(30), reverted: false, refund: None };
    let due = |reclaims: Vec<Operation>| {
        let delegations = vec![
            delegation(1, half(), OperationState::Solid),
            delegation(2, half(), OperationState::Solid),
            delegation(3, half(), OperationState::Failed),
        ];
        Known { delegations, reclaims, ..Known::new() }.due(&reclaiming)
    };
    let back = || reclaim(1, OperationState::Solid);
    assert_eq!(due(vec![back(), reclaim(2, OperationState::Solid)]), Some(OrderEvent::Reclaimed));
    assert_eq!(due(vec![back()]), None);
    for live in [OperationState::Intended, OperationState::Signed, OperationState::Included] {
        assert_eq!(due(vec![back(), reclaim(2, live)]), None);
    }
    let failed = |why| Operation { failure: Some(why), ..reclaim(2, OperationState::Failed) };
    let impossible = Some(OrderEvent::Hold(HoldReason::ReclaimImpossible));
    assert_eq!(due(vec![back(), failed(RefusalMeaning::NothingToReclaim)]), impossible);
    assert_eq!(due(vec![failed(RefusalMeaning::NothingToReclaim)]), impossible, "whatever else is missing");
    let written_off = failed(RefusalMeaning::WrittenOff);
    assert_eq!(due(vec![back(), written_off]), Some(OrderEvent::Reclaimed), "persons say that it is gone");
}

#[test]
fn of_what_was_cut_short_the_money_goes_back() {
    let (funding, ends_at, why) = (funding(1, 10), slot(30), RefundReason::NoCapacity);
    for (reverted, refund, expected) in [
        (false, None, OrderState::Completed { funding, ends_at }),
        (true, None, OrderState::Reverted { funding }),
        (false, Some(why), OrderState::RefundDue { funding, why }),
        (true, Some(why), OrderState::RefundDue { funding, why }),
    ] {
        let state = OrderState::Reclaiming { funding, ends_at, reverted, refund };
        let after = step(&Order { state, ..order(0) }, &OrderEvent::Reclaimed, slot(40)).unwrap();
        assert_eq!(after.order.state, expected);
    }
}

#[test]
fn only_a_rental_has_an_end() {
    let (funding, ends_at) = (funding(1, 10), slot(30));
    let held = |from| OrderState::Held { why: HoldReason::Operator, from: Box::new(from) };
    let rentals = [
        OrderState::Active { funding, delivered_at: slot(11), ends_at },
        OrderState::Reclaiming { funding, ends_at, reverted: false, refund: None },
        OrderState::Completed { funding, ends_at },
    ];
    for state in rentals {
        assert_eq!((state.ends_at(), held(state).ends_at()), (Some(ends_at), Some(ends_at)));
    }
    let others = [
        OrderState::AwaitingPayment,
        OrderState::Paid { funding },
        OrderState::Delegating { funding, confirmation: confirmation() },
        OrderState::Reverted { funding },
        OrderState::RefundDue { funding, why: RefundReason::NoCapacity },
        OrderState::Expired { at: slot(41) },
        OrderState::Cancelled { at: slot(5), by: Party::Customer },
    ];
    for state in others {
        assert_ne!(state.kind(), OrderStateKind::Active);
        assert_eq!((state.ends_at(), held(state).ends_at()), (None, None));
    }
}
