//! What the rest of the service may ask of the actors. Everything here works while actors are down: hints are
//! lost without harm, boards grow old, requests answer that they cannot be served now.

use crate::{
    boards::{Board, ChainStatus, PoolStatus, RefundStatus, SaleTerms},
    halting::HaltStatus,
    kernel::{Ending, Shutdown, Supervisor, TreeStatus},
    leadership::Leadership,
    lease_keeper,
    messages::Look,
    settings::ActorSettings,
    shared::Shared,
};
use leyden_domain::{
    OrderId,
    order::{Order, OrderEvent, OrderStateKind, Party},
};
use leyden_ports::{StoreError, store::StepError};
use std::{sync::Arc, time::Duration};

/// Why an order was not cancelled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CancelError {
    /// There is none.
    #[error("no such order")]
    NoOrder,
    /// A payment for it has been seen, or it has ended.
    #[error("the order can no longer be cancelled")]
    TooLate(Box<Order>),
    /// The books.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an order was not released.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// There is none.
    #[error("no such order")]
    NoOrder,
    /// It is not held.
    #[error("the order is not held")]
    NotHeld(Box<Order>),
    /// The books.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The boards that actors post to.
#[derive(Debug, Default)]
pub struct Boards {
    /// How far the chain was read.
    pub chain: Board<ChainStatus>,
    /// What the pool can give.
    pub pool: Board<PoolStatus>,
    /// What is sold without an order.
    pub sale: Board<SaleTerms>,
    /// The accounts that refunds are paid from.
    pub refunds: Board<RefundStatus>,
    /// What makes money stand still.
    pub halts: Board<HaltStatus>,
}

/// The way to the actors. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handles {
    pub(crate) shared: Arc<Shared>,
    pub(crate) supervisor: Supervisor,
    pub(crate) leadership: Leadership,
}

impl Handles {
    /// The boards.
    pub fn boards(&self) -> &Boards {
        &self.shared.boards
    }

    /// Every actor's state, as the supervisors see it. Read from cells: no actor is asked.
    pub fn tree(&self) -> TreeStatus {
        self.supervisor.registry().snapshot()
    }

    /// How the actors were told to work.
    pub fn settings(&self) -> &ActorSettings {
        &self.shared.settings
    }

    /// Asks the service to end.
    pub fn shutdown(&self) -> &Shutdown {
        self.supervisor.shutdown()
    }

    /// Waits until somebody asks the service to end, then stops the actors within `deadline` and lets another instance
    /// have the work.
    pub async fn run(&self, deadline: Duration) -> Ending {
        let ending = self.supervisor.run(deadline).await;
        if let Leadership::Elected(election) = &self.leadership {
            lease_keeper::give_back(election).await;
        }
        ending
    }

    /// Starts an actor afresh by its path in the tree. `false`: there is none of that path.
    pub fn restart(&self, path: &str) -> bool {
        self.supervisor.registry().restart(path)
    }

    /// Stops or resumes the reading of blocks.
    pub fn pause_reading(&self, paused: bool) {
        self.shared.boards.chain.update(|status| status.paused = paused);
        if let Some(listener) = self.shared.wires.listener.get() {
            listener.cast(Look);
        }
    }

    /// Says what is sold without an order from now on.
    pub fn post_sale(&self, terms: SaleTerms) {
        self.shared.boards.sale.post(terms);
        // It may be reading older ones just now.
        if let Some(standby) = self.shared.wires.standby.get() {
            standby.cast(Look);
        }
    }

    /// Whether this instance does the work, as opposed to serving requests only.
    pub fn is_leading(&self) -> bool {
        self.shared.lead.is_ours()
    }

    /// Hint: an order was made.
    pub fn watch_order(&self, order: OrderId) {
        // Another instance finds it by its payment, or by its deadline.
        if !self.is_leading() {
            return;
        }
        Shared::put(&self.shared.to_watch, order);
        self.shared.hint_router();
    }

    /// How many orders are being watched, and how many may be.
    pub fn watchers(&self) -> (usize, usize) {
        let watched = self.shared.wires.watchers().map_or(0, |watchers| watchers.len());
        (watched, self.shared.settings.max_watchers)
    }

    /// Calls off an order that is not paid. Decided on the order's row and committed against its version, so it
    /// needs no actor to be alive and cannot race one.
    pub async fn cancel_order(&self, id: OrderId, by: Party) -> Result<Order, CancelError> {
        const TRIES: u32 = 4;
        for _ in 0..TRIES {
            let order = self.shared.ports.store.order(id).await?.ok_or(CancelError::NoOrder)?;
            // Asked twice, or asked again because the first answer was lost: it is what was asked for.
            if order.state.kind() == OrderStateKind::Cancelled {
                return Ok(order);
            }
            match self.shared.decide(&order, &OrderEvent::Cancelled(by), None).await {
                Ok(cancelled) => {
                    if let Some(watchers) = self.shared.wires.watchers() {
                        watchers.stop(&id);
                    }
                    return Ok(cancelled);
                }
                Err(StepError::Transition(_)) => return Err(CancelError::TooLate(Box::new(order))),
                Err(StepError::Store(StoreError::Conflict(_))) => {
                    // A payment is assigned, or somebody moved it: take it as far as it goes and look again.
                    if let Err(error) = self.shared.drive(id).await {
                        tracing::warn!(order = %id, %error, "could not take an order further before its cancellation");
                    }
                }
                Err(StepError::Store(error)) => return Err(error.into()),
            }
        }
        Err(CancelError::Store(StoreError::Conflict("order")))
    }

    /// Lets an order that is held go on from where it was: a person has looked at it and says why.
    pub async fn release_order(&self, id: OrderId, reason: &str) -> Result<Order, ReleaseError> {
        let order = self.shared.ports.store.order(id).await?.ok_or(ReleaseError::NoOrder)?;
        let released = match self.shared.decide(&order, &OrderEvent::Release, Some(reason.to_owned())).await {
            Ok(released) => released,
            Err(StepError::Transition(_)) => return Err(ReleaseError::NotHeld(Box::new(order))),
            Err(StepError::Store(error)) => return Err(error.into()),
        };
        // A watcher that was quarantined on it gets a clean record with the next one.
        if let Some(watchers) = self.shared.wires.watchers() {
            watchers.stop(&id);
        }
        self.watch_order(id);
        if let Err(error) = self.shared.drive(id).await {
            tracing::warn!(order = %id, %error, "could not take a released order further; a sweep will");
        }
        Ok(released)
    }

    /// Hint: somebody waits for a payment. Whose it is the ordinary rules decide, in the ordinary way.
    pub fn hurry_payments(&self) {
        self.shared.hint_router();
        if let Some(listener) = self.shared.wires.listener.get() {
            listener.cast(Look);
        }
    }
}
