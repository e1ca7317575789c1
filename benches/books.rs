//! Books with open orders, and actors told to work fast: what the benchmarks of the service share.

use leyden_actors::{ActorSettings, GuardSettings};
use leyden_domain::{
    Address, Energy, OrderId, Span, Sun,
    operation::OperationPolicy,
    order::{Channel, CountRule, Order, OrderState},
    payment::MatchPolicy,
    pool::PlanPolicy,
};
use leyden_ports::{
    Clock, Entropy,
    store::{CreateRefusal, Created, IdempotencyKey, NewOrder, OrderStore},
};
use leyden_sim::keys;
use leyden_store::SqlStore;
use std::{collections::BTreeSet, sync::LazyLock, time::Duration};

/// Price of one transfer's energy.
pub(crate) const PRICE: Sun = Sun::new(1_500_000);

/// Derived once: what a benchmark does for itself must not count as the service's work.
static ADDRESSES: LazyLock<[Address; 10]> =
    LazyLock::new(|| std::array::from_fn(|n| keys::test_address(u32::try_from(n).unwrap_or_default())));

/// Where customers pay.
pub(crate) fn payment_address() -> Address {
    let [.., last] = *ADDRESSES;
    last
}

/// Who gets the energy of the order with this tail.
pub(crate) fn recipient(tail: i64) -> Address {
    let [recipients @ .., _, _] = *ADDRESSES;
    recipients[usize::try_from(tail % 8).unwrap_or_default()]
}

/// How the actors work while they are measured.
pub(crate) fn settings(max_watchers: usize) -> ActorSettings {
    ActorSettings {
        payment_addresses: BTreeSet::from([payment_address()]),
        matching: MatchPolicy {
            dust_sun: Sun::new(1_000),
            completes_under: true,
            dust_usdt_micro: 1_000,
            orderless: None,
            lone_receipt_limit: Sun::from_trx(100),
            denied_senders: BTreeSet::new(),
        },
        planning: PlanPolicy::default(),
        operations: OperationPolicy::default(),
        solid_above: Sun::from_trx(1_000),
        capacity_patience: Span::from_secs(600),
        reclaim_grace: Span::ZERO,
        poll_interval: Duration::from_millis(1),
        sweep_interval: Duration::from_secs(5),
        observe_interval: Duration::from_secs(10),
        catch_up_batch: 20,
        start_behind: 5,
        resend_after_blocks: 2,
        observe_only: false,
        refunds: leyden_actors::settings::RefundSettings::switched_off(),
        reconcile: leyden_actors::ReconcileSettings::default(),
        guard: GuardSettings::default(),
        max_watchers,
        keep_logs: Span::from_hours(720),
        keep_keys: Span::from_hours(24),
        serve_at_once: true,
        step_hook: None,
    }
}

/// Makes the order with this tail, for one transfer.
pub(crate) async fn make_order(
    store: &SqlStore,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    tail: i64,
) -> Result<Order, CreateRefusal> {
    let now = clock.now();
    let expires_at = now.plus(Span::from_hours(2));
    let order = Order {
        id: OrderId::flash(now, entropy.for_id()),
        channel: Channel::EnergyFlash,
        owner: None,
        chat_id: Some(tail),
        user_id: None,
        recipient: recipient(tail),
        payment_address: payment_address(),
        unit_price: PRICE,
        tail: Sun::ZERO,
        count: CountRule::Open { max: 10 },
        energy_per_transfer: Energy::new(65_000),
        duration: Span::from_hours(1),
        bound_sender: None,
        created_at: now,
        expires_at,
        closes_at: expires_at.plus(Span::from_hours(24)),
        state: OrderState::AwaitingPayment,
        version: 0,
        updated_at: now,
    };
    let key = IdempotencyKey {
        caller: "bench".to_owned(),
        route: "orders".to_owned(),
        key: tail.to_string(),
        body_hash: [7; 32],
        at: now,
    };
    let new = NewOrder {
        order,
        tails: vec![Sun::new(tail)],
        largest_tail: Sun::new(PRICE.get() - 1),
        max_open: 10_000_000,
        idempotency: Some(key),
    };
    let (Created::Fresh(order) | Created::Replayed(order)) = store.create_order(new).await?;
    Ok(order)
}

/// Makes the orders with the tails from 1 to `count`, many at once.
pub(crate) async fn fill(
    store: &SqlStore,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    count: i64,
) -> Result<(), CreateRefusal> {
    let mut next = 1;
    while next <= count {
        let last = count.min(next + 499);
        let orders = (next..=last).map(|tail| make_order(store, clock, entropy, tail));
        futures_util::future::try_join_all(orders).await?;
        next = last + 1;
    }
    Ok(())
}
