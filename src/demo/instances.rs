//! The service as processes of its own, as an operator runs it: several instances on the database and the cache that
//! the configuration names. They are `leyden serve` with that configuration and, over it, what makes it a
//! demonstration: the chain is ours, the accounts are the chain's, and nobody waits an hour for anything.

use super::{
    books,
    child::Instance,
    doors::Doors,
    plan::Customer,
    show::{Say, Show},
    stage::{self, Stage},
};
use crate::{
    Settings,
    cli::{DemoArgs, Failure},
    settings::{Environment, without_credentials},
    system_entropy::SystemEntropy,
    telemetry,
};
use futures_util::future::try_join_all;
use leyden_ports::Entropy;
use leyden_sim::keys;
use std::{fs, io, net::SocketAddr, path::Path, pin::pin, sync::Arc};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use toml::Table;

/// What the configuration's sections become, whatever it says.
const RHYTHM: [(&str, &str); 16] = [
    ("LEYDEN__HTTP__KEY_RATE_PER_MINUTE", "0"),
    ("LEYDEN__HTTP__IP_RATE_PER_MINUTE", "0"),
    ("LEYDEN__HTTP__PUBLIC_METRICS", "true"),
    ("LEYDEN__CHAIN__POLL_INTERVAL", "200ms"),
    ("LEYDEN__CHAIN__START_BEHIND", "0"),
    // There is one node: nobody else could agree with it.
    ("LEYDEN__CHAIN__AGREEMENT", "when_possible"),
    ("LEYDEN__CHAIN__CROSS_CHECK_RECEIPTS", "false"),
    ("LEYDEN__PAYMENTS__TIMEOUT", "90s"),
    ("LEYDEN__PAYMENTS__SOLID_ABOVE_TRX", "1000"),
    ("LEYDEN__SALES__ENABLED", "true"),
    ("LEYDEN__SALES__ORDERLESS", "true"),
    ("LEYDEN__POOL__OBSERVE_INTERVAL", "2s"),
    ("LEYDEN__POOL__CAPACITY_PATIENCE", "10m"),
    ("LEYDEN__POOL__RECLAIM_GRACE", "0s"),
    ("LEYDEN__POOL__OBSERVE_ONLY", "false"),
    ("LEYDEN__ACTORS__SWEEP_INTERVAL", "500ms"),
];

/// Runs the instances and the show to their end.
pub(super) async fn run(
    arguments: &DemoArgs,
    file: &Path,
    environment: &Environment,
    stage: &Stage,
    customers: &[Customer],
) -> Result<u8, Failure> {
    let say = Say::new(arguments);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    telemetry::start_logging(&Settings::demo(environment)?.log).map_err(Failure::new)?;
    let common = overrides(stage, file)?;
    let over = common.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let settings = Settings::load(Some(file), &environment.clone().with(over))?;
    let shared = !settings.database.url.starts_with("sqlite:");
    let count = arguments.instances.unwrap_or(if shared { 2 } else { 1 }).max(1);
    if count > 1 && !shared {
        return Err(Failure::new("several instances want a database that they can share: PostgreSQL"));
    }
    let key = books::prepare(&settings, stage).await?;
    say.line(format_args!("node     {}   blocks every {}", stage.node_url, arguments.block_time))?;
    say.line(format_args!("books    {}", without_credentials(&settings.database.url)))?;
    let cache = settings.cache.redis_url.as_deref().map_or_else(
        || "in each process".to_owned(),
        |url| format!("{}   keys begin with {}", without_credentials(url), settings.cache.redis_key_prefix),
    );
    say.line(format_args!("cache    {cache}"))?;
    say.line(format_args!("API key  {key}\n"))?;

    let doors = Arc::new(Doors::new(count.into()));
    let instances: Vec<_> = (0..count)
        .map(|number| Instance {
            number: number.into(),
            config: file.to_owned(),
            environment: own_environment(arguments, number, &common),
            log: stage.folder.file(&format!("instance-{}.log", number.saturating_add(1))),
            doors: Arc::clone(&doors),
            say,
            clock: Arc::clone(&stage.clock),
        })
        .collect();
    let show = Show::new(arguments, stage, customers, &doors, &key)?;
    let shown = async {
        doors.all_open().await;
        let code = show.run().await?;
        if arguments.once {
            return Ok(code);
        }
        say.line(format_args!("Serving until Ctrl-C. Kill an instance and watch who goes on. Try:"))?;
        for (_, base) in doors.open() {
            say.line(format_args!("  curl -s -H 'X-API-Key: {key}' {base}/status"))?;
        }
        show.watch_roles().await
    };

    let (stop, stopping) = watch::channel(false);
    let mut tended = pin!(try_join_all(instances.iter().map(|instance| instance.tend(stopping.clone()))));
    let shown = tokio::select! {
        biased;
        _ = terminate.recv() => Ok(0),
        _ = interrupt.recv() => Ok(0),
        // They end by themselves only where one of them cannot start; the others end as they are dropped.
        failed = &mut tended => return failed.map(|_| 0),
        code = shown => code,
    };
    stop.send_replace(true);
    tended.await?;
    shown
}

/// What every instance has over the configuration.
fn overrides(stage: &Stage, file: &Path) -> Result<Vec<(String, String)>, Failure> {
    let accounts: Vec<_> =
        (0..keys::POOL_ACCOUNTS).map(|n| format!("{{ address = '{}' }}", keys::pool_address(n))).collect();
    let mut all: Vec<_> =
        RHYTHM.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut set = |name: &str, value: String| all.push((name.to_owned(), value));
    set("LEYDEN__CHAIN__NODES", format!("[{{ url = '{0}', solidity_url = '{0}' }}]", stage.node_url));
    set("LEYDEN__PAYMENTS__ADDRESSES", stage::payment_address().to_string());
    set("LEYDEN__POOL__ACCOUNTS", format!("[{}]", accounts.join(", ")));
    set("LEYDEN__REFUND__ADDRESS", stage::refund_address().to_string());
    set("LEYDEN__REFUND__SUSPENSE_DELAY", "5s".to_owned());
    set("LEYDEN__KEYS__ALLOW_OWNER_KEYS", "true".to_owned());
    // The cache may be shared with others, and hold what an earlier demonstration left there.
    set("LEYDEN__CACHE__REDIS_KEY_PREFIX", format!("leyden-demo-{}:payment_monitoring:", stage.run));
    let path = stage.folder.file("passphrase");
    let passphrase = passphrase(&path)?;
    // A passphrase as text and one as file contradict each other, so ours takes the form of the one in the file.
    if gives_passphrase_as_text(file) {
        set("LEYDEN__KEYS__PASSPHRASE", passphrase);
    } else {
        set("LEYDEN__KEYS__PASSPHRASE", String::new());
        set("LEYDEN__KEYS__PASSPHRASE_FILE", path.display().to_string());
    }
    Ok(all)
}

/// What one instance has over that.
fn own_environment(arguments: &DemoArgs, number: u16, common: &[(String, String)]) -> Vec<(String, String)> {
    let listen = arguments.listen.map_or_else(
        || SocketAddr::from(([127, 0, 0, 1], 0)),
        |first| {
            let port = if first.port() == 0 { 0 } else { first.port().saturating_add(number) };
            SocketAddr::new(first.ip(), port)
        },
    );
    let person = number.saturating_add(1);
    let mut own = common.to_vec();
    own.push(("LEYDEN__HTTP__LISTEN".to_owned(), listen.to_string()));
    own.push(("LEYDEN__INSTANCES__NAME".to_owned(), format!("demo-{person}")));
    own.extend(
        arguments
            .instance_env
            .iter()
            .filter(|only| only.instance == person)
            .map(|only| (only.name.clone(), only.value.clone())),
    );
    own
}

/// The passphrase of this folder's keys, made once.
fn passphrase(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = hex::encode(SystemEntropy.for_id());
            fs::write(path, &text)?;
            Ok(text)
        }
        Err(error) => Err(error),
    }
}

/// Whether the configuration itself holds a passphrase. What is wrong with it is said where it is read as a whole.
fn gives_passphrase_as_text(file: &Path) -> bool {
    let table: Option<Table> = fs::read_to_string(file).ok().and_then(|text| text.parse().ok());
    let text = table.as_ref().and_then(|table| table.get("keys")?.get("passphrase")?.as_str());
    text.is_some_and(|text| !text.is_empty())
}
