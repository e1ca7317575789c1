//! `leyden chain`: a simulated chain for others to talk to.

use super::{Failure, args::ChainArgs, line};
use crate::system_clock::SystemClock;
use leyden_domain::Span;
use leyden_ports::Clock;
use leyden_sim::{BlockTime, ChainConfig, SimError, SimNode, http, keys, run_producer};
use std::{net::SocketAddr, path::Path, pin::pin, sync::Arc};
use tokio::signal::unix::{SignalKind, signal};

/// Blocks of a new chain before anybody looks, so that there is a solid one.
const FIRST_BLOCKS: u32 = 25;

pub(super) async fn run(arguments: ChainArgs) -> Result<u8, Failure> {
    let block_time: BlockTime = arguments.block_time.parse().map_err(Failure::new)?;
    let clock = Arc::new(SystemClock);
    let node = begin(arguments.data.as_deref(), block_time, clock.as_ref())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let face = http::Face::with(abilities(&arguments));
    let server = if arguments.gateway {
        let (server, address) = http::serve_face(node.clone(), face, arguments.listen)
            .map_err(|error| Failure::new(format!("cannot listen on {}: {error}", arguments.listen)))?;
        line(format_args!("listening on http://{address}"))?;
        server
    } else {
        let solidity = solidity_address(&arguments)?;
        let (server, address, solidity) = http::serve_split(node.clone(), face, arguments.listen, solidity)
            .map_err(|error| {
            Failure::new(format!("cannot listen on {} and {solidity}: {error}", arguments.listen))
        })?;
        line(format_args!("listening on http://{address} and, for /walletsolidity, http://{solidity}"))?;
        server
    };
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

/// What the chain's node tells and answers.
const fn abilities(arguments: &ChainArgs) -> http::Abilities {
    http::Abilities {
        internal_transactions: !arguments.no_internal_transactions,
        constant_calls: !arguments.no_constant_calls,
    }
}

/// Where `/walletsolidity` is to be served: where it was said, else on the port after, else on any.
fn solidity_address(arguments: &ChainArgs) -> Result<SocketAddr, Failure> {
    if let Some(address) = arguments.solidity_listen {
        return Ok(address);
    }
    let mut address = arguments.listen;
    if address.port() != 0 {
        let after = address.port().checked_add(1);
        address.set_port(after.ok_or_else(|| {
            Failure::new("there is no port after 65535: say --solidity-listen or --gateway")
        })?);
    }
    Ok(address)
}

/// The chain of the file, or a new one that is a few blocks old. Clients expect a chain that has begun: that of the first
/// block alone shows no number (zero is not written) and nothing solid.
pub(crate) fn begin(
    file: Option<&Path>,
    block_time: BlockTime,
    clock: &dyn Clock,
) -> Result<SimNode, Failure> {
    let failed = |error: SimError| Failure::new(error.to_string());
    let slot = block_time.slot_ms();
    let age = Span::from_ms(slot.saturating_mul(i64::from(FIRST_BLOCKS) + 2));
    let begun = clock.now().minus(age).ms();
    let config = ChainConfig::starting_at(begun - begun.rem_euclid(slot), slot);
    let node = match file {
        Some(path) => SimNode::open(path, config).map_err(failed)?,
        None => SimNode::new(config),
    };
    let height = node.chain().head().number();
    if let Ok(missing) = u32::try_from(i64::from(FIRST_BLOCKS).saturating_sub(height)) {
        node.mine_many(missing).map_err(failed)?;
    }
    Ok(node)
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

#[cfg(test)]
mod tests {
    use super::{super::args::Command, abilities};
    use crate::cli::Cli;
    use clap::Parser;
    use leyden_sim::http::Abilities;

    #[test]
    fn what_a_node_may_lack_is_said_by_name() {
        for (flags, internal_transactions, constant_calls) in [
            (&[][..], true, true),
            (&["--no-internal-transactions"], false, true),
            (&["--no-constant-calls"], true, false),
            (&["--no-internal-transactions", "--no-constant-calls"], false, false),
        ] {
            let cli = Cli::try_parse_from([&["leyden", "chain"], flags].concat()).unwrap();
            let Command::Chain(arguments) = cli.command else { unreachable!("another command") };
            assert_eq!(
                abilities(&arguments),
                Abilities { internal_transactions, constant_calls },
                "{flags:?}"
            );
        }
    }
}
