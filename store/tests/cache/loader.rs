//! Reading through the cache.

use crate::common::{HOUR, Numbers, price};
use futures_util::future::{join, join_all};
use leyden_domain::Span;
use leyden_ports::Cache as _;
use leyden_store::{Fresh, Loader, MemoryCache};
use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};
use tokio::sync::Semaphore;

fn loader() -> (MemoryCache, Loader) {
    let cache = MemoryCache::new(100);
    (cache.clone(), Loader::new(Arc::new(cache), Numbers::new()))
}

/// What a source says.
type Read<T> = Result<Fresh<T>, String>;

#[tokio::test]
async fn many_who_miss_the_same_read_the_source_once() {
    let (_, loader) = loader();
    let (reads, gate) = (AtomicU32::new(0), Semaphore::new(0));
    let key = price();
    let load = async || {
        reads.fetch_add(1, SeqCst);
        drop(gate.acquire().await);
        Read::Ok(Fresh { value: 7_u32, keep: HOUR })
    };
    let all = join_all((0..20).map(|_| loader.read(&key, load)));
    // All of them have asked when the gate opens.
    let (values, ()) = join(all, async { gate.add_permits(1) }).await;
    assert_eq!(values, vec![Ok(7); 20]);
    assert_eq!(reads.load(SeqCst), 1);
    assert_eq!(loader.read(&key, load).await, Ok(7));
    assert_eq!(reads.load(SeqCst), 1);
}

#[tokio::test]
async fn an_error_is_of_those_who_waited_for_it_and_of_nobody_after() {
    let (_, loader) = loader();
    let (reads, gate) = (AtomicU32::new(0), Semaphore::new(0));
    let key = price();
    let fail = async || -> Result<Fresh<u32>, String> {
        reads.fetch_add(1, SeqCst);
        drop(gate.acquire().await);
        Err("down".to_owned())
    };
    let all = join_all((0..20).map(|_| loader.read(&key, fail)));
    let (values, ()) = join(all, async { gate.add_permits(1) }).await;
    assert_eq!(values, vec![Err("down".to_owned()); 20]);
    assert_eq!(reads.load(SeqCst), 1);
    assert_eq!(loader.read(&key, async || Read::Ok(Fresh { value: 1_u32, keep: HOUR })).await, Ok(1));
}

#[tokio::test]
async fn who_comes_after_a_forgetting_does_not_get_what_was_being_read_before() {
    let (cache, loader) = loader();
    let key = price();
    let (begun, gate) = (Semaphore::new(0), Semaphore::new(0));
    let source = AtomicU32::new(1);
    let slow = loader.read(&key, async || {
        let read = source.load(SeqCst);
        begun.add_permits(1);
        drop(gate.acquire().await);
        Read::Ok(Fresh { value: read, keep: HOUR })
    });
    let after = async {
        drop(begun.acquire().await);
        source.store(2, SeqCst);
        cache.forget("price").await.unwrap();
        let read =
            loader.read(&key, async || Read::Ok(Fresh { value: source.load(SeqCst), keep: HOUR })).await;
        gate.add_permits(1);
        read
    };
    let (slow, after) = join(slow, after).await;
    assert_eq!(after, Ok(2));
    assert_eq!(slow, Ok(1), "it asked before");
    // Whoever asks now gets the new one, from wherever.
    assert_eq!(
        loader.read(&key, async || Read::Ok(Fresh { value: source.load(SeqCst), keep: HOUR })).await,
        Ok(2)
    );
}

#[tokio::test]
async fn a_reader_that_leaves_takes_nobody_with_it() {
    let (_, loader) = loader();
    let key = price();
    let left = loader.read(&key, async || {
        std::future::pending::<()>().await;
        Read::Ok(Fresh { value: 1_u32, keep: HOUR })
    });
    let stays = loader.read(&key, async || Read::Ok(Fresh { value: 2_u32, keep: HOUR }));
    let mut stays = Box::pin(stays);
    {
        let mut left = Box::pin(left);
        assert!(futures_util::poll!(left.as_mut()).is_pending());
        assert!(futures_util::poll!(stays.as_mut()).is_pending());
    }
    assert_eq!(stays.await, Ok(2));
}

#[tokio::test]
async fn what_is_not_to_be_kept_is_read_each_time() {
    let (_, loader) = loader();
    let (reads, key) = (Cell::new(0), price());
    for _ in 0..3 {
        let read = loader.read(&key, async || {
            reads.set(reads.get() + 1);
            Read::Ok(Fresh { value: reads.get(), keep: Span::ZERO })
        });
        assert_eq!(read.await, Ok(reads.get()));
    }
    assert_eq!(reads.get(), 3);
}

#[tokio::test]
async fn what_cannot_be_read_is_replaced() {
    let (cache, loader) = loader();
    crate::common::set(&cache, &price(), "{\"of\":\"another version\"}").await;
    assert_eq!(loader.read(&price(), async || Read::Ok(Fresh { value: 5_u32, keep: HOUR })).await, Ok(5));
    assert_eq!(loader.read(&price(), async || Read::Ok(Fresh { value: 6_u32, keep: HOUR })).await, Ok(6));
    assert_eq!(loader.read(&price(), async || Read::Ok(Fresh { value: 7_u32, keep: HOUR })).await, Ok(6));
}
