//! `leyden hold`: an order that nothing is signed for until a person releases it. It works on the books alone, so it
//! does not matter whether a service runs: whoever is at work is refused by the versions of what it had read.

use super::{Failure, args::HoldArgs, line};
use crate::{Settings, system_clock::SystemClock, wiring::open_store};
use leyden_domain::{
    OrderId, Timestamp,
    operation::OperationState,
    order::{HoldReason, OrderEvent, OrderStateKind, step},
};
use leyden_ports::{
    Clock, Store, StoreError,
    store::{Durability, OperationChange, OperationCommit, OrderCommit},
};
use leyden_store::{MigrationMode, SqlStore};

/// How often it is tried while the service moves the order.
const TRIES: u32 = 5;

pub(super) async fn run(settings: Settings, arguments: HoldArgs) -> Result<u8, Failure> {
    let store = open_store(&settings, MigrationMode::Refuse).await?;
    let held = hold(&store, &arguments).await;
    store.close().await;
    line(held?)?;
    Ok(0)
}

async fn hold(store: &SqlStore, arguments: &HoldArgs) -> Result<String, Failure> {
    for _ in 0..TRIES {
        match try_to_hold(store, arguments.order, &arguments.reason, SystemClock.now()).await {
            Err(Trouble::Store(StoreError::Conflict(_))) => {}
            Err(Trouble::Store(error)) => return Err(error.into()),
            Err(Trouble::Other(why)) => return Err(Failure::new(why)),
            Ok(said) => return Ok(said),
        }
    }
    Err(Failure::new(format!("{}: the service keeps moving it; try again", arguments.order)))
}

/// Why an order is not held.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The books.
    Store(StoreError),
    /// It cannot be.
    Other(String),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Holds an order, if nobody moves it meanwhile.
pub(crate) async fn try_to_hold(
    store: &dyn Store,
    id: OrderId,
    reason: &str,
    now: Timestamp,
) -> Result<String, Trouble> {
    let detail =
        store.order_detail(id).await?.ok_or_else(|| Trouble::Other(format!("{id}: no such order")))?;
    if detail.order.state.kind() != OrderStateKind::Held {
        let transition = step(&detail.order, &OrderEvent::Hold(HoldReason::Operator), now)
            .map_err(|error| Trouble::Other(format!("{id}: {error}")))?;
        let note = Some(reason.to_owned());
        store
            .commit_order(OrderCommit {
                transitions: vec![transition],
                reclaims: Vec::new(),
                note,
                durability: Durability::Strict,
            })
            .await?;
    }
    // An order that is held is planned no more, but its account's agent would sign what is intended already. What is
    // signed stays: it is alive or dead on the chain, whatever is done here.
    let commits: Vec<_> = detail
        .delegations
        .iter()
        .filter(|operation| operation.state == OperationState::Intended)
        .map(|operation| OperationCommit {
            operation: operation.id,
            version: operation.version,
            change: OperationChange::Cancel,
            order: None,
        })
        .collect();
    let called_off = commits.len();
    if !commits.is_empty() {
        for answer in store.commit_operations(commits, now).await? {
            answer?;
        }
    }
    Ok(format!("{id} is held; {called_off} delegations that were not signed are called off"))
}
