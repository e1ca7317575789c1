//! Reservations: holds on the capacity of one pool account for one order. Pending becomes posted or voided, posted
//! becomes returned, each once; a second try gets a typed answer.

use crate::{
    amount::Sun,
    energy::Energy,
    error::ParseError,
    id::{AccountId, OrderId, ReservationId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// A hold on the capacity of one pool account for one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Its id.
    pub id: ReservationId,
    /// For which order.
    pub order: OrderId,
    /// On which account.
    pub account: AccountId,
    /// How much stake.
    pub balance: Sun,
    /// The energy that is worth.
    pub energy: Energy,
    /// What has become of it.
    pub state: ReservationState,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What has become of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationState {
    /// Held; nothing is on the chain for it.
    Pending,
    /// Became a delegation.
    Posted,
    /// Let go without one.
    Voided,
    /// The delegation has been taken back.
    Returned,
}

/// A reservation cannot become that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reservation that is {} cannot become {}", from.name(), to.name())]
pub struct InvalidReservationStep {
    /// What it is.
    pub from: ReservationState,
    /// What it was to become.
    pub to: ReservationState,
}

impl ReservationState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Posted, Self::Voided, Self::Returned];

    /// The value of the column `state`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Posted => "posted",
            Self::Voided => "voided",
            Self::Returned => "returned",
        }
    }

    /// Whether it counts against the account's capacity.
    pub const fn holds_capacity(self) -> bool {
        matches!(self, Self::Pending | Self::Posted)
    }

    /// Makes one state of another, or says that it cannot be.
    pub const fn become_state(self, to: Self) -> Result<Self, InvalidReservationStep> {
        match (self, to) {
            (Self::Pending, Self::Posted | Self::Voided)
            // The block of its delegation left the chain: the same bytes may land again.
            | (Self::Posted, Self::Pending | Self::Returned) => Ok(to),
            _ => Err(InvalidReservationStep { from: self, to }),
        }
    }
}

impl FromStr for ReservationState {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or_else(|| ParseError::Name { kind: "reservation state", value: text.to_owned() })
    }
}
