//! The in-process cache.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use leyden_domain::Span;
use leyden_ports::Cache as _;
use leyden_store::MemoryCache;

const HOUR: Span = Span::from_hours(1);

#[tokio::test]
async fn what_was_put_is_found_until_its_tag_is_forgotten() {
    let cache = MemoryCache::new(100);
    assert_eq!(cache.get("a").await, Ok(None));
    cache.put("a", "1".to_owned(), HOUR, "x").await.unwrap();
    cache.put("b", "2".to_owned(), HOUR, "y").await.unwrap();
    assert_eq!(cache.get("a").await, Ok(Some("1".to_owned())));
    cache.forget("x").await.unwrap();
    assert_eq!(cache.get("a").await, Ok(None));
    assert_eq!(cache.get("b").await, Ok(Some("2".to_owned())));
    cache.put("a", "3".to_owned(), HOUR, "x").await.unwrap();
    assert_eq!(cache.get("a").await, Ok(Some("3".to_owned())));
    // The tag is the last put's.
    cache.put("a", "4".to_owned(), HOUR, "y").await.unwrap();
    cache.forget("x").await.unwrap();
    assert_eq!(cache.get("a").await, Ok(Some("4".to_owned())));
}

#[tokio::test]
async fn what_was_read_before_its_tag_was_forgotten_is_not_given_out_after() {
    let cache = MemoryCache::new(100);
    // A reader looks the old document up, a writer replaces and forgets it, the reader puts what it had read.
    let generation = cache.generation("x").await.unwrap();
    cache.forget("x").await.unwrap();
    cache.put_as_of("a", "old".to_owned(), HOUR, "x", generation).await.unwrap();
    assert_eq!(cache.get("a").await, Ok(None));
    let generation = cache.generation("x").await.unwrap();
    cache.put_as_of("a", "new".to_owned(), HOUR, "x", generation).await.unwrap();
    assert_eq!(cache.get("a").await, Ok(Some("new".to_owned())));
}

#[tokio::test]
async fn what_lives_for_no_time_is_gone() {
    let cache = MemoryCache::new(100);
    cache.put("a", "1".to_owned(), HOUR, "x").await.unwrap();
    cache.put("a", "2".to_owned(), Span::ZERO, "x").await.unwrap();
    assert_eq!(cache.get("a").await, Ok(None));
    cache.put("a", "3".to_owned(), Span::from_ms(1), "x").await.unwrap();
    while cache.get("a").await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
}
