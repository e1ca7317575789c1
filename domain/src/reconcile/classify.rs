//! Why two figures differ. Each rule asks whether one thing that the books know of explains the whole of what is left;
//! what nothing explains was missed, or has been so since before the books began.

use super::Class;

/// What is known of one account and one receiver. Amounts in sun; those that may be negative say so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pair {
    /// What the operations of the books have in effect.
    pub ours: i64,
    /// What recorded blocks show of our transactions that no operation has noted yet; negative where more is taken back.
    pub in_flight: i64,
    /// What second effects of one operation come to; negative where it was taken back twice.
    pub doubled: i64,
    /// What of `ours` rests on blocks that are not recorded any more.
    pub undone: i64,
    /// What recorded blocks show of transactions that are not ours; negative where more was taken back.
    pub foreign: i64,
    /// What recorded blocks show of our transactions beyond the block that the chain was asked at; negative where more is
    /// taken back.
    pub later: i64,
    /// How many of somebody else's they show there.
    pub strangers_later: i64,
    /// What persons have written off.
    pub written_off: i64,
    /// Whether the books know of anything at all between the two.
    pub is_known: bool,
    /// What the chain says.
    pub theirs: i64,
}

impl Pair {
    /// What the chain should say at the block that it was asked at.
    pub const fn expected(&self) -> i64 {
        self.ours.saturating_add(self.in_flight).saturating_add(self.written_off).saturating_sub(self.later)
    }
}

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Both say the same.
    Agrees,
    /// Both say the same as soon as what is under way is noted.
    InFlight,
    /// They differ.
    Differs(Class),
}

/// Compares what is delegated between two.
pub fn classify(pair: &Pair) -> Verdict {
    let rest = pair.theirs.saturating_sub(pair.expected());
    if rest == 0 {
        return if pair.in_flight == 0 && pair.later == 0 { Verdict::Agrees } else { Verdict::InFlight };
    }
    let foreign = pair.foreign.saturating_sub(pair.written_off);
    let explains = |what: i64| what != 0 && what == rest;
    let undone = 0_i64.saturating_sub(pair.undone);
    let class = if explains(pair.doubled) {
        Class::Duplicate
    } else if explains(undone) {
        Class::Fork
    } else if explains(foreign) {
        Class::ExternalMovement
    } else if explains(foreign.saturating_add(pair.doubled).saturating_add(undone)) {
        // Several at once: what is worst is what must be looked at.
        if pair.doubled == 0 { Class::Fork } else { Class::Duplicate }
    } else if !pair.is_known {
        // From before the books, or by somebody in a block that they begin behind.
        Class::ExternalMovement
    } else if rest > 0 || (pair.foreign == 0 && pair.ours > 0) {
        // The chain shows what no block of ours does: given, or taken back.
        Class::MissedEvent
    } else if pair.foreign == 0 {
        Class::OurBug
    } else if foreign < rest {
        // Of what a stranger took back a part had been given before the books began, as an owner's old delegations are.
        Class::ExternalMovement
    } else {
        Class::MissedEvent
    };
    Verdict::Differs(class)
}

/// What the payment addresses held at an earlier block and hold now, and what came and left in between by our blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Till {
    /// Then, in sun.
    pub before: i64,
    /// Now.
    pub now: i64,
    /// Recorded payments, transfers too small to be one, and what our own accounts sent there.
    pub came: i64,
    /// What recorded transfers sent from there.
    pub left: i64,
}

impl Till {
    /// The most that can be there: its owner may have taken more, and paid fees, than recorded transfers say.
    pub const fn most(&self) -> i64 {
        self.before.saturating_add(self.came).saturating_sub(self.left)
    }

    /// What would be there had its owner taken nothing.
    pub const fn untouched(&self) -> i64 {
        self.before.saturating_add(self.came)
    }
}

/// Compares what came with what is there. What went away the owner took, who alone has the keys; what came and is not
/// recorded we have missed, also where its owner took more than that at the same time.
pub const fn classify_till(till: &Till) -> Verdict {
    if till.now > till.most() {
        Verdict::Differs(Class::MissedEvent)
    } else if till.now < till.untouched() {
        Verdict::Differs(Class::ExternalMovement)
    } else {
        Verdict::Agrees
    }
}

/// What left one of our accounts by recorded blocks: the account of refunds, or one of the pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outgoings {
    /// TRX that transfers have sent and stakes have bound, in sun.
    pub gone: i64,
    /// Transfers of TRX.
    pub coins: u32,
    /// Transactions that concern stake: its own, what is lent, what is taken back.
    pub works: u32,
    /// Calls of a contract, those that failed included.
    pub calls: u32,
}

/// What the bytes of a transaction cost at most, in sun, where there is no bandwidth for them.
const DEAREST_BYTES: i64 = 400_000;
/// What a transaction costs besides at most, in sun: the receiver's account is made by it, or it has a second signature.
const DEAREST_EXTRA: i64 = 1_000_000;
/// What the owner may have burnt by a transaction that no recorded block shows, in sun: a vote, or a claim of what it earned.
const DEAREST_VOTE: i64 = DEAREST_BYTES + DEAREST_EXTRA;

impl Outgoings {
    /// The most that they may have cost in fees, in sun, where a call of a contract may burn `fee_limit`.
    pub fn dearest_fees(&self, fee_limit: i64) -> i64 {
        let coin = DEAREST_BYTES + DEAREST_EXTRA;
        let all = |count: u32, each: i64| i64::from(count).saturating_mul(each);
        all(self.coins, coin)
            .saturating_add(all(self.works, DEAREST_BYTES))
            .saturating_add(all(self.calls, fee_limit.saturating_add(coin)))
    }

    /// The least that must be left of what was there before, in sun; a vote of the owner's may be missing.
    pub fn least(&self, before: i64, fee_limit: i64) -> i64 {
        before
            .saturating_sub(self.gone)
            .saturating_sub(self.dearest_fees(fee_limit))
            .saturating_sub(DEAREST_VOTE)
    }
}

/// Compares what is on an account with the least that must be there. What is more the owner has put there; what is less
/// went by somebody else's hand, or by one of ours that nobody recorded.
pub const fn classify_outgoings(least: i64, now: i64) -> Verdict {
    if now >= least { Verdict::Agrees } else { Verdict::Differs(Class::ExternalMovement) }
}

/// Compares the stake that the books know an account to have, at a block that is not newer, with what it has.
pub const fn classify_stake(ours: i64, theirs: i64) -> Verdict {
    // Nothing of ours stakes or unstakes.
    if ours == theirs { Verdict::Agrees } else { Verdict::Differs(Class::ExternalMovement) }
}
