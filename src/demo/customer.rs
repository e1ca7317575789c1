//! What a customer does, from the order to the end: over the public API and the node's own, like anybody outside.
//! Every step is written down before the next one rests on it.

use super::{
    api::{Api, ApiFailure},
    notebook::{Entry, Notebook, Payment},
    plan::{BEYOND, Customer, Mode},
    stage::MAX_TRANSACTIONS,
};
use leyden_domain::{
    Address, Span, Sun,
    chain::{ChainAction, SignedTransaction, TransactionIntent},
};
use leyden_ports::{ChainError, ChainReader, ChainWriter, Clock, SignError, Signer};
use leyden_tron::keys::{KeyId, KeyPolicy, KeyRing};
use std::{io, sync::Arc, time::Duration};

/// How often a customer asks how its order is, at most: a customer that waits must not be a load.
const LOOK: Duration = Duration::from_millis(500);

/// Everything a customer can reach.
pub(super) struct World {
    pub(super) api: Api,
    pub(super) node: Arc<leyden_tron::node::NodeClient>,
    pub(super) notebook: Notebook,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) payment_address: Address,
    pub(super) refund_address: Address,
    pub(super) unit_price: Sun,
    pub(super) pace: Duration,
    /// Distinguishes this demonstration's idempotency keys from those of another on the same books.
    pub(super) run: String,
}

/// Why a customer gave up.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("the service: {0}")]
    Api(#[from] ApiFailure),
    #[error("the node: {0}")]
    Chain(#[from] ChainError),
    #[error("the key: {0}")]
    Sign(#[from] SignError),
    #[error("the notebook: {0}")]
    Notebook(#[from] io::Error),
    #[error("an amount is too large")]
    Overflow(#[from] leyden_domain::ArithmeticError),
    #[error("the service answered without {0}")]
    Missing(&'static str),
}

/// How a customer's business ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Its order's last state; the payment's bucket where there is no order.
    pub(super) state: String,
    /// The order that was made of it.
    pub(super) order: Option<String>,
    /// Energy of one transfer under its order.
    pub(super) energy_per_transfer: i64,
    /// The transactions of its delegations.
    pub(super) delegations: Vec<String>,
}

/// Orders, pays and waits for the end.
pub(super) async fn live(customer: Customer, world: &World) -> Result<Outcome, Trouble> {
    let mut entry = world.notebook.read(customer.number);
    if entry.amount_sun.is_none() {
        order(customer, world, &mut entry).await?;
        world.notebook.write(customer.number, &entry)?;
    }
    pay(customer, world, &mut entry).await?;
    let outcome = wait_for_end(customer, world, &entry).await?;
    wait_for_money(customer, world, &entry).await?;
    Ok(outcome)
}

/// Makes the order, where the mode has one, and learns what to pay.
async fn order(customer: Customer, world: &World, entry: &mut Entry) -> Result<(), Trouble> {
    let recipient = customer.address().to_string();
    let key = format!("{}-{}", world.run, customer.number);
    let amount = match customer.mode {
        Mode::Orderless { count } => world.unit_price.times(i64::from(count))?,
        Mode::Unmatched => Sun::new(1_234_567_i64.saturating_add(i64::from(customer.number))),
        Mode::Open { count } => {
            let order = world.api.create_flash_order(&recipient, i64::from(customer.number), &key).await?;
            entry.order = Some(order.id.clone());
            order.amount_for(count).ok_or(Trouble::Missing("an amount for this count"))?
        }
        Mode::Over => {
            let order = world.api.create_flash_order(&recipient, i64::from(customer.number), &key).await?;
            entry.order = Some(order.id.clone());
            order.amount_for(1).ok_or(Trouble::Missing("an amount for one"))?.plus(
                world
                    .unit_price
                    .times(i64::from(MAX_TRANSACTIONS.saturating_sub(1).saturating_add(BEYOND)))?,
            )?
        }
        Mode::Fixed { count } => {
            let order = world.api.create_order(&recipient, count, &key).await?;
            entry.order = Some(order.id.clone());
            order.amount_for(count).ok_or(Trouble::Missing("an amount"))?
        }
        Mode::Under => {
            let order = world.api.create_order(&recipient, 2, &key).await?;
            entry.order = Some(order.id.clone());
            order.amount_for(2).ok_or(Trouble::Missing("an amount"))?.minus(world.unit_price)?
        }
    };
    entry.amount_sun = Some(amount.get());
    Ok(())
}

/// Pays, and sees the payment into a block. Signs again only when the last signature can no longer take effect.
async fn pay(customer: Customer, world: &World, entry: &mut Entry) -> Result<(), Trouble> {
    loop {
        let payment = if let Some(payment) = entry.payment.clone() {
            payment
        } else {
            let payment = sign(customer, world, Sun::new(entry.amount_sun.unwrap_or_default())).await?;
            entry.payment = Some(payment.clone());
            world.notebook.write(customer.number, entry)?;
            payment
        };
        if unless_unavailable(world.node.sighting(payment.tx_id).await)?.flatten().is_some() {
            return Ok(());
        }
        let solid = unless_unavailable(world.node.solid().await)?;
        if solid.is_some_and(|solid| solid.timestamp >= payment.expiration) {
            // Asked again after the block that settles it: dead for certain, if it is still in none.
            if unless_unavailable(world.node.sighting(payment.tx_id).await)? == Some(None) {
                entry.payment = None;
                continue;
            }
        }
        if let Ok(bytes) = hex::decode(&payment.bytes) {
            let transaction = SignedTransaction {
                tx_id: payment.tx_id,
                bytes,
                reference: payment.reference,
                expiration: payment.expiration,
            };
            unless_unavailable(world.node.broadcast(&transaction).await)?;
        }
        tokio::time::sleep(world.pace).await;
    }
}

async fn sign(customer: Customer, world: &World, amount: Sun) -> Result<Payment, Trouble> {
    let owner = customer.address();
    let mut ring = KeyRing::new();
    ring.insert(KeyId { owner, permission_id: 0 }, customer.key(), KeyPolicy::Payments);
    let head = loop {
        match unless_unavailable(world.node.head().await)? {
            Some(head) => break head,
            None => tokio::time::sleep(world.pace).await,
        }
    };
    let now = world.clock.now();
    let signed = ring
        .sign(&TransactionIntent {
            action: ChainAction::Transfer { owner, to: world.payment_address, amount },
            permission_id: None,
            reference: head.block,
            timestamp: now,
            expiration: head.timestamp.plus(Span::from_secs(60)),
        })
        .await?;
    Ok(Payment {
        tx_id: signed.tx_id,
        bytes: hex::encode(&signed.bytes),
        reference: signed.reference,
        expiration: signed.expiration,
        sent_at: now,
    })
}

/// Waits until what must come back is on its address, in a solid block, as its own wallet would show it.
async fn wait_for_money(customer: Customer, world: &World, entry: &Entry) -> Result<(), Trouble> {
    let paid = Sun::new(entry.amount_sun.unwrap_or_default());
    let due = customer.mode.comes_back(paid, world.unit_price);
    let Some(payment) = entry.payment.as_ref().filter(|_| due > Sun::ZERO) else { return Ok(()) };
    let mut next = payment.reference.height();
    let mut back = Sun::ZERO;
    while back < due {
        tokio::time::sleep(world.pace.max(LOOK)).await;
        let Some(solid) = unless_unavailable(world.node.solid().await)? else { continue };
        let Some(blocks) = unless_unavailable(world.node.blocks(next, 50).await)? else { continue };
        for block in blocks.into_iter().filter(|block| block.height() <= solid.height()) {
            next = block.height().next();
            for transfer in &block.transfers {
                if transfer.from == world.refund_address && transfer.to == customer.address() {
                    back = back.plus(Sun::new(transfer.amount))?;
                }
            }
        }
    }
    Ok(())
}

/// Waits until nothing more will happen: the order has come to its end, or the payment waits where it should.
async fn wait_for_end(customer: Customer, world: &World, entry: &Entry) -> Result<Outcome, Trouble> {
    let tx_id = entry.payment.as_ref().map(|payment| payment.tx_id).ok_or(Trouble::Missing("a payment"))?;
    loop {
        if let Some(outcome) = look(customer, world, entry, &tx_id.to_string()).await? {
            return Ok(outcome);
        }
        tokio::time::sleep(world.pace.max(LOOK)).await;
    }
}

async fn look(
    customer: Customer,
    world: &World,
    entry: &Entry,
    tx_id: &str,
) -> Result<Option<Outcome>, Trouble> {
    let awaited = entry.order.as_ref().filter(|_| customer.mode.served(1) > 0);
    let id = if let Some(id) = awaited {
        id.clone()
    } else {
        // What the payment itself is in: the order that was made of it, or a place where it waits.
        let Some(payment) = world.api.payment(tx_id).await? else { return Ok(None) };
        match (payment.state.as_str(), payment.order) {
            ("unrouted", _) => return Ok(None),
            ("settled" | "over", Some(id)) => id,
            _ => {
                return Ok(Some(Outcome {
                    state: payment.state,
                    order: None,
                    energy_per_transfer: 0,
                    delegations: Vec::new(),
                }));
            }
        }
    };
    let order = world.api.order(&id).await?;
    let ended = matches!(
        order.state.as_str(),
        "completed" | "expired" | "cancelled" | "reverted" | "refund_due" | "refunded" | "held"
    );
    Ok(ended.then_some(Outcome {
        state: order.state,
        order: Some(id),
        energy_per_transfer: order.energy_per_transfer,
        delegations: order.delegations,
    }))
}

/// A customer asks again where the node has no answer, and gives up only where it is told so for good.
fn unless_unavailable<T>(answer: Result<T, ChainError>) -> Result<Option<T>, ChainError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_retryable() => Ok(None),
        Err(error) => Err(error),
    }
}
