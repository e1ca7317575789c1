//! What must be true of the books at any moment, one named check each. The property tests of this crate, the
//! simulation and the running reconciler call the same ones, so that what is tested is what is watched.
//!
//! A check speaks only of what cannot be wrong even for a moment. What the agents have not done yet (a payment
//! not routed, a block not looked at) is work, not a violation.

mod chain;
mod delivery;
mod operations;
mod orders;
mod payments;
mod pool;
mod refunds;

pub use chain::{cursor_is_gapless, events_are_on_the_chain, payments_are_on_the_chain, solid_is_recorded};
pub use delivery::{
    completed_is_whole, delegation_rests_on_payment, never_more_than_bought, reclaimed_for_its_amount,
    reclaimed_never_early, reclaimed_once, refunded_is_undelivered,
};
pub use operations::{
    attempts_are_counted, dead_stays_out, effect_is_the_intended_one, failure_is_explained,
    one_effect_per_operation, one_live_attempt, operation_fits_its_order, solid_effect_is_on_the_chain,
};
pub use orders::{
    confirmation_holds, held_can_go_on, order_ids_are_unique, rental_clock_is_right, tails_are_unique,
    terminal_is_quiet, terms_are_sound,
};
pub use payments::{
    funding_agrees, one_settling_payment, parts_make_a_whole, payment_ids_are_unique,
    payment_knows_its_order, settlement_adds_up, settles_a_live_order,
};
pub use pool::{capacity_is_kept, held_is_the_sum, reservation_agrees, reservations_are_known};
pub use refunds::{
    every_sun_has_its_bucket, one_refund_per_payment, refund_fits_its_payment, refund_moves_with_its_order,
    refunded_once, sent_is_explained,
};

use crate::book::Book;
use std::{collections::BTreeMap, fmt};

/// Something in the books that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which check found it.
    pub invariant: &'static str,
    /// What it is about: an id.
    pub subject: String,
    /// What is wrong with it.
    pub detail: String,
    /// By how much, where the same subject may be wrong in one way today and in another tomorrow.
    pub by: Option<i64>,
}

impl Violation {
    /// A name that stays the same from look to look, for knowing again what a person has seen.
    pub fn name(&self) -> String {
        let Self { invariant, subject, by, .. } = self;
        by.map_or_else(|| format!("{invariant}: {subject}"), |by| format!("{invariant}: {subject}: by {by}"))
    }

    /// Whether a name is one that [`Violation::name`] gives.
    pub fn is_name(name: &str) -> bool {
        name.split_once(": ").is_some_and(|(invariant, _)| NAMES.contains(&invariant))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.invariant, self.subject, self.detail)
    }
}

/// One check.
pub type Check = fn(&Book) -> Vec<Violation>;

/// Lists the checks once, under the names of their functions.
macro_rules! checks {
    ($($name:ident),* $(,)?) => {
        /// The names of all checks.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// All checks with their names.
        pub const CHECKS: &[(&str, Check)] = &[$((stringify!($name), $name)),*];
    };
}

checks! {
    payment_ids_are_unique,
    payment_knows_its_order,
    one_settling_payment,
    settlement_adds_up,
    parts_make_a_whole,
    settles_a_live_order,
    funding_agrees,
    order_ids_are_unique,
    terms_are_sound,
    tails_are_unique,
    confirmation_holds,
    rental_clock_is_right,
    held_can_go_on,
    terminal_is_quiet,
    never_more_than_bought,
    delegation_rests_on_payment,
    completed_is_whole,
    refunded_is_undelivered,
    reclaimed_once,
    reclaimed_for_its_amount,
    reclaimed_never_early,
    operation_fits_its_order,
    attempts_are_counted,
    one_live_attempt,
    one_effect_per_operation,
    effect_is_the_intended_one,
    dead_stays_out,
    solid_effect_is_on_the_chain,
    failure_is_explained,
    capacity_is_kept,
    held_is_the_sum,
    reservation_agrees,
    reservations_are_known,
    one_refund_per_payment,
    refund_fits_its_payment,
    refunded_once,
    refund_moves_with_its_order,
    every_sun_has_its_bucket,
    sent_is_explained,
    cursor_is_gapless,
    solid_is_recorded,
    payments_are_on_the_chain,
    events_are_on_the_chain,
}

/// Runs every check.
pub fn check_all(book: &Book) -> Vec<Violation> {
    CHECKS.iter().flat_map(|(_, check)| check(book)).collect()
}

/// The checks that need every holding reservation: on a part of the books they would say what is not so.
const NEED_ALL: [&str; 2] = ["held_is_the_sum", "capacity_is_kept"];

/// Runs every check that can be run on a part of the books: some orders with all that belongs to them, all accounts,
/// and an unbroken run of blocks up to the newest. A service at work looks at a part at a time.
pub fn check_part(part: &Book) -> Vec<Violation> {
    CHECKS.iter().filter(|(name, _)| !NEED_ALL.contains(name)).flat_map(|(_, check)| check(part)).collect()
}

/// What accounts say they hold, against the sums of their reservations: [`held_is_the_sum`] where the database has
/// done the adding.
pub fn check_held<'a>(
    accounts: impl IntoIterator<Item = &'a crate::pool::PoolAccount>,
    sums: &BTreeMap<crate::id::AccountId, crate::amount::Sun>,
) -> Vec<Violation> {
    let mut findings = Findings::of("held_is_the_sum");
    for account in accounts {
        let sum = sums.get(&account.id).copied().unwrap_or(crate::amount::Sun::ZERO);
        let by = account.held.get().saturating_sub(sum.get());
        findings.expect_by(by, account.id, || format!("says {}, its reservations {sum}", account.held));
    }
    findings.done()
}

/// Gathers what one check finds.
struct Findings {
    invariant: &'static str,
    found: Vec<Violation>,
}

impl Findings {
    const fn of(invariant: &'static str) -> Self {
        Self { invariant, found: Vec::new() }
    }

    /// Notes a violation unless `holds`.
    fn expect(&mut self, holds: bool, subject: impl fmt::Display, detail: impl FnOnce() -> String) {
        if !holds {
            self.found.push(Violation {
                invariant: self.invariant,
                subject: subject.to_string(),
                detail: detail(),
                by: None,
            });
        }
    }

    /// Notes by how much something is wrong, unless it is not.
    fn expect_by(&mut self, by: i64, subject: impl fmt::Display, detail: impl FnOnce() -> String) {
        if by != 0 {
            let subject = subject.to_string();
            let violation = Violation { invariant: self.invariant, subject, detail: detail(), by: Some(by) };
            self.found.push(violation);
        }
    }

    fn done(self) -> Vec<Violation> {
        self.found
    }
}

/// Rows by what names them.
fn by<T, K: Ord>(rows: &[T], key: impl Fn(&T) -> K) -> BTreeMap<K, &T> {
    rows.iter().map(|row| (key(row), row)).collect()
}

/// Rows gathered by what they belong to.
fn groups<T, K: Ord>(rows: &[T], key: impl Fn(&T) -> K) -> BTreeMap<K, Vec<&T>> {
    let mut groups: BTreeMap<K, Vec<&T>> = BTreeMap::new();
    for row in rows {
        groups.entry(key(row)).or_default().push(row);
    }
    groups
}
