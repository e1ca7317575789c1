//! Who serves an order: plans on the accounts as they are, and what a plan writes. Used by the allocator, and when a
//! payment is served in the commit of its block.

use crate::shared::Shared;
use leyden_domain::{
    Energy, HaltId, ReservationId, Sun, Timestamp,
    halt::Meter,
    operation::{ChainView, Operation, OperationKind, OperationState},
    order::{OrderEvent, step},
    pool::{Allocation, PlanPolicy, PoolAccount, Reservation, ReservationState, Shortfall, plan},
};
use leyden_ports::{
    StoreError,
    store::{Durability, OrderCommit, OrderDetail, ReserveCommit, StepError},
};

/// An order whose delegations failed so often is not planned again.
const MOST_FAILED_LEGS: usize = 8;

/// Plans what an order still wants.
pub(crate) fn plan_for(
    detail: &OrderDetail,
    accounts: &[PoolAccount],
    demand: Energy,
    now: Timestamp,
    policy: &PlanPolicy,
) -> Result<Allocation, Shortfall> {
    if demand == Energy::ZERO {
        // Everything that was bought is already under way.
        return Ok(Allocation { legs: Vec::new() });
    }
    let failed = detail.delegations.iter().filter(|o| o.state == OperationState::Failed).count();
    if failed >= MOST_FAILED_LEGS {
        return Err(Shortfall { missing: demand, expected_at: None });
    }
    plan(accounts, demand, now, policy)
}

impl Shared {
    /// The order's step, one reservation and one intended delegation for each leg.
    pub(crate) fn reserve_commit(
        &self,
        detail: &OrderDetail,
        allocation: &Allocation,
        accounts: &[PoolAccount],
        view: ChainView,
    ) -> Result<ReserveCommit, StepError> {
        let transition = step(&detail.order, &OrderEvent::CapacityHeld, view.head.timestamp)?;
        let now = self.ports.clock.now();
        let owner_of = |id| accounts.iter().find(|a| a.id == id).map(|a| a.address);
        let mut reservations = Vec::new();
        let mut operations = Vec::new();
        for leg in &allocation.legs {
            let Some(owner) = owner_of(leg.account) else {
                return Err(StoreError::Conflict("pool account").into());
            };
            let reservation = ReservationId::new(now, self.ports.entropy.for_id());
            reservations.push(Reservation {
                id: reservation,
                order: detail.order.id,
                account: leg.account,
                balance: leg.balance,
                energy: leg.energy,
                state: ReservationState::Pending,
                created_at: now,
            });
            operations.push(Operation {
                id: self.operation_id(),
                order: Some(detail.order.id),
                account: leg.account,
                owner,
                receiver: detail.order.recipient,
                balance: leg.balance,
                energy: leg.energy,
                kind: OperationKind::Delegate { reservation, lock: None },
                state: OperationState::Intended,
                attempts: 0,
                delivery: None,
                failure: None,
                version: 0,
                created_at: now,
            });
        }
        let order = OrderCommit {
            transitions: vec![transition],
            reclaims: Vec::new(),
            note: None,
            durability: Durability::Relaxed,
        };
        let limits = self.settings.guard.limits.iter().filter(|limit| limit.meter == Meter::Energy);
        let limits = limits.map(|limit| (*limit, HaltId::new(now, self.ports.entropy.for_id()))).collect();
        Ok(ReserveCommit { order, reservations, operations, limits })
    }
}

/// Takes an allocation off a working copy, so that the next order of the same look is planned on what is left.
pub(crate) fn occupy(accounts: &mut [PoolAccount], allocation: &Allocation, policy: &PlanPolicy) {
    for leg in &allocation.legs {
        if let Some(account) = accounts.iter_mut().find(|account| account.id == leg.account) {
            let more = |sun: Sun| sun.plus(leg.balance).unwrap_or(sun);
            account.held = more(account.held);
            account.unseen = more(account.unseen);
            if let Some(observed) = &mut account.observed {
                if observed.bandwidth >= policy.bandwidth_per_rental {
                    observed.bandwidth = observed.bandwidth.saturating_sub(policy.bandwidth_per_rental);
                } else {
                    observed.balance = observed.balance.minus(policy.trx_per_rental).unwrap_or(Sun::ZERO);
                }
            }
        }
    }
}
