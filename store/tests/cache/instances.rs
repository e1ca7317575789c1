//! Several instances on one Redis.

use crate::common::{HOUR, PREFIX, get, missing, options, price, set, tier, tiered, until, until_redis};
use leyden_ports::{Cache as _, CacheKey};
use leyden_store::{MemoryCache, TieredCache};
use leyden_test_servers::{RedisServer, Reply};

#[tokio::test]
async fn what_one_puts_the_other_finds_and_what_one_forgets_the_other_forgets_at_once() {
    let server = RedisServer::start().unwrap();
    let (a, b) = (tiered(server.address()), tiered(server.address()));
    until_redis(a.as_ref(), true).await;
    until_redis(b.as_ref(), true).await;
    set(a.as_ref(), &price(), "1.5").await;
    assert_eq!(get(b.as_ref(), &price()).await.as_deref(), Some("1.5"));
    // Both hold copies for an hour now; only the message ends them.
    a.forget("price").await.unwrap();
    assert_eq!(get(a.as_ref(), &price()).await, None);
    until("the other forgets", async || get(b.as_ref(), &price()).await.is_none()).await;
}

#[tokio::test]
async fn what_one_read_before_the_other_forgot_is_kept_nowhere() {
    let server = RedisServer::start().unwrap();
    let (a, b) = (tiered(server.address()), tiered(server.address()));
    until_redis(a.as_ref(), true).await;
    until_redis(b.as_ref(), true).await;
    let before = missing(b.as_ref(), &price()).await;
    a.forget("price").await.unwrap();
    b.put(&price(), "old".into(), HOUR, before).await.unwrap();
    assert_eq!(get(a.as_ref(), &price()).await, None);
    until("the other forgets", async || get(b.as_ref(), &price()).await.is_none()).await;
}

#[tokio::test]
async fn keys_have_the_shape_that_was_asked_for_and_all_of_them_end() {
    let server = RedisServer::start().unwrap();
    let cache = tiered(server.address());
    until_redis(cache.as_ref(), true).await;
    set(cache.as_ref(), &price(), "1").await;
    set(cache.as_ref(), &CacheKey::fact("address", "T1"), "2").await;
    let Reply::Array(keys) = server.command(&["KEYS", "*"]).unwrap() else { panic!("no list") };
    let mut names = Vec::new();
    for key in keys {
        let Reply::Bytes(key) = key else { panic!("{key:?}") };
        let Reply::Number(left) = server.command(&[b"PTTL".as_slice(), &key]).unwrap() else {
            panic!("{key:?}")
        };
        assert!(left > 0, "{key:?} never ends");
        names.push(String::from_utf8(key).unwrap());
    }
    names.sort();
    let expected = [
        "@epoch:documents",
        "@epoch:facts",
        "@generation:address",
        "@generation:price",
        "address:T1",
        "price:energy_flash",
    ];
    assert_eq!(names, expected.map(|name| format!("{PREFIX}{name}")));
}

#[tokio::test]
async fn what_was_put_for_another_service_is_not_there() {
    let server = RedisServer::start().unwrap();
    let start = |realm: &str| {
        let options = options(server.address()).of_realm(realm);
        TieredCache::start(MemoryCache::new(100), options, crate::common::Numbers::new()).unwrap()
    };
    let (ours, theirs) = (start("mainnet"), start("demo"));
    until_redis(&ours, true).await;
    until_redis(&theirs, true).await;
    set(&theirs, &price(), "0.001").await;
    assert_eq!(get(&ours, &price()).await, None);
    assert_eq!(tier(&ours).hits, 0);
}

#[tokio::test]
async fn a_forget_while_there_is_no_redis_is_not_undone_when_it_is_back() {
    let server = RedisServer::start().unwrap();
    // Only `a` loses it. What was put stays there.
    let wire = leyden_test_servers::Proxy::to(server.address()).unwrap();
    let (a, b) = (tiered(wire.address()), tiered(server.address()));
    until_redis(a.as_ref(), true).await;
    until_redis(b.as_ref(), true).await;
    let address = CacheKey::fact("address", "T1");
    for key in [price(), address.clone()] {
        set(a.as_ref(), &key, "old").await;
    }
    wire.set(leyden_test_servers::Wire::Cut);
    until_redis(a.as_ref(), false).await;
    a.forget("price").await.unwrap_err();
    a.forget("address").await.unwrap_err();
    assert_eq!(get(a.as_ref(), &price()).await, None);
    wire.set(leyden_test_servers::Wire::Good);
    until_redis(a.as_ref(), true).await;
    for key in [price(), address] {
        assert_eq!(get(a.as_ref(), &key).await, None);
        until("the other forgets", async || get(b.as_ref(), &key).await.is_none()).await;
    }
}

#[tokio::test]
async fn what_somebody_who_died_should_have_forgotten_counts_for_nobody_who_connects() {
    let server = RedisServer::start().unwrap();
    let a = tiered(server.address());
    until_redis(a.as_ref(), true).await;
    set(a.as_ref(), &price(), "old").await;
    let fact = CacheKey::fact("address", "T1");
    set(a.as_ref(), &fact, "usable").await;
    // It changes the document while Redis is frozen, and dies.
    server.pause().unwrap();
    a.forget("price").await.unwrap_err();
    drop(a);
    server.resume().unwrap();
    let b = tiered(server.address());
    until_redis(b.as_ref(), true).await;
    assert_eq!(get(b.as_ref(), &price()).await, None);
    assert_eq!(get(b.as_ref(), &fact).await.as_deref(), Some("usable"), "what nobody changes is still good");
}
