//! What a person may ask of a refund, wish by wish and state by state: who must agree, what is noted, and what is left as
//! it was.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "each test uses a part of the kit")]
mod kit;

use kit::{delivery, funding, operation_id, order, payment, refund_id, slot};
use leyden_domain::{
    ApiKeyId, Asset, Height, Span, Sun, Timestamp, UsdtMicro,
    order::{HoldReason, Order, OrderState, RefundReason},
    payment::{Payment, PaymentState, SuspenseReason},
    refund::{
        Amounts, Decider, GuardTrip, KeptBy, Operated, Operator, OperatorAction, OperatorRefusal, Refund,
        RefundCause, RefundEvent, RefundHold, RefundPolicy, RefundState, RefundStateKind, Subject, open,
        operate, step, terms_of,
    },
};

const NOW: i64 = 60;

fn amounts(sun: i64) -> Amounts {
    Amounts { trx: Sun::new(sun), usdt: UsdtMicro::new(sun) }
}

/// Refunds above 2 TRX need two.
fn policy() -> RefundPolicy {
    RefundPolicy {
        enabled: true,
        fee: amounts(100_000),
        minimum: amounts(500_000),
        four_eyes_above: amounts(2_000_000),
        own: [kit::address(501)].into(),
        denied: [kit::address(502)].into(),
        ..RefundPolicy::switched_off()
    }
}

fn subject(state: PaymentState, amount: i64, order_state: Option<OrderState>) -> Subject {
    let payment = Payment { block: Some(delivery(10)), state, ..payment(1, amount, 10) };
    let order = order_state.map(|state| Order { state, ..order(1) });
    Subject { payment, order, delivered_for_good: false, read_behind: Span::ZERO }
}

/// A refund of 1 TRX, which one person may decide about, or of 3 TRX.
fn refund(is_large: bool, state: RefundState) -> Refund {
    let amount = if is_large { 3_000_000 } else { 1_000_000 };
    let subject = subject(PaymentState::Late { order: order(1).id }, amount, None);
    let owed = terms_of(&subject, subject.payment.from, Height::new(50), slot(NOW), &policy()).unwrap();
    Refund { state, ..open(refund_id(1), &subject.payment, &owed, slot(NOW)) }
}

const fn held(why: RefundHold) -> RefundState {
    RefundState::Held { why, retry_at: None }
}

fn key(n: u8) -> ApiKeyId {
    ApiKeyId::new(Timestamp::from_ms(1), [n; 10])
}

fn wish(refund: &Refund, action: OperatorAction, by: u8) -> Result<Operated, OperatorRefusal> {
    let operator = Operator { key: key(by), reason: "why not".to_owned() };
    operate(refund, action, &operator, &policy(), slot(NOW + 5))
}

fn becomes(refund: &Refund, action: OperatorAction, by: u8) -> Refund {
    wish(refund, action, by).unwrap().transition.refund
}

fn approve(refund: &Refund) -> OperatorAction {
    OperatorAction::Approve { version: refund.version }
}

fn reject(refund: &Refund) -> OperatorAction {
    OperatorAction::Reject { version: refund.version }
}

#[test]
fn whoever_wants_nothing_sent_is_never_kept_waiting() {
    let operator = held(RefundHold::Operator);
    for is_large in [false, true] {
        for state in [
            RefundState::Waiting { until: slot(90) },
            RefundState::Due,
            held(RefundHold::Balance),
            held(RefundHold::Guard { trip: GuardTrip::PerDay }),
        ] {
            let refund = refund(is_large, state);
            let stopped = wish(&refund, OperatorAction::Hold, 1).unwrap();
            assert!(!stopped.is_proposed);
            let after = stopped.transition.refund;
            assert_eq!((&after.state, after.updated_at), (&operator, slot(NOW + 5)));
            assert_eq!(after.version, refund.version + 1);
        }
        // Not even by another's wish.
        let proposed = becomes(
            &refund(is_large, RefundState::Due),
            OperatorAction::SetAddress { to: kit::address(7) },
            1,
        );
        assert_eq!(becomes(&proposed, OperatorAction::Hold, 2).state, operator);
        for other in
            [OperatorAction::Release, OperatorAction::Forfeit, OperatorAction::Assign { order: order(1).id }]
        {
            assert_eq!(wish(&proposed, other, 2), Err(OperatorRefusal::AlreadyProposed));
        }
    }
    // What is on its way or over is not to be held.
    let (operation, at) = (operation_id(1), slot(NOW));
    for state in [
        RefundState::Sending { operation, at },
        RefundState::Refunded { operation, at },
        RefundState::Kept { rule: KeptBy::BelowMinimum },
        RefundState::Withdrawn,
    ] {
        for action in [OperatorAction::Hold, OperatorAction::Release, OperatorAction::Forfeit] {
            let refused = wish(&refund(false, state.clone()), action, 1);
            assert!(matches!(refused, Err(OperatorRefusal::Step(_))), "{state:?} {action:?}: {refused:?}");
        }
    }
}

#[test]
fn what_is_released_notes_what_was_waived_and_who_did() {
    for (why, checks, guard) in [
        (RefundHold::DeniedAddress, true, false),
        (RefundHold::ContractAddress, true, false),
        (RefundHold::InactiveAddress, true, false),
        (RefundHold::ReadLate, false, false),
        (RefundHold::Balance, false, false),
        (RefundHold::Operator, false, false),
        (RefundHold::Guard { trip: GuardTrip::PerHour }, false, true),
    ] {
        let refund = refund(false, held(why));
        let mut after = becomes(&refund, OperatorAction::Release, 1);
        if guard {
            assert!(after.proposal.is_some() && !after.guard_waived);
            after = becomes(&after, approve(&after), 2);
            assert_eq!(after.approved_by, Some(key(2)));
        }
        assert_eq!((after.checks_waived, after.guard_waived), (checks, guard), "{why:?}");
        assert_eq!((after.state, after.decided_by.key()), (RefundState::Due, Some(key(1))));
    }
    // Where it would go is what must change.
    let own = refund(false, held(RefundHold::OwnAddress));
    assert_eq!(wish(&own, OperatorAction::Release, 1), Err(OperatorRefusal::Address));
    assert_eq!(Decider::Rule.key(), None);
}

#[test]
fn whoever_released_what_was_due_is_not_its_second_person() {
    let released = becomes(&refund(true, RefundState::Due), OperatorAction::Release, 1);
    assert_eq!((&released.state, released.decided_by.key()), (&RefundState::Due, Some(key(1))));
    assert_eq!((released.approved_by, &released.proposal), (None, &None));
    let hold = RefundEvent::Hold { why: RefundHold::NeedsApproval, retry_at: None };
    let waits = step(&released, &hold, slot(NOW + 6)).unwrap().refund;
    assert_eq!(wish(&waits, approve(&waits), 1), Err(OperatorRefusal::Own));
    let approved = becomes(&waits, approve(&waits), 2);
    assert_eq!(approved.state, RefundState::Due);
    // Let go once more by anybody, it is still decided by the one and approved by the other.
    for (n, due) in [(2, approved), (3, released)] {
        let again = becomes(&due, OperatorAction::Release, n);
        assert_eq!((again.decided_by, again.approved_by), (due.decided_by, due.approved_by));
    }
    // What a rule had decided, whoever approved it has not decided too.
    let by_rule = refund(true, waits.state);
    let approved = becomes(&by_rule, approve(&by_rule), 1);
    let again = becomes(&approved, OperatorAction::Release, 1);
    assert_eq!((again.decided_by, again.approved_by), (Decider::Rule, Some(key(1))));
}

#[test]
fn a_large_one_is_done_when_another_has_agreed() {
    let large = refund(true, held(RefundHold::ReadLate));
    let proposed = wish(&large, OperatorAction::Release, 1).unwrap();
    assert!(proposed.is_proposed);
    let proposed = proposed.transition.refund;
    assert_eq!((&proposed.state, proposed.approved_by), (&large.state, None));
    let gone = becomes(&proposed, approve(&proposed), 2);
    assert_eq!((gone.state, gone.approved_by, gone.proposal), (RefundState::Due, Some(key(2)), None));
    assert_eq!(gone.decided_by, Decider::Operator { key: key(1) });
    let kept = becomes(&large, OperatorAction::Forfeit, 1);
    let kept = becomes(&kept, approve(&kept), 2);
    assert_eq!((kept.fee, kept.decided_by.key()), (0, Some(key(1))));
    assert_eq!(kept.state, RefundState::Kept { rule: KeptBy::Operator { key: key(1) } });
}

#[test]
fn what_waits_for_approval_is_approved_by_neither_who_decided_nor_who_chose_the_address() {
    let waits = held(RefundHold::NeedsApproval);
    let by_rule = refund(true, waits.clone());
    let approved = wish(&by_rule, approve(&by_rule), 1).unwrap();
    assert_eq!((approved.transition.event, approved.is_proposed), ("approved", false));
    let approved = approved.transition.refund;
    assert_eq!((&approved.state, approved.approved_by), (&RefundState::Due, Some(key(1))));
    assert_eq!(approved.address_approved_by, None, "nobody chose an address");

    let decided = Refund { decided_by: Decider::Operator { key: key(1) }, ..by_rule.clone() };
    assert_eq!(wish(&decided, approve(&decided), 1), Err(OperatorRefusal::Own));
    assert_eq!(becomes(&decided, approve(&decided), 2).approved_by, Some(key(2)));

    let elsewhere = Refund { address_set_by: Some(key(1)), ..by_rule.clone() };
    assert_eq!(wish(&elsewhere, approve(&elsewhere), 1), Err(OperatorRefusal::Own));
    assert_eq!(becomes(&elsewhere, approve(&elsewhere), 2).address_approved_by, Some(key(2)));
    let seen = Refund { address_approved_by: Some(key(3)), ..elsewhere };
    assert_eq!(becomes(&seen, approve(&seen), 2).address_approved_by, Some(key(3)), "agreed to before");

    let rejected = wish(&by_rule, reject(&by_rule), 1).unwrap().transition.refund;
    assert_eq!(rejected.state, held(RefundHold::Operator));
    for state in [RefundState::Due, held(RefundHold::Balance), RefundState::Waiting { until: slot(90) }] {
        let refund = refund(true, state);
        assert_eq!(wish(&refund, approve(&refund), 1), Err(OperatorRefusal::NothingProposed));
        assert_eq!(wish(&refund, reject(&refund), 1), Err(OperatorRefusal::NothingProposed));
    }
    // What was only proposed stays as it was when it is rejected.
    let proposed = becomes(&refund(true, held(RefundHold::Balance)), OperatorAction::Release, 1);
    let rejected = becomes(&proposed, reject(&proposed), 2);
    assert_eq!((rejected.state, rejected.proposal), (held(RefundHold::Balance), None));
}

#[test]
fn another_address_frees_only_what_was_held_for_the_old_one() {
    let to = kit::address(7);
    let set = |state| {
        let proposed = becomes(&refund(false, state), OperatorAction::SetAddress { to }, 1);
        becomes(&proposed, approve(&proposed), 2)
    };
    for why in [
        RefundHold::DeniedAddress,
        RefundHold::OwnAddress,
        RefundHold::ContractAddress,
        RefundHold::InactiveAddress,
        RefundHold::NeedsApproval,
    ] {
        let after = set(held(why));
        assert_eq!((after.state, after.to), (RefundState::Due, to), "{why:?}");
    }
    let until = slot(90);
    for state in [
        RefundState::Due,
        RefundState::Waiting { until },
        held(RefundHold::Balance),
        held(RefundHold::ReadLate),
    ] {
        assert_eq!(set(state.clone()).state, state);
    }
    for forbidden in [kit::address(501), kit::address(502)] {
        let refused = wish(&refund(false, RefundState::Due), OperatorAction::SetAddress { to: forbidden }, 1);
        assert_eq!(refused, Err(OperatorRefusal::Address));
    }
}

#[test]
fn two_are_needed_above_the_limit_and_never_without_one() {
    let needs = |limit: i64, owed| {
        let policy = RefundPolicy { four_eyes_above: amounts(limit), ..policy() };
        policy.needs_two(&Refund { owed, ..refund(false, RefundState::Due) })
    };
    assert_eq!([9, 10, 11].map(|owed| needs(10, owed)), [false, false, true]);
    assert!(!needs(0, i64::MAX) && !needs(-1, 5));
    let too_little = |amount| policy().is_too_little(Asset::Usdt, amount);
    assert_eq!([-1, 0, 499_999, 500_000].map(too_little), [true, true, true, false]);
    let none = RefundPolicy { minimum: amounts(0), ..policy() };
    assert_eq!([-1, 0, 1].map(|amount| none.is_too_little(Asset::Trx, amount)), [true, true, false]);
}

#[test]
fn nothing_leaves_while_a_wish_is_open_nor_for_nothing() {
    let intended = RefundEvent::Intended(operation_id(2));
    let due = refund(false, RefundState::Due);
    assert!(step(&due, &intended, slot(NOW)).is_ok());
    let proposed = becomes(&due, OperatorAction::SetAddress { to: kit::address(7) }, 1);
    assert!(step(&proposed, &intended, slot(NOW)).is_err());
    for (owed, fee, goes) in [(5, 4, true), (5, 5, false), (5, 6, false), (0, 0, false)] {
        assert_eq!(
            step(&Refund { owed, fee, ..due.clone() }, &intended, slot(NOW)).is_ok(),
            goes,
            "{owed} {fee}"
        );
    }
}

#[test]
fn a_refund_says_when_it_counts_and_when_it_is_looked_at() {
    let (operation, at, until) = (operation_id(1), slot(61), slot(62));
    let why = RefundHold::Balance;
    for (state, spent_at, due_at, is_over) in [
        (RefundState::Waiting { until }, None, Some(until), false),
        (RefundState::Due, None, None, false),
        (RefundState::Held { why, retry_at: Some(until) }, None, Some(until), false),
        (held(why), None, None, false),
        (RefundState::Sending { operation, at }, Some(at), None, false),
        (RefundState::Refunded { operation, at }, Some(at), None, true),
        (RefundState::Kept { rule: KeptBy::BelowMinimum }, None, None, true),
        (RefundState::Withdrawn, None, None, false),
    ] {
        assert_eq!((state.spent_at(), state.due_at()), (spent_at, due_at), "{state:?}");
        assert_eq!(state.operation(), spent_at.map(|_| operation));
        assert_eq!(state.kind().is_terminal(), is_over, "{state:?}");
    }
    assert_eq!(RefundStateKind::ALL.iter().filter(|kind| kind.is_terminal()).count(), 2);
}

#[test]
fn an_order_that_is_held_still_waits_for_the_rest() {
    let id = order(1).id;
    let under = PaymentState::Under { order: id };
    let why = HoldReason::Operator;
    let held = |from| OrderState::Held { why, from: Box::new(from) };
    let paid = OrderState::Paid { funding: funding(1, 10) };
    for (state, awaits) in [
        (Some(OrderState::AwaitingPayment), true),
        (Some(held(OrderState::AwaitingPayment)), true),
        (Some(paid.clone()), false),
        (Some(held(paid)), false),
        (Some(OrderState::Expired { at: slot(41) }), false),
        (None, false),
    ] {
        let subject = subject(under, 1_000_000, state);
        assert_eq!(subject.order_awaits(), awaits, "{subject:?}");
        let early = slot(20);
        let terms = terms_of(&subject, subject.payment.from, Height::new(50), early, &policy()).unwrap();
        let expires_at = order(1).expires_at;
        let expected = if awaits { RefundState::Waiting { until: expires_at } } else { RefundState::Due };
        assert_eq!(terms.state, expected);
    }
    let settles = PaymentState::Settles { order: id, count: 1, excess: Sun::new(5) };
    assert!(subject(settles, 5, None).settles());
    for state in
        [under, PaymentState::Part { order: id }, PaymentState::Second { order: id }, PaymentState::Unrouted]
    {
        assert!(!subject(state, 5, None).settles());
    }
}

#[test]
fn a_fee_is_kept_where_the_payer_had_a_part_in_it() {
    let id = order(1).id;
    let (funding, why, operation) = (funding(1, 10), RefundReason::NoCapacity, operation_id(1));
    let fee = |state, order_state: OrderState| {
        let subject = subject(state, 3_000_000, Some(order_state));
        terms_of(&subject, subject.payment.from, Height::new(50), slot(NOW), &policy()).unwrap().fee
    };
    let over = OrderState::Expired { at: slot(41) };
    let given_back = [
        OrderState::RefundDue { funding, why },
        OrderState::Refunding { funding, why, operation },
        OrderState::Refunded { funding, why, operation },
        OrderState::Forfeited { funding, why },
        OrderState::Reverted { funding },
    ];
    // A part of what we could not deliver goes back whole; what came late of the same order does not.
    for state in given_back {
        assert_eq!(fee(PaymentState::Under { order: id }, state.clone()), 0, "{state:?}");
        assert_eq!(fee(PaymentState::Late { order: id }, state), 100_000);
    }
    assert_eq!(fee(PaymentState::Under { order: id }, over), 100_000);
    for (cause, is_theirs) in [
        (RefundCause::Under, true),
        (RefundCause::Over, true),
        (RefundCause::Late, true),
        (RefundCause::Second, true),
        (RefundCause::Suspense { reason: SuspenseReason::NoOrder }, true),
        (RefundCause::Unservable { why }, false),
        (RefundCause::Reverted, false),
    ] {
        assert_eq!(cause.is_the_payers(), is_theirs, "{cause:?}");
    }
}

#[test]
fn who_gave_an_order_up_has_decided_about_its_money() {
    let settles = PaymentState::Settles { order: order(1).id, count: 1, excess: Sun::ZERO };
    let decided = |why| {
        let due = OrderState::RefundDue { funding: funding(1, 10), why };
        let subject = subject(settles, 3_000_000, Some(due));
        let to = subject.payment.from;
        terms_of(&subject, to, Height::new(50), slot(NOW), &policy()).unwrap().decided_by
    };
    assert_eq!(decided(RefundReason::OperatorKey { key: key(4) }), Decider::Operator { key: key(4) });
    for why in [RefundReason::NoCapacity, RefundReason::RecipientUnusable, RefundReason::Operator] {
        assert_eq!(decided(why), Decider::Rule);
    }
}
