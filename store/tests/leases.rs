//! Leases and fences, on both databases.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "conformance/kit.rs"]
#[expect(dead_code, reason = "shared with the conformance suite, which uses all of it")]
mod kit;
#[path = "conformance/pg.rs"]
mod pg;

use kit::{Kit, new, open, order, order_id, url_in};
use leyden_domain::Span;
use leyden_ports::store::{Created, Fence, LeaseStore as _, OrderStore as _, Store as _, StoreError};
use leyden_store::SqlStore;
use std::sync::Arc;

const TTL: Span = Span::from_ms(60_000);
const OVER: Span = Span::from_ms(-1);

/// Two instances on one database, once on each.
async fn twice() -> Vec<(SqlStore, SqlStore, Option<tempfile::TempDir>)> {
    let dir = tempfile::tempdir().unwrap();
    let (file, url) = (url_in(&dir), pg::fresh().await);
    vec![(open(&file).await, open(&file).await, Some(dir)), (open(&url).await, open(&url).await, None)]
}

#[tokio::test]
async fn one_holds_it_until_it_is_over() {
    for (a, b, _dir) in twice().await {
        assert_eq!(a.lease("work").await, Ok(None));
        let first = a.take_lease("work", "a", TTL).await.unwrap().unwrap();
        assert_eq!((first.epoch, first.holder.as_str()), (1, "a"));
        assert_eq!(b.take_lease("work", "b", TTL).await, Ok(None));
        assert_eq!(b.take_lease("other", "b", TTL).await.unwrap().unwrap().epoch, 1);
        assert!(a.renew_lease(&first, TTL).await.unwrap());
        let row = b.lease("work").await.unwrap().unwrap();
        assert_eq!((&row.lease, row.is_over), (&first, false));
        // The one that has it takes it anew: an epoch of its own.
        let again = a.take_lease("work", "a", TTL).await.unwrap().unwrap();
        assert_eq!(again.epoch, 2);
        assert!(!a.renew_lease(&first, TTL).await.unwrap());
        // Over, and taken by nobody: whoever had it may go on.
        assert!(a.renew_lease(&again, OVER).await.unwrap());
        assert!(b.lease("work").await.unwrap().unwrap().is_over);
        assert!(a.renew_lease(&again, TTL).await.unwrap());
        a.release_lease(&again).await.unwrap();
        let next = b.take_lease("work", "b", TTL).await.unwrap().unwrap();
        assert_eq!(next.epoch, 3);
        assert!(!a.renew_lease(&again, TTL).await.unwrap());
        a.release_lease(&again).await.unwrap();
        assert!(!b.lease("work").await.unwrap().unwrap().is_over);
    }
}

#[tokio::test]
async fn nothing_is_written_past_a_fence() {
    for (a, b, _dir) in twice().await {
        let fence = Arc::new(Fence::new("work"));
        let fenced = a.fenced(Arc::clone(&fence));
        let refused = |n| fenced.create_order(new(order(n)));
        assert_eq!(refused(1).await, Err(StoreError::Fenced.into()));
        let lease = a.take_lease("work", "a", TTL).await.unwrap().unwrap();
        fence.raise(lease.epoch);
        assert!(matches!(fenced.create_order(new(order(1))).await, Ok(Created::Fresh(_))));
        // Over is not lost: nobody else does the work.
        assert!(a.renew_lease(&lease, OVER).await.unwrap());
        assert!(matches!(fenced.create_order(new(order(2))).await, Ok(Created::Fresh(_))));
        let other = b.take_lease("work", "b", TTL).await.unwrap().unwrap();
        assert_eq!(refused(3).await, Err(StoreError::Fenced.into()));
        // Others, and those who need no lease, write all the time; in the same commit too.
        let theirs = Arc::new(Fence::new("work"));
        theirs.raise(other.epoch);
        let both = b.fenced(theirs);
        let (bare, stale, leading) = tokio::join!(
            a.create_order(new(order(4))),
            fenced.create_order(new(order(5))),
            both.create_order(new(order(6))),
        );
        assert!(bare.is_ok() && leading.is_ok());
        assert_eq!(stale, Err(StoreError::Fenced.into()));
        for (n, is_there) in [(1, true), (2, true), (3, false), (4, true), (5, false), (6, true)] {
            assert_eq!(fenced.order(order_id(n)).await.unwrap().is_some(), is_there, "{n}");
        }
        Kit::on(Arc::new(a)).check().await;
    }
}

#[tokio::test]
async fn holding_on_does_not_wait_behind_a_writer() {
    let name = pg::fresh_name().await;
    let url = pg::server().await.url(&name);
    let store = open(&url).await;
    let lease = store.take_lease("work", "a", TTL).await.unwrap().unwrap();
    // Another instance is in the middle of a long commit.
    let mut other = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT pg_advisory_xact_lock(119183084119406)").execute(&mut other).await.unwrap();
    assert!(store.renew_lease(&lease, TTL).await.unwrap());
    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    store.ping().await.unwrap();
}
