//! Boards: what the actors last knew, in shared cells that anybody may read without asking an actor. A stuck
//! actor makes a board old, never silent.

use crate::settings::OrderlessTerms;
use arc_swap::ArcSwap;
use leyden_domain::{
    Energy, Height, Timestamp,
    chain::Head,
    payment::Orderless,
    pool::{PlanPolicy, PoolAccount, capacity_of, plan},
    refund::RefundAccount,
};
use std::sync::Arc;

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
    /// What went wrong last, if the last round went wrong.
    pub error: Option<String>,
    /// The node's chain differs from ours below a solid block: money is not moved until a person looked.
    pub below_solid: Option<Height>,
    /// An operator paused reading.
    pub paused: bool,
}

impl ChainStatus {
    /// Whether the books are so close to the node's head that transactions may be built on them. Before a node has
    /// answered nobody knows.
    pub fn is_current(&self) -> bool {
        self.node_head.is_some() && self.lag_blocks() <= CURRENT_WITHIN_BLOCKS
    }

    /// How many blocks the books are behind the node.
    pub fn lag_blocks(&self) -> i64 {
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
