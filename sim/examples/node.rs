//! Runs the built-in chain alone: `node [listen address] [instant|3s|250ms] [journal file]`.
#![expect(clippy::print_stdout, reason = "a program that says where it listens")]

use leyden_domain::Timestamp;
use leyden_ports::Clock;
use leyden_sim::{BlockTime, ChainConfig, SimNode, http, run_producer};
use std::{error::Error, path::Path, sync::Arc, time::SystemTime};

/// The machine's clock.
struct WallClock;

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the wall clock comes in")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:8090".to_owned()).parse()?;
    let block_time: BlockTime = arguments.next().unwrap_or_else(|| "3s".to_owned()).parse()?;
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let config = ChainConfig::starting_at(clock.now().ms(), block_time.slot_ms());
    let node = match arguments.next() {
        Some(file) => SimNode::open(Path::new(&file), config)?,
        None => SimNode::new(config),
    };
    let (server, address) = http::serve(node.clone(), listen)?;
    println!("listening on http://{address}");
    tokio::select! {
        biased;
        served = server => served?,
        failed = run_producer(node, clock, block_time) => return Err(failed.into()),
    }
    Ok(())
}
