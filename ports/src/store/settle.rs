//! Serving payments in the very commit that records their block. What the actors do one after the other, each with a
//! commit of its own (route a payment, confirm it, hold capacity, sign), is done here in one transaction where nothing
//! stands against it, so that energy is on its way after one flush to disk. It is a short cut and never the only way:
//! whatever is not served here is found by the actors as always.

use super::{
    AttemptCommit, ChainPosition, OrderCommit, OrderDetail, ReserveCommit, Routing, UnroutedPayment,
};
use async_trait::async_trait;
use leyden_domain::{
    AccountId, OrderId,
    operation::{ChainView, OperationWork},
    pool::PoolAccount,
};
use std::collections::BTreeSet;

/// The rules by which payments are served. Each answer may be "not now". Nothing here may wait for anybody outside but
/// the signer, for the books' one writer waits with it.
#[async_trait]
pub trait Settlement: Send + Sync + 'static {
    /// Whose each payment is, as far as the books alone decide.
    fn route(&self, unrouted: &[UnroutedPayment], view: ChainView) -> Vec<Routing>;

    /// The steps that are due to an order.
    fn advance(&self, detail: &OrderDetail, view: ChainView) -> Option<OrderCommit>;

    /// Capacity for an order. What it takes is taken off `accounts`.
    fn allocate(
        &self,
        detail: &OrderDetail,
        accounts: &mut [PoolAccount],
        view: ChainView,
    ) -> Option<ReserveCommit>;

    /// A signed transaction for each of these operations that can have one now.
    async fn sign(
        &self,
        work: Vec<OperationWork>,
        accounts: &[PoolAccount],
        view: ChainView,
    ) -> Vec<AttemptCommit>;
}

/// What came of blocks that were recorded and settled.
#[derive(Debug, Clone)]
pub struct Settled {
    /// How far the chain is read now.
    pub position: ChainPosition,
    /// Orders that went on.
    pub orders: Vec<OrderId>,
    /// Accounts with signed transactions that nobody has sent yet.
    pub accounts: BTreeSet<AccountId>,
}
