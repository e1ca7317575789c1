//! Whether energy can be given to an address, asked before anybody pays for it.

use super::{code::Code, error::ApiError, state::AppState};
use leyden_domain::{Address, Energy, Span, order::EnergyPrices};

/// Cache tag of what is known of addresses.
const TAG: &str = "address";
/// How long it is believed that an address holds USDT: it may give the last of it away.
const HOLDS_USDT_TTL: Span = Span::from_secs(600);

/// Checks that energy can be delegated to the address. Only a good answer is remembered: who activates an address
/// shall not wait for it.
pub(crate) async fn check(state: &AppState, recipient: Address, member: &str) -> Result<(), ApiError> {
    let refuse = |code: Code| Err(ApiError::plain(code).at(member));
    let pool = state.handles.boards().pool.read();
    let ours = state.settings.payments.addresses.contains(&recipient)
        || state.settings.pool.accounts.iter().any(|account| account.address == recipient)
        || pool.accounts.iter().any(|account| account.address == recipient);
    if ours {
        return refuse(Code::RecipientIsOurs);
    }
    let key = format!("usable:{recipient}");
    if state.cache.get(&key).await.ok().flatten().is_some() {
        return Ok(());
    }
    match state.chain.account(recipient).await? {
        None => refuse(Code::RecipientNotActivated),
        Some(account) if account.is_contract => refuse(Code::RecipientIsContract),
        Some(_) => {
            remember(state, key, state.settings.cache.address_ttl.span()).await;
            Ok(())
        }
    }
}

/// The energy of one transfer to this recipient: more where it holds no token yet.
pub(crate) async fn energy_per_transfer(
    state: &AppState,
    recipient: Address,
    prices: EnergyPrices,
) -> Result<Energy, ApiError> {
    let key = format!("holds_usdt:{recipient}");
    if state.cache.get(&key).await.ok().flatten().is_some() {
        return Ok(prices.per_transfer);
    }
    if state.chain.holds_usdt(recipient).await? {
        remember(state, key, HOLDS_USDT_TTL).await;
        Ok(prices.per_transfer)
    } else {
        Ok(prices.per_transfer_first)
    }
}

async fn remember(state: &AppState, key: String, ttl: Span) {
    if let Err(error) = state.cache.put(&key, String::new(), ttl, TAG).await {
        tracing::debug!(%error, "going on without the cache");
    }
}
