//! Pool accounts and holds on them.

use super::{Place, row};
use leyden_domain::{
    Bandwidth, Energy, EnergyRatio, Height, Sun, Timestamp,
    pool::{AccountState, Observed, PoolAccount, Reservation, ReservationState},
};
use leyden_ports::store::StoreError;

row!(
    /// A pool account.
    AccountRow {
        id: i64,
        address: String,
        account_id: String,
        permission_id: Option<i64>,
        state: String,
        observed_height: Option<i64>,
        asked_at: Option<i64>,
        staked: Option<i64>,
        delegated: Option<i64>,
        delegatable: Option<i64>,
        balance: Option<i64>,
        bandwidth: Option<i64>,
        recovering: Option<i64>,
        energy_limit: Option<i64>,
        energy_weight: Option<i64>,
        held: i64,
        unseen: i64,
        version: i64,
    }
);

impl AccountRow {
    /// What the chain last said of it.
    fn observed(&self, place: Place<'_>) -> Result<Option<Observed>, StoreError> {
        let Some(height) = self.observed_height else { return Ok(None) };
        Ok(Some(Observed {
            at: Height::new(height),
            asked_at: Timestamp::from_ms(place.some("asked_at", self.asked_at)?),
            staked: Sun::new(place.some("staked", self.staked)?),
            delegated: Sun::new(place.some("delegated", self.delegated)?),
            delegatable: Sun::new(place.some("delegatable", self.delegatable)?),
            balance: Sun::new(place.some("balance", self.balance)?),
            bandwidth: Bandwidth::new(place.some("bandwidth", self.bandwidth)?),
            recovering: Energy::new(place.some("recovering", self.recovering)?),
            ratio: EnergyRatio {
                total_limit: place.some("energy_limit", self.energy_limit)?,
                total_weight_trx: place.some("energy_weight", self.energy_weight)?,
            },
        }))
    }
}

impl TryFrom<AccountRow> for PoolAccount {
    type Error = StoreError;

    fn try_from(row: AccountRow) -> Result<Self, StoreError> {
        let place = Place::new("energy_pools", &row.account_id);
        Ok(Self {
            id: place.parse("account_id", &row.account_id)?,
            number: row.id,
            address: place.parse("address", &row.address)?,
            permission_id: row.permission_id.map(|n| place.number("permission_id", n)).transpose()?,
            state: place.parse::<AccountState>("state", &row.state)?,
            observed: row.observed(place)?,
            held: Sun::new(row.held),
            unseen: Sun::new(row.unseen),
            version: row.version,
        })
    }
}

row!(
    /// A reservation.
    ReservationRow {
        id: String,
        order_id: String,
        account_id: String,
        balance: i64,
        energy: i64,
        state: String,
        created_at: i64,
    }
);

impl TryFrom<ReservationRow> for Reservation {
    type Error = StoreError;

    fn try_from(row: ReservationRow) -> Result<Self, StoreError> {
        let place = Place::new("reservations", &row.id);
        Ok(Self {
            id: place.parse("id", &row.id)?,
            order: place.parse("order_id", &row.order_id)?,
            account: place.parse("account_id", &row.account_id)?,
            balance: Sun::new(row.balance),
            energy: Energy::new(row.energy),
            state: place.parse::<ReservationState>("state", &row.state)?,
            created_at: Timestamp::from_ms(row.created_at),
        })
    }
}
