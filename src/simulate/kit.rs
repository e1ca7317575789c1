//! What worlds of one thread share, because making it costs more than a world: open books with their schema, a chain with
//! its first blocks, keys, and the configuration.

use super::{books::SimGate, clock::SimClock, profile::PROFILES};
use crate::{
    Settings,
    http::{auth::Caller, scope::Scopes},
    settings::{Environment, PoolAccountSettings},
    wiring::by_warrant,
};
use async_trait::async_trait;
use futures_util::FutureExt as _;
use leyden_domain::{AccountId, Address, ApiKeyId, EnergyRatio, Span, Timestamp};
use leyden_ports::{
    Cache, CacheError, CacheKey, Clock, Generation, Look, TierStatus,
    store::{NewApiKey, NewPoolAccount, PoolStore, ServiceStore},
};
use leyden_sim::{ChainConfig, GenesisAccount, SimNode, View, config::TRX, keys};
use leyden_store::SqlStore;
use leyden_tron::{
    crypto::SecretKey,
    keys::{KeyId, KeyPolicy, KeyRing},
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::{collections::BTreeSet, sync::Arc};

/// Customers with accounts; the last test account is where they pay.
pub(super) const CUSTOMERS: u32 = 7;
/// The customer whose payments are never answered with energy on their own.
pub(super) const DENIED: u32 = CUSTOMERS;
/// Blocks before a world begins: more than a fork may undo.
const FIRST_BLOCKS: u32 = 24;
/// What each pool account has staked at least, in TRX: enough for one order of one transfer.
pub(super) const LEAST_STAKE: i64 = 8_000;

/// Shared by the worlds of one thread.
pub(super) struct Kit {
    pub(super) store: Arc<SqlStore>,
    /// The books as every world begins with them.
    pub(super) image: Vec<u8>,
    pub(super) clock: Arc<SimClock>,
    pub(super) gate: Arc<SimGate>,
    pub(super) node: SimNode,
    pub(super) customers: Vec<Account>,
    pub(super) pool: Vec<Address>,
    pub(super) payee: Address,
    /// Whose money goes back to customers.
    pub(super) refunder: Address,
    keys: Vec<(KeyId, SecretKey, KeyPolicy)>,
    pub(super) variants: Vec<Arc<Settings>>,
    /// The same, where what was too little is completed and what is late is served.
    pub(super) generous: Vec<Arc<Settings>>,
    pub(super) metrics: PrometheusHandle,
    pub(super) shop: Caller,
    pub(super) operator: Caller,
}

/// Somebody's account.
#[derive(Clone)]
pub(super) struct Account {
    pub(super) key: SecretKey,
    pub(super) address: Address,
}

/// Settings that differ from world to world, of which each has one: how long an order waits for its payment; how long its
/// tail is kept for payments that come late; how long a rental lasts; from how many TRX a payment must be solid; how long
/// energy stays beyond its rental; how long a signed transaction can be included; the largest tail; and how many TRX may
/// go back for one payment.
type Variant = [&'static str; 8];

const VARIANTS: [Variant; 6] = [
    ["2m", "10m", "5m", "1000", "0s", "60s", "9999", "2000"],
    ["3m", "5m", "1h", "10", "0s", "24s", "20", "2000"],
    ["150s", "20m", "10m", "2", "30s", "36s", "9999", "4"],
    ["2m", "1h", "3m", "1000", "5s", "60s", "9999", "2000"],
    ["4m", "10m", "24h", "5", "0s", "60s", "12", "3"],
    ["3m", "30m", "2h", "1000", "1m", "30s", "9999", "2000"],
];

impl Kit {
    /// Makes it. Waits for the books by blocking.
    pub(super) fn new() -> Result<Self, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let clock = Arc::new(SimClock::default());
        let gate = Arc::new(SimGate::new(PROFILES[0]));
        let payee = keys::test_address(keys::TEST_ACCOUNTS - 1);
        let refund_key = keys::test_key(keys::TEST_ACCOUNTS - 2);
        let refunder = refund_key.address();
        let customers: Vec<Account> =
            (0..=DENIED).map(keys::test_key).map(|key| Account { address: key.address(), key }).collect();
        let pool: Vec<Address> = (0..keys::POOL_ACCOUNTS).map(keys::pool_address).collect();
        let node = first_chain(&pool);
        node.mine_many(FIRST_BLOCKS).map_err(|error| text(&error))?;
        let shop = Caller {
            key: ApiKeyId::new(Timestamp::from_ms(1), [1; 10]),
            scopes: Scopes::from_names(&["orders:write".to_owned()]),
        };
        let operator = Caller {
            key: ApiKeyId::new(Timestamp::from_ms(1), [2; 10]),
            scopes: Scopes::from_names(&["ops:write".to_owned()]),
        };
        let denied = customers[DENIED as usize].address;
        let variants = |generous: bool| -> Result<Vec<Arc<Settings>>, String> {
            let made = |variant| settings(variant, generous, &pool, payee, denied).map(Arc::new);
            VARIANTS.iter().map(made).collect()
        };
        let (generous, variants) = (variants(true)?, variants(false)?);
        let store = open(&clock, &gate, &pool, [&shop, &operator]).map_err(|error| text(&error))?;
        let of = |owner: Address| KeyId { owner, permission_id: 0 };
        let keys = (0..)
            .zip(&pool)
            .map(|(n, address)| (of(*address), keys::pool_key(n), KeyPolicy::Delegation))
            .chain([(of(refunder), refund_key, KeyPolicy::Refunds)])
            .collect();
        gate.guard(&store);
        // Simulated books are waited for on the spot.
        let image = store.image().now_or_never().ok_or("the books make somebody wait")?;
        let image = image.map_err(|error| text(&error))?;
        Ok(Self {
            store,
            image,
            clock,
            gate,
            node,
            customers,
            pool,
            payee,
            refunder,
            keys,
            variants,
            generous,
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            shop,
            operator,
        })
    }
}

impl Kit {
    /// The signer of one life of the service, which remembers nothing of the life before.
    pub(super) fn ring(&self, settings: &Settings) -> KeyRing {
        let mut ring = KeyRing::new();
        for (id, key, policy) in &self.keys {
            ring.insert(*id, key.clone(), *policy);
        }
        by_warrant(ring, settings, &self.store)
    }

    /// What stake is worth on the chain, before worlds add a little to it.
    pub(super) fn ratio(&self) -> EnergyRatio {
        let resources = self.node.chain().resources(View::Head, &self.payee);
        EnergyRatio {
            total_limit: resources.total_energy_limit,
            total_weight_trx: resources.total_energy_weight,
        }
    }
}

/// A chain whose pool accounts have little stake; worlds add to it.
fn first_chain(pool: &[Address]) -> SimNode {
    let mut config = ChainConfig::default();
    for account in &mut config.accounts {
        if pool.contains(&account.address) {
            *account = GenesisAccount {
                staked_energy: LEAST_STAKE * TRX,
                balance: 2_000 * TRX,
                staked_net: 100_000 * TRX,
                ..account.clone()
            };
        }
    }
    let node = SimNode::new(config);
    // Nobody here reads blocks over a wire, where a signature would tell them from forged ones.
    node.chain().leave_unsigned();
    node
}

fn settings(
    [timeout, late, rental, solid_above, grace, lifetime, tails, most_back]: &Variant,
    generous: bool,
    pool: &[Address],
    payee: Address,
    denied: Address,
) -> Result<Settings, String> {
    let text = format!(
        "[payments]\ntimeout = \"{timeout}\"\nlate_window = \"{late}\"\nsolid_above_trx = \"{solid_above}\"\ntail_max_sun = {tails}\n\
         complete_under = {generous}\n\
         [sales]\nrental = \"{rental}\"\n[pool]\ntransaction_lifetime = \"{lifetime}\"\nreclaim_grace = \"{grace}\"\ncapacity_patience = \"3m\"\n\
         max_attempts = 4\n[refund]\nserve_late = {generous}\nper_payment_trx = \"{most_back}\"\nsuspense_delay = \"20m\"\nhold_read_late = \"0s\"\nminimum_trx = \"0.2\"\n[actors]\nsweep_interval = \"20s\"\n"
    );
    let none = Environment::of([]);
    let mut settings = Settings::from_layers(&[&text], &none).map_err(|error| error.to_string())?;
    settings.payments.addresses = BTreeSet::from([payee]);
    settings.payments.denied_senders = BTreeSet::from([denied]);
    settings.pool.accounts =
        pool.iter().map(|address| PoolAccountSettings { address: *address, permission_id: None }).collect();
    Ok(settings)
}

/// Books with their schema, the pool's accounts and the callers' keys.
fn open(
    clock: &Arc<SimClock>,
    gate: &Arc<SimGate>,
    pool: &[Address],
    callers: [&Caller; 2],
) -> Result<Arc<SqlStore>, Box<dyn std::error::Error>> {
    // Migrations wait in the ordinary way.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let now = Timestamp::from_ms(1_000);
        let gate: Arc<dyn leyden_store::Gate> = Arc::clone(gate) as _;
        let store = SqlStore::simulated(Arc::clone(clock) as Arc<dyn Clock>, gate).await?;
        for (n, address) in (0_u8..).zip(pool) {
            let id = AccountId::new(now, [n; 10]);
            store
                .upsert_pool_account(NewPoolAccount { id, address: *address, permission_id: None }, now)
                .await?;
        }
        for caller in callers {
            let key = NewApiKey {
                id: caller.key,
                name: caller.key.to_string(),
                secret_hash: [0; 32],
                scopes: BTreeSet::new(),
                expires_at: None,
                created_at: now,
            };
            store.add_api_key(key).await?;
        }
        Ok(Arc::new(store))
    })
}

/// No cache: every answer is read at its source.
#[derive(Debug)]
pub(super) struct NoCache;

#[async_trait]
impl Cache for NoCache {
    async fn look(&self, _: &CacheKey) -> Result<Look, CacheError> {
        Ok(Look::Missing(Generation { here: 0, shared: None }))
    }

    async fn put(&self, _: &CacheKey, _: Arc<str>, _: Span, _: Generation) -> Result<(), CacheError> {
        Ok(())
    }

    async fn forget(&self, _: &str) -> Result<(), CacheError> {
        Ok(())
    }

    fn tiers(&self) -> Vec<TierStatus> {
        Vec::new()
    }
}
