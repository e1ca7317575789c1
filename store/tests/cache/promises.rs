//! What every cache promises.

use crate::common::{HOUR, get, missing, price, redis, set, tiered, until, until_redis};
use leyden_domain::Span;
use leyden_ports::{Cache, CacheKey, Generation};
use leyden_store::MemoryCache;
use leyden_test_servers::RedisServer;
use std::sync::Arc;

async fn on_memory(test: impl AsyncFn(&dyn Cache)) {
    test(&MemoryCache::new(100)).await;
}

async fn on_redis(test: impl AsyncFn(&dyn Cache)) {
    let server = RedisServer::start().unwrap();
    let cache = redis(server.address());
    until_redis(cache.as_ref(), true).await;
    test(cache.as_ref()).await;
}

async fn on_tiers(test: impl AsyncFn(&dyn Cache)) {
    let server = RedisServer::start().unwrap();
    let cache = tiered(server.address());
    until_redis(cache.as_ref(), true).await;
    test(cache.as_ref()).await;
}

/// Each promise, on each cache.
macro_rules! promises {
    ($($name:ident),* $(,)?) => {
        mod memory { $(#[tokio::test] async fn $name() { super::on_memory(super::$name).await; })* }
        mod redis_alone { $(#[tokio::test] async fn $name() { super::on_redis(super::$name).await; })* }
        mod tiers { $(#[tokio::test] async fn $name() { super::on_tiers(super::$name).await; })* }
    };
}

promises!(
    what_was_put_is_found_until_its_tag_is_forgotten,
    what_was_read_before_its_tag_was_forgotten_is_not_given_out_after,
    what_lives_for_no_time_is_gone,
    texts_come_back_as_they_were,
    tags_and_names_do_not_mix,
    forgetting_while_others_put_leaves_nothing_old,
);

async fn what_was_put_is_found_until_its_tag_is_forgotten(cache: &dyn Cache) {
    let (a, b) = (CacheKey::document("x", "a"), CacheKey::fact("y", "b"));
    assert_eq!(get(cache, &a).await, None);
    set(cache, &a, "1").await;
    set(cache, &b, "2").await;
    assert_eq!(get(cache, &a).await.as_deref(), Some("1"));
    cache.forget("x").await.unwrap();
    assert_eq!(get(cache, &a).await, None);
    assert_eq!(get(cache, &b).await.as_deref(), Some("2"));
    set(cache, &a, "3").await;
    assert_eq!(get(cache, &a).await.as_deref(), Some("3"));
}

async fn what_was_read_before_its_tag_was_forgotten_is_not_given_out_after(cache: &dyn Cache) {
    let key = price();
    // A reader looks the old document up, a writer replaces and forgets it, the reader puts what it had read.
    let before = missing(cache, &key).await;
    cache.forget("price").await.unwrap();
    cache.put(&key, "old".into(), HOUR, before).await.unwrap();
    assert_eq!(get(cache, &key).await, None);
    let after = missing(cache, &key).await;
    cache.put(&key, "new".into(), HOUR, after).await.unwrap();
    assert_eq!(get(cache, &key).await.as_deref(), Some("new"));
    // And again over what is there.
    cache.put(&key, "old".into(), HOUR, before).await.unwrap();
    assert_ne!(get(cache, &key).await.as_deref(), Some("old"));
}

async fn what_lives_for_no_time_is_gone(cache: &dyn Cache) {
    let key = price();
    set(cache, &key, "1").await;
    let nothing = Generation { here: 0, shared: None };
    cache.put(&key, "2".into(), Span::ZERO, nothing).await.unwrap();
    assert_eq!(get(cache, &key).await, None);
    let generation = missing(cache, &key).await;
    cache.put(&key, "3".into(), Span::from_ms(1), generation).await.unwrap();
    until("it ends", async || get(cache, &key).await.is_none()).await;
}

async fn texts_come_back_as_they_were(cache: &dyn Cache) {
    let long = "ü".repeat(100_000);
    for text in ["", " ", "{\"a\":1}", "\r\n\0$-1\r\n", "价格", &long] {
        set(cache, &price(), text).await;
        assert_eq!(get(cache, &price()).await.as_deref(), Some(text));
    }
}

async fn tags_and_names_do_not_mix(cache: &dyn Cache) {
    set(cache, &CacheKey::fact("a", "b"), "1").await;
    assert_eq!(get(cache, &CacheKey::fact("a", "c")).await, None);
    assert_eq!(get(cache, &CacheKey::fact("b", "b")).await, None);
    cache.forget("never seen").await.unwrap();
    assert_eq!(get(cache, &CacheKey::fact("a", "b")).await.as_deref(), Some("1"));
}

async fn forgetting_while_others_put_leaves_nothing_old(cache: &dyn Cache) {
    // The source counts up and forgets after each step; a reader that was slow puts whatever it had read.
    let key = price();
    for round in 0..50_u32 {
        let as_of = cache.look(&key).await.unwrap();
        let read = round.to_string();
        if let leyden_ports::Look::Missing(as_of) = as_of {
            let (put, forgotten) = futures_util::future::join(
                cache.put(&key, Arc::from(read), HOUR, as_of),
                cache.forget("price"),
            )
            .await;
            put.unwrap();
            forgotten.unwrap();
        }
        assert_eq!(get(cache, &key).await, None, "round {round}");
    }
}
