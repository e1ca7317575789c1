//! Taking an order: the same steps whichever door it comes through. Everything that could make the money useless is
//! asked before anybody pays.

use super::{
    auth::Caller,
    code::Code,
    error::ApiError,
    prices,
    recipient::{self, Notice, PerTransfer},
    state::AppState,
    status::CauseName,
};
use leyden_actors::boards::ChainStatus;
use leyden_domain::{
    Address, Energy, OrderId, Span, Sun, Timestamp,
    halt::MoneyAct,
    order::{Channel, CountRule, EnergyPrices, Order, OrderState, PriceTerms},
    payment::random_tails,
};
use leyden_ports::store::{CreateRefusal, Created, IdempotencyClaim, IdempotencyKey, NewOrder, StoredQuote};

/// How many random tails are tried before the smallest free one is taken.
const TAIL_TRIES: usize = 16;
/// When to ask again where the pool cannot serve.
const POOL_RETRY_S: u32 = 30;
/// When to ask again where a person must look first.
const HALT_RETRY_S: u32 = 60;
/// When to ask again where the chain is not being read.
const CHAIN_RETRY_S: u32 = 10;
/// The books this far behind the node are behind: what is paid now is seen when they have caught up.
pub(crate) const LAG_BLOCKS: i64 = 20;
/// Nobody has to wait because a block must be asked for a few times, as where a second node is to show it; but whoever pays
/// after so long is not seen.
pub(crate) const BLOCKED: Span = Span::from_secs(15);
/// The newest block is this old at most where no node says how far the chain is.
const NODE_SILENCE: Span = Span::from_secs(60);

/// How many transfers somebody wants to buy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The payer chooses by how much is paid.
    Open,
    /// So many.
    Transfers(u32),
    /// As many as give at least this energy.
    Energy(i64),
}

/// A wish for an order.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) channel: Channel,
    pub(crate) recipient: Address,
    pub(crate) wanted: Wanted,
    pub(crate) payer: Option<Address>,
    pub(crate) chat_id: Option<i64>,
    pub(crate) user_id: Option<String>,
    pub(crate) quote_id: Option<String>,
    pub(crate) duration: Option<Span>,
    pub(crate) idempotency: Option<IdempotencyKey>,
}

/// An order that was taken.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) order: Order,
    /// The same key made it before.
    pub(crate) is_replayed: bool,
    /// What the buyer should know; of one that was made before it is not known any more.
    pub(crate) notice: Option<Notice>,
}

impl Placed {
    const fn replayed(order: Order) -> Self {
        Self { order, is_replayed: true, notice: None }
    }
}

/// Takes an order.
pub(crate) async fn place(state: &AppState, caller: &Caller, wish: Wish) -> Result<Placed, ApiError> {
    if let Some(key) = &wish.idempotency {
        match state.store.claim_idempotency(key).await? {
            IdempotencyClaim::Unused => {}
            IdempotencyClaim::OtherBody => return Err(ApiError::plain(Code::IdempotencyKeyReused)),
            IdempotencyClaim::Order(id) => {
                let order =
                    state.store.order(id).await?.ok_or_else(|| ApiError::internal(&"an order is gone"))?;
                return Ok(Placed::replayed(order));
            }
        }
    }
    if !state.settings.sales.enabled {
        return Err(ApiError::plain(Code::SalesClosed).retry_after(300));
    }
    if state.handles.boards().halts.read().stops(MoneyAct::Sell).is_some() {
        return Err(ApiError::plain(Code::Halted).retry_after(HALT_RETRY_S));
    }
    let now = state.clock.now();
    let newest_block = chain_is_read(&state.handles.boards().chain.read(), now)
        .ok_or_else(|| ApiError::plain(Code::ChainUnavailable).retry_after(CHAIN_RETRY_S))?;
    let terms = prices::terms(state).await?;
    recipient::check(state, wish.recipient, "recipientAddress").await?;
    let offer = offer(state, &wish, terms).await?;
    let chain_now = chain_time(state, now);
    let expires_at = chain_now.plus(state.settings.payments.timeout.span());
    let count = admit(state, offer.count, offer.energy_per_transfer, expires_at)?;

    let mut last = CreateRefusal::TailsExhausted;
    for payment_address in &state.settings.payments.addresses {
        let entropy = state.entropy.for_id();
        let order = Order {
            id: match wish.channel {
                Channel::EnergyFlash => OrderId::flash(now, entropy),
                Channel::Standard | Channel::Orderless => OrderId::standard(now, entropy),
            },
            channel: wish.channel,
            owner: Some(caller.key),
            chat_id: wish.chat_id,
            user_id: wish.user_id.clone(),
            recipient: wish.recipient,
            payment_address: *payment_address,
            unit_price: offer.unit_price,
            tail: Sun::ZERO,
            count,
            energy_per_transfer: offer.energy_per_transfer,
            duration: offer.duration,
            bound_sender: wish.payer,
            created_at: newest_block,
            expires_at,
            closes_at: expires_at.plus(state.settings.payments.late_window.span()),
            state: OrderState::AwaitingPayment,
            version: 1,
            updated_at: now,
        };
        let policy = state.settings.tail_policy();
        let new = NewOrder {
            tails: random_tails(policy, offer.unit_price, state.entropy.u64(), TAIL_TRIES),
            largest_tail: policy.largest_for(offer.unit_price),
            max_open: u64::from(state.settings.payments.max_open_orders),
            idempotency: wish.idempotency.clone(),
            order,
        };
        match state.store.create_order(new).await {
            Ok(Created::Fresh(order)) => {
                state.handles.watch_order(order.id);
                metrics::counter!("leyden_orders_created_total", "type" => order.channel.name()).increment(1);
                tracing::info!(order = %order.id, recipient = %order.recipient, "order {} taken", order.id);
                return Ok(Placed { order, is_replayed: false, notice: offer.notice });
            }
            Ok(Created::Replayed(order)) => return Ok(Placed::replayed(order)),
            // Another address of ours may have room for one more amount.
            Err(CreateRefusal::TailsExhausted) => last = CreateRefusal::TailsExhausted,
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Err(last.into())
}

/// Why nobody is sold anything now, as far as it can be told without asking the books.
pub(crate) fn closed_by(state: &AppState, now: Timestamp) -> Option<CauseName> {
    if !state.settings.sales.enabled {
        return Some(CauseName::Sales);
    }
    if state.handles.boards().halts.read().stops(MoneyAct::Sell).is_some() {
        return Some(CauseName::Halted);
    }
    chain_is_read(&state.handles.boards().chain.read(), now).is_none().then_some(CauseName::Chain)
}

/// Nobody is asked to pay while payments could not be seen: before the first block was read, while no node answers, while a
/// block cannot be read or the books are far behind, and when the node's chain contradicts ours below a solid block. The
/// slot time of the newest block known: no payment in that block or an earlier one can have been made for an order that is
/// made now.
fn chain_is_read(chain: &ChainStatus, now: Timestamp) -> Option<Timestamp> {
    let processed = chain.processed?;
    // Without a node's head, as on an instance that stands by, the newest block itself must be fresh: while the books catch
    // up, an order would be made in the past.
    let fresh = chain.node_head.is_some() || now.since(processed.timestamp) <= NODE_SILENCE;
    let follows = chain.lag_blocks(now).is_none_or(|lag| lag <= LAG_BLOCKS);
    let seen = chain.blindness(now).is_none() && chain.blocked_for(BLOCKED, now).is_none();
    (seen && fresh && follows && chain.below_solid.is_none())
        .then(|| chain.node_head.map_or(processed.timestamp, |head| head.timestamp.max(processed.timestamp)))
}

/// What is sold to whom for how much.
struct Offer {
    unit_price: Sun,
    duration: Span,
    energy_per_transfer: Energy,
    count: CountRule,
    notice: Option<Notice>,
}

/// By a quote where one is named, else by the terms in force.
async fn offer(state: &AppState, wish: &Wish, terms: PriceTerms) -> Result<Offer, ApiError> {
    let offer = if let Some(id) = &wish.quote_id {
        let unknown = || ApiError::plain(Code::QuoteNotFound).at("quoteId");
        let quote = state.store.quote(id).await?.ok_or_else(unknown)?;
        let offer = by_quote(&quote, wish, state.clock.now())?;
        if quote.recipient.is_none() {
            // Quoted for nobody in particular, so for a recipient that holds the token already.
            let prices = prices::energy(state).await?;
            let needed = recipient::energy_per_transfer(state, wish.recipient, prices).await?.energy;
            if needed > offer.energy_per_transfer {
                let detail = format!(
                    "{} energy a transfer were quoted and this recipient needs {needed}; ask for a quote that names it",
                    offer.energy_per_transfer
                );
                return Err(ApiError::new(Code::QuoteMismatch, detail).at("recipientAddress"));
            }
        }
        offer
    } else {
        let prices = prices::energy(state).await?;
        let PerTransfer { energy: energy_per_transfer, notice } =
            recipient::energy_per_transfer(state, wish.recipient, prices).await?;
        Offer {
            unit_price: terms.unit_price,
            duration: terms.duration,
            energy_per_transfer,
            count: count_rule(wish.wanted, energy_per_transfer, terms.max_transactions)?,
            notice,
        }
    };
    match wish.duration {
        Some(wanted) if wanted != offer.duration => Err(ApiError::new(
            Code::DurationNotOffered,
            format!("energy is rented for {} ms", offer.duration.ms()),
        )
        .at("durationHours")),
        _ => Ok(offer),
    }
}

fn by_quote(quote: &StoredQuote, wish: &Wish, now: Timestamp) -> Result<Offer, ApiError> {
    if quote.expires_at <= now {
        return Err(ApiError::plain(Code::QuoteExpired).at("quoteId"));
    }
    let quoted = &quote.quote;
    let per_transfer = quoted.energy.get().checked_div(i64::from(quoted.count)).unwrap_or(0);
    let energy_per_transfer = Energy::new(per_transfer);
    if quote.recipient.is_some_and(|recipient| recipient != wish.recipient) {
        return Err(
            ApiError::new(Code::QuoteMismatch, "the quote is for another recipient").at("recipientAddress")
        );
    }
    let count = CountRule::Fixed { count: quoted.count };
    let same = match wish.wanted {
        Wanted::Open => true,
        wanted => count_rule(wanted, energy_per_transfer, u32::MAX).is_ok_and(|wanted| wanted == count),
    };
    if !same {
        let member =
            if matches!(wish.wanted, Wanted::Energy(_)) { "energyAmount" } else { "transactionCount" };
        let detail = format!("{} transfers of {energy_per_transfer} energy were quoted", quoted.count);
        return Err(ApiError::new(Code::QuoteMismatch, detail).at(member));
    }
    Ok(Offer {
        unit_price: quoted.unit_price,
        duration: quoted.duration,
        energy_per_transfer,
        count,
        notice: None,
    })
}

/// The count rule for what is wanted.
pub(crate) fn count_rule(wanted: Wanted, per_transfer: Energy, max: u32) -> Result<CountRule, ApiError> {
    let (count, member) = match wanted {
        Wanted::Open => return Ok(CountRule::Open { max }),
        Wanted::Transfers(count) => (i64::from(count), "transactionCount"),
        // Rounded up: nobody gets less energy than was asked for.
        Wanted::Energy(energy) if energy > 0 => {
            let whole = energy.checked_div(per_transfer.get()).unwrap_or(i64::MAX);
            let rest = energy.checked_rem(per_transfer.get()).unwrap_or(0);
            (whole.saturating_add(i64::from(rest > 0)), "energyAmount")
        }
        Wanted::Energy(_) => (0, "energyAmount"),
    };
    match u32::try_from(count) {
        Ok(count) if (1..=max).contains(&count) => Ok(CountRule::Fixed { count }),
        _ => {
            let detail =
                format!("between 1 and {max} transfers of {per_transfer} energy can be bought at once");
            Err(ApiError::new(Code::CountOutOfRange, detail).at(member))
        }
    }
}

/// Energy of one transfer to a recipient that may not be known.
pub(crate) async fn energy_for(
    state: &AppState,
    recipient: Option<Address>,
    prices: EnergyPrices,
) -> Result<PerTransfer, ApiError> {
    match recipient {
        Some(recipient) => recipient::energy_per_transfer(state, recipient, prices).await,
        None => Ok(PerTransfer { energy: prices.per_transfer, notice: None }),
    }
}

/// Whether the pool can be expected to serve so much by then.
pub(crate) fn can_serve(state: &AppState, per_transfer: Energy, count: u32, by: Timestamp) -> bool {
    let pool = state.handles.boards().pool.read();
    per_transfer
        .times(i64::from(count))
        .is_ok_and(|demand| pool.can_expect(demand, by, &state.settings.plan_policy()))
}

/// No money is taken for what cannot be delivered. An open order is cut to the most that can be served.
fn admit(
    state: &AppState,
    count: CountRule,
    per_transfer: Energy,
    by: Timestamp,
) -> Result<CountRule, ApiError> {
    let served = match count {
        CountRule::Fixed { count } => {
            can_serve(state, per_transfer, count, by).then_some(CountRule::Fixed { count })
        }
        CountRule::Open { max } => {
            // What can be served falls with the count: halve towards the most that can.
            let (mut can, mut cannot) = (0_u32, max.saturating_add(1));
            while cannot.saturating_sub(can) > 1 {
                let middle = can.midpoint(cannot);
                if can_serve(state, per_transfer, middle, by) {
                    can = middle;
                } else {
                    cannot = middle;
                }
            }
            (can > 0).then_some(CountRule::Open { max: can })
        }
    };
    served.ok_or_else(|| {
        metrics::counter!("leyden_orders_refused_total", "code" => Code::PoolExhausted.text()).increment(1);
        ApiError::plain(Code::PoolExhausted).retry_after(POOL_RETRY_S)
    })
}

/// Deadlines that touch money are in the chain's time: the later of our clock and the newest block known.
pub(crate) fn chain_time(state: &AppState, now: Timestamp) -> Timestamp {
    let chain = state.handles.boards().chain.read();
    [chain.node_head, chain.processed]
        .into_iter()
        .flatten()
        .map(|head| head.timestamp)
        .fold(now, Timestamp::max)
}

#[cfg(test)]
mod tests {
    use super::{CountRule, Wanted, count_rule};
    use leyden_domain::Energy;

    #[test]
    fn energy_is_rounded_up_to_whole_transfers() {
        let rule = |wanted| count_rule(wanted, Energy::new(65_000), 10).map_err(|error| error.code);
        assert_eq!(rule(Wanted::Energy(65_000)), Ok(CountRule::Fixed { count: 1 }));
        assert_eq!(rule(Wanted::Energy(65_001)), Ok(CountRule::Fixed { count: 2 }));
        assert_eq!(rule(Wanted::Transfers(10)), Ok(CountRule::Fixed { count: 10 }));
        assert_eq!(rule(Wanted::Open), Ok(CountRule::Open { max: 10 }));
        for bad in [
            Wanted::Transfers(0),
            Wanted::Transfers(11),
            Wanted::Energy(0),
            Wanted::Energy(-1),
            Wanted::Energy(650_001),
            Wanted::Energy(i64::MAX),
        ] {
            assert!(rule(bad).is_err(), "{bad:?}");
        }
    }
}
