//! Pool accounts and the holds on their stake.

use crate::{
    SqlStore,
    db::{Conn, all, exec, one},
    group_commit::{release, savepoint},
    halts::{self, Given},
    journal::{ENERGY_POOLS, RESERVATIONS},
    order_change,
    row::{AccountRow, convert},
};
use async_trait::async_trait;
use leyden_domain::{
    AccountId, Timestamp,
    operation::OperationKind,
    pool::{AccountState, Observed, PoolAccount, Reservation, ReservationState},
};
use leyden_ports::store::{Durability, NewPoolAccount, PoolStore, ReserveCommit, StoreError};

/// Stake held by reservations of the account `p` whose effect its observation does not contain: all that are
/// pending, and those whose delegation is in a block above the observed one.
macro_rules! unseen {
    () => {
        "(SELECT CAST(COALESCE(SUM(r.balance), 0) AS BIGINT) FROM reservations r \
          WHERE r.account_id = p.account_id AND r.state = 'pending') \
         + (SELECT CAST(COALESCE(SUM(r.balance), 0) AS BIGINT) FROM reservations r \
          WHERE r.account_id = p.account_id AND r.state = 'posted' \
          AND r.posted_height > COALESCE(p.observed_height, -1))"
    };
}

macro_rules! account_select {
    () => {
        concat!(
            "SELECT p.id, p.address, p.account_id, p.permission_id, p.state, p.observed_height, p.asked_at, \
             p.staked, p.delegated, p.delegatable, p.balance, p.bandwidth, p.recovering, p.energy_limit, \
             p.energy_weight, p.held, p.version, ",
            unseen!(),
            " AS unseen FROM energy_pools p"
        )
    };
}

/// What an account is read by, for the list of all statements.
#[cfg(test)]
pub(crate) const ACCOUNT_SELECT: &str = account_select!();

/// Takes stake of an account that is in service, if the books and the chain both leave it.
pub(crate) const HOLD: &str = concat!(
    "UPDATE energy_pools AS p SET held = p.held + $2, version = p.version + 1 \
     WHERE p.account_id = $1 AND p.state = 'ready' AND p.observed_height IS NOT NULL \
     AND p.held + $2 <= p.staked AND $2 + ",
    unseen!(),
    " <= p.delegatable"
);

/// All pool accounts, oldest first.
pub(crate) async fn accounts(conn: &mut Conn) -> Result<Vec<PoolAccount>, StoreError> {
    convert(account_rows(conn).await?)
}

/// The same as they stand in the table.
pub(crate) async fn account_rows(conn: &mut Conn) -> Result<Vec<AccountRow>, StoreError> {
    all!(conn, concat!(account_select!(), " ORDER BY p.id"))
}

/// Holds capacity for one order.
pub(crate) async fn reserve_one(
    conn: &mut Conn,
    commit: &ReserveCommit,
    now: Timestamp,
) -> Result<(), StoreError> {
    order_change::apply(conn, &commit.order, now).await?;
    if commit.reservations.len() != commit.operations.len() {
        return Err(StoreError::Rule("each reservation needs its operation".to_owned()));
    }
    for reservation in &commit.reservations {
        hold(conn, reservation).await?;
    }
    for operation in &commit.operations {
        let matches = commit.reservations.iter().any(|held| {
            matches!(operation.kind, OperationKind::Delegate { reservation, .. } if reservation == held.id)
                && operation.order == Some(held.order)
                && operation.account == held.account
                && operation.balance == held.balance
        });
        if !matches {
            return Err(StoreError::Rule("an operation must be that of its reservation".to_owned()));
        }
        order_change::insert_operation(conn, operation, now).await?;
    }
    Ok(())
}

/// Writes a reservation and counts it against its account.
async fn hold(conn: &mut Conn, reservation: &Reservation) -> Result<(), StoreError> {
    if reservation.state != ReservationState::Pending {
        return Err(StoreError::Rule("a reservation begins as pending".to_owned()));
    }
    let held = exec!(conn, HOLD, reservation.account.to_string(), reservation.balance.get())?;
    if held == 0 {
        return Err(StoreError::Conflict("pool account"));
    }
    conn.journal().made(&RESERVATIONS, reservation.id);
    exec!(
        conn,
        "INSERT INTO reservations (id, order_id, account_id, balance, energy, state, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        reservation.id.to_string(),
        reservation.order.to_string(),
        reservation.account.to_string(),
        reservation.balance.get(),
        reservation.energy.get(),
        reservation.state.name(),
        reservation.created_at.ms(),
    )
    .map(drop)
}

/// Notes by how much an account's balance fell since it was last looked at. Another look at the same height says the
/// same again.
pub(crate) const FALL: &str = "INSERT INTO balance_falls (account_id, height, at, amount) \
     SELECT account_id, $2, $3, balance - $4 FROM energy_pools \
     WHERE account_id = $1 AND balance > $4 AND (observed_height < $2 OR (observed_height = $2 AND asked_at <= $3)) \
     ON CONFLICT DO NOTHING";

async fn observe(conn: &mut Conn, id: AccountId, observed: Observed) -> Result<(), StoreError> {
    let ratio = observed.ratio;
    exec!(conn, FALL, id.to_string(), observed.at.get(), observed.asked_at.ms(), observed.balance.get(),)?;
    let changed = exec!(
        conn,
        "UPDATE energy_pools SET observed_height = $2, asked_at = $3, staked = $4, delegated = $5, \
         delegatable = $6, balance = $7, bandwidth = $8, recovering = $9, energy_limit = $10, \
         energy_weight = $11, total_energy = $12, available_energy = $13, delegated_energy = $14, \
         last_updated_at = $3, version = version + 1 \
         WHERE account_id = $1 AND (observed_height IS NULL OR observed_height < $2 \
         OR (observed_height = $2 AND asked_at <= $3))",
        id.to_string(),
        observed.at.get(),
        observed.asked_at.ms(),
        observed.staked.get(),
        observed.delegated.get(),
        observed.delegatable.get(),
        observed.balance.get(),
        observed.bandwidth.get(),
        observed.recovering.get(),
        ratio.total_limit,
        ratio.total_weight_trx,
        ratio.energy_of(observed.staked).get(),
        ratio.energy_of(observed.delegatable).get(),
        ratio.energy_of(observed.delegated).get(),
    )?;
    if changed == 0 { known(conn, id).await } else { Ok(()) }
}

/// Refuses an account that nobody knows.
async fn known(conn: &mut Conn, id: AccountId) -> Result<(), StoreError> {
    let (count,): (i64,) =
        one!(conn, "SELECT COUNT(*) FROM energy_pools WHERE account_id = $1", id.to_string())?;
    if count == 1 { Ok(()) } else { Err(StoreError::Conflict("pool account")) }
}

#[async_trait]
impl PoolStore for SqlStore {
    async fn upsert_pool_account(
        &self,
        new: NewPoolAccount,
        now: Timestamp,
    ) -> Result<PoolAccount, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let written = exec!(
                    conn,
                    "INSERT INTO energy_pools (address, account_id, permission_id, state, state_changed_at, \
                     last_updated_at, created_at, version) VALUES ($1, $2, $3, $4, $5, $5, $5, 1) \
                     ON CONFLICT (address) DO UPDATE SET permission_id = excluded.permission_id, \
                     version = energy_pools.version + 1 \
                     WHERE energy_pools.permission_id IS DISTINCT FROM excluded.permission_id",
                    new.address.to_string(),
                    new.id.to_string(),
                    new.permission_id.map(i64::from),
                    AccountState::Ready.name(),
                    now.ms(),
                )?;
                let row: AccountRow =
                    one!(conn, concat!(account_select!(), " WHERE p.address = $1"), new.address.to_string())?;
                let account: PoolAccount = row.try_into()?;
                match written {
                    0 => {}
                    _ if account.id == new.id => conn.journal().made(&ENERGY_POOLS, account.id),
                    _ => conn.journal().changed(&ENERGY_POOLS, account.id),
                }
                Ok(account)
            })
        })
        .await
    }

    async fn pool_accounts(&self) -> Result<Vec<PoolAccount>, StoreError> {
        let mut conn = self.db.read().await?;
        accounts(&mut conn).await
    }

    async fn observe_account(&self, id: AccountId, observed: Observed) -> Result<(), StoreError> {
        self.write_as(Durability::Relaxed, move |conn| Box::pin(observe(conn, id, observed))).await
    }

    async fn set_account_state(
        &self,
        id: AccountId,
        expected: AccountState,
        state: AccountState,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let reason = reason.to_owned();
        self.write(move |conn| {
            Box::pin(async move {
                let changed = exec!(
                    conn,
                    "UPDATE energy_pools SET state = $3, state_reason = $4, state_changed_at = $5, \
                     is_active = $6, version = version + 1 WHERE account_id = $1 AND state = $2",
                    id.to_string(),
                    expected.name(),
                    state.name(),
                    reason,
                    now.ms(),
                    i64::from(state == AccountState::Ready),
                )?;
                if changed == 1 {
                    conn.journal().changed(&ENERGY_POOLS, id);
                } else {
                    // Another state is an answer; an account that nobody knows is a defect of the caller.
                    known(conn, id).await?;
                }
                Ok(changed == 1)
            })
        })
        .await
    }

    async fn reserve(&self, commits: Vec<ReserveCommit>) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let now = self.now();
        self.write_as(Durability::Relaxed, move |conn| {
            Box::pin(async move {
                let mut answers = Vec::with_capacity(commits.len());
                let mut given = Given::default();
                for commit in &commits {
                    if let Some(halt) = given.more(conn, commit).await? {
                        halts::raise(conn, &halt).await?;
                        answers.push(Err(StoreError::Halted(halt.cause)));
                        given.forget();
                        continue;
                    }
                    savepoint(conn).await?;
                    let answer = reserve_one(conn, commit, now).await;
                    release(conn, answer.is_ok()).await?;
                    if answer.is_err() {
                        given.forget();
                    }
                    answers.push(answer);
                }
                Ok(answers)
            })
        })
        .await
    }
}
