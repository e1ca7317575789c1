//! The rules by which the payments of new blocks are served in the commit that records them: those of the router, the
//! watchers, the allocator and the agents, one after the other. All are the same pure rules that these actors use;
//! whatever they decline is done by the actors, step by step.

use crate::{
    allocation::{occupy, plan_for},
    payment_router::decide_all,
    shared::Shared,
};
use async_trait::async_trait;
use leyden_domain::{
    halt::MoneyAct,
    operation::{ChainView, NextAct, OperationWork, next_act},
    order::undelivered,
    payment::{MatchPolicy, PaymentState},
    pool::PoolAccount,
};
use leyden_ports::store::{
    AttemptCommit, OrderCommit, OrderDetail, ReserveCommit, Routing, Settlement, UnroutedPayment,
};
use std::sync::Arc;

/// Serves by the actors' rules.
pub(crate) struct Rules(pub(crate) Arc<Shared>);

impl Rules {
    /// Whether money may be moved on what is read now.
    fn may_serve(&self) -> bool {
        self.0.settings.serve_at_once
            && self.0.lead.is_ours()
            && self.0.may(MoneyAct::Delegate)
            && self.0.boards.chain.read().is_current()
    }
}

#[async_trait]
impl Settlement for Rules {
    fn route(&self, unrouted: &[UnroutedPayment], _: ChainView) -> Vec<Routing> {
        if !self.may_serve() {
            return Vec::new();
        }
        let sale = self.0.boards.sale.read();
        let policy = MatchPolicy { orderless: sale.orderless, ..self.0.settings.matching.clone() };
        decide_all(unrouted, &policy)
            .into_iter()
            .filter_map(|(_, decision)| decision.ok()?)
            // What came late may be served at today's price, which is the router's to find out.
            .filter(|routing| {
                !self.0.settings.refunds.serve_late || !matches!(routing.state, PaymentState::Late { .. })
            })
            .collect()
    }

    fn advance(&self, detail: &OrderDetail, view: ChainView) -> Option<OrderCommit> {
        self.0.due(detail, view).ok()?
    }

    fn allocate(
        &self,
        detail: &OrderDetail,
        accounts: &mut [PoolAccount],
        view: ChainView,
    ) -> Option<ReserveCommit> {
        let policy = &self.0.settings.planning;
        let demand = undelivered(&detail.order, &detail.delegations);
        let allocation = plan_for(detail, accounts, demand, view.head.timestamp, policy).ok()?;
        let commit = self.0.reserve_commit(detail, &allocation, accounts, view).ok()?;
        occupy(accounts, &allocation, policy);
        Some(commit)
    }

    async fn sign(
        &self,
        work: Vec<OperationWork>,
        accounts: &[PoolAccount],
        view: ChainView,
    ) -> Vec<AttemptCommit> {
        let mut commits = Vec::with_capacity(work.len());
        for item in work {
            let NextAct::Sign { reference, expiration } = next_act(&item, view, self.0.settings.operations)
            else {
                continue;
            };
            let operation = &item.operation;
            let Some(account) = accounts.iter().find(|account| account.id == operation.account) else {
                continue;
            };
            let intent = self.0.intent_of(operation, account.permission_id, reference, expiration);
            // Why it cannot be signed is the agent's to find out.
            if let Ok(transaction) = self.0.ports.signer.sign(&intent).await {
                commits.push(self.0.attempt_of(operation, &transaction));
            }
        }
        commits
    }
}
