//! What a demonstration stands on, wherever the service runs: a chain with its own node, customers with money, and
//! the folder that keeps them. A folder that was used before is gone on with.

use super::plan::Customer;
use crate::{
    cli::{DemoArgs, Failure, chain},
    system_clock::SystemClock,
};
use actix_web::dev::Server;
use leyden_domain::{Address, Sun};
use leyden_ports::{ChainReader, Clock, store::ConfigDocument};
use leyden_sim::{BlockTime, SimNode, http, keys};
use leyden_tron::{
    crypto::SecretKey,
    node::{NodeClient, NodeSettings},
};
use std::{fs, io, net::Ipv4Addr, path::PathBuf, sync::Arc, time::Duration};

/// Hours that the energy stays, as the price configuration says it: 10.8 seconds, so that the end can be watched.
const RENTAL_HOURS: &str = "0.003";
/// Price of one transfer's energy.
pub(super) const UNIT_PRICE: Sun = Sun::new(1_500_000);
/// Most transfers per order.
pub(super) const MAX_TRANSACTIONS: u32 = 10;
/// What each customer starts with.
const POCKET_MONEY: Sun = Sun::from_trx(1_000);

/// A folder that is removed with the demonstration where nobody asked to keep it.
pub(super) struct Folder {
    path: PathBuf,
    kept: bool,
}

impl Folder {
    fn open(wanted: Option<&PathBuf>, run: &str) -> io::Result<Self> {
        let path = wanted.cloned().unwrap_or_else(|| std::env::temp_dir().join(format!("leyden-demo-{run}")));
        fs::create_dir_all(&path)?;
        Ok(Self { path, kept: wanted.is_some() })
    }

    /// A file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "could not remove the demonstration's folder");
        }
    }
}

/// Everything a demonstration stands on.
pub(super) struct Stage {
    pub(super) folder: Folder,
    pub(super) run: String,
    pub(super) node: SimNode,
    pub(super) block_time: BlockTime,
    pub(super) node_url: String,
    pub(super) client: Arc<NodeClient>,
    pub(super) clock: Arc<dyn Clock>,
}

/// Where customers pay.
pub(super) fn payment_address() -> Address {
    keys::test_address(keys::TEST_ACCOUNTS.saturating_sub(1))
}

/// Where refunds are paid from.
pub(super) fn refund_address() -> Address {
    refund_key().address()
}

/// The key of that account.
pub(super) fn refund_key() -> SecretKey {
    keys::test_key(keys::TEST_ACCOUNTS.saturating_sub(2))
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(error.to_string())
}

impl Stage {
    /// Builds it, or goes on with what the folder holds. The node's server is for the caller to run.
    pub(super) async fn set(arguments: &DemoArgs, customers: &[Customer]) -> Result<(Self, Server), Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let run = format!("{:x}", clock.now().ms());
        let folder = Folder::open(arguments.data.as_ref(), &run)?;
        let block_time: BlockTime = arguments.block_time.parse().map_err(Failure::new)?;
        let node = chain::begin(Some(&folder.file("chain.jsonl")), block_time, clock.as_ref())?;
        fund(&node, customers).await?;
        let listen = arguments.node_listen.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into());
        let (node_server, address) = http::serve(node.clone(), listen)
            .map_err(|error| Failure::new(format!("the node cannot listen on {listen}: {error}")))?;
        let node_url = format!("http://{address}");
        let client = Arc::new(
            NodeClient::new(NodeSettings {
                require_merkle_root: true,
                ..NodeSettings::new(node_url.as_str())
            })
            .map_err(failed)?,
        );

        let stage = Self { folder, run, node, block_time, node_url, client, clock };
        Ok((stage, node_server))
    }

    /// How often a customer looks again.
    pub(super) fn pace(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.block_time.slot_ms()).unwrap_or(1).clamp(100, 1_000))
    }
}

/// Gives every customer that has nothing yet its pocket money, which also activates its address.
async fn fund(node: &SimNode, customers: &[Customer]) -> Result<(), Failure> {
    let mut funded = false;
    for customer in customers {
        if ChainReader::account(node, customer.address()).await.map_err(failed)?.is_none() {
            node.fund(customer.address(), POCKET_MONEY.get()).map_err(failed)?;
            funded = true;
        }
    }
    if funded {
        node.mine().map_err(failed)?;
    }
    Ok(())
}

/// The requirement's price configuration, but for a rental that one can watch the end of.
pub(super) fn price_config(clock: &dyn Clock) -> ConfigDocument {
    ConfigDocument {
        name: "energy_flash".to_owned(),
        config: format!(
            r#"{{"single_price":1.5,"max_transactions":{MAX_TRANSACTIONS},"expiry_hours":{RENTAL_HOURS},"min_amount":1.0,"description":"demonstration"}}"#
        ),
        is_active: true,
        updated_at: clock.now(),
    }
}
