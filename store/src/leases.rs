//! Leases. Taking one is a write like all others, under the lock that all writers share, so that from its answer on no
//! write of an earlier epoch can be committed. Holding on to one is not: it must not wait behind a slow commit.

use crate::{
    SqlStore,
    db::{Conn, Db, exec, one, opt},
    row::row,
};
use async_trait::async_trait;
use leyden_domain::{Span, Timestamp};
use leyden_ports::{
    Clock,
    store::{Lease, LeaseRow, LeaseStore, StoreError},
};

row!(
    /// A lease.
    Row { name: String, holder: String, epoch: i64, expires_at: i64 }
);

/// The moment by which leases are measured: the database's own where instances share it.
async fn now(conn: &mut Conn, clock: &dyn Clock) -> Result<Timestamp, StoreError> {
    match conn {
        Conn::Lite(_) => Ok(clock.now()),
        Conn::Pg(_) => {
            let (ms,): (i64,) =
                one!(conn, "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)")?;
            Ok(Timestamp::from_ms(ms))
        }
    }
}

/// Takes a lease that is free, or that this holder has, or that ends so late that the clock must have gone back since.
async fn take(
    conn: &mut Conn,
    name: &str,
    holder: &str,
    now: Timestamp,
    ttl: Span,
) -> Result<Option<Lease>, StoreError> {
    let taken: Option<(i64,)> = opt!(
        conn,
        "INSERT INTO leases (name, holder, epoch, taken_at, expires_at) VALUES ($1, $2, 1, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, epoch = leases.epoch + 1, \
         taken_at = excluded.taken_at, expires_at = excluded.expires_at \
         WHERE leases.expires_at <= excluded.taken_at OR leases.holder = excluded.holder \
         OR leases.expires_at > excluded.expires_at + 600000 RETURNING epoch",
        name.to_owned(),
        holder.to_owned(),
        now.ms(),
        now.plus(ttl).ms(),
    )?;
    Ok(taken.map(|(epoch,)| Lease { name: name.to_owned(), holder: holder.to_owned(), epoch }))
}

/// Writes until when a lease is held, if it still is in its epoch.
async fn hold(conn: &mut Conn, lease: &Lease, until: Timestamp) -> Result<bool, StoreError> {
    let held = exec!(
        conn,
        "UPDATE leases SET expires_at = $4 WHERE name = $1 AND holder = $2 AND epoch = $3",
        lease.name.clone(),
        lease.holder.clone(),
        lease.epoch,
        until.ms(),
    )?;
    Ok(held == 1)
}

impl SqlStore {
    /// A connection that does not wait behind the writer; `None` where the database has no other way to write.
    async fn beside_the_writer(&self) -> Result<Option<Conn>, StoreError> {
        match &self.db {
            Db::Lite { .. } => Ok(None),
            Db::Pg { ls, .. } => ls.acquire().await.map(|guard| Some(Conn::Pg(guard))),
        }
    }
}

#[async_trait]
impl LeaseStore for SqlStore {
    async fn take_lease(&self, name: &str, holder: &str, ttl: Span) -> Result<Option<Lease>, StoreError> {
        let (name, holder, clock) = (name.to_owned(), holder.to_owned(), self.clock());
        self.write_unfenced(move |conn| {
            Box::pin(async move {
                let now = now(conn, clock.as_ref()).await?;
                take(conn, &name, &holder, now, ttl).await
            })
        })
        .await
    }

    async fn renew_lease(&self, lease: &Lease, ttl: Span) -> Result<bool, StoreError> {
        if let Some(mut conn) = self.beside_the_writer().await? {
            let until = now(&mut conn, self.clock().as_ref()).await?.plus(ttl);
            return hold(&mut conn, lease, until).await;
        }
        let (lease, clock) = (lease.clone(), self.clock());
        self.write_unfenced(move |conn| {
            Box::pin(async move { hold(conn, &lease, clock.now().plus(ttl)).await })
        })
        .await
    }

    async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.write_unfenced(move |conn| {
            Box::pin(async move { hold(conn, &lease, Timestamp::from_ms(0)).await.map(drop) })
        })
        .await
    }

    async fn lease(&self, name: &str) -> Result<Option<LeaseRow>, StoreError> {
        let mut conn = self.db.read().await?;
        let found: Option<Row> = opt!(
            conn,
            "SELECT name, holder, epoch, expires_at FROM leases WHERE name = $1",
            name.to_owned()
        )?;
        let now = now(&mut conn, self.clock().as_ref()).await?;
        Ok(found.map(|row| {
            let expires_at = Timestamp::from_ms(row.expires_at);
            let lease = Lease { name: row.name, holder: row.holder, epoch: row.epoch };
            LeaseRow { lease, expires_at, is_over: expires_at <= now }
        }))
    }
}
