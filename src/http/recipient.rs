//! Whether energy can be given to an address, asked before anybody pays for it.

use super::{code::Code, error::ApiError, state::AppState};
use leyden_domain::{Address, Energy, Span, order::EnergyPrices};
use leyden_ports::{CacheKey, ChainError};
use leyden_store::Fresh;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Cache tag of what kind of account an address is.
const ADDRESS_TAG: &str = "address";
/// Cache tag of whether an address holds USDT.
const HOLDS_USDT_TAG: &str = "holds_usdt";
/// How long it is believed that an address holds USDT: it may give the last of it away.
const HOLDS_USDT_TTL: Span = Span::from_secs(600);

/// What kind of account an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// Energy can be given to it.
    Usable,
    /// A contract: energy cannot.
    Contract,
    /// Nobody has sent it anything yet: energy cannot.
    NotActivated,
}

/// Checks that energy can be delegated to the address. That it is not activated is never remembered: who activates an
/// address shall not wait for it. The other answers do not change.
pub(crate) async fn check(state: &AppState, recipient: Address, member: &str) -> Result<(), ApiError> {
    let refuse = |code: Code| Err(ApiError::plain(code).at(member));
    let pool = state.handles.boards().pool.read();
    let ours = state.settings.payments.addresses.contains(&recipient)
        || state.settings.pool.accounts.iter().any(|account| account.address == recipient)
        || pool.accounts.iter().any(|account| account.address == recipient);
    if ours {
        return refuse(Code::RecipientIsOurs);
    }
    let kind = state
        .loader
        .read(&CacheKey::fact(ADDRESS_TAG, recipient.to_string()), async || {
            let value = match state.chain.account(recipient).await? {
                None => Kind::NotActivated,
                Some(account) if account.is_contract => Kind::Contract,
                Some(_) => Kind::Usable,
            };
            let keep = if value == Kind::NotActivated {
                Span::ZERO
            } else {
                state.settings.cache.address_ttl.span()
            };
            Ok::<_, ChainError>(Fresh { value, keep })
        })
        .await?;
    match kind {
        Kind::Usable => Ok(()),
        Kind::Contract => refuse(Code::RecipientIsContract),
        Kind::NotActivated => refuse(Code::RecipientNotActivated),
    }
}

/// The energy of one transfer, and what the buyer should know of how it was worked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PerTransfer {
    pub(crate) energy: Energy,
    pub(crate) notice: Option<Notice>,
}

/// What somebody who buys should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Notice {
    /// No node can say whether the recipient holds the token, so a transfer gets the energy of a first one: enough in
    /// either case.
    FirstTransferAssumed,
}

/// The energy of one transfer to this recipient: more where it holds no token yet, and where no node can say whether it
/// does. Only that it holds some is remembered.
pub(crate) async fn energy_per_transfer(
    state: &AppState,
    recipient: Address,
    prices: EnergyPrices,
) -> Result<PerTransfer, ApiError> {
    let holds = state
        .loader
        .read(&CacheKey::fact(HOLDS_USDT_TAG, recipient.to_string()), async || {
            let value = state.chain.holds_usdt(recipient).await?;
            Ok::<_, ChainError>(Fresh { value, keep: if value { HOLDS_USDT_TTL } else { Span::ZERO } })
        })
        .await;
    let (energy, notice) = match holds {
        Ok(true) => (prices.per_transfer, None),
        Ok(false) => (prices.per_transfer_first, None),
        Err(ChainError::Unsupported(why)) => {
            tracing::debug!(why, "no node says what an address holds: sold as a first transfer");
            (prices.per_transfer_first, Some(Notice::FirstTransferAssumed))
        }
        Err(error) => return Err(error.into()),
    };
    Ok(PerTransfer { energy, notice })
}
