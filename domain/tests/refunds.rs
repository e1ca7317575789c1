//! What is owed, when and to whom, as a table; what may become of a refund, as a table; and that no order of wishes
//! lets a large one go by one person.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "each test uses a part of the kit")]
mod kit;

use kit::{delivery, funding, operation_id, order, payment, refund_id, slot};
use leyden_domain::{
    Address, ApiKeyId, Asset, Height, Span, Sun, Timestamp, UsdtMicro,
    chain::Evidence,
    operation::RefusalMeaning,
    order::{OrderState, RefundReason},
    payment::{AssignRefusal, Payment, PaymentState, SuspenseReason, assign},
    refund::{
        Amounts, Decider, GuardTrip, KeptBy, Operator, OperatorAction, OperatorRefusal, Owed, Refund,
        RefundCause, RefundEvent, RefundHold, RefundPolicy, RefundState, RefundStateKind, SpendGuard, Spent,
        Subject, open, operate, step, terms_of,
    },
};
use proptest::prelude::*;

const NOW: i64 = 60;
const SOLID: Height = Height::new(50);

fn amounts(sun: i64) -> Amounts {
    Amounts { trx: Sun::new(sun), usdt: UsdtMicro::new(sun) }
}

fn policy() -> RefundPolicy {
    RefundPolicy {
        enabled: true,
        fee: amounts(100_000),
        minimum: amounts(500_000),
        suspense_delay: Span::from_secs(3_600),
        four_eyes_above: amounts(1_000_000_000),
        ..RefundPolicy::switched_off()
    }
}

fn paid(state: PaymentState) -> Payment {
    Payment { block: Some(delivery(10)), state, ..payment(1, 3_000_000, 10) }
}

fn subject(state: PaymentState, order_state: Option<OrderState>) -> Subject {
    let order = order_state.map(|state| leyden_domain::order::Order { state, ..order(1) });
    Subject { payment: paid(state), order, delivered_for_good: false, read_behind: Span::ZERO }
}

fn terms(subject: &Subject) -> Option<Owed> {
    terms_of(subject, subject.payment.from, SOLID, slot(NOW), &policy())
}

#[test]
fn what_is_owed_is_as_the_table_says() {
    let id = order(1).id;
    let none = terms(&subject(PaymentState::Unrouted, None));
    assert_eq!(none, None);

    let under =
        terms(&subject(PaymentState::Under { order: id }, Some(OrderState::AwaitingPayment))).unwrap();
    let until = order(1).expires_at;
    assert_eq!(
        (under.cause, under.amount, under.fee, under.state),
        (RefundCause::Under, 3_000_000, 100_000, RefundState::Waiting { until })
    );
    let over_now = OrderState::Expired { at: slot(41) };
    let under = terms(&subject(PaymentState::Under { order: id }, Some(over_now.clone()))).unwrap();
    assert_eq!(under.state, RefundState::Due);

    for (state, cause) in [
        (PaymentState::Late { order: id }, RefundCause::Late),
        (PaymentState::Second { order: id }, RefundCause::Second),
    ] {
        let owed = terms(&subject(state, Some(over_now.clone()))).unwrap();
        assert_eq!((owed.cause, owed.state), (cause, RefundState::Due));
    }

    let odd = terms(&subject(PaymentState::Suspense { reason: SuspenseReason::NoOrder }, None)).unwrap();
    let until = delivery(10).timestamp.plus(Span::from_secs(3_600));
    assert_eq!(odd.state, RefundState::Waiting { until });
    let denied =
        terms(&subject(PaymentState::Suspense { reason: SuspenseReason::SenderDenied }, None)).unwrap();
    assert_eq!(denied.state, RefundState::Held { why: RefundHold::DeniedAddress, retry_at: None });
}

#[test]
fn what_settles_an_order_is_owed_only_as_far_as_it_cannot_be_served() {
    let id = order(1).id;
    let (whole, over) = (
        PaymentState::Settles { order: id, count: 1, excess: Sun::ZERO },
        PaymentState::Settles { order: id, count: 1, excess: Sun::new(1_500_000) },
    );
    let why = RefundReason::NoCapacity;
    let funding = funding(1, 10);
    let (ends_at, delivered_at) = (slot(90), slot(20));
    let due = OrderState::RefundDue { funding, why };
    for state in [whole, over] {
        let owed = terms(&subject(state, Some(due.clone()))).unwrap();
        assert_eq!(
            (owed.amount, owed.fee, owed.state),
            (3_000_000, 0, RefundState::Due),
            "whole, without a fee"
        );
    }
    let active = OrderState::Active { funding, delivered_at, ends_at };
    assert_eq!(terms(&subject(over, Some(active.clone()))), None, "the delivery may still be undone");
    let for_good = Subject { delivered_for_good: true, ..subject(over, Some(active)) };
    let owed = terms(&for_good).unwrap();
    assert_eq!((owed.cause, owed.amount), (RefundCause::Over, 1_500_000));
    for (reverted, refund) in [(true, None), (false, Some(why))] {
        let state = OrderState::Reclaiming { funding, ends_at, reverted, refund };
        assert_eq!(terms(&subject(over, Some(state))), None);
    }
    let done = OrderState::Completed { funding, ends_at };
    assert_eq!(terms(&subject(whole, Some(done.clone()))), None);
    assert!(terms(&subject(over, Some(done))).is_some());
}

#[test]
fn nothing_is_owed_before_it_is_solid_and_too_little_is_kept() {
    let mut odd = subject(PaymentState::Late { order: order(1).id }, None);
    odd.payment.block = Some(delivery(51));
    assert_eq!(terms(&odd), None);
    odd.payment.block = None;
    assert_eq!(terms(&odd), None);
    odd.payment.block = Some(delivery(50));
    odd.payment.amount = 599_999;
    let kept = terms(&odd).unwrap();
    assert_eq!((kept.state, kept.fee), (RefundState::Kept { rule: KeptBy::BelowMinimum }, 0));
    odd.payment.amount = 600_000;
    assert_eq!(terms(&odd).unwrap().state, RefundState::Due);
    // What the rest may still complete is not judged by its size while its order awaits it: what came in time may be
    // looked at after it.
    let mut part = subject(PaymentState::Under { order: order(1).id }, Some(OrderState::AwaitingPayment));
    part.payment.amount = 1;
    let until = order(1).expires_at;
    let early =
        terms_of(&part, part.payment.from, SOLID, until.minus(Span::from_secs(1)), &policy()).unwrap();
    assert_eq!(early.state, RefundState::Waiting { until });
    let late = until.plus(Span::from_secs(60));
    let unread = terms_of(&part, part.payment.from, SOLID, late, &policy()).unwrap();
    assert_eq!(unread.state, RefundState::Waiting { until });
    part.order.as_mut().unwrap().state = OrderState::Expired { at: until };
    let over = terms_of(&part, part.payment.from, SOLID, until, &policy()).unwrap();
    assert_eq!(over.state, RefundState::Kept { rule: KeptBy::BelowMinimum });
    // Of what we did not deliver the least goes back whole: what settled the order, and what was a part of it.
    let due = OrderState::RefundDue { funding: funding(1, 10), why: RefundReason::NoCapacity };
    part.order.as_mut().unwrap().state = due.clone();
    let settled = PaymentState::Settles { order: order(1).id, count: 1, excess: Sun::ZERO };
    let mut whole = subject(settled, Some(due));
    whole.payment.amount = 1;
    for ours in [part, whole] {
        let owed = terms(&ours).unwrap();
        assert_eq!((owed.amount, owed.fee, owed.state), (1, 0, RefundState::Due));
    }
    let own = RefundPolicy { own: [odd.payment.from].into(), ..policy() };
    let held = terms_of(&odd, odd.payment.from, SOLID, slot(NOW), &own).unwrap();
    assert_eq!(held.state, RefundState::Held { why: RefundHold::OwnAddress, retry_at: None });
}

#[test]
fn what_one_node_alone_shows_goes_back_only_by_a_person() {
    let late = PaymentState::Late { order: order(1).id };
    let mut alone = subject(late, Some(OrderState::Expired { at: slot(40) }));
    assert_eq!(terms(&alone).unwrap().state, RefundState::Due);
    alone.payment.evidence = Evidence::LoneReceipt;
    let held = RefundState::Held { why: RefundHold::OneNode, retry_at: None };
    assert_eq!(terms(&alone).unwrap().state, held);
    let due = OrderState::RefundDue { funding: funding(1, 10), why: RefundReason::NoCapacity };
    let settled = PaymentState::Settles { order: order(1).id, count: 1, excess: Sun::ZERO };
    let mut unserved = subject(settled, Some(due));
    unserved.payment.evidence = Evidence::LoneReceipt;
    assert_eq!(terms(&unserved).unwrap().state, held, "also what we could not deliver");
}

#[test]
fn another_address_answers_where_it_goes_and_not_whether_it_is_owed() {
    let from = paid(PaymentState::Unrouted).from;
    let denied = RefundPolicy { denied: [from].into(), ..policy() };
    let own = RefundPolicy { own: [from].into(), ..policy() };
    let read_late = |policy| RefundPolicy { hold_read_late: Span::from_secs(600), ..policy };
    let late = subject(PaymentState::Late { order: order(1).id }, None);
    let by = |n| Operator { key: ApiKeyId::new(Timestamp::from_ms(1), [n; 10]), reason: "asked".to_owned() };
    for (rules, address) in [(denied, RefundHold::DeniedAddress), (own, RefundHold::OwnAddress)] {
        let mut alone = late.clone();
        alone.payment.evidence = Evidence::LoneReceipt;
        let behind = Subject { read_behind: Span::from_hours(1), ..late.clone() };
        for (subject, rules, why, state) in [
            (&late, rules.clone(), address, RefundStateKind::Due),
            (&alone, rules.clone(), RefundHold::OneNode, RefundStateKind::Held),
            (&behind, read_late(rules), RefundHold::ReadLate, RefundStateKind::Held),
        ] {
            let owed = terms_of(subject, from, SOLID, slot(NOW), &rules).unwrap();
            assert_eq!(owed.state, RefundState::Held { why, retry_at: None });
            let refund = open(refund_id(1), &subject.payment, &owed, slot(NOW));
            let to = OperatorAction::SetAddress { to: kit::address(7) };
            let wanted = operate(&refund, to, &by(1), &rules, slot(NOW)).unwrap().transition.refund;
            let approved = OperatorAction::Approve { version: wanted.version };
            let set = operate(&wanted, approved, &by(2), &rules, slot(NOW)).unwrap().transition.refund;
            assert_eq!((set.to, set.state.kind()), (kit::address(7), state), "{why:?}");
        }
    }
}

#[test]
fn the_guard_is_exact() {
    let guard = SpendGuard {
        per_payment: amounts(10),
        per_hour: amounts(20),
        per_day: amounts(30),
        token_fee: Sun::new(7),
    };
    let check = |amount, hour, day| guard.check(Asset::Trx, amount, Spent { hour, day });
    assert_eq!(check(10, 10, 20), Ok(()));
    assert_eq!(check(11, 0, 0), Err(GuardTrip::PerPayment));
    assert_eq!(check(10, 11, 11), Err(GuardTrip::PerHour));
    assert_eq!(check(10, 0, 21), Err(GuardTrip::PerDay));
    assert_eq!(check(i64::MAX, 0, 0), Err(GuardTrip::PerPayment));
    assert_eq!(check(1, i64::MAX, i64::MAX), Err(GuardTrip::PerHour));
    // What a token transfer burns is TRX that leaves.
    let fee = |asset, hour, day| guard.check_fee(asset, Spent { hour, day });
    assert_eq!(fee(Asset::Usdt, 13, 23), Ok(()));
    assert_eq!(fee(Asset::Usdt, 14, 14), Err(GuardTrip::PerHour));
    assert_eq!(fee(Asset::Usdt, 0, 24), Err(GuardTrip::PerDay));
    assert_eq!(fee(Asset::Trx, i64::MAX, i64::MAX), Ok(()));
    assert_eq!(SpendGuard::default().check(Asset::Usdt, i64::MAX, Spent { hour: 1, day: 1 }), Ok(()));
}

fn late() -> Refund {
    let subject = subject(PaymentState::Late { order: order(1).id }, None);
    open(refund_id(1), &subject.payment, &terms(&subject).unwrap(), slot(NOW))
}

fn in_state(kind: RefundStateKind) -> Refund {
    let (operation, at) = (operation_id(1), slot(NOW));
    let state = match kind {
        RefundStateKind::Waiting => RefundState::Waiting { until: slot(90) },
        RefundStateKind::Due => RefundState::Due,
        RefundStateKind::Held => RefundState::Held { why: RefundHold::Balance, retry_at: None },
        RefundStateKind::Sending => RefundState::Sending { operation, at },
        RefundStateKind::Refunded => RefundState::Refunded { operation, at },
        RefundStateKind::Kept => RefundState::Kept { rule: KeptBy::BelowMinimum },
        RefundStateKind::Withdrawn => RefundState::Withdrawn,
    };
    Refund { state, ..late() }
}

fn events() -> Vec<RefundEvent> {
    let why = RefundHold::Refused { meaning: RefusalMeaning::ExecutionFailed };
    let owed = Owed {
        cause: RefundCause::Over,
        order: Some(order(1).id),
        amount: 700_000,
        fee: 0,
        decided_by: Decider::Rule,
        state: RefundState::Due,
    };
    vec![
        RefundEvent::Ripened,
        RefundEvent::Hold { why, retry_at: None },
        RefundEvent::Intended(operation_id(2)),
        RefundEvent::TransferFailed { why, retry_at: None },
        RefundEvent::TransferSolid,
        RefundEvent::Keep(KeptBy::BelowMinimum),
        RefundEvent::Withdraw,
        RefundEvent::Reopen { owed, to: kit::address(9) },
    ]
}

#[test]
fn every_state_takes_exactly_its_events() {
    use RefundStateKind as K;
    let expected = |from: K, event: &RefundEvent| match (from, event.name()) {
        (K::Waiting | K::Held, "ripened") | (K::Withdrawn, "reopened") => Some(K::Due),
        (K::Waiting | K::Due, "held") | (K::Sending, "transfer_failed") => Some(K::Held),
        (K::Due, "intended") => Some(K::Sending),
        (K::Sending, "transfer_solid") => Some(K::Refunded),
        (K::Waiting | K::Due | K::Held, "kept") => Some(K::Kept),
        (K::Waiting | K::Due | K::Held, "withdrawn") => Some(K::Withdrawn),
        _ => None,
    };
    for from in K::ALL {
        for event in events() {
            let before = in_state(from);
            let stepped = step(&before, &event, slot(NOW));
            let to = stepped.as_ref().ok().map(|transition| transition.refund.state.kind());
            assert_eq!(to, expected(from, &event), "{} {}", from.name(), event.name());
            if let Ok(transition) = stepped {
                assert_eq!((transition.from, transition.from_version), (from, before.version));
                assert_eq!(transition.refund.version, before.version + 1);
                // Only what is owed anew goes to the payer anew.
                let to = if from == K::Withdrawn { kit::address(9) } else { before.to };
                assert_eq!((transition.refund.payment, transition.refund.to), (before.payment, to));
            }
        }
    }
}

#[test]
fn an_operation_says_once_what_it_assigns() {
    let waiting = paid(PaymentState::Suspense { reason: SuspenseReason::NoOrder });
    let open = order(1);
    let fits = |payment: &Payment| assign(payment, &open, SOLID);
    let price = open.unit_price.get();
    let bought = |amount| fits(&Payment { amount, to: open.payment_address, ..waiting.clone() });
    let settles =
        |count, excess| Ok(PaymentState::Settles { order: open.id, count, excess: Sun::new(excess) });
    assert_eq!(bought(price), settles(1, 0));
    assert_eq!(bought(price + open.tail.get()), settles(1, 0));
    assert_eq!(bought(price + 7), settles(1, 7));
    assert_eq!(bought(price - 1), Err(AssignRefusal::TooLittle));
    let now_solid = Payment { block: Some(delivery(50)), amount: price, ..waiting.clone() };
    assert_eq!(fits(&now_solid), settles(1, 0));
    let other = Payment { to: kit::address(1), ..waiting.clone() };
    assert_eq!(fits(&other), Err(AssignRefusal::OtherAddress));
    assert_eq!(fits(&Payment { asset: Asset::Usdt, ..waiting.clone() }), Err(AssignRefusal::OtherAsset));
    assert_eq!(fits(&Payment { block: Some(delivery(51)), ..waiting.clone() }), Err(AssignRefusal::NotSolid));
    assert_eq!(
        fits(&Payment { state: PaymentState::Unrouted, ..waiting.clone() }),
        Err(AssignRefusal::NotWaiting)
    );
    let closed = leyden_domain::order::Order { state: OrderState::Expired { at: slot(41) }, ..open.clone() };
    assert_eq!(assign(&waiting, &closed, SOLID), Err(AssignRefusal::OrderNotOpen));
}

fn operator(n: u8) -> Operator {
    Operator { key: ApiKeyId::new(Timestamp::from_ms(1), [n; 10]), reason: "why not".to_owned() }
}

#[test]
fn a_wish_needs_a_reason() {
    let mute = Operator { reason: "  ".to_owned(), ..operator(1) };
    let refused = operate(&late(), OperatorAction::Hold, &mute, &policy(), slot(NOW));
    assert_eq!(refused, Err(OperatorRefusal::NoReason));
}

fn action() -> impl Strategy<Value = OperatorAction> {
    prop_oneof![
        Just(OperatorAction::Release),
        Just(OperatorAction::Hold),
        Just(OperatorAction::Forfeit),
        (1_u64..4).prop_map(|n| OperatorAction::SetAddress { to: kit::address(n) }),
        Just(OperatorAction::Assign { order: order(1).id }),
        // The version is put in where it is wished.
        Just(OperatorAction::Approve { version: 0 }),
        Just(OperatorAction::Reject { version: 0 }),
    ]
}

/// The wish about the refund as it is.
fn seen(action: OperatorAction, refund: &Refund) -> OperatorAction {
    let version = refund.version;
    match action {
        OperatorAction::Approve { .. } => OperatorAction::Approve { version },
        OperatorAction::Reject { .. } => OperatorAction::Reject { version },
        other => other,
    }
}

fn approve(refund: &Refund) -> OperatorAction {
    OperatorAction::Approve { version: refund.version }
}

#[test]
fn another_address_needs_two_people_however_little_it_is() {
    let (small, elsewhere) = (late(), kit::address(7));
    let wish = |refund: &Refund, action, by| {
        operate(refund, action, &operator(by), &policy(), slot(NOW)).map(|done| done.transition.refund)
    };
    let proposed = wish(&small, OperatorAction::SetAddress { to: elsewhere }, 1).unwrap();
    assert_eq!((proposed.to, proposed.proposal.is_some()), (small.to, true));
    assert_eq!(wish(&proposed, approve(&proposed), 1), Err(OperatorRefusal::Own));
    let set = wish(&proposed, approve(&proposed), 2).unwrap();
    assert_eq!(set.to, elsewhere);
    let (one, other) = (Some(operator(1).key), Some(operator(2).key));
    assert_eq!((set.address_set_by, set.address_approved_by, set.approved_by), (one, other, other));
    assert!(set.goes_where_it_may(small.to) && set.goes_where_it_may(elsewhere));
    let alone = Refund { address_approved_by: one, ..set.clone() };
    assert!(!alone.goes_where_it_may(small.to));
    assert!(!Refund { address_approved_by: None, ..set.clone() }.goes_where_it_may(small.to));
    // And what was agreed to is of that address alone.
    let waived = Refund { guard_waived: true, checks_waived: true, ..set };
    let again = wish(&waived, OperatorAction::SetAddress { to: kit::address(8) }, 2).unwrap();
    let again = wish(&again, approve(&again), 1).unwrap();
    assert!(!again.guard_waived && !again.checks_waived);
}

#[test]
fn what_the_guard_holds_goes_by_two_people() {
    let why = RefundHold::Guard { trip: GuardTrip::PerDay };
    let held = Refund { state: RefundState::Held { why, retry_at: None }, ..late() };
    let wish = |refund: &Refund, action, by| {
        operate(refund, action, &operator(by), &policy(), slot(NOW)).map(|done| done.transition.refund)
    };
    let proposed = wish(&held, OperatorAction::Release, 1).unwrap();
    assert!(!proposed.guard_waived && matches!(proposed.state, RefundState::Held { .. }));
    assert_eq!(wish(&proposed, approve(&proposed), 1), Err(OperatorRefusal::Own));
    let gone = wish(&proposed, approve(&proposed), 2).unwrap();
    assert!(gone.guard_waived && gone.state == RefundState::Due);
    // What is held for another reason one person lets go.
    let late = Refund { state: RefundState::Held { why: RefundHold::ReadLate, retry_at: None }, ..held };
    assert_eq!(wish(&late, OperatorAction::Release, 1).unwrap().state, RefundState::Due);
}

#[test]
fn an_approval_is_of_what_was_looked_at() {
    let large = RefundPolicy { four_eyes_above: amounts(1), ..policy() };
    let wish = |refund: &Refund, action, by| {
        operate(refund, action, &operator(by), &large, slot(NOW)).map(|done| done.transition.refund)
    };
    let first = wish(&late(), OperatorAction::Forfeit, 1).unwrap();
    let looked_at = approve(&first);
    // Whoever asked cannot put another wish in the place of the one that is being looked at.
    assert_eq!(wish(&first, OperatorAction::Reject { version: first.version }, 1), Err(OperatorRefusal::Own));
    // Nor can two of them.
    let rejected = wish(&first, OperatorAction::Reject { version: first.version }, 3).unwrap();
    let to = kit::address(7);
    let second = wish(&rejected, OperatorAction::SetAddress { to }, 1).unwrap();
    let refused = wish(&second, looked_at, 2);
    assert_eq!(refused, Err(OperatorRefusal::Changed { version: second.version }));
    let reject = OperatorAction::Reject { version: first.version };
    assert_eq!(wish(&second, reject, 2), Err(OperatorRefusal::Changed { version: second.version }));
}

#[test]
fn what_was_read_long_after_it_was_made_waits_for_a_person() {
    let policy = RefundPolicy { hold_read_late: Span::from_secs(600), ..policy() };
    let held = RefundState::Held { why: RefundHold::ReadLate, retry_at: None };
    let id = order(1).id;
    for (state, waits) in [
        (PaymentState::Suspense { reason: SuspenseReason::NoOrder }, true),
        (PaymentState::Late { order: id }, true),
        (PaymentState::Second { order: id }, false),
    ] {
        let mut subject = subject(state, None);
        for (behind, is_late) in [(600, false), (601, true)] {
            subject.read_behind = Span::from_secs(behind);
            let owed = terms_of(&subject, subject.payment.from, SOLID, slot(NOW), &policy).unwrap();
            assert_eq!(owed.state == held, waits && is_late, "{state:?} {behind}");
        }
    }
    let never = RefundPolicy { hold_read_late: Span::ZERO, ..policy };
    let mut subject = subject(PaymentState::Late { order: id }, None);
    subject.read_behind = Span::from_hours(100);
    assert_eq!(
        terms_of(&subject, subject.payment.from, SOLID, slot(NOW), &never).unwrap().state,
        RefundState::Due
    );
}

#[test]
fn a_payment_that_came_back_after_its_rental_was_cut_short_goes_back_whole() {
    let id = order(1).id;
    let paid = PaymentState::Settles { order: id, count: 1, excess: Sun::ZERO };
    let owed = terms(&subject(paid, Some(OrderState::Reverted { funding: funding(1, 10) }))).unwrap();
    assert_eq!((owed.cause, owed.amount, owed.fee), (RefundCause::Reverted, 3_000_000, 0));
}

proptest! {
    /// One person alone sends nothing elsewhere and past no guard, however little it is.
    #[test]
    fn one_person_alone_changes_no_address(wishes in prop::collection::vec((action(), 0_usize..4), 1..40)) {
        let mut refund = in_state(RefundStateKind::Due);
        let payer = refund.to;
        for (wish, held) in wishes {
            let why = match held {
                0 => Some(RefundHold::Guard { trip: GuardTrip::PerHour }),
                1 => Some(RefundHold::DeniedAddress),
                _ => None,
            };
            if let (Some(why), RefundState::Due) = (why, &refund.state) {
                refund = step(&refund, &RefundEvent::Hold { why, retry_at: None }, slot(NOW)).unwrap().refund;
            }
            if let Ok(operated) = operate(&refund, seen(wish, &refund), &operator(1), &policy(), slot(NOW)) {
                refund = operated.transition.refund;
            }
            prop_assert!(refund.goes_where_it_may(payer) && refund.to == payer);
            prop_assert!(!refund.guard_waived);
        }
    }

    /// One person alone, whatever they ask for and in whatever order, gets a large refund neither sent nor kept nor
    /// elsewhere; and the clerk never sends one that only they have seen.
    #[test]
    fn one_person_alone_moves_nothing_large(
        wishes in prop::collection::vec((action(), any::<bool>()), 1..40),
        begins in 0_usize..2,
    ) {
        let large = RefundPolicy { four_eyes_above: amounts(1), ..policy() };
        let kinds = [RefundStateKind::Due, RefundStateKind::Waiting];
        let mut refund = in_state(kinds[begins]);
        let payer: Address = refund.to;
        for (wish, clerk) in wishes {
            // The clerk comes by: it holds what nobody has approved, and sends what somebody has.
            if clerk && refund.state == RefundState::Due && refund.proposal.is_none() {
                match refund.approved_by {
                    None => {
                        let why = RefundHold::NeedsApproval;
                        let event = RefundEvent::Hold { why, retry_at: None };
                        refund = step(&refund, &event, slot(NOW)).unwrap().refund;
                    }
                    Some(_) => break,
                }
            }
            if let Ok(operated) = operate(&refund, seen(wish, &refund), &operator(1), &large, slot(NOW)) {
                prop_assert_eq!(operated.assign, None);
                refund = operated.transition.refund;
            }
            prop_assert_eq!(refund.to, payer);
            let kept = matches!(refund.state, RefundState::Kept { .. });
            prop_assert!(!kept);
        }
        // What a rule decided, one person may let go: the rule and they are two. Where they decided themselves they may not.
        if refund.approved_by.is_some() {
            prop_assert_eq!(refund.decided_by, Decider::Rule);
        }
    }
}
