//! The pool: accounts whose stake is delegated to customers, holds on their capacity, and who serves whom.

mod plan;
mod reservation;

pub use plan::{Allocation, Leg, PlanPolicy, Shortfall, capacity_of, plan};
pub use reservation::{InvalidReservationStep, Reservation, ReservationState};

use crate::{
    address::{Address, Height},
    amount::Sun,
    energy::{Bandwidth, Energy, EnergyRatio},
    error::ParseError,
    id::AccountId,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// A pool account as the books know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolAccount {
    /// Its id.
    pub id: AccountId,
    /// Its number in the requirement's tables.
    pub number: i64,
    /// Its address.
    pub address: Address,
    /// Which permission of it our key signs with; `None` is the owner permission.
    pub permission_id: Option<u8>,
    /// Whether it may serve.
    pub state: AccountState,
    /// What the chain last said of it.
    pub observed: Option<Observed>,
    /// Stake held by pending and posted reservations, kept by the database in the same commit as those.
    pub held: Sun,
    /// Stake held by reservations whose effect `observed` does not contain yet: capacity that is gone although
    /// the chain still showed it.
    pub unseen: Sun,
    /// Counts its changes.
    pub version: i64,
}

/// What the chain said of a pool account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Everything up to this block is contained.
    pub at: Height,
    /// When we asked.
    pub asked_at: Timestamp,
    /// Own stake for energy, delegated-out part included.
    pub staked: Sun,
    /// Stake delegated out for energy, by whomever.
    pub delegated: Sun,
    /// Stake that can be delegated now.
    pub delegatable: Sun,
    /// TRX on the account.
    pub balance: Sun,
    /// Bandwidth left now.
    pub bandwidth: Bandwidth,
    /// Usage still recovering.
    pub recovering: Energy,
    /// The network's exchange rate.
    pub ratio: EnergyRatio,
}

impl PoolAccount {
    /// Stake that may be promised now: what the chain lets go, less what is promised and not yet visible there,
    /// and never more than the stake less all that is held.
    pub fn available(&self) -> Sun {
        let Some(observed) = &self.observed else { return Sun::ZERO };
        if self.state != AccountState::Ready {
            return Sun::ZERO;
        }
        let by_chain = observed.delegatable.get().saturating_sub(self.unseen.get());
        let by_books = observed.staked.get().saturating_sub(self.held.get());
        Sun::new(by_chain.min(by_books).max(0))
    }
}

/// Whether a pool account may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// It may.
    Ready,
    /// An operator took it out.
    Disabled,
    /// It cannot pay for its own transactions.
    Broke,
    /// Our key is refused for it.
    KeyUnfit,
    /// Its agent failed again and again.
    AgentQuarantined,
}

impl AccountState {
    /// The value of the column `state`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Disabled => "disabled",
            Self::Broke => "broke",
            Self::KeyUnfit => "key_unfit",
            Self::AgentQuarantined => "agent_quarantined",
        }
    }
}

impl FromStr for AccountState {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        [Self::Ready, Self::Disabled, Self::Broke, Self::KeyUnfit, Self::AgentQuarantined]
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or_else(|| ParseError::Name { kind: "account state", value: text.to_owned() })
    }
}
