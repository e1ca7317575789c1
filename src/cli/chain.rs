//! `leyden chain`: a simulated chain for others to talk to.

use super::{Failure, args::ChainArgs, line};
use crate::system_clock::SystemClock;
use leyden_ports::Clock;
use leyden_sim::{BlockTime, ChainConfig, SimNode, http, keys, run_producer};
use std::{pin::pin, sync::Arc};
use tokio::signal::unix::{SignalKind, signal};

pub(super) async fn run(arguments: ChainArgs) -> Result<u8, Failure> {
    let block_time: BlockTime = arguments.block_time.parse().map_err(Failure::new)?;
    let clock = Arc::new(SystemClock);
    let slot = block_time.slot_ms();
    let now = clock.now().ms();
    let config = ChainConfig::starting_at(now - now.rem_euclid(slot), slot);
    let node = match &arguments.data {
        Some(path) => SimNode::open(path, config).map_err(|error| Failure::new(error.to_string()))?,
        None => SimNode::new(config),
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (server, address) = http::serve(node.clone(), arguments.listen)
        .map_err(|error| Failure::new(format!("cannot listen on {}: {error}", arguments.listen)))?;
    line(format_args!("listening on http://{address}"))?;
    introduce()?;
    let stopper = server.handle();
    let mut server = pin!(server);
    let producer = run_producer(node, clock, block_time);
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        ended = &mut server => return ended.map(|()| 0).map_err(Failure::from),
        error = producer => return Err(Failure::new(error.to_string())),
    }
    let ((), ended) = futures_util::future::join(stopper.stop(false), server).await;
    ended.map(|()| 0).map_err(Failure::from)
}

/// Says who has what. The keys are the hashes of well-known words: they protect nothing.
fn introduce() -> Result<(), Failure> {
    line("accounts with TRX and USDT (address, private key):")?;
    for n in 0..keys::TEST_ACCOUNTS {
        line(format_args!("  test {n}  {}  {}", keys::test_address(n), keys::test_key_hex(n)))?;
    }
    line("accounts with stake:")?;
    for n in 0..keys::POOL_ACCOUNTS {
        line(format_args!("  pool {n}  {}  {}", keys::pool_address(n), keys::pool_key_hex(n)))?;
    }
    line("these keys are known to everybody: use them on this chain only")
}
