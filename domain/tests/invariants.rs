//! The invariants hold on books that the rules made, and each of them notices when its truth is broken.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "each test uses a part of the kit")]
mod kit;

use kit::{
    address, block_id,
    books::{
        ACTIVE, AWAITING, COMPLETED, DELEGATING, EXPIRED, FUNDED, books, delegation, reclaim, reservation,
        resettle, row, row_mut, settling, suspense, transfer,
    },
    operation_id, order_id, payment, reservation_id, slot, till, tx_id,
};
use leyden_domain::{
    Asset, BlockRef, Energy, Height, Span, Sun,
    book::Book,
    chain::{Delivery, ResourceAction, SentTransfer},
    invariants::{CHECKS, NAMES, check_all},
    operation::{Operation, OperationKind, OperationState, RefusalMeaning},
    order::{Channel, Confirmation, CountRule, HoldReason, OrderState, OrderStateKind, RefundReason},
    payment::{PaymentState, SuspenseReason},
    pool::ReservationState,
    refund::{Refund, RefundCause, RefundState},
};
use std::collections::BTreeSet;

#[test]
fn books_made_by_the_rules_are_sound() {
    let book = books();
    assert_eq!(check_all(&book), []);
    assert_eq!(check_all(&Book::default()), []);
    // The scenario is as rich as the table below needs it.
    let kinds: Vec<_> = book.orders.iter().map(|o| o.state.kind()).collect();
    assert_eq!(
        kinds,
        [
            OrderStateKind::Completed,
            OrderStateKind::Active,
            OrderStateKind::Delegating,
            OrderStateKind::AwaitingPayment,
            OrderStateKind::Funded,
            OrderStateKind::Expired,
        ]
    );
}

#[test]
fn names_are_those_of_the_checks() {
    assert_eq!(CHECKS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), NAMES);
    assert_eq!(NAMES.iter().collect::<BTreeSet<_>>().len(), NAMES.len());
}

/// A change that must not be, and the checks that must notice it.
type Corruption = (&'static str, fn(&mut Book), &'static [&'static str]);

const CORRUPTIONS: &[Corruption] = &[
    (
        "a payment is recorded twice",
        |b| b.payments.push(b.payments[0].clone()),
        &["payment_ids_are_unique", "one_settling_payment"],
    ),
    (
        "a payment of nothing",
        |b| b.payments[0].amount = 0,
        &["payment_knows_its_order", "settlement_adds_up"],
    ),
    (
        "a payment for an order that does not exist",
        |b| suspense(b).state = PaymentState::Late { order: order_id(99) },
        &["payment_knows_its_order"],
    ),
    ("paid at another address", |b| settling(b, ACTIVE).to = address(1), &["payment_knows_its_order"]),
    (
        "two payments settle one order",
        |b| {
            suspense(b).state = PaymentState::Settles { order: order_id(ACTIVE), count: 1, excess: Sun::ZERO }
        },
        &["one_settling_payment", "settlement_adds_up"],
    ),
    ("one sun less came", |b| settling(b, ACTIVE).amount -= 1, &["settlement_adds_up", "funding_agrees"]),
    (
        "an excess although more could be bought",
        |b| resettle(b, ACTIVE, 0, 3_000_000),
        &["settlement_adds_up", "funding_agrees"],
    ),
    (
        "an order got more than it may buy",
        |b| resettle(b, ACTIVE, 3, 0),
        &["settlement_adds_up", "funding_agrees"],
    ),
    (
        "an expired order is paid",
        |b| {
            suspense(b).state =
                PaymentState::Settles { order: order_id(EXPIRED), count: 1, excess: Sun::ZERO }
        },
        &["settles_a_live_order"],
    ),
    (
        "a payment is forgotten",
        |b| b.payments.retain(|p| p.state.order() != Some(order_id(ACTIVE))),
        &["funding_agrees"],
    ),
    (
        "a payment is put aside under its order",
        |b| settling(b, ACTIVE).state = PaymentState::Suspense { reason: SuspenseReason::NoOrder },
        &["funding_agrees", "delegation_rests_on_payment"],
    ),
    ("another payer", |b| settling(b, ACTIVE).from = address(1), &["funding_agrees"]),
    ("an order is recorded twice", |b| b.orders.push(b.orders[0].clone()), &["order_ids_are_unique"]),
    ("a price of nothing", |b| row_mut(b, AWAITING).unit_price = Sun::ZERO, &["terms_are_sound"]),
    ("no energy", |b| row_mut(b, AWAITING).energy_per_transfer = Energy::ZERO, &["terms_are_sound"]),
    ("no time", |b| row_mut(b, AWAITING).duration = Span::ZERO, &["terms_are_sound"]),
    ("no transfers", |b| row_mut(b, AWAITING).count = CountRule::Open { max: 0 }, &["terms_are_sound"]),
    ("a tail as large as the price", |b| row_mut(b, AWAITING).tail = kit::PRICE, &["terms_are_sound"]),
    (
        "an orderless sale with a tail",
        |b| row_mut(b, AWAITING).channel = Channel::Orderless,
        &["terms_are_sound"],
    ),
    ("closed before it expires", |b| row_mut(b, AWAITING).closes_at = slot(100), &["terms_are_sound"]),
    (
        "two orders hold one tail",
        |b| row_mut(b, AWAITING).tail = Sun::new(100 + i64::try_from(FUNDED).unwrap()),
        &["tails_are_unique"],
    ),
    (
        "bound to another block than the payment's",
        |b| confirm(b, Confirmation::ForkBound { block: BlockRef::new(block_id(3, 9)) }),
        &["confirmation_holds"],
    ),
    (
        "solid before it is",
        |b| confirm(b, Confirmation::Solid { height: b.blocks.last().unwrap().0.height() }),
        &["confirmation_holds"],
    ),
    (
        "solid below the payment",
        |b| confirm(b, Confirmation::Solid { height: Height::new(0) }),
        &["confirmation_holds"],
    ),
    (
        "a rental sold short",
        |b| row_mut(b, ACTIVE).duration = Span::from_secs(31),
        &["rental_clock_is_right"],
    ),
    ("completed before its end", |b| end_at(b, 10_000), &["rental_clock_is_right", "reclaimed_never_early"]),
    (
        "held twice over",
        |b| {
            let held =
                OrderState::Held { why: HoldReason::Operator, from: Box::new(OrderState::AwaitingPayment) };
            row_mut(b, AWAITING).state = OrderState::Held { why: HoldReason::Operator, from: Box::new(held) };
        },
        &["held_can_go_on"],
    ),
    (
        "an order is over while its delegation is under way",
        |b| row_mut(b, DELEGATING).state = OrderState::Expired { at: slot(1) },
        &["terminal_is_quiet", "settles_a_live_order"],
    ),
    (
        "capacity held for an order that is over",
        |b| reservation(b, COMPLETED).state = ReservationState::Posted,
        &["terminal_is_quiet", "reservation_agrees", "held_is_the_sum"],
    ),
    ("a second delegation for what was bought once", |b| repeat(b, ACTIVE), &["never_more_than_bought"]),
    (
        "delivered to an order that nobody paid",
        |b| {
            settling(b, ACTIVE).state = PaymentState::Unrouted;
            row_mut(b, ACTIVE).state = OrderState::AwaitingPayment;
        },
        &["never_more_than_bought", "delegation_rests_on_payment"],
    ),
    (
        "a delegation bound below its payment",
        |b| {
            let id = delegation(b, ACTIVE).id;
            b.attempts.iter_mut().find(|a| a.operation == id).unwrap().reference =
                BlockRef::new(block_id(1, 0));
        },
        &["delegation_rests_on_payment"],
    ),
    (
        "the payment of a final delegation is undone",
        |b| settling(b, ACTIVE).block = None,
        &["delegation_rests_on_payment"],
    ),
    (
        "completed with less than was bought",
        |b| delegation(b, COMPLETED).energy = Energy::new(1),
        &["completed_is_whole", "reservation_agrees"],
    ),
    (
        "completed although one part was not taken back",
        |b| reclaim(b).state = OperationState::Included,
        &["completed_is_whole", "terminal_is_quiet", "reservation_agrees"],
    ),
    (
        "the money goes back although the energy was delivered",
        |b| {
            let funding = *row(b, ACTIVE).state.funding().unwrap();
            row_mut(b, ACTIVE).state = OrderState::RefundDue { funding, why: RefundReason::NoCapacity };
        },
        &["refunded_is_undelivered"],
    ),
    (
        "taken back twice",
        |b| {
            let again = Operation { id: operation_id(9_999), ..reclaim(b).clone() };
            b.operations.push(again);
        },
        &["reclaimed_once"],
    ),
    (
        "taken back is another amount",
        |b| reclaim(b).balance = Sun::TRX,
        &["reclaimed_for_its_amount", "effect_is_the_intended_one"],
    ),
    (
        "taken back is another order's",
        |b| {
            let other = delegation(b, ACTIVE).id;
            reclaim(b).kind = OperationKind::Undelegate { delegation: other };
        },
        &["reclaimed_for_its_amount", "completed_is_whole"],
    ),
    (
        "taken back is what never was",
        |b| reclaim(b).kind = OperationKind::Undelegate { delegation: operation_id(9_999) },
        &["reclaimed_for_its_amount"],
    ),
    (
        "taken back while the rental lasts",
        |b| {
            let given = delegation(b, ACTIVE).clone();
            b.operations.push(Operation {
                id: operation_id(9_999),
                kind: OperationKind::Undelegate { delegation: given.id },
                state: OperationState::Intended,
                attempts: 0,
                delivery: None,
                ..given
            });
        },
        &["reclaimed_never_early"],
    ),
    (
        "an operation for a stranger",
        |b| delegation(b, DELEGATING).receiver = address(1),
        &["operation_fits_its_order"],
    ),
    (
        "an operation with another's stake",
        |b| delegation(b, DELEGATING).owner = address(1),
        &["operation_fits_its_order"],
    ),
    (
        "an operation of nothing",
        |b| delegation(b, DELEGATING).balance = Sun::ZERO,
        &["operation_fits_its_order", "reservation_agrees"],
    ),
    ("an attempt is forgotten", |b| b.attempts.truncate(1), &["attempts_are_counted", "one_live_attempt"]),
    (
        "an attempt of nothing known",
        |b| b.attempts[0].operation = operation_id(9_999),
        &["attempts_are_counted"],
    ),
    ("an attempt whose bytes are lost", |b| b.attempts[0].bytes.clear(), &["attempts_are_counted"]),
    ("two live attempts", |b| attempt_again(b, false), &["one_live_attempt"]),
    (
        "signed again while the first lives",
        |b| {
            attempt_again(b, true);
        },
        &["one_live_attempt"],
    ),
    (
        "two attempts took effect",
        |b| {
            attempt_again(b, true);
            happen_again(b);
        },
        &["one_effect_per_operation", "dead_stays_out"],
    ),
    (
        "the chain did something else",
        |b| {
            let (_, event) = b
                .events
                .iter_mut()
                .find(|(_, e)| matches!(e.action, ResourceAction::Delegate { .. }))
                .unwrap();
            event.action = ResourceAction::Withdraw;
        },
        &["effect_is_the_intended_one"],
    ),
    ("what was dead is on the chain", |b| b.attempts[0].dead = true, &["dead_stays_out", "one_live_attempt"]),
    ("what is final is not on the chain", |b| b.events.clear(), &["solid_effect_is_on_the_chain"]),
    (
        "what is final is recorded elsewhere",
        |b| delegation(b, ACTIVE).delivery = Some(kit::delivery(1)),
        &["solid_effect_is_on_the_chain"],
    ),
    ("final above the solid block", |b| b.solid = Some(b.blocks[6].0), &["solid_effect_is_on_the_chain"]),
    (
        "failed for no reason",
        |b| delegation(b, DELEGATING).state = OperationState::Failed,
        &["failure_is_explained", "reservation_agrees"],
    ),
    (
        "a reason without a failure",
        |b| delegation(b, DELEGATING).failure = Some(RefusalMeaning::KeyUnfit),
        &["failure_is_explained"],
    ),
    (
        "more is held than is staked",
        |b| {
            for account in &mut b.accounts {
                account.observed.as_mut().unwrap().staked = Sun::TRX;
            }
        },
        &["capacity_is_kept"],
    ),
    ("held is miscounted", |b| b.accounts[0].held = Sun::new(1), &["held_is_the_sum"]),
    ("more unseen than held", |b| b.accounts[0].unseen = Sun::from_trx(1_000_000), &["held_is_the_sum"]),
    (
        "a reservation that does not follow",
        |b| reservation(b, ACTIVE).state = ReservationState::Pending,
        &["reservation_agrees"],
    ),
    (
        "a reservation of another amount",
        |b| reservation(b, ACTIVE).balance = Sun::TRX,
        &["reservation_agrees", "held_is_the_sum"],
    ),
    ("a reservation is lost", |b| b.reservations.clear(), &["reservation_agrees"]),
    (
        "a reservation of no account",
        |b| b.accounts.clear(),
        &["reservations_are_known", "operation_fits_its_order"],
    ),
    (
        "a reservation for nothing",
        |b| reservation(b, ACTIVE).id = reservation_id(9_999),
        &["reservations_are_known", "reservation_agrees"],
    ),
    (
        "a block is missing",
        |b| b.blocks.retain(|(head, _)| head.height() != Height::new(9)),
        &["cursor_is_gapless"],
    ),
    ("a block has another parent", |b| b.blocks[9].1 = block_id(8, 99), &["cursor_is_gapless"]),
    ("time stands still", |b| b.blocks[9].0.timestamp = b.blocks[8].0.timestamp, &["cursor_is_gapless"]),
    (
        "the solid block is above the newest",
        |b| b.solid.as_mut().unwrap().block = BlockRef::new(block_id(9_999, 0)),
        &["solid_is_recorded"],
    ),
    (
        "the solid block is of another chain",
        |b| {
            let height = b.solid.unwrap().height().get();
            b.solid.as_mut().unwrap().block = BlockRef::new(block_id(height, 0));
        },
        &["solid_is_recorded"],
    ),
    (
        "a payment in a block that left",
        |b| suspense(b).block = Some(kit::delivery(9)),
        &["payments_are_on_the_chain"],
    ),
    (
        "an event in a block that left",
        |b| b.events[0].0.block = BlockRef::new(block_id(9, 99)),
        &["events_are_on_the_chain"],
    ),
    ("an event twice", |b| b.events.push(b.events[0].clone()), &["events_are_on_the_chain"]),
    (
        "a payment with two refunds",
        |b| b.refunds.push(Refund { id: kit::refund_id(2), ..b.refunds[0].clone() }),
        &["one_refund_per_payment"],
    ),
    ("a refund twice", |b| b.refunds.push(b.refunds[0].clone()), &["one_refund_per_payment"]),
    ("more goes back than came", |b| b.refunds[0].owed += 1, &["refund_fits_its_payment", "refunded_once"]),
    ("a fee above all", |b| b.refunds[0].fee = b.refunds[0].owed + 1, &["refund_fits_its_payment"]),
    ("in another asset", |b| b.refunds[0].asset = Asset::Usdt, &["refund_fits_its_payment", "refunded_once"]),
    (
        "a part of an order that another has paid for",
        |b| b.payments.last_mut().unwrap().state = PaymentState::Part { order: order_id(ACTIVE) },
        &["parts_make_a_whole", "settlement_adds_up"],
    ),
    ("to somebody", |b| b.refunds[0].to = address(1), &["refund_fits_its_payment"]),
    (
        "to where one person alone wanted it",
        |b| {
            let key = leyden_domain::ApiKeyId::new(slot(1), [1; 10]);
            b.refunds[0].to = address(1);
            b.refunds[0].address_set_by = Some(key);
            b.refunds[0].address_approved_by = Some(key);
        },
        &["refund_fits_its_payment"],
    ),
    (
        "money left the refund account, and no transaction of ours says why",
        |b| {
            let (head, sent) = b.sent[0];
            b.sent.push((head, SentTransfer { tx_id: tx_id(99_999), ..sent }));
        },
        &["sent_is_explained"],
    ),
    (
        "what is over goes back of an order whose money is due whole",
        |b| {
            let funding = *row(b, COMPLETED).state.funding().unwrap();
            row_mut(b, COMPLETED).state = OrderState::RefundDue { funding, why: RefundReason::NoCapacity };
            let mut over = b.refunds[0].clone();
            (over.id, over.payment, over.cause) = (kit::refund_id(3), funding.payment, RefundCause::Over);
            over.state = RefundState::Due;
            b.refunds.push(over);
        },
        &["refund_moves_with_its_order"],
    ),
    (
        "a payment that came back, of an order that was not cut short",
        |b| {
            let funding = *row(b, COMPLETED).state.funding().unwrap();
            let mut back = b.refunds[0].clone();
            (back.id, back.payment, back.cause) = (kit::refund_id(3), funding.payment, RefundCause::Reverted);
            back.state = RefundState::Due;
            b.refunds.push(back);
        },
        &["refund_moves_with_its_order"],
    ),
    (
        "of a payment that is not solid",
        |b| b.payments.last_mut().unwrap().block = None,
        &["refund_fits_its_payment"],
    ),
    (
        "of a payment that does not exist",
        |b| b.payments.truncate(b.payments.len() - 1),
        &["refund_fits_its_payment"],
    ),
    (
        "a refund with two transfers",
        |b| {
            let twin = Operation { id: operation_id(7_778), ..transfer(b).clone() };
            b.operations.push(twin);
        },
        &["refunded_once", "one_live_attempt"],
    ),
    (
        "a refund that arrived before it was final",
        |b| transfer(b).state = OperationState::Included,
        &["refunded_once"],
    ),
    (
        "a transfer of a refund that nobody knows",
        |b| drop(b.refunds.pop()),
        &["refunded_once", "operation_fits_its_order"],
    ),
    (
        "a transfer of another amount",
        |b| transfer(b).balance = Sun::TRX,
        &["refunded_once", "effect_is_the_intended_one"],
    ),
    (
        "sent twice",
        |b| {
            let (mut again, mut attempt) = (b.sent[0], b.attempts.last().unwrap().clone());
            again.1.tx_id = tx_id(77_778);
            attempt.tx_id = tx_id(77_778);
            attempt.dead = true;
            b.sent.push(again);
            b.attempts.push(attempt);
        },
        &["refunded_once", "dead_stays_out", "one_effect_per_operation"],
    ),
    (
        "what is refunded is served as well",
        |b| {
            let order = order_id(ACTIVE);
            settling(b, ACTIVE).state = PaymentState::Second { order };
            b.payments.last_mut().unwrap().state =
                PaymentState::Settles { order, count: 1, excess: Sun::ZERO };
        },
        &["refund_moves_with_its_order", "every_sun_has_its_bucket"],
    ),
    (
        "an order is refunded and its money is not",
        |b| {
            let funding = *row(b, COMPLETED).state.funding().unwrap();
            let operation = operation_id(7_777);
            let why = RefundReason::NoCapacity;
            row_mut(b, COMPLETED).state = OrderState::Refunded { funding, why, operation };
        },
        &["refund_moves_with_its_order"],
    ),
    ("a part of what is owed", |b| b.refunds[0].owed -= 1, &["every_sun_has_its_bucket"]),
];

fn confirm(book: &mut Book, new: Confirmation) {
    if let OrderState::Funded { confirmation, .. } = &mut row_mut(book, FUNDED).state {
        *confirmation = new;
    }
}

fn end_at(book: &mut Book, height: i64) {
    if let OrderState::Completed { ends_at, .. } = &mut row_mut(book, COMPLETED).state {
        *ends_at = slot(height);
    }
}

/// Gives an order's delegation a twin.
fn repeat(book: &mut Book, order: u64) {
    let twin = Operation {
        id: operation_id(9_999),
        state: OperationState::Intended,
        attempts: 0,
        delivery: None,
        ..delegation(book, order).clone()
    };
    book.operations.push(twin);
}

/// The operation of the first attempt gets a second one; `older_lives` says which of the two is alive alone.
fn attempt_again(book: &mut Book, older_lives: bool) {
    let mut again = book.attempts[0].clone();
    again.tx_id = tx_id(9_999);
    again.number = 2;
    again.dead = older_lives;
    let id = again.operation;
    book.operations.iter_mut().find(|o| o.id == id).unwrap().attempts = 2;
    book.attempts.push(again);
}

/// The transaction of that second attempt takes effect beside the first.
fn happen_again(book: &mut Book) {
    let (head, mut event) = book.events[0].clone();
    event.tx_id = tx_id(9_999);
    book.events.push((head, event));
}

#[test]
fn each_invariant_notices_when_it_is_broken() {
    let sound = books();
    let mut noticed: BTreeSet<&str> = BTreeSet::new();
    let mut missed = Vec::new();
    for (what, corrupt, expected) in CORRUPTIONS {
        let mut book = sound.clone();
        corrupt(&mut book);
        let fired: BTreeSet<_> = check_all(&book).iter().map(|violation| violation.invariant).collect();
        for name in *expected {
            if !fired.contains(name) {
                missed.push(format!("{what}: {name} did not notice, only {fired:?}"));
            }
        }
        noticed.extend(*expected);
    }
    assert!(missed.is_empty(), "{missed:#?}");
    let blind: Vec<_> = NAMES.iter().filter(|name| !noticed.contains(*name)).collect();
    assert!(blind.is_empty(), "never seen to fire: {blind:?}");
}

#[test]
fn what_a_person_has_explained_and_what_failed_is_no_violation() {
    let mut book = books();
    let (head, sent) = book.sent[0];
    book.sent.push((head, SentTransfer { tx_id: tx_id(99_999), ..sent }));
    book.written_off.insert(tx_id(99_999));
    book.sent.push((head, SentTransfer { tx_id: tx_id(99_998), succeeded: false, ..sent }));
    book.sent.push((head, SentTransfer { tx_id: tx_id(99_997), from: address(1), ..sent }));
    assert_eq!(check_all(&book), []);
    book.written_off.clear();
    let found = check_all(&book);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].invariant, "sent_is_explained");
}

#[test]
fn an_undone_payment_may_wait_with_its_expired_order() {
    let mut book = books();
    let mut undone = payment(9_999, 3_000_106, 1);
    undone.to = till();
    undone.block = None;
    undone.state = PaymentState::Settles { order: order_id(EXPIRED), count: 1, excess: Sun::ZERO };
    book.payments.push(undone);
    assert_eq!(check_all(&book), []);
    let newest = book.blocks.last().unwrap().0;
    let place = Delivery { block: newest.block, timestamp: newest.timestamp };
    book.payments.last_mut().unwrap().block = Some(place);
    let violations = check_all(&book);
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert_eq!(violations[0].invariant, "settles_a_live_order");
    assert!(violations[0].to_string().starts_with("settles_a_live_order: pay_"));
}
