//! Books as simulations have them: whoever calls writes, and may be cut off while the books are slow.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "conformance/kit.rs"]
#[expect(dead_code, reason = "shared with the conformance suite, which uses all of it")]
mod kit;
#[path = "conformance/pg.rs"]
mod pg;

use async_trait::async_trait;
use futures_util::{FutureExt as _, future::pending};
use kit::{Still, new, order};
use leyden_ports::store::{CreateRefusal, Created, Durability, OrderStore as _, StoreError};
use leyden_store::{Gate, SqlStore};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// Books that are so slow that nobody gets an answer, while it is closed.
#[derive(Debug, Default)]
struct Slow(AtomicBool);

#[async_trait]
impl Gate for Slow {
    async fn before_read(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn before_write(&self, _: Durability) -> Result<(), StoreError> {
        if self.0.load(Relaxed) { pending().await } else { Ok(()) }
    }

    fn after_write(&self, _: Durability) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test]
async fn whoever_comes_after_a_caller_who_was_cut_off_is_answered() {
    let gate = Arc::new(Slow::default());
    let store = SqlStore::simulated(Arc::new(Still), Arc::clone(&gate) as _).await.unwrap();
    gate.0.store(true, Relaxed);
    let mut first = Box::pin(store.create_order(new(order(1))));
    let mut second = Box::pin(store.create_order(new(order(2))));
    assert_eq!((first.as_mut().now_or_never(), second.as_mut().now_or_never()), (None, None));
    drop(first);
    // It waited for what the first was about to do.
    let answer = second.now_or_never().unwrap();
    assert!(matches!(answer, Err(CreateRefusal::Store(StoreError::Unavailable(_)))), "{answer:?}");
    gate.0.store(false, Relaxed);
    let third = store.create_order(new(order(3))).now_or_never().unwrap();
    assert_eq!(third, Ok(Created::Fresh(order(3))));
    assert!(store.order(order(1).id).await.unwrap().is_none());
}
