//! The whole service in this process, on a chain of its own, for benchmarks that ask it over HTTP.

use leyden::{
    Application, Settings, SystemClock, SystemEntropy, World, http::scope::Scope, settings::Environment,
    wiring::open_cache,
};
use leyden_ports::Clock;
use leyden_sim::{ChainConfig, SimNode};
use leyden_store::{OpenOptions, SqlStore};
use leyden_tron::keys::KeyRing;
use secrecy::ExposeSecret;
use std::sync::Arc;

/// A service with this configuration on a free port, and an API key of it.
pub(crate) async fn open(configuration: &str, scope: Scope) -> Result<(Application, String), crate::Failure> {
    let layers = ["[http]\nlisten = '127.0.0.1:0'\nworkers = 1\n", configuration];
    let settings =
        Settings::from_layers(&layers, &Environment::default()).map_err(|error| error.to_string())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let node = SimNode::new(ChainConfig::starting_at(clock.now().ms() - 93_000, 3_000));
    node.mine_many(30)?;
    let store = SqlStore::open(&settings.database.url, Arc::clone(&clock), OpenOptions::default()).await?;
    let world = World {
        store: Arc::new(store),
        cache: open_cache(&settings)?,
        chain: Arc::new(node.clone()),
        writer: Arc::new(node),
        signer: Arc::new(KeyRing::new()),
        clock,
        entropy: Arc::new(SystemEntropy),
        turns: None,
    };
    let application = Application::in_world(settings, world).await?;
    let key = application.make_api_key("bench", &[scope].into()).await?;
    Ok((application, key.expose_secret().to_owned()))
}
