//! What was less than its order costs is completed by another payment of the same sender: the rule as a table, and what
//! holds of it whatever is paid.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "each test uses a part of the kit")]
mod kit;

use kit::{order, payment, slot, till};
use leyden_domain::{
    Sun,
    order::{CountRule, Order},
    payment::{Begun, Expectation, Match, MatchPolicy, Orderless, Payment, Standing, match_payment},
};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn policy() -> MatchPolicy {
    MatchPolicy { orderless: None, ..kit::world::match_policy() }
}

/// An order for this many transfers of which this much has come, too little.
fn begun(n: u64, count: u32, paid: i64, is_ready: bool) -> Expectation {
    let order = Order { count: CountRule::Fixed { count }, ..order(n) };
    Expectation { begun: Some(Begun { paid: Sun::new(paid), is_ready }), ..order.expectation() }
}

fn says(amount: i64, candidates: &[Expectation], policy: &MatchPolicy) -> Match {
    let paid = Payment { to: till(), ..payment(1, amount, 7) };
    match_payment(&paid, slot(10), candidates, policy)
}

#[test]
fn the_rest_completes_what_was_too_little() {
    let one = begun(1, 3, 0, true);
    let (price, tail) = (one.unit_price.get(), one.tail.get());
    let first = 2 * price + tail;
    let one = begun(1, 3, first, true);
    let order = one.order;
    let completes = |excess| Match::Completes { order, count: 3, excess: Sun::new(excess) };
    let all = std::slice::from_ref(&one);
    assert_eq!(says(price, all, &policy()), completes(0), "exactly the rest");
    assert_eq!(says(price + tail, all, &policy()), completes(tail), "the tail twice");
    assert_eq!(says(price + 5_000, all, &policy()), completes(5_000), "a little more");
    assert_eq!(says(4 * price, all, &policy()), completes(3 * price));
    assert_eq!(says(price - 1, all, &policy()), Match::Under { order }, "more of what is too little");
    // All of it anew needs no completing.
    let whole = says(3 * price + tail, all, &policy());
    assert_eq!(whole, Match::Settles { order, count: 3, excess: Sun::ZERO });
    // Not before nothing can take the first away.
    assert_eq!(says(price, &[begun(1, 3, first, false)], &policy()), Match::Wait);
    // Who sells without orders too still takes the rest for the rest.
    let terms = Orderless { unit_price: Sun::new(price), max_transactions: 9 };
    assert_eq!(says(price, all, &MatchPolicy { orderless: Some(terms), ..policy() }), completes(0));
    // An exchange's wallet is not one customer; and it may be switched off.
    let denied = MatchPolicy { denied_senders: BTreeSet::from([payment(1, 1, 7).from]), ..policy() };
    assert!(matches!(says(price, all, &denied), Match::Suspense(_)));
    let off = MatchPolicy { completes_under: false, ..policy() };
    assert!(matches!(says(price, all, &off), Match::Suspense(_)));
    // With the order's own tail it is still known whose it is.
    for policy in [denied, off] {
        assert_eq!(says(price + tail, all, &policy), Match::Under { order });
    }
    // After the order's time nothing completes it, nor what was paid already.
    for standing in [Standing::Paid, Standing::Closed] {
        let over = Expectation { standing, ..one.clone() };
        assert!(!matches!(says(price, &[over], &policy()), Match::Completes { .. } | Match::Wait));
    }
}

#[test]
fn of_two_orders_only_the_exact_rest_of_one_is_meant() {
    let one = begun(1, 3, 0, true);
    let (price, tail) = (one.unit_price.get(), one.tail.get());
    let one = begun(1, 3, 2 * price + tail, true);
    let other = begun(2, 3, price + begun(2, 3, 0, true).tail.get(), true);
    let both = [one.clone(), other.clone()];
    assert_eq!(
        says(price, &both, &policy()),
        Match::Completes { order: one.order, count: 3, excess: Sun::ZERO }
    );
    assert_eq!(
        says(2 * price, &both, &policy()),
        Match::Completes { order: other.order, count: 3, excess: Sun::ZERO }
    );
    assert!(matches!(says(5 * price, &both, &policy()), Match::Suspense(_)), "nobody guesses");
}

proptest! {
    /// Whatever is paid: an order is completed only by enough, money adds up to the sun, what is over is less than the
    /// payment that completes, and nothing is bought twice.
    #[test]
    fn what_completes_adds_up(
        count in 1_u32..6,
        first in 1_i64..20_000_000,
        amount in 1_000_i64..40_000_000,
        is_ready in any::<bool>(),
    ) {
        let expected = begun(1, count, first, is_ready);
        let due = expected.unit_price.get() * i64::from(count) + expected.tail.get();
        // More than enough alone would have been matched before.
        prop_assume!(first < due);
        match says(amount, std::slice::from_ref(&expected), &policy()) {
            Match::Completes { order, count: bought, excess } => {
                prop_assert!(is_ready);
                prop_assert_eq!((order, bought), (expected.order, count));
                prop_assert_eq!(first + amount, due + excess.get());
                prop_assert!(excess >= Sun::ZERO && excess.get() < amount);
            }
            Match::Wait => prop_assert!(!is_ready && first + amount >= due),
            // Its own tail, and enough without what came before.
            Match::Settles { count: bought, .. } => {
                prop_assert_eq!(bought, count);
                prop_assert!(amount >= due);
            }
            _ => prop_assert!(first + amount < due),
        }
    }
}
