//! The spend guard: how much may leave the refund account for one payment, in an hour and in a day. A defect or a thief
//! costs no more than this before a person looks.

use crate::amount::{Asset, Sun, UsdtMicro};
use serde::{Deserialize, Serialize};

/// An amount in each asset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    /// In TRX.
    pub trx: Sun,
    /// In USDT.
    pub usdt: UsdtMicro,
}

impl Amounts {
    /// The amount in one asset, in sun or millionths.
    pub const fn of(&self, asset: Asset) -> i64 {
        match asset {
            Asset::Trx => self.trx.get(),
            Asset::Usdt => self.usdt.get(),
        }
    }
}

/// Which limit was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardTrip {
    /// More than may go back for one payment.
    PerPayment,
    /// More than may go back in an hour.
    PerHour,
    /// More than may go back in a day.
    PerDay,
}

impl GuardTrip {
    /// A stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PerPayment => "guard_per_payment",
            Self::PerHour => "guard_per_hour",
            Self::PerDay => "guard_per_day",
        }
    }
}

/// What has left already, in one asset: everything intended, whatever has become of it, but for what is provably dead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// In the hour before now, in sun or millionths.
    pub hour: i64,
    /// In the day before now.
    pub day: i64,
}

/// Limits; zero is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpendGuard {
    /// For one payment.
    pub per_payment: Amounts,
    /// In any hour.
    pub per_hour: Amounts,
    /// In any day.
    pub per_day: Amounts,
    /// Most TRX that sending a token once may burn. It leaves the account too: counted with the TRX that goes back.
    pub token_fee: Sun,
}

impl SpendGuard {
    /// Whether this much more may leave, in sun or millionths.
    pub const fn check(&self, asset: Asset, amount: i64, spent: Spent) -> Result<(), GuardTrip> {
        if exceeds(amount, self.per_payment.of(asset)) {
            return Err(GuardTrip::PerPayment);
        }
        if exceeds(spent.hour.saturating_add(amount), self.per_hour.of(asset)) {
            return Err(GuardTrip::PerHour);
        }
        if exceeds(spent.day.saturating_add(amount), self.per_day.of(asset)) {
            return Err(GuardTrip::PerDay);
        }
        Ok(())
    }

    /// Whether what sending this may burn may leave besides, of what has left in TRX.
    pub const fn check_fee(&self, asset: Asset, spent_trx: Spent) -> Result<(), GuardTrip> {
        let fee = match asset {
            Asset::Trx => return Ok(()),
            Asset::Usdt => self.token_fee.get(),
        };
        if exceeds(spent_trx.hour.saturating_add(fee), self.per_hour.trx.get()) {
            return Err(GuardTrip::PerHour);
        }
        if exceeds(spent_trx.day.saturating_add(fee), self.per_day.trx.get()) {
            return Err(GuardTrip::PerDay);
        }
        Ok(())
    }
}

const fn exceeds(amount: i64, limit: i64) -> bool {
    limit > 0 && amount > limit
}
