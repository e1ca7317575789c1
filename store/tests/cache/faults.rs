//! Redis ill in every way: nobody notices but by the time it takes, and that is bounded.

use crate::common::{
    HOUR, PREFIX, get, missing, options, price, redis, set, tier, tiered, until, until_redis,
};
use leyden_domain::Span;
use leyden_ports::{Cache, CacheKey, Generation};
use leyden_store::{MemoryCache, RedisOptions, TieredCache};
use leyden_test_servers::{Proxy, RedisServer, Reply, Wire};
use std::time::Duration;

/// The cache of one process does what it should, whatever Redis does.
async fn works_alone(cache: &dyn Cache) {
    for round in 0..20 {
        let key = CacheKey::document("alone", round.to_string());
        assert_eq!(get(cache, &key).await, None);
        let Ok(leyden_ports::Look::Missing(as_of)) = cache.look(&key).await else { panic!("it is there") };
        // Whether Redis could be told is nobody's concern.
        drop(cache.put(&key, "kept".into(), HOUR, as_of).await);
        assert_eq!(get(cache, &key).await.as_deref(), Some("kept"));
    }
    drop(cache.forget("alone").await);
    for round in 0..20 {
        assert_eq!(get(cache, &CacheKey::document("alone", round.to_string())).await, None);
    }
}

#[tokio::test]
async fn absent() {
    let mut server = RedisServer::start().unwrap();
    server.stop();
    let cache = tiered(server.address());
    works_alone(cache.as_ref()).await;
    assert!(!tier(cache.as_ref()).available);
    assert_eq!(tier(cache.as_ref()).failures, 0, "it was never asked");
    // And it is used once it is there.
    server.start_again().unwrap();
    until_redis(cache.as_ref(), true).await;
    set(cache.as_ref(), &price(), "1").await;
    assert_eq!(
        get(redis_again(&server).await.as_ref(), &price()).await,
        None,
        "who connects distrusts documents"
    );
}

async fn redis_again(server: &RedisServer) -> std::sync::Arc<leyden_store::RedisCache> {
    let other = redis(server.address());
    until_redis(other.as_ref(), true).await;
    other
}

#[tokio::test]
async fn frozen() {
    let server = RedisServer::start().unwrap();
    let cache = tiered(server.address());
    until_redis(cache.as_ref(), true).await;
    set(cache.as_ref(), &price(), "1").await;
    server.pause().unwrap();
    works_alone(cache.as_ref()).await;
    // After a few failures in a row it is not asked any more.
    until_redis(cache.as_ref(), false).await;
    let asked = tier(cache.as_ref()).failures;
    works_alone(cache.as_ref()).await;
    assert_eq!(tier(cache.as_ref()).failures, asked);
    assert!(tier(cache.as_ref()).skipped > 0);
    server.resume().unwrap();
    until_redis(cache.as_ref(), true).await;
    works_alone(cache.as_ref()).await;
    let asked = tier(cache.as_ref());
    set(cache.as_ref(), &price(), "2").await;
    assert!(tier(cache.as_ref()).misses > asked.misses, "it is asked again");
}

#[tokio::test]
async fn slow_by_a_second() {
    let server = RedisServer::start().unwrap();
    let wire = Proxy::to(server.address()).unwrap();
    let cache = tiered(wire.address());
    until_redis(cache.as_ref(), true).await;
    wire.set(Wire::Slow(Duration::from_secs(1)));
    works_alone(cache.as_ref()).await;
    until_redis(cache.as_ref(), false).await;
    // It answers, but so late that it is not let back.
    let failures = tier(cache.as_ref()).failures;
    until("it was tried again", async || {
        tier(cache.as_ref()).problem.is_some_and(|problem| problem.contains("500 ms"))
    })
    .await;
    works_alone(cache.as_ref()).await;
    assert_eq!(tier(cache.as_ref()).failures, failures);
    wire.set(Wire::Good);
    until_redis(cache.as_ref(), true).await;
    works_alone(cache.as_ref()).await;
}

#[tokio::test]
async fn flushed() {
    let server = RedisServer::start().unwrap();
    let (a, b) = (tiered(server.address()), redis(server.address()));
    until_redis(a.as_ref(), true).await;
    until_redis(b.as_ref(), true).await;
    let as_of = missing(b.as_ref(), &price()).await;
    set(b.as_ref(), &price(), "1").await;
    server.command(&["FLUSHALL"]).unwrap();
    assert_eq!(get(b.as_ref(), &price()).await, None);
    // What was read before everything went is not kept: it may have been forgotten among the rest.
    b.put(&price(), "old".into(), HOUR, as_of).await.unwrap();
    assert_eq!(get(b.as_ref(), &price()).await, None);
    for _ in 0..10 {
        server.command(&["FLUSHALL"]).unwrap();
        works_alone(a.as_ref()).await;
    }
    set(b.as_ref(), &price(), "2").await;
    assert_eq!(get(b.as_ref(), &price()).await.as_deref(), Some("2"));
}

#[tokio::test]
async fn something_else_lies_under_our_keys() {
    let server = RedisServer::start().unwrap();
    let cache = redis(server.address());
    until_redis(cache.as_ref(), true).await;
    let key = price();
    let name = format!("{PREFIX}{key}");
    let mut random = vec![0_u8; 5_000];
    leyden_ports::Entropy::fill(crate::common::Numbers::new().as_ref(), &mut random);
    let marks = ["@epoch:documents", "@generation:price"].map(|mark| format!("{PREFIX}{mark}"));
    let spoilt = |name: &str| -> Vec<Vec<Vec<u8>>> {
        let words = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>();
        let name = name.as_bytes();
        vec![
            words(&[b"SET", name, &random]),
            words(&[b"SET", name, b""]),
            words(&[b"SET", name, b"{\"single_price\":0}", b"EX", b"100"]),
            words(&[b"SET", name, b"leyden1 x y z", b"EX", b"100"]),
            words(&[b"APPEND", name, b"more"]),
            words(&[b"RPUSH", name, b"a", b"b"]),
            words(&[b"HSET", name, b"a", b"b"]),
            words(&[b"SETRANGE", name, b"52", b"X"]),
        ]
    };
    for target in [name.clone(), marks[0].clone(), marks[1].clone()] {
        for (index, command) in spoilt(&target).into_iter().enumerate() {
            set(cache.as_ref(), &key, "good").await;
            assert_eq!(get(cache.as_ref(), &key).await.as_deref(), Some("good"));
            if matches!(command[0].as_slice(), b"RPUSH" | b"HSET") {
                server.command(&["DEL", &target]).unwrap();
            }
            let reply = server.command(&command).unwrap();
            assert!(!matches!(reply, Reply::Error(_)), "{reply:?}");
            assert_eq!(get(cache.as_ref(), &key).await, None, "{target}: {index}");
        }
    }
    // A good text of another key is not this one's.
    let other = CacheKey::document("price", "other");
    set(cache.as_ref(), &other, "other").await;
    server.command(&["RENAME", &format!("{PREFIX}{other}"), &name]).unwrap();
    assert_eq!(get(cache.as_ref(), &key).await, None);
    // One that never ends is not ours.
    set(cache.as_ref(), &key, "good").await;
    server.command(&["PERSIST", &name]).unwrap();
    assert_eq!(get(cache.as_ref(), &key).await, None);
    assert!(tier(cache.as_ref()).available, "{:?}", tier(cache.as_ref()));
}

#[tokio::test]
async fn something_else_answers() {
    let server = RedisServer::start().unwrap();
    let wire = Proxy::to(server.address()).unwrap();
    let cache = tiered(wire.address());
    for garbage in
        [&b"HTTP/1.1 200 OK\r\n\r\n<html>"[..], b"\xff\x00\xfe", b"$5\r\nhello\r\n", b"*-1\r\n+OK\r\n:7\r\n"]
    {
        wire.set(Wire::Good);
        until_redis(cache.as_ref(), true).await;
        wire.set(Wire::Garbage(garbage.to_vec()));
        works_alone(cache.as_ref()).await;
        until_redis(cache.as_ref(), false).await;
        works_alone(cache.as_ref()).await;
    }
    wire.set(Wire::Good);
    until_redis(cache.as_ref(), true).await;
    works_alone(cache.as_ref()).await;
}

#[tokio::test]
async fn messages_of_others_are_not_ours() {
    let server = RedisServer::start().unwrap();
    let cache = tiered(server.address());
    until_redis(cache.as_ref(), true).await;
    set(cache.as_ref(), &price(), "1").await;
    let channel = format!("{PREFIX}@forgotten");
    for message in [&b""[..], b"price", b"\xff\xff", b"leyden2 price"] {
        server.command(&[b"PUBLISH".as_slice(), channel.as_bytes(), message]).unwrap();
    }
    server.command(&["PUBLISH", &channel, "leyden1 other"]).unwrap();
    assert_eq!(get(cache.as_ref(), &price()).await.as_deref(), Some("1"));
}

#[tokio::test]
async fn killed_and_started_again() {
    let mut server = RedisServer::start().unwrap();
    let (a, b) = (tiered(server.address()), tiered(server.address()));
    for round in 0..5 {
        until_redis(a.as_ref(), true).await;
        until_redis(b.as_ref(), true).await;
        set(a.as_ref(), &price(), &round.to_string()).await;
        until("the other has it", async || get(b.as_ref(), &price()).await == Some(round.to_string())).await;
        server.stop();
        works_alone(a.as_ref()).await;
        until_redis(a.as_ref(), false).await;
        a.forget("price").await.unwrap_err();
        until_redis(b.as_ref(), false).await;
        server.start_again().unwrap();
        until_redis(b.as_ref(), true).await;
        until_redis(a.as_ref(), true).await;
        // What `b` held in its own process went when the connection came back.
        assert_eq!(get(b.as_ref(), &price()).await, None);
    }
}

#[tokio::test]
async fn a_document_lives_here_for_a_short_while_where_nobody_can_be_heard() {
    let mut server = RedisServer::start().unwrap();
    let address = server.address();
    server.stop();
    let memory = MemoryCache::with_longest_document(100, Span::from_ms(5));
    let cache = TieredCache::start(memory, options(address), crate::common::Numbers::new()).unwrap();
    let fact = CacheKey::fact("address", "T1");
    let nothing = Generation { here: 0, shared: None };
    cache.put(&fact, "usable".into(), HOUR, nothing).await.unwrap();
    cache.put(&price(), "1".into(), HOUR, nothing).await.unwrap();
    until("it ends", async || get(&cache, &price()).await.is_none()).await;
    assert_eq!(get(&cache, &fact).await.as_deref(), Some("usable"));
}

#[tokio::test]
async fn a_password_is_said_nowhere() {
    let server = RedisServer::start().unwrap();
    server.command(&["CONFIG", "SET", "requirepass", "hunter2"]).unwrap();
    let url = format!("redis://:wrong-hunter3@{}", server.address());
    let options = RedisOptions::new(&url, PREFIX, Duration::from_millis(500)).unwrap();
    assert!(!format!("{options:?}").contains("hunter"));
    let cache = TieredCache::start(MemoryCache::new(100), options, crate::common::Numbers::new()).unwrap();
    until("it says why", async || tier(&cache).problem.is_some_and(|problem| problem != "not connected yet"))
        .await;
    let problem = tier(&cache).problem.unwrap();
    assert!(!problem.contains("hunter") && !format!("{cache:?}").contains("hunter"), "{problem}");
    works_alone(&cache).await;
    for wrong in ["", "localhost", "http://x", "redis://host:port"] {
        assert!(RedisOptions::new(wrong, PREFIX, Duration::from_millis(75)).is_err(), "{wrong}");
    }
    let good = format!("redis://:hunter2@{}", server.address());
    let options = RedisOptions::new(&good, PREFIX, Duration::from_millis(500)).unwrap();
    let cache = TieredCache::start(MemoryCache::new(100), options, crate::common::Numbers::new()).unwrap();
    until_redis(&cache, true).await;
}

#[tokio::test]
async fn a_look_from_outside() {
    let mut server = RedisServer::start().unwrap();
    let facts = options(server.address()).inspect().await.unwrap();
    assert!(!facts.version.is_empty());
    assert_eq!((facts.max_memory, facts.policy.as_str()), (Some(0), "noeviction"));
    server.pause().unwrap();
    assert!(options(server.address()).inspect().await.unwrap_err().0.contains("answer"));
    server.stop();
    options(server.address()).inspect().await.unwrap_err();
}
