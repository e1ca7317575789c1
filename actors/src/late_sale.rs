//! A payment that came after its order's time buys what is sold now, at today's price, for the recipient that the order
//! named; if there is capacity for it. Whatever stands against that makes it late, and late money goes back.

use crate::{boards::SaleTerms, shared::Shared};
use leyden_domain::{
    Asset, OrderId, Sun,
    chain::Delivery,
    order::{Channel, CountRule, Funding, Order, OrderStateKind},
    payment::{Payment, PaymentState},
};
use leyden_ports::{ChainError, StoreError, store::Routing};

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// What becomes of a payment that is late for `order`.
pub(crate) async fn decide(
    shared: &Shared,
    payment: &Payment,
    block: Delivery,
    order: OrderId,
    sale: &SaleTerms,
) -> Result<Routing, Trouble> {
    let late = Routing { payment: payment.id, state: PaymentState::Late { order }, new_order: None };
    let Some(old) = shared.ports.store.order(order).await? else { return Ok(late) };
    let Some(new) = sale_of(shared, payment, block, &old, sale) else { return Ok(late) };
    // The order was checked when it was made; its recipient may be another kind of address since.
    let account = shared.ports.chain.account(new.recipient).await?;
    if account.is_none_or(|account| account.is_contract) {
        return Ok(late);
    }
    let Some(funding) = new.state.funding() else { return Ok(late) };
    let state = PaymentState::Settles { order: new.id, count: funding.count, excess: funding.excess };
    Ok(Routing { payment: payment.id, state, new_order: Some(Box::new(new)) })
}

/// The order that the payment makes, if it can be expected to be served.
fn sale_of(
    shared: &Shared,
    payment: &Payment,
    block: Delivery,
    old: &Order,
    sale: &SaleTerms,
) -> Option<Order> {
    let terms = sale.orderless?;
    // Who called it off does not want it; and today's price is that of the ordinary transfer.
    let is_wanted = old.state.kind() == OrderStateKind::Expired
        && old.energy_per_transfer == sale.terms.energy_per_transfer
        && payment.asset == Asset::Trx;
    let paid = payment.amount.checked_div(terms.unit_price.get()).filter(|_| is_wanted)?;
    let most = terms.max_transactions.min(old.count.most());
    let count = u32::try_from(paid).unwrap_or(most).min(most);
    let price = terms.unit_price.times(i64::from(count)).ok().filter(|_| count > 0)?;
    let demand = sale.terms.energy_per_transfer.times(i64::from(count)).ok()?;
    let Shared { ports, settings, boards, .. } = shared;
    let pool = boards.pool.read();
    pool.can_expect(demand, pool.read_at, &settings.planning).then_some(())?;
    let now = ports.clock.now();
    let funding = Funding {
        payment: payment.id,
        paid: Sun::new(payment.amount),
        count,
        excess: Sun::new(payment.amount).minus(price).ok()?,
        payer: payment.from,
        block,
    };
    Some(Order {
        id: OrderId::standard(now, ports.entropy.for_id()),
        channel: Channel::Orderless,
        unit_price: terms.unit_price,
        tail: Sun::ZERO,
        count: CountRule::Fixed { count },
        duration: sale.terms.duration,
        bound_sender: Some(payment.from),
        created_at: block.timestamp,
        expires_at: block.timestamp,
        closes_at: block.timestamp,
        state: leyden_domain::order::OrderState::Paid { funding },
        version: 0,
        updated_at: now,
        ..old.clone()
    })
}
