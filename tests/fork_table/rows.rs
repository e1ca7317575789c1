//! The states, the fates, and the rules that say how each combination must end.

use leyden_domain::order::OrderStateKind as S;

/// The deepest fork that the network allows: a block is solid when 18 stand on it.
pub(crate) const DEEPEST: u32 = 18;

/// What an order is like when the fork comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Row {
    /// Nobody pays it: a control.
    Unpaid,
    /// Paid inside the fork, and too large to be served before that is solid.
    Paid,
    /// Paid inside the fork, and the pool cannot serve it yet.
    Funded,
    /// Paid inside the fork; capacity is held, and the signer does not answer.
    Reserved,
    /// Paid inside the fork; signed, and no node passes it on.
    Delegating,
    /// Paid and delivered inside the fork.
    Active,
    /// Paid below the fork, delivered inside it.
    Delivered,
    /// Its energy was taken back inside the fork.
    Reclaiming,
    /// Over below the solid block: a control.
    Completed,
    /// Paid inside the fork, and it was decided that it cannot be served.
    RefundDue,
    /// Its refund is inside the fork.
    Refunding,
    /// Its refund is below the solid block: a control.
    Refunded,
    /// Its time was over; then it was paid, inside the fork.
    Expired,
    /// It was called off; then it was paid, inside the fork.
    Cancelled,
    /// Paid inside the fork, and held by a person, who lets it go on afterwards.
    Held,
}

impl Row {
    /// All of them, in the order of an order's life.
    pub(crate) const ALL: [Self; 15] = [
        Self::Unpaid,
        Self::Paid,
        Self::Funded,
        Self::Reserved,
        Self::Delegating,
        Self::Active,
        Self::Delivered,
        Self::Reclaiming,
        Self::Completed,
        Self::RefundDue,
        Self::Refunding,
        Self::Refunded,
        Self::Expired,
        Self::Cancelled,
        Self::Held,
    ];

    /// The state when the fork comes.
    pub(crate) const fn state(self) -> S {
        match self {
            Self::Unpaid => S::AwaitingPayment,
            Self::Paid => S::Paid,
            Self::Funded => S::Funded,
            Self::Reserved => S::Reserved,
            Self::Delegating => S::Delegating,
            Self::Active | Self::Delivered => S::Active,
            Self::Reclaiming => S::Reclaiming,
            Self::Completed => S::Completed,
            Self::RefundDue => S::RefundDue,
            Self::Refunding => S::Refunding,
            Self::Refunded => S::Refunded,
            Self::Expired => S::Expired,
            Self::Cancelled => S::Cancelled,
            Self::Held => S::Held,
        }
    }

    /// What of it is inside the fork, in words.
    pub(crate) const fn inside(self) -> &'static str {
        match self {
            Self::Unpaid | Self::Completed | Self::Refunded => "nothing",
            Self::Active => "payment, delegation",
            Self::Delivered => "delegation",
            Self::Reclaiming => "undelegation",
            Self::Refunding => "refund",
            _ => "payment",
        }
    }

    /// Whether its payment is inside the fork.
    pub(crate) const fn paid_inside(self) -> bool {
        !self.effect_inside() && !matches!(self, Self::Unpaid | Self::Completed | Self::Refunded)
    }

    /// Whether only something that we signed is inside the fork: then that is what a fate happens to.
    pub(crate) const fn effect_inside(self) -> bool {
        matches!(self, Self::Delivered | Self::Reclaiming | Self::Refunding)
    }

    /// The smallest depth at which there is such an order: a delegation is never in the block of its payment.
    pub(crate) const fn least_depth(self) -> u32 {
        match self {
            Self::Active => 2,
            _ => 1,
        }
    }
}

/// What becomes of what the fork undid: of the payment, or where that is not in the fork, of our own transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// The other branch holds it too.
    AtOnce,
    /// The network forgot it, and it is sent once more some blocks after.
    Later,
    /// The network forgot it for good.
    Never,
    /// The chain turns back to the first branch, after the service has read the other.
    FlipsBack,
}

impl Fate {
    pub(crate) const ALL: [Self; 4] = [Self::AtOnce, Self::Later, Self::Never, Self::FlipsBack];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AtOnce => "at once",
            Self::Later => "later",
            Self::Never => "never",
            Self::FlipsBack => "flips back",
        }
    }
}

/// How an order must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Its state.
    pub(crate) state: S,
    /// Whether its energy was delivered, once, and taken back, once, on the chain that is left.
    pub(crate) served: bool,
    /// Whether its payment was sent back, once.
    pub(crate) refunded: bool,
    /// What the books call its payment; `None` where it has none on the chain.
    pub(crate) payment: Option<&'static str>,
}

/// The rules. Depth is not among them: nothing may depend on it.
///
/// 1. Where the payment is, in the end, on the chain, the order is served, once, and its energy taken back, once.
/// 2. Where it is not, nothing is delivered, and the order ends as one that was not paid.
/// 3. Our own transactions never depend on the network's memory: what it forgets is sent or signed again.
/// 4. What has ended stays as it is; a payment that comes after that goes back, once, as late.
/// 5. What cannot be served goes back, once, if its payment is on the chain; and nothing goes back before it is solid.
pub(crate) const fn end(row: Row, fate: Fate) -> End {
    let on_chain = !(row.paid_inside() && matches!(fate, Fate::Never));
    match row {
        Row::Unpaid => unpaid(S::Expired),
        Row::Delivered | Row::Reclaiming | Row::Completed => served(),
        Row::Paid | Row::Funded | Row::Reserved | Row::Delegating | Row::Active | Row::Held => {
            if on_chain {
                served()
            } else {
                unpaid(S::Expired)
            }
        }
        Row::Expired => {
            if on_chain {
                sent_back(S::Expired, "late")
            } else {
                unpaid(S::Expired)
            }
        }
        Row::Cancelled => {
            if on_chain {
                sent_back(S::Cancelled, "late")
            } else {
                unpaid(S::Cancelled)
            }
        }
        Row::RefundDue | Row::Refunding | Row::Refunded => {
            if on_chain {
                sent_back(S::Refunded, "settled")
            } else {
                unpaid(S::Expired)
            }
        }
    }
}

const fn served() -> End {
    End { state: S::Completed, served: true, refunded: false, payment: Some("settled") }
}

const fn sent_back(state: S, bucket: &'static str) -> End {
    End { state, served: false, refunded: true, payment: Some(bucket) }
}

const fn unpaid(state: S) -> End {
    End { state, served: false, refunded: false, payment: None }
}
