//! Whose a payment is: each rule by an example, and all of them together against a shadow that tries every count.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "each test uses a part of the kit")]
mod kit;

use kit::{address, order, order_id, payment, slot, till};
use leyden_domain::{
    Asset, Sun, Timestamp,
    chain::Evidence,
    order::{CountRule, HoldReason, OrderState, Party},
    payment::{
        Expectation, Match, MatchPolicy, Orderless, Payment, Standing, SuspenseReason, TailPolicy,
        count_and_tail, match_payment, random_tails,
    },
};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Order `n`: 3 TRX a transfer, tail `100 + n`, up to two transfers, in time until slot 40, known until slot 200.
fn expectation(n: u64, standing: Standing) -> Expectation {
    Expectation { standing, ..order(n).expectation() }
}

fn policy() -> MatchPolicy {
    MatchPolicy {
        dust_sun: Sun::new(1_000),
        completes_under: true,
        dust_usdt_micro: 1_000,
        orderless: None,
        lone_receipt_limit: Sun::from_trx(100),
        denied_senders: BTreeSet::new(),
    }
}

fn orderless() -> MatchPolicy {
    let terms = Orderless { unit_price: Sun::new(3_000_000), max_transactions: 3 };
    MatchPolicy { orderless: Some(terms), ..policy() }
}

fn paid(amount: i64) -> Payment {
    payment(1, amount, 30)
}

fn matched(payment: &Payment, candidates: &[Expectation], policy: &MatchPolicy) -> Match {
    match_payment(payment, payment.block.unwrap().timestamp, candidates, policy)
}

fn settles(n: u64, count: u32, excess: i64) -> Match {
    Match::Settles { order: order_id(n), count, excess: Sun::new(excess) }
}

#[test]
fn what_one_node_alone_shows_is_served_up_to_the_limit_and_held_above_it() {
    let open = [expectation(0, Standing::Open)];
    let seen = |evidence| Payment { evidence, ..paid(3_000_100) };
    let at = |limit| MatchPolicy { lone_receipt_limit: Sun::new(limit), ..policy() };
    let held = Match::Suspense(SuspenseReason::OneNode);
    for evidence in [Evidence::Contract, Evidence::Internal] {
        assert_eq!(matched(&seen(evidence), &open, &at(0)), settles(0, 1, 0), "{evidence:?}");
    }
    let alone = seen(Evidence::LoneReceipt);
    assert_eq!(matched(&alone, &open, &at(3_000_100)), settles(0, 1, 0));
    assert_eq!(matched(&alone, &open, &at(3_000_099)), held);
    assert_eq!(matched(&alone, &[], &at(3_000_099)), held, "whatever it may be for");
}

#[test]
fn rule_1_dust_and_other_tokens_buy_nothing() {
    let open = [expectation(0, Standing::Open)];
    assert_eq!(matched(&paid(999), &open, &policy()), Match::Dust);
    assert_eq!(matched(&paid(1_000), &open, &policy()), Match::Suspense(SuspenseReason::NoOrder));
    let usdt = |amount| Payment { asset: Asset::Usdt, ..paid(amount) };
    assert_eq!(matched(&usdt(999), &open, &policy()), Match::Dust);
    assert_eq!(matched(&usdt(1_000), &open, &policy()), Match::Suspense(SuspenseReason::WrongAsset));
    // Nothing buys nothing, even where nothing is too little to be looked at.
    let all = MatchPolicy { dust_sun: Sun::new(i64::MIN), ..orderless() };
    for nothing in [0, -3_000_000] {
        assert_eq!(matched(&paid(nothing), &[], &all), Match::Suspense(SuspenseReason::NoOrder));
    }
    assert_eq!(matched(&usdt(3_000_100), &open, &policy()), Match::Suspense(SuspenseReason::WrongAsset));
}

#[test]
fn rule_2_tail_and_count_fit() {
    let open = [expectation(0, Standing::Open), expectation(1, Standing::Open)];
    assert_eq!(matched(&paid(3_000_100), &open, &policy()), settles(0, 1, 0));
    assert_eq!(matched(&paid(6_000_101), &open, &policy()), settles(1, 2, 0));
    assert_eq!(matched(&paid(6_000_102), &open, &policy()), Match::Suspense(SuspenseReason::NoOrder));
    let elsewhere = Expectation { payment_address: address(1), ..expectation(0, Standing::Open) };
    assert_eq!(matched(&paid(3_000_100), &[elsewhere], &policy()), Match::Suspense(SuspenseReason::NoOrder));
}

#[test]
fn rule_2_an_amount_under_two_prices_means_the_one_that_waits_or_nobody() {
    // 4_000_000 + 500 and 2 x 2_000_000 + 500 are the same amount.
    let dear = Expectation {
        unit_price: Sun::new(4_000_000),
        tail: Sun::new(500),
        ..expectation(0, Standing::Open)
    };
    let cheap = Expectation {
        unit_price: Sun::new(2_000_000),
        tail: Sun::new(500),
        ..expectation(1, Standing::Open)
    };
    let both = [dear.clone(), cheap.clone()];
    assert_eq!(matched(&paid(4_000_500), &both, &policy()), Match::Suspense(SuspenseReason::Ambiguous));
    for standing in [Standing::Paid, Standing::Closed] {
        let one = [Expectation { standing, ..dear.clone() }, cheap.clone()];
        assert_eq!(matched(&paid(4_000_500), &one, &policy()), settles(1, 2, 0));
        let none = [Expectation { standing, ..dear.clone() }, Expectation { standing, ..cheap.clone() }];
        assert_eq!(matched(&paid(4_000_500), &none, &policy()), Match::Suspense(SuspenseReason::Ambiguous));
    }
}

#[test]
fn rule_3_under_and_over() {
    let fixed = Expectation { count: CountRule::Fixed { count: 2 }, ..expectation(0, Standing::Open) };
    assert_eq!(
        matched(&paid(3_000_100), std::slice::from_ref(&fixed), &policy()),
        Match::Under { order: order_id(0) }
    );
    assert_eq!(matched(&paid(6_000_100), std::slice::from_ref(&fixed), &policy()), settles(0, 2, 0));
    assert_eq!(matched(&paid(9_000_100), &[fixed], &policy()), settles(0, 2, 3_000_000));
    let open = [expectation(0, Standing::Open)];
    assert_eq!(matched(&paid(15_000_100), &open, &policy()), settles(0, 2, 9_000_000));
}

#[test]
fn rule_4_a_plain_multiple_from_the_recipient_itself() {
    let nobody = Match::Suspense(SuspenseReason::NoOrder);
    let own = Expectation { recipient: address(2_001), ..expectation(0, Standing::Open) };
    assert_eq!(matched(&paid(3_000_000), std::slice::from_ref(&own), &policy()), settles(0, 1, 0));
    assert_eq!(matched(&paid(6_000_000), std::slice::from_ref(&own), &policy()), settles(0, 2, 0));
    // More than it may buy is no sign that it is meant.
    assert_eq!(matched(&paid(9_000_000), std::slice::from_ref(&own), &policy()), nobody);
    let fixed = Expectation { count: CountRule::Fixed { count: 2 }, ..own.clone() };
    assert_eq!(matched(&paid(3_000_000), &[fixed], &policy()), nobody);
    let second = Expectation { order: order_id(1), ..own.clone() };
    let both = [own.clone(), second];
    assert_eq!(matched(&paid(3_000_000), &both, &policy()), Match::Suspense(SuspenseReason::Ambiguous));
    let over = Expectation { standing: Standing::Closed, ..own };
    assert_eq!(matched(&paid(3_000_000), &[over], &policy()), nobody);
}

#[test]
fn nobody_catches_the_payments_of_another_by_naming_it() {
    // An order for an accomplice that names the victim as its payer.
    let trap = Expectation { bound_sender: Some(address(2_001)), ..expectation(0, Standing::Open) };
    assert_eq!(
        matched(&paid(3_000_000), std::slice::from_ref(&trap), &policy()),
        Match::Suspense(SuspenseReason::NoOrder)
    );
    let bought = Match::Orderless { unit_price: Sun::new(3_000_000), count: 1, excess: Sun::ZERO };
    assert_eq!(matched(&paid(3_000_000), &[trap], &orderless()), bought);
    // Two orders for the victim do not keep it from buying without one.
    let own = Expectation { recipient: address(2_001), ..expectation(0, Standing::Open) };
    let second = Expectation { order: order_id(1), ..own.clone() };
    assert_eq!(matched(&paid(3_000_000), &[own, second], &orderless()), bought);
}

#[test]
fn a_payment_that_is_older_than_an_order_was_not_meant_for_it() {
    let at = |created: i64| [Expectation { created_at: slot(created), ..expectation(0, Standing::Open) }];
    let paid_in = |created: i64| match_payment(&paid(3_000_100), slot(30), &at(created), &policy());
    assert_eq!(paid_in(30), settles(0, 1, 0));
    // A block made before the order may be replaced by one that holds its payment, down to the solid block.
    assert_eq!(paid_in(50), settles(0, 1, 0));
    assert_eq!(paid_in(51), Match::Suspense(SuspenseReason::NoOrder));
}

#[test]
fn rule_4_comes_before_a_late_payment() {
    // 3_000_137 is order 0's plain price, and a late payment for order 1 of 3 TRX and the tail 137.
    let waiting = Expectation {
        unit_price: Sun::new(3_000_137),
        recipient: address(2_001),
        ..expectation(0, Standing::Open)
    };
    for standing in [Standing::Closed, Standing::Paid] {
        let over = Expectation { tail: Sun::new(137), ..expectation(1, standing) };
        assert_eq!(matched(&paid(3_000_137), &[waiting.clone(), over], &policy()), settles(0, 1, 0));
    }
}

#[test]
fn rule_5_orderless() {
    let sale =
        |count, excess| Match::Orderless { unit_price: Sun::new(3_000_000), count, excess: Sun::new(excess) };
    assert_eq!(matched(&paid(6_000_000), &[], &orderless()), sale(2, 0));
    assert_eq!(matched(&paid(15_000_000), &[], &orderless()), sale(3, 6_000_000));
    assert_eq!(matched(&paid(6_000_001), &[], &orderless()), Match::Suspense(SuspenseReason::NoOrder));
    assert_eq!(matched(&paid(6_000_000), &[], &policy()), Match::Suspense(SuspenseReason::NoOrder));
    let denied = MatchPolicy { denied_senders: BTreeSet::from([address(2_001)]), ..orderless() };
    assert_eq!(matched(&paid(6_000_000), &[], &denied), Match::Suspense(SuspenseReason::SenderDenied));
}

#[test]
fn rule_6_late_and_second() {
    let late = Match::Late { order: order_id(0) };
    let closed = [expectation(0, Standing::Closed)];
    assert_eq!(matched(&paid(3_000_100), &closed, &policy()), late);
    // Its time is over although nobody has said so yet.
    let open = [expectation(0, Standing::Open)];
    assert_eq!(match_payment(&paid(3_000_100), slot(40), &open, &policy()), settles(0, 1, 0));
    assert_eq!(match_payment(&paid(3_000_100), slot(41), &open, &policy()), late);
    assert_eq!(match_payment(&paid(3_000_100), slot(200), &open, &policy()), late);
    let gone = Match::Suspense(SuspenseReason::NoOrder);
    assert_eq!(match_payment(&paid(3_000_100), slot(201), &open, &policy()), gone);
    let served = [expectation(0, Standing::Paid)];
    assert_eq!(matched(&paid(3_000_100), &served, &policy()), Match::Second { order: order_id(0) });
}

#[test]
fn a_held_order_expects_what_it_expected_before() {
    let held = |from: OrderState| {
        let state = OrderState::Held { why: HoldReason::Operator, from: Box::new(from) };
        leyden_domain::order::Order { state, ..order(0) }.expectation().standing
    };
    // Nobody has paid it: a payment for it is not a second one.
    assert_eq!(held(OrderState::AwaitingPayment), Standing::Open);
    assert_eq!(held(OrderState::Paid { funding: kit::funding(1, 10) }), Standing::Paid);
    let cancelled = OrderState::Cancelled { at: slot(1), by: Party::Customer };
    let order = leyden_domain::order::Order { state: cancelled, ..order(0) };
    assert_eq!(order.expectation().standing, Standing::Closed);
}

/// The rules once more, by trying every count instead of dividing.
fn shadow(payment: &Payment, at: Timestamp, candidates: &[Expectation], policy: &MatchPolicy) -> Match {
    let count_for =
        |price: Sun, tail: Sun| (0..=payment.amount).find(|n| n * price.get() + tail.get() == payment.amount);
    let bought = |e: &Expectation, n: i64| {
        let (least, most) = match e.count {
            CountRule::Open { max } => (1, i64::from(max)),
            CountRule::Fixed { count } => (i64::from(count), i64::from(count)),
        };
        if n < least {
            return Match::Under { order: e.order };
        }
        let count = n.min(most);
        let excess = Sun::new((n - count) * e.unit_price.get());
        Match::Settles { order: e.order, count: u32::try_from(count).unwrap(), excess }
    };
    let nobody = |reason| Match::Suspense(reason);

    let dust = if payment.asset == Asset::Trx { policy.dust_sun.get() } else { policy.dust_usdt_micro };
    if payment.amount < dust {
        return Match::Dust;
    }
    if payment.asset != Asset::Trx {
        return nobody(SuspenseReason::WrongAsset);
    }
    let mut in_time = Vec::new();
    let mut over = Vec::new();
    let candidates: Vec<_> =
        candidates.iter().filter(|e| at.ms() + 60_000 >= e.created_at.ms()).cloned().collect();
    for e in candidates.iter().filter(|e| e.payment_address == payment.to && at <= e.closes_at) {
        if let Some(n) = count_for(e.unit_price, e.tail).filter(|_| e.tail.get() > 0) {
            if e.standing == Standing::Open && at <= e.expires_at {
                in_time.push((e, n));
            } else {
                over.push(e);
            }
        }
    }
    if in_time.len() > 1 {
        return nobody(SuspenseReason::Ambiguous);
    }
    if let Some((e, n)) = in_time.first() {
        return bought(e, *n);
    }
    let denied = policy.denied_senders.contains(&payment.from);
    let known: Vec<_> = candidates
        .iter()
        .filter(|e| e.payment_address == payment.to && e.standing == Standing::Open && at <= e.expires_at)
        .filter(|e| e.recipient == payment.from && !denied)
        .filter_map(|e| Some((e, count_for(e.unit_price, Sun::ZERO).filter(|n| *n > 0)?)))
        .filter(|(e, n)| matches!(bought(e, *n), Match::Settles { excess: Sun::ZERO, .. }))
        .collect();
    if let [(e, n)] = known.as_slice() {
        return bought(e, *n);
    }
    let plain = policy.orderless.and_then(|terms| {
        let n = count_for(terms.unit_price, Sun::ZERO).filter(|n| *n > 0)?;
        Some((terms, n))
    });
    if let Some((terms, n)) = plain.filter(|_| !denied) {
        let count = n.min(i64::from(terms.max_transactions));
        return Match::Orderless {
            unit_price: terms.unit_price,
            count: u32::try_from(count).unwrap(),
            excess: Sun::new((n - count) * terms.unit_price.get()),
        };
    }
    if known.len() > 1 {
        return nobody(SuspenseReason::Ambiguous);
    }
    match over.as_slice() {
        [] if plain.is_some() => nobody(SuspenseReason::SenderDenied),
        [] => nobody(SuspenseReason::NoOrder),
        [e] if e.standing == Standing::Paid => Match::Second { order: e.order },
        [e] => Match::Late { order: e.order },
        _ => nobody(SuspenseReason::Ambiguous),
    }
}

fn some_expectation() -> impl Strategy<Value = Expectation> {
    (
        0..6_u64,
        5..12_i64,
        0..5_i64,
        prop_oneof![
            (1..4_u32).prop_map(|max| CountRule::Open { max }),
            (1..4_u32).prop_map(|count| CountRule::Fixed { count })
        ],
        0..3_u64,
        prop::option::of(0..3_u64),
        (0..60_i64, 20..60_i64, 0..60_i64),
        0..3_usize,
        prop::bool::weighted(0.9),
    )
        .prop_map(
            |(n, price, tail, count, recipient, bound, (created, expires, window), standing, here)| {
                Expectation {
                    order: order_id(n),
                    payment_address: if here { till() } else { address(9_001) },
                    unit_price: Sun::new(price),
                    tail: Sun::new(tail.min(price - 1)),
                    count,
                    recipient: address(2_000 + recipient),
                    bound_sender: bound.map(|n| address(2_000 + n)),
                    created_at: slot(created),
                    expires_at: slot(expires),
                    closes_at: slot(expires + window),
                    standing: [Standing::Open, Standing::Paid, Standing::Closed][standing],
                    begun: None,
                }
            },
        )
}

fn some_policy() -> impl Strategy<Value = MatchPolicy> {
    (0..6_i64, prop::option::of((5..12_i64, 1..4_u32)), prop::option::of(0..3_u64)).prop_map(
        |(dust, sale, denied)| MatchPolicy {
            dust_sun: Sun::new(dust),
            completes_under: true,
            dust_usdt_micro: dust,
            orderless: sale
                .map(|(price, max_transactions)| Orderless { unit_price: Sun::new(price), max_transactions }),
            lone_receipt_limit: Sun::from_trx(100),
            denied_senders: denied.map(|n| address(2_000 + n)).into_iter().collect(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: kit::cases(3_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_trying_every_count(
        candidates in prop::collection::vec(some_expectation(), 0..5),
        policy in some_policy(),
        amount in 0..60_i64,
        from in 0..3_u64,
        at in 0..140_i64,
        trx in prop::bool::weighted(0.95),
    ) {
        let asset = if trx { Asset::Trx } else { Asset::Usdt };
        let payment = Payment { asset, amount, from: address(2_000 + from), ..paid(1) };
        let found = match_payment(&payment, slot(at), &candidates, &policy);
        prop_assert_eq!(found, shadow(&payment, slot(at), &candidates, &policy));
    }

    #[test]
    fn the_order_of_candidates_does_not_matter(
        candidates in prop::collection::vec(some_expectation(), 0..5),
        policy in some_policy(),
        amount in 0..60_i64,
        at in 0..140_i64,
    ) {
        let payment = Payment { amount, ..paid(1) };
        let reversed: Vec<_> = candidates.iter().rev().cloned().collect();
        let found = match_payment(&payment, slot(at), &candidates, &policy);
        prop_assert_eq!(found, match_payment(&payment, slot(at), &reversed, &policy));
    }

    #[test]
    fn what_settles_adds_up(
        price in 1..1_000_000_000_i64,
        max in 1..1_000_u32,
        n in 1..100_000_i64,
        tail_seed: u64,
    ) {
        let tails = random_tails(TailPolicy { max: Sun::new(9_999) }, Sun::new(price), tail_seed, 3);
        prop_assert_eq!(tails.len(), if price > 1 { 3 } else { 0 });
        for tail in tails {
            prop_assert!(tail > Sun::ZERO && tail.get() <= 9_999.min(price - 1));
            let amount = n * price + tail.get();
            prop_assert_eq!(count_and_tail(Sun::new(amount), Sun::new(price)), Some((n, tail)));
            let order = Expectation {
                unit_price: Sun::new(price), tail, count: CountRule::Open { max }, ..expectation(0, Standing::Open)
            };
            let policy = MatchPolicy { dust_sun: Sun::ZERO, ..policy() };
            match match_payment(&paid(amount), slot(1), &[order], &policy) {
                Match::Settles { count, excess, .. } => {
                    prop_assert_eq!(i64::from(count) * price + tail.get() + excess.get(), amount);
                    prop_assert!(count >= 1 && count <= max);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn no_amount_or_price_breaks_it(amount: i64, price: i64, tail: i64, max: u32, orderless_price: i64) {
        let order = Expectation {
            unit_price: Sun::new(price), tail: Sun::new(tail), count: CountRule::Open { max },
            ..expectation(0, Standing::Open)
        };
        let sale = Orderless { unit_price: Sun::new(orderless_price), max_transactions: max };
        let policy = MatchPolicy { orderless: Some(sale), dust_sun: Sun::ZERO, ..policy() };
        prop_assert_ne!(matched(&paid(amount), &[order], &policy), Match::Suspense(SuspenseReason::WrongAsset));
    }
}
