//! Books with more blocks than a verification keeps: what it no longer keeps it still finds, by reading the entries again.

use crate::{
    kit::{block, head, slot, tx_id},
    raw::Books,
};
use leyden_domain::{
    Sun,
    chain::{Resource, ResourceAction, ResourceEvent},
    journal::Head,
};
use leyden_ports::store::{BlockCommit, BlockStore as _, Difference, JournalStore as _, VerifyError};

/// Blocks and events of them, more than are kept.
const BLOCKS: i64 = 2_600;

async fn long(books: &Books) {
    let event = |height: i64| ResourceEvent {
        tx_id: tx_id(u64::try_from(height).unwrap() + 5_000_000),
        owner: crate::kit::address(5_001),
        action: ResourceAction::Delegate {
            receiver: crate::kit::address(9),
            resource: Resource::Energy,
            balance: Sun::new(height),
            lock: None,
        },
    };
    for first in (1..=BLOCKS).step_by(100) {
        let commits = (first..first + 100)
            .map(|height| {
                let events = if height % 50 == 0 { vec![event(height)] } else { Vec::new() };
                block(height, 0, Vec::new(), events)
            })
            .collect();
        books.store.record_blocks(commits, head((first - 30).max(0), 0), slot(first)).await.unwrap();
    }
    books.store.rewind(head(BLOCKS - 10, 0).block, slot(BLOCKS)).await.unwrap();
    let again = (BLOCKS - 9..=BLOCKS).map(|height| {
        let fork = u64::from(height != BLOCKS - 9);
        let parent = *head(height - 1, fork).block.id();
        BlockCommit { parent, ..block(height, 1, Vec::new(), Vec::new()) }
    });
    books.store.record_blocks(again.collect(), head(0, 0), slot(BLOCKS)).await.unwrap();
}

async fn difference(books: &Books) -> Difference {
    match books.store.verify(Head::genesis()).await {
        Err(VerifyError::Difference(difference)) => difference,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_old_block_that_was_changed_or_removed_is_named() {
    for books in Books::on_both().await {
        long(&books).await;
        let right = books.store.verify(Head::genesis()).await.unwrap();
        assert!(right.is_whole && right.rows > u64::try_from(BLOCKS).unwrap(), "{right:?}");
        let mut raw = books.raw().await;
        raw.disarm().await;
        raw.run("UPDATE blocks SET transactions = transactions + 1 WHERE height = 77").await.unwrap();
        let changed = difference(&books).await;
        assert!(
            matches!(&changed, Difference::Row { table: "blocks", id, column, .. } if id == "77" && column == "transactions"),
            "{changed}"
        );
        raw.run("DELETE FROM resource_events WHERE height = 100").await.unwrap();
        raw.run("UPDATE blocks SET transactions = transactions - 1 WHERE height = 77").await.unwrap();
        let gone = difference(&books).await;
        assert!(matches!(&gone, Difference::Missing { table: "resource_events", .. }), "{gone}");
        // Taken for right, it is right; from then on these rows come out of order, and are still looked at.
        let accepted = books.store.accept_rows("by hand").await.unwrap();
        assert_eq!(accepted, [gone]);
        assert_eq!(books.store.verify(Head::genesis()).await.unwrap().rows, right.rows - 1);
        raw.run("UPDATE resource_events SET balance = balance + 1 WHERE height = 150").await.unwrap();
        let later = difference(&books).await;
        assert!(matches!(&later, Difference::Row { table: "resource_events", .. }), "{later}");
        raw.run("UPDATE resource_events SET balance = balance - 1 WHERE height = 150").await.unwrap();
        // A hole is found although not all blocks are kept for the rules.
        raw.run("UPDATE blocks SET parent_id = block_id WHERE height = 1000").await.unwrap();
        books.store.accept_rows("a hole by hand").await.unwrap();
        let hole = difference(&books).await;
        assert!(
            matches!(&hole, Difference::Invariant(broken) if broken.invariant == "cursor_is_gapless"),
            "{hole}"
        );
    }
}
