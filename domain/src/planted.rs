//! Faults that are planted on purpose, so that the simulation can show that it finds them. Without the feature
//! `planted-faults` none can be switched on, and the compiler removes every trace of them.

/// Lists the faults once, each with its name and what it does.
macro_rules! faults {
    ($($fault:ident $name:literal $about:literal;)*) => {
        /// A planted fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Fault {
            $(#[doc = $about] $fault,)*
        }

        impl Fault {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$fault),*];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$fault => $name,)* }
            }

            /// What it does.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$fault => $about,)* }
            }
        }
    };
}

faults! {
    ResignAtHeadExpiry "resign_at_head_expiry" "a transaction counts as dead when the newest block is as late as its expiration";
    ResignOnSilence "resign_on_silence" "a transaction that is in no block soon counts as failed, and another is signed";
    ForkExcludedTooEarly "fork_excluded_too_early" "a transaction whose reference left the chain counts as dead before the fork is final";
    ReferenceFromSolid "reference_from_solid" "a delegation is bound to the solid block instead of its payment's";
    IncludedIsSolid "included_is_solid" "a transaction in any block counts as one in a solid block";
    ExclusionForgotten "exclusion_forgotten" "a transaction whose block left the chain stays included";
    ReclaimEarly "reclaim_early" "a rental ends as soon as its delegation is solid";
    ExpiresEarly "expires_early" "an order expires a minute before its time";
    DeliveryUndoneForgotten "delivery_undone_forgotten" "an order stays active when its delegation left the chain";
    HalfDelivered "half_delivered" "half of what was bought counts as all of it";
    UnderIsExact "under_is_exact" "less than a fixed count costs is taken for all of it";
    OverIsServed "over_is_served" "more transfers than an order may buy are served";
    SecondSettles "second_settles" "a second payment of an order settles it again";
    LateIsInTime "late_is_in_time" "a payment after the order's time settles it";
    TailIgnored "tail_ignored" "any amount that buys a transfer is taken for an order's";
    UsdtBySymbol "usdt_by_symbol" "millionths of USDT are taken for sun";
    DeniedIsServed "denied_is_served" "the deny list is not looked at";
    StrangerForgotten "stranger_forgotten" "a payment that matches nothing is not put anywhere";
    CursorBeforeRows "cursor_before_rows" "blocks read in a batch are committed without their payments";
    HeadIsSolid "head_is_solid" "the newest block that was read counts as solid";
    FollowerSurvives "follower_survives" "what the listener remembers survives a commit whose answer was lost";
    SentBeforeStored "sent_before_stored" "a transaction is sent before it is committed";
    MergedReclaim "merged_reclaim" "a reclaim takes back twice its delegation's amount";
    RowsNotRewound "rows_not_rewound" "payments keep their block when it leaves the chain";
    ReservationKept "reservation_kept" "a hold is not given back when its delegation is taken back";
    KeyIgnored "key_ignored" "the idempotency key is not looked at";
    TailReused "tail_reused" "an order's tail is free as soon as the order is paid";
    JournalSkips "journal_skips" "a commit that changes several rows leaves one of them out of the journal";
    HaltIgnored "halt_ignored" "commits do not ask whether money stands still";
    RefundBeforeSolid "refund_before_solid" "a payment in any block is refunded as one in a solid block";
    RefundSentAgain "refund_sent_again" "a refund's transfer that is in no block after a while is signed again";
    RefundToRecipient "refund_to_recipient" "a refund goes to the order's recipient instead of the payer";
    RefundGuardIgnored "refund_guard_ignored" "the spend guard lets everything pass";
    RefundOfAll "refund_of_all" "with what was paid too much goes back what was bought";
    StrayForEver "stray_for_ever" "a node that was on another fork is neither taken back nor asked for a second opinion";
    DifferenceWaits "difference_waits" "a block of which two honest nodes tell differently is not read";
    WaitsBeginAnew "waits_begin_anew" "waiting for a second node begins anew when another height is asked for";
    LoneReceiptDropped "lone_receipt_dropped" "what one node alone shows is left out";
    LoneReceiptUnlimited "lone_receipt_unlimited" "a payment that one node alone shows is served however large it is";
    RefundToDenied "refund_to_denied" "refunds go to addresses on the deny list by themselves";
}

#[cfg(feature = "planted-faults")]
mod switch {
    use super::Fault;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Which fault is on, counted from 1.
    static PLANTED: AtomicUsize = AtomicUsize::new(0);

    /// Switches one fault on in the whole process, or all off.
    pub fn plant(fault: Option<Fault>) {
        let number = fault.and_then(|fault| Fault::ALL.iter().position(|one| *one == fault));
        PLANTED.store(number.map_or(0, |number| number.saturating_add(1)), Ordering::Relaxed);
    }

    /// Whether a fault is on.
    pub fn planted(fault: Fault) -> bool {
        let number = PLANTED.load(Ordering::Relaxed);
        number.checked_sub(1).and_then(|number| Fault::ALL.get(number)) == Some(&fault)
    }
}

#[cfg(feature = "planted-faults")]
pub use switch::{plant, planted};

/// Whether a fault is on: never.
#[cfg(not(feature = "planted-faults"))]
pub const fn planted(_: Fault) -> bool {
    false
}
