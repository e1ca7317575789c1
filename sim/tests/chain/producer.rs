//! Blocks as time goes by, in virtual time.

use crate::common::{START, stranger, trx};
use leyden_domain::Timestamp;
use leyden_ports::Clock;
use leyden_sim::{BlockTime, ChainConfig, SimNode, keys, run_producer};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// The runtime's own clock, which the tests pause.
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let since = self.0.elapsed().as_millis();
        Timestamp::from_ms(START + 700 + i64::try_from(since).unwrap())
    }
}

/// Runs a producer beside a test.
async fn with(block_time: BlockTime, test: impl AsyncFnOnce(&SimNode)) {
    let node = SimNode::new(ChainConfig::starting_at(START, block_time.slot_ms()));
    let clock = Arc::new(TokioClock(Instant::now()));
    tokio::select! {
        biased;
        () = test(&node) => {}
        error = run_producer(node.clone(), clock, block_time) => panic!("{error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_block_per_slot_at_the_slots_time() {
    with(BlockTime::Every(3_000), async |node| {
        sleep(Duration::from_millis(9_500)).await;
        let chain = node.chain();
        let times: Vec<i64> = (1..=3).map(|n| chain.block(n).unwrap().timestamp() - START).collect();
        assert_eq!((times, chain.head().number()), (vec![3_000, 6_000, 9_000], 3));
    })
    .await;
    with(BlockTime::Every(250), async |node| {
        sleep(Duration::from_secs(5)).await;
        assert_eq!(node.chain().head().number(), 20);
        assert_eq!(node.chain().solid_number(), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_instant_chain_does_not_wait() {
    with(BlockTime::Instant, async |node| {
        sleep(Duration::from_millis(100)).await;
        assert_eq!(node.chain().head().number(), 0);
        let sent = node.transfer(&keys::test_key(0), stranger(1), trx(1)).unwrap();
        let offered = Instant::now();
        while node.chain().transaction(&sent.tx_id).is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(offered.elapsed(), Duration::ZERO);
        // Solidity goes on without transactions.
        sleep(Duration::from_secs(30)).await;
        assert!(node.chain().solid_number() >= 10);
    })
    .await;
}

#[test]
fn block_times_are_read() {
    assert_eq!("instant".parse(), Ok(BlockTime::Instant));
    assert_eq!("3s".parse(), Ok(BlockTime::Every(3_000)));
    assert_eq!("250ms".parse(), Ok(BlockTime::Every(250)));
    for wrong in ["", "3", "s", "-1s", "fast"] {
        assert!(wrong.parse::<BlockTime>().is_err(), "{wrong}");
    }
}
