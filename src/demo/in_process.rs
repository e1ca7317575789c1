//! The service inside the demonstration's own process, on SQLite: what `leyden demo` runs where no configuration is
//! named.

use super::{
    doors::Doors,
    plan::Customer,
    show::{Say, Show, UNCLEAN},
    stage::{self, Stage},
};
use crate::{
    Application, Settings, World,
    cli::{DemoArgs, Failure},
    http::scope::Scope,
    settings::{Environment, PoolAccountSettings},
    system_entropy::SystemEntropy,
    telemetry,
    wiring::{by_warrant, open_cache},
};
use futures_util::future::join;
use leyden_actors::kernel::Shutdown;
use leyden_ports::{ChainReader, Store, store::ServiceStore};
use leyden_sim::keys;
use leyden_store::{OpenOptions, SqlStore};
use leyden_tron::keys::{KeyId, KeyPolicy, KeyRing};
use secrecy::ExposeSecret;
use std::{collections::BTreeSet, fs, sync::Arc};

/// Runs service and show to their end.
pub(super) async fn run(
    arguments: &DemoArgs,
    environment: &Environment,
    stage: &Stage,
    customers: &[Customer],
) -> Result<u8, Failure> {
    let mut settings = Settings::demo(environment)?;
    settings.payments.addresses.insert(stage::payment_address());
    settings.refund.address = Some(stage::refund_address());
    if let Some(listen) = arguments.listen {
        settings.http.listen = listen;
    }
    let account = |n| PoolAccountSettings { address: keys::pool_address(n), permission_id: None };
    settings.pool.accounts = (0..keys::POOL_ACCOUNTS).map(account).collect();
    telemetry::start_logging(&settings.log).map_err(Failure::new)?;

    let file = stage.folder.file("books.sqlite");
    let url = format!("sqlite:{}", file.display());
    let store = SqlStore::open(&url, Arc::clone(&stage.clock), OpenOptions::default())
        .await
        .map_err(|error| Failure::new(error.to_string()))?;
    let store = Arc::new(store);
    store.put_price_config(stage::price_config(stage.clock.as_ref())).await?;
    let application =
        Application::in_world(settings.clone(), world(stage, &settings, &store)?).await?.heed_signals()?;
    let shutdown = application.handles().shutdown().clone();
    let base = format!("http://{}", application.address());
    let key = api_key(&application, stage).await?;
    let say = Say::new(arguments);
    say.line(format_args!("node     {}   blocks every {}", stage.node_url, arguments.block_time))?;
    say.line(format_args!("API      {base}   key {key}"))?;
    say.line(format_args!("books    {}\n", file.display()))?;

    let doors = Arc::new(Doors::new(1));
    doors.set(0, Some(base.clone()));
    let show = Show::new(arguments, stage, customers, &doors, &key)?;
    let shown = async {
        let code = tokio::select! {
            biased;
            _ = shutdown.wait() => return Ok(0),
            code = show.run() => code?,
        };
        if arguments.once {
            shutdown.request(code, "the demonstration is over");
        } else {
            say.line(format_args!("Serving on {base} until Ctrl-C. Try:"))?;
            say.line(format_args!("  curl -s -H 'X-API-Key: {key}' {base}/status"))?;
        }
        Ok::<u8, Failure>(code)
    };
    let (ending, shown) = join(application.run(), ending_with(shown, &shutdown)).await;
    store.close().await;
    Ok(ending.code.max(shown?))
}

/// The ports, with the pool's keys in memory.
fn world(stage: &Stage, settings: &Settings, store: &Arc<SqlStore>) -> Result<World, Failure> {
    let mut ring = KeyRing::new();
    for n in 0..keys::POOL_ACCOUNTS {
        let id = KeyId { owner: keys::pool_address(n), permission_id: 0 };
        ring.insert(id, keys::pool_key(n), KeyPolicy::Delegation);
    }
    let refunds = KeyId { owner: stage::refund_address(), permission_id: 0 };
    ring.insert(refunds, stage::refund_key(), KeyPolicy::Refunds);
    Ok(World {
        store: Arc::clone(store) as Arc<dyn Store>,
        cache: open_cache(settings)?,
        chain: Arc::clone(&stage.client) as Arc<dyn ChainReader>,
        writer: Arc::clone(&stage.client) as _,
        signer: Arc::new(by_warrant(ring, settings, store)),
        clock: Arc::clone(&stage.clock),
        entropy: Arc::new(SystemEntropy),
        turns: None,
    })
}

/// A show that fails ends the service too; otherwise both would wait for ever.
async fn ending_with(
    show: impl Future<Output = Result<u8, Failure>>,
    shutdown: &Shutdown,
) -> Result<u8, Failure> {
    let shown = show.await;
    if let Err(failure) = &shown {
        shutdown.request(UNCLEAN, failure.text.clone());
    }
    shown
}

/// The demonstration's API key: made once for its folder, so that what was begun with it can be gone on with.
async fn api_key(application: &Application, stage: &Stage) -> Result<String, Failure> {
    let path = stage.folder.file("api-key");
    if let Ok(key) = fs::read_to_string(&path) {
        return Ok(key.trim().to_owned());
    }
    let all: BTreeSet<Scope> = Scope::ALL.iter().copied().collect();
    let key = application.make_api_key("demo", &all).await?;
    fs::write(&path, key.expose_secret())?;
    Ok(key.expose_secret().to_owned())
}
