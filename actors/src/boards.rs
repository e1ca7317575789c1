//! Boards: what the actors last knew, in shared cells that anybody may read without asking an actor. A stuck
//! actor makes a board old, never silent.

use crate::settings::OrderlessTerms;
use arc_swap::ArcSwap;
use leyden_domain::{
    Energy, Height, Span, Timestamp,
    chain::Head,
    payment::Orderless,
    pool::{PlanPolicy, PoolAccount, capacity_of, plan},
    refund::RefundAccount,
};
use std::{sync::Arc, time::Duration};

/// A value that one actor replaces and everybody reads.
#[derive(Debug)]
pub struct Board<T>(ArcSwap<T>);

impl<T: Default> Default for Board<T> {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(T::default()))
    }
}

impl<T> Board<T> {
    /// What was posted last.
    pub fn read(&self) -> Arc<T> {
        self.0.load_full()
    }

    /// Replaces it.
    pub fn post(&self, value: T) {
        self.0.store(Arc::new(value));
    }

    /// Changes it; somebody else's change at the same moment is not lost.
    pub fn update(&self, change: impl Fn(&mut T))
    where
        T: Clone,
    {
        self.0.rcu(|value| {
            let mut value = T::clone(value);
            change(&mut value);
            value
        });
    }
}

/// Books that are further behind the node's head than this are catching up.
const CURRENT_WITHIN_BLOCKS: i64 = 5;

/// A height that no node shows a block of that can be believed, although they say that there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The height.
    pub height: Height,
    /// When it was first asked for in vain.
    pub since: Timestamp,
    /// How often it was asked for.
    pub attempts: u32,
    /// What was answered last, in the words of whoever asked the nodes.
    pub reason: String,
}

impl std::fmt::Display for Blocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "block {} cannot be read: {}", self.height, self.reason)
    }
}

/// What keeps the chain from being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// No node answers, or none has yet.
    Nodes,
    /// The books do not take what was read, or do not say how far they are.
    Books,
    /// An operator paused reading.
    Paused,
}

/// Nothing was read from the chain for so long that nobody knows what is on it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blindness {
    /// Why.
    pub obstacle: Obstacle,
    /// Since when; `None`: nothing has been read since the start.
    pub since: Option<Timestamp>,
}

/// For how long an answer of the chain is believed when none comes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// While questions go wrong.
    pub failing: Span,
    /// While nothing is known to go wrong: a question may be under way, and a node that says nothing is given a while
    /// before the next one is asked.
    pub waiting: Span,
}

impl Default for Patience {
    /// Nobody has asked yet.
    fn default() -> Self {
        Self { failing: Span::ZERO, waiting: Span::ZERO }
    }
}

impl Patience {
    /// Of whoever asks the nodes himself, so often.
    pub fn asking_every(interval: Duration) -> Self {
        let polls = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).saturating_mul(POLLS);
        Self {
            failing: Span::from_ms(polls).max(LEAST_PATIENCE),
            waiting: Span::from_ms(polls.saturating_add(ONE_SILENT_NODE.ms())),
        }
    }

    /// Of whoever sees by the books that somebody else reads the chain.
    pub const BY_THE_BOOKS: Self = Self { failing: BLOCKS_MISSED, waiting: BLOCKS_MISSED };
}

/// Polls that may come to nothing before nobody is said to see the chain.
const POLLS: i64 = 2;
/// However often the chain is asked: one answer that goes wrong is made up for by the next.
const LEAST_PATIENCE: Span = Span::from_secs(1);
/// How long a silent node is waited for while there are others.
const ONE_SILENT_NODE: Span = Span::from_secs(3);
/// Five blocks that do not come. The network leaves out two in a row when it counts votes.
const BLOCKS_MISSED: Span = Span::from_secs(15);

/// How far the chain was read, as the block listener sees it.
#[derive(Debug, Clone, Default)]
pub struct ChainStatus {
    /// The newest block that a node told of.
    pub node_head: Option<Head>,
    /// The newest block in the books.
    pub processed: Option<Head>,
    /// The newest solid block in the books.
    pub solid: Option<Head>,
    /// When the node last answered.
    pub answered_at: Option<Timestamp>,
    /// For how long that answer is believed.
    pub patience: Patience,
    /// What went wrong last, if the last round went wrong.
    pub error: Option<String>,
    /// Whether it went wrong at the books, not at the nodes.
    pub books_failed: bool,
    /// The block that cannot be read.
    pub blocked: Option<Blocked>,
    /// The node's chain differs from ours below a solid block: money is not moved until a person looked.
    pub below_solid: Option<Height>,
    /// An operator paused reading.
    pub paused: bool,
}

impl ChainStatus {
    /// Whether the books are so close to the node's head that transactions may be built on them. Before a node has
    /// answered nobody knows.
    pub fn is_current(&self) -> bool {
        self.node_head.is_some() && self.known_lag() <= CURRENT_WITHIN_BLOCKS
    }

    /// Why the chain is not seen, if it is not. Judged by the age of the last answer: a question that never ends raises no
    /// error.
    pub fn blindness(&self, now: Timestamp) -> Option<Blindness> {
        let patience = if self.error.is_some() { self.patience.failing } else { self.patience.waiting };
        if self.answered_at.is_some_and(|at| now.since(at) <= patience) {
            return None;
        }
        let obstacle = match self {
            Self { paused: true, .. } => Obstacle::Paused,
            Self { books_failed: true, .. } => Obstacle::Books,
            _ => Obstacle::Nodes,
        };
        Some(Blindness { obstacle, since: self.answered_at })
    }

    /// The block that cannot be read, once asking again has not helped for so long.
    pub fn blocked_for(&self, least: Span, now: Timestamp) -> Option<&Blocked> {
        self.blocked.as_ref().filter(|blocked| blocked.attempts > 1 && now.since(blocked.since) >= least)
    }

    /// How many blocks the books are behind the node. `None`: nobody knows, because nothing was heard lately of how far
    /// the chain is, or because this instance asks no node.
    pub fn lag_blocks(&self, now: Timestamp) -> Option<i64> {
        if self.blindness(now).is_some() {
            return None;
        }
        self.node_head.and(self.processed).map(|_| self.known_lag())
    }

    /// How many blocks the books are behind the newest that a node ever told of.
    fn known_lag(&self) -> i64 {
        match (self.node_head, self.processed) {
            (Some(head), Some(processed)) => {
                head.height().get().saturating_sub(processed.height().get()).max(0)
            }
            _ => 0,
        }
    }
}

/// What is sold without an order, as the prices in force say.
#[derive(Debug, Clone, Default)]
pub struct SaleTerms {
    /// Price and limit; `None` while nothing is sold without an order.
    pub orderless: Option<Orderless>,
    /// What such a sale gives.
    pub terms: OrderlessTerms,
}

/// The accounts that refunds are paid from, as the clerk sees them.
#[derive(Debug, Clone, Default)]
pub struct RefundStatus {
    /// All of them; at most one is active.
    pub accounts: Vec<RefundAccount>,
}

impl RefundStatus {
    /// The one that refunds are paid from.
    pub fn active(&self) -> Option<&RefundAccount> {
        self.accounts.iter().find(|account| account.is_active)
    }
}

/// The pool, as the allocator sees it.
#[derive(Debug, Clone, Default)]
pub struct PoolStatus {
    /// All accounts.
    pub accounts: Vec<PoolAccount>,
    /// Energy of orders that are paid and have no capacity yet.
    pub queued: Energy,
    /// When this was read, by the wall clock.
    pub read_at: Timestamp,
}

impl PoolStatus {
    /// The most energy that could be promised now, over all accounts.
    pub fn available(&self, policy: &PlanPolicy) -> Energy {
        self.accounts
            .iter()
            .filter_map(|account| {
                let ratio = account.observed.as_ref()?.ratio;
                Some(capacity_of(account.available(), ratio, policy.margin_bps))
            })
            .fold(Energy::ZERO, |sum, energy| sum.plus(energy).unwrap_or(sum))
    }

    /// Whether an order for this much can be expected to be served: what is there, less what is already owed, or
    /// what recovers by then.
    pub fn can_expect(&self, demand: Energy, by: Timestamp, policy: &PlanPolicy) -> bool {
        let Ok(all) = demand.plus(self.queued) else { return false };
        // What is owed already is many orders, which may be spread over all accounts; the new one is one.
        let together = PlanPolicy { max_accounts_per_order: u32::MAX, ..*policy };
        let fits = |demand, policy: &PlanPolicy| match plan(&self.accounts, demand, self.read_at, policy) {
            Ok(_) => true,
            Err(shortfall) => shortfall.expected_at.is_some_and(|at| at <= by),
        };
        fits(all, &together) && fits(demand, policy)
    }
}

#[cfg(test)]
mod tests {
    use super::{Blocked, ChainStatus, Obstacle, Patience};
    use leyden_domain::{BlockId, BlockRef, Height, Span, Timestamp, chain::Head};
    use std::time::Duration;

    const POLL: Duration = Duration::from_millis(1_500);

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(1_000_000 + ms)
    }

    fn head(height: u8) -> Head {
        let mut id = [0; 32];
        id[7] = height;
        Head { block: BlockRef::new(BlockId::new(id)), timestamp: at(0) }
    }

    /// Heard at 0, three blocks behind.
    fn heard() -> ChainStatus {
        ChainStatus {
            node_head: Some(head(9)),
            processed: Some(head(6)),
            answered_at: Some(at(0)),
            patience: Patience::asking_every(POLL),
            ..ChainStatus::default()
        }
    }

    #[test]
    fn what_nobody_has_asked_yet_is_not_seen() {
        let blind = ChainStatus::default().blindness(at(0)).unwrap_or_else(|| unreachable!());
        assert_eq!((blind.obstacle, blind.since), (Obstacle::Nodes, None));
        assert_eq!(ChainStatus::default().lag_blocks(at(0)), None);
    }

    #[test]
    fn two_polls_that_fail_are_blindness() {
        let failing = ChainStatus { error: Some("refused".to_owned()), ..heard() };
        assert_eq!((failing.blindness(at(3_000)), failing.lag_blocks(at(3_000))), (None, Some(3)));
        let blind = failing.blindness(at(3_001)).unwrap_or_else(|| unreachable!());
        assert_eq!((blind.obstacle, blind.since), (Obstacle::Nodes, Some(at(0))));
        assert_eq!(failing.lag_blocks(at(3_001)), None, "unknown, not what it was");
        let books = ChainStatus { books_failed: true, ..failing };
        assert_eq!(books.blindness(at(3_001)).map(|blind| blind.obstacle), Some(Obstacle::Books));
    }

    /// The listener hangs: no error is ever told.
    #[test]
    fn a_question_that_never_ends_is_blindness_too() {
        assert_eq!(heard().blindness(at(6_000)), None, "the next node may be asked just now");
        assert!(heard().blindness(at(6_001)).is_some());
        let paused = ChainStatus { paused: true, ..heard() };
        assert_eq!(paused.blindness(at(6_001)).map(|blind| blind.obstacle), Some(Obstacle::Paused));
    }

    #[test]
    fn whoever_reads_the_books_alone_waits_for_five_blocks_and_knows_no_lag() {
        let standby = ChainStatus { node_head: None, patience: Patience::BY_THE_BOOKS, ..heard() };
        assert_eq!((standby.blindness(at(15_000)), standby.lag_blocks(at(15_000))), (None, None));
        assert!(standby.blindness(at(15_001)).is_some());
    }

    #[test]
    fn a_block_that_was_asked_for_once_stops_nobody() {
        let blocked = |attempts| ChainStatus {
            blocked: Some(Blocked {
                height: Height::new(7),
                since: at(0),
                attempts,
                reason: "no".to_owned(),
            }),
            ..heard()
        };
        assert!(blocked(1).blocked_for(Span::ZERO, at(60_000)).is_none());
        assert!(blocked(2).blocked_for(Span::ZERO, at(0)).is_some());
        assert!(blocked(9).blocked_for(Span::from_secs(15), at(14_999)).is_none());
        assert!(blocked(9).blocked_for(Span::from_secs(15), at(15_000)).is_some());
        let said = blocked(2).blocked.map(|blocked| blocked.to_string());
        assert_eq!(said.as_deref(), Some("block 7 cannot be read: no"));
    }
}
