//! Recording blocks and serving their payments in one transaction. Each payment is a part of its own that can be taken
//! back alone: then its block is recorded all the same, and the actors serve it step by step.

use crate::{
    blocks,
    db::Conn,
    group_commit::{release, savepoint},
    halts::{self, Given},
    operations, order_change, orders, payments, pool,
};
use futures_util::FutureExt as _;
use leyden_domain::{
    OrderId, Timestamp,
    chain::Head,
    halt::MoneyAct,
    operation::{ChainView, OperationKind, OperationWork},
    order::OrderStateKind,
    pool::PoolAccount,
};
use leyden_ports::store::{BlockCommit, NewHalt, OrderDetail, Routing, Settled, Settlement, StoreError};
use std::{collections::BTreeSet, panic::AssertUnwindSafe, time::Duration};

/// Most payments served in one transaction; others wait for the actors.
const PAYMENTS_AT_ONCE: u32 = 500;

/// How long the signer may take.
const SIGNING_PATIENCE: Duration = Duration::from_millis(500);

/// One settling.
pub(crate) struct Settling<'a> {
    pub(crate) conn: &'a mut Conn,
    pub(crate) rules: &'a dyn Settlement,
    /// By the caller's clock and by the store's.
    pub(crate) now: Timestamp,
    pub(crate) wall: Timestamp,
    /// What was given so far, for the limits.
    pub(crate) given: Given,
    /// The halt that the payment served last would raise.
    pub(crate) crossed: Option<NewHalt>,
}

/// How far a payment was served.
enum Served {
    /// Not at all.
    Not,
    /// This order went on, and these of its operations are signed.
    Order(OrderId, Vec<OperationWork>),
}

impl Settling<'_> {
    /// Records the blocks, then serves what they pay for.
    pub(crate) async fn run(mut self, blocks: &[BlockCommit], solid: Head) -> Result<Settled, StoreError> {
        let position = blocks::record_all(self.conn, blocks, solid, self.now).await?;
        let mut settled = Settled { position, orders: Vec::new(), accounts: BTreeSet::new() };
        if blocks.iter().all(|block| block.payments.is_empty()) {
            return Ok(settled);
        }
        // While money stands still, payments are recorded and nothing more.
        if halts::stop(self.conn, MoneyAct::Delegate).await?.is_some() {
            return Ok(settled);
        }
        let view = settled.position.view;
        // Whatever is the matter with other rows, the blocks are recorded.
        let known = match self.known(view).await {
            Err(error) if error.concerns_all() => return Err(error),
            Err(error) => {
                tracing::error!(%error, "payments are not served in their block's commit");
                return Ok(settled);
            }
            Ok(known) => known,
        };
        let (routings, mut accounts) = known;
        for routing in &routings {
            let before = accounts.clone();
            // Nothing that serves a payment begins a part of its own: where it panics half-way, the innermost part is this.
            savepoint(self.conn).await?;
            let served = AssertUnwindSafe(self.serve(routing, &mut accounts, view)).catch_unwind().await;
            let served = served.unwrap_or_else(|_| {
                tracing::error!(payment = %routing.payment, "serving a payment panicked");
                Ok(Served::Not)
            });
            release(self.conn, matches!(served, Ok(Served::Order(..)))).await?;
            match served {
                Ok(Served::Order(order, signed)) => {
                    settled.orders.push(order);
                    settled.accounts.extend(signed.iter().map(|work| work.operation.account));
                }
                Ok(Served::Not) => {
                    accounts = before;
                    self.given.forget();
                }
                Err(error) if error.concerns_all() => return Err(error),
                Err(error) => {
                    tracing::debug!(payment = %routing.payment, %error, "not served at once");
                    accounts = before;
                    self.given.forget();
                }
            }
            // Its payment is taken back to where it was; that money stands still from here on is not.
            if let Some(halt) = self.crossed.take() {
                halts::raise(self.conn, &halt).await?;
                break;
            }
        }
        Ok(settled)
    }

    /// What the rules say of the payments that nobody has looked at, and the accounts that may serve them.
    async fn known(&mut self, view: ChainView) -> Result<(Vec<Routing>, Vec<PoolAccount>), StoreError> {
        let unrouted = payments::unrouted(self.conn, PAYMENTS_AT_ONCE).await?;
        let routings = self.rules.route(&unrouted, view);
        let accounts = if routings.is_empty() { Vec::new() } else { pool::accounts(self.conn).await? };
        Ok((routings, accounts))
    }

    /// Takes one payment as far as the rules allow.
    async fn serve(
        &mut self,
        routing: &Routing,
        accounts: &mut [PoolAccount],
        view: ChainView,
    ) -> Result<Served, StoreError> {
        let Some(order) = routing.state.order() else { return Ok(Served::Not) };
        if !payments::route(self.conn, routing, self.now, self.wall).await? {
            return Ok(Served::Not);
        }
        let Some(mut detail) = orders::detail(self.conn, order).await? else { return Ok(Served::Not) };
        if let Some(commit) = self.rules.advance(&detail, view) {
            order_change::apply(self.conn, &commit, self.wall).await?;
            let Some(last) = commit.transitions.last() else { return Ok(Served::Not) };
            // A step with effects changes more than the order.
            if commit.transitions.iter().any(|transition| !transition.effects.is_empty()) {
                return Ok(Served::Order(order, Vec::new()));
            }
            detail.order = last.order.clone();
        }
        let signed = self.hold_and_sign(&detail, accounts, view).await?;
        Ok(Served::Order(order, signed))
    }

    /// Holds capacity for a funded order and stores the transactions that use it.
    async fn hold_and_sign(
        &mut self,
        detail: &OrderDetail,
        accounts: &mut [PoolAccount],
        view: ChainView,
    ) -> Result<Vec<OperationWork>, StoreError> {
        if detail.order.state.kind() != OrderStateKind::Funded {
            return Ok(Vec::new());
        }
        let Some(commit) = self.rules.allocate(detail, accounts, view) else { return Ok(Vec::new()) };
        if let Some(halt) = self.given.more(self.conn, &commit).await? {
            let cause = halt.cause;
            self.crossed = Some(halt);
            return Err(StoreError::Halted(cause));
        }
        pool::reserve_one(self.conn, &commit, self.wall).await?;
        let payment_block = detail.payment.as_ref().and_then(|payment| payment.block);
        let work: Vec<OperationWork> = commit
            .operations
            .into_iter()
            .filter(|operation| matches!(operation.kind, OperationKind::Delegate { .. }))
            .map(|operation| OperationWork { operation, newest: None, payment_block, sibling_live: false })
            .collect();
        // All writers wait with us: a signer that takes longer is asked by the agents.
        let signing = self.rules.sign(work.clone(), accounts, view);
        let attempts = tokio::time::timeout(SIGNING_PATIENCE, signing).await.unwrap_or_default();
        for attempt in &attempts {
            operations::record(self.conn, attempt, self.wall).await?;
        }
        let is_signed = |work: &OperationWork| {
            attempts.iter().any(|commit| commit.attempt.operation == work.operation.id)
        };
        Ok(work.into_iter().filter(is_signed).collect())
    }
}
