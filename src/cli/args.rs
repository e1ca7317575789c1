//! What the command line may say. The texts here are the help that people read.

use clap::{Args, Parser, Subcommand};
use std::{net::SocketAddr, path::PathBuf, str::FromStr};

/// Sells the energy of staked TRX: pay, get it within seconds, exactly once.
///
/// Begin with `leyden demo`: it runs the whole service on this machine, with a chain of its own, and shows orders
/// from payment to energy and back. For the real thing write a file from `leyden config default`, check it with
/// `leyden config check`, look at the installation with `leyden doctor`, and run `leyden serve`.
#[derive(Debug, Parser)]
#[command(name = "leyden", version, max_term_width = 110)]
pub struct Cli {
    /// The configuration file. Without one the defaults and the environment count.
    #[arg(long, short, global = true, env = "LEYDEN_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the whole service here, with a simulated chain and customers, and watch it
    ///
    /// Needs nothing: no node, no database, no keys. Prints an API key and the address of the API. With --config the
    /// service runs as processes of its own on the database and the cache that the file names; the chain, the
    /// customers and their judge stay here.
    Demo(DemoArgs),
    /// Run the service
    ///
    /// SIGTERM or SIGINT ends it: requests are finished, actors stopped; a second signal ends it at once. Exit code
    /// 0 after a signal, 70 where it gave up on itself and wants to be started afresh, 78 for a bad configuration.
    Serve(ServeArgs),
    /// Run a simulated TRON chain that speaks a node's HTTP API
    ///
    /// For development and tests: point chain.nodes at it. It prints where it listens and who has what on it. The
    /// private keys of its accounts are known to everybody.
    Chain(ChainArgs),
    /// Run the service in simulated worlds and check everything
    ///
    /// The real actors and the real books on one thread, in virtual time; chain, nodes, customers and all that goes
    /// wrong come from the seed. The same seed gives the same trace. Exit code 1 where something was wrong.
    Simulate(SimulateArgs),
    /// Look into a file of blocks: what they hold and what of it could be proven
    ///
    /// Takes protobuf as nodes store it and the JSON of the HTTP API. `-` reads from standard input. Exit code 1 where
    /// anything of it is proven to be false: an id, a Merkle root, a signature, a parent in a list, contents that are
    /// shown otherwise than they were signed; and where it is no block.
    Block(BlockArgs),
    /// Bring the database's schema up to date, or move the books to another database
    ///
    /// With --from, all books of a SQLite database are copied into an empty PostgreSQL database in one transaction,
    /// compared, and kept only if they are equal. Stop the service first.
    Migrate(MigrateArgs),
    /// Look at the installation from outside in and say what to do
    ///
    /// Checks the configuration, the database (role, migrations, how long a commit takes), Redis, every node and all
    /// clocks, payment addresses, pool accounts, that hot keys can do no more than they need, who leads, and whether
    /// the books explain what the chain shows. Exit code 1 where something must be mended, 78 for a bad configuration.
    Doctor(DoctorArgs),
    /// Find out whether the books can be believed
    ///
    /// Reads the journal from its first entry: each must follow from the one before it, and together they must give
    /// every row of the books. Then checks every rule that the books must keep, and with --online what the chain says
    /// is delegated. Changes nothing; the service may run. Exit code 0 where all is right, 1 at the first difference,
    /// which it names, 69 where it could not be looked at, 78 for a bad configuration. See docs/operating/verify.md.
    Verify(VerifyArgs),
    /// Hold an order until a person releases it
    ///
    /// Nothing is signed for it any more. For orders of restored books that the chain shows to be served already; see
    /// docs/operating/backup.md. Works while the service runs. Released by POST /api/v1/orders/{orderId}/release.
    Hold(HoldArgs),
    /// Stop all money, let it move again, or see why it stands still
    ///
    /// Works on the books alone, whether or not a service runs: from the next commit on nobody begins to sell, to give
    /// energy or to pay back. See docs/operating/halts.md before lifting what the service has raised by itself.
    #[command(subcommand)]
    Halt(HaltCommand),
    /// Private keys and API keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// The configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask a running service whether it is healthy; for containers without curl
    ///
    /// Asks the port of http.listen on this machine. Exit code 0 where it is, 1 where it is not.
    Healthcheck(HealthcheckArgs),
}

/// Which worlds to run.
#[derive(Debug, Clone, Args)]
pub(super) struct SimulateArgs {
    /// The world.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(super) seed: u64,
    /// Its kind: calm, faults, forks, crashes, nodes, money, refunds, generous, load, storm. Many seeds go through all kinds by turns.
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<&'static crate::simulate::Profile>,
    /// How long customers come, in hours of the world.
    #[arg(long, value_name = "H")]
    pub(super) hours: Option<f64>,
    /// Many worlds: `1..1000`, the end not included.
    #[arg(long, value_name = "A..B", conflicts_with_all = ["seed", "hours", "trace"])]
    pub(super) seeds: Option<Seeds>,
    /// Threads for many worlds; all processors where it is not given.
    #[arg(long, value_name = "N")]
    pub(super) jobs: Option<usize>,
    /// Write everything that happened to this file.
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
    /// With this fault planted.
    #[cfg(feature = "planted-faults")]
    #[arg(long, value_name = "NAME", value_parser = fault)]
    pub(super) fault: Option<leyden_domain::planted::Fault>,
    /// Plant each fault and count the worlds until it is found
    #[cfg(feature = "planted-faults")]
    #[arg(long)]
    pub(super) mutants: bool,
}

/// A planted fault by its name.
#[cfg(feature = "planted-faults")]
fn fault(name: &str) -> Result<leyden_domain::planted::Fault, String> {
    use leyden_domain::planted::Fault;
    Fault::ALL.iter().copied().find(|fault| fault.name() == name).ok_or_else(|| {
        let known: Vec<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        format!("unknown fault `{name}`; there are {}", known.join(", "))
    })
}

/// Consecutive seeds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seeds {
    pub(super) from: u64,
    /// Not included.
    pub(super) to: u64,
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refusal = || format!("`{text}` is not of the form 1..1000");
        let (from, to) = text.split_once("..").ok_or_else(refusal)?;
        let number = |text: &str| text.parse().ok().ok_or_else(refusal);
        Ok(Self { from: number(from)?, to: number(to)? })
    }
}

/// How the demonstration runs.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Stop after the totals. The exit code is not 0 if anything was lost, doubled or left undone.
    #[arg(long)]
    pub once: bool,
    /// Print the totals as one JSON object, the last line of standard output; everything else goes to standard error.
    #[arg(long)]
    pub json: bool,
    /// Keep the books and the chain in this folder; started again, it goes on where it was.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// How many customers there are; at least six, so that every kind occurs.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub orders: u32,
    /// The time between two customers: `60ms`, `2s`.
    #[arg(long, default_value = "60ms", value_name = "TIME")]
    pub every: crate::settings::Length,
    /// The time between two blocks: `instant`, `250ms`, `3s`.
    #[arg(long, default_value = "250ms", value_name = "TIME")]
    pub block_time: String,
    /// Where the API listens; with several instances, where the first one does, the others on the ports after it.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Where the chain's node listens; by default on any free port.
    #[arg(long, value_name = "ADDRESS")]
    pub node_listen: Option<SocketAddr>,
    /// With --config: how many instances of the service run, two where the database can be shared.
    #[arg(long, value_name = "N")]
    pub instances: Option<u16>,
    /// Gives one instance another environment than the rest: for tests that put something between it and the world.
    #[arg(long, value_name = "N:NAME=VALUE", hide = true)]
    pub instance_env: Vec<InstanceEnv>,
    /// End at once when standard input ends: for whoever starts the demonstration as a part of itself.
    #[arg(long, hide = true)]
    pub while_stdin_is_open: bool,
}

/// A variable in the environment of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceEnv {
    /// Which one; they count from 1.
    pub instance: u16,
    /// The variable.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl FromStr for InstanceEnv {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once(':').and_then(|(number, rest)| {
            let (name, value) = rest.split_once('=')?;
            Some((number.parse().ok()?, name, value))
        });
        let (instance, name, value) = parts.ok_or("write it as 1:NAME=VALUE")?;
        Ok(Self { instance, name: name.to_owned(), value: value.to_owned() })
    }
}

/// How the service is run.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct ServeArgs {
    /// End when standard input ends, and in order when a line is read from it: for whoever starts the service as a
    /// part of itself.
    #[arg(long, hide = true)]
    pub(super) while_stdin_is_open: bool,
}

#[derive(Debug, Args)]
pub(super) struct ChainArgs {
    /// Where to listen: `/wallet`, and `/dev` to make the chain do something. Port 0 takes any free port.
    #[arg(long, default_value = "127.0.0.1:9090")]
    pub(super) listen: SocketAddr,
    /// Where `/walletsolidity` is served: by default on the port after the other.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "gateway")]
    pub(super) solidity_listen: Option<SocketAddr>,
    /// Serve everything on one port, as `TronGrid` does and as clients with one host want it.
    #[arg(long)]
    pub(super) gateway: bool,
    /// Tell no internal transactions, as a java-tron with `vm.saveInternalTx` off.
    #[arg(long)]
    pub(super) no_internal_transactions: bool,
    /// Answer no constant calls, as a java-tron with `vm.supportConstant` off.
    #[arg(long)]
    pub(super) no_constant_calls: bool,
    /// The time between two blocks: `instant`, `250ms`, `3s`.
    #[arg(long, default_value = "3s", value_name = "TIME")]
    pub(super) block_time: String,
    /// Keep the chain in this file and go on with it.
    #[arg(long, value_name = "FILE")]
    pub(super) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct BlockArgs {
    /// The file; `-` is standard input.
    pub(super) file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
    /// A key that signs for a witness instead of its own, by its address; may be given several times.
    #[arg(long, value_name = "WITNESS=SIGNER")]
    pub(super) witness_key: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The database, instead of the configured one.
    #[arg(long, value_name = "URL")]
    pub(super) database: Option<String>,
    /// Ask the nodes too what our pool accounts have delegated, and what is on our other accounts.
    #[arg(long)]
    pub(super) online: bool,
    /// Only what was written behind this entry: its number, and its hash behind a colon if it was noted.
    #[arg(long, value_name = "SEQ[:HASH]")]
    pub(super) from: Option<super::verify::Since>,
    /// Take the rows that differ for right as they are, and write down so, with this reason.
    ///
    /// After a repair by hand, or after a version without a journal has written. Writers wait while what was found is
    /// read again and written down.
    #[arg(long, value_name = "REASON", conflicts_with_all = ["online", "from", "json"])]
    pub(super) accept: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct HoldArgs {
    /// Its id.
    pub(super) order: leyden_domain::OrderId,
    /// Why, for its history.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
}

#[derive(Debug, Subcommand)]
pub(super) enum HaltCommand {
    /// List halts, the newest first
    List,
    /// Stop all money
    Raise(RaiseArgs),
    /// Let money move again
    Lift(LiftArgs),
}

#[derive(Debug, Args)]
pub(super) struct RaiseArgs {
    /// Why, for those who read it later.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
}

#[derive(Debug, Args)]
pub(super) struct LiftArgs {
    /// The halt, as `halt list` shows it.
    pub(super) halt: leyden_domain::HaltId,
    /// What a person found, and why money may move again.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
}

#[derive(Debug, Args)]
pub(super) struct HealthcheckArgs {
    /// The path to ask.
    #[arg(long, default_value = "/api/health")]
    pub(super) path: String,
    /// Most seconds to wait.
    #[arg(long, default_value_t = 5)]
    pub(super) timeout: u64,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print the commented default, to begin a file with
    Default,
    /// Check a file and the environment, and report every mistake at once
    Check(CheckArgs),
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The file; without one, that of --config.
    pub(super) file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Encrypt a private key into the database
    ///
    /// Reads the key, 64 hexadecimal digits, from standard input, so that it stands in no shell history and no list
    /// of processes. It is encrypted under keys.passphrase.
    Import(ImportArgs),
    /// Make an API key and print it, once
    Api(ApiArgs),
    /// Take an API key back
    ///
    /// A running service may accept it for as long as cache.api_key_ttl says.
    Revoke(RevokeArgs),
    /// List private keys and API keys, without their secrets
    List,
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The account the key signs for. Without it, the key's own address.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) account: Option<leyden_domain::Address>,
    /// The account's permission that names the key. Without it, the owner permission.
    #[arg(long, value_name = "ID")]
    pub(super) permission_id: Option<u8>,
    /// The account is the one that refunds are paid from: its key signs refunds that are in the books, and nothing else.
    /// Without it the key delegates and takes back, and nothing else.
    #[arg(long)]
    pub(super) refunds: bool,
}

#[derive(Debug, Args)]
pub(super) struct ApiArgs {
    /// A name for people.
    #[arg(long)]
    pub(super) name: String,
    /// What it may do: orders:read, orders:write, data:read, monitor:internal, ops:read, ops:write, admin.
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', required = true)]
    pub(super) scopes: Vec<crate::http::scope::Scope>,
    /// When it ends: RFC 3339, such as 2027-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub(super) expires: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    /// Its id, as `keys list` shows it.
    pub(super) id: leyden_domain::ApiKeyId,
}

/// `leyden migrate`.
#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    /// Copy the books from this database (sqlite:PATH); it is not changed but for migrations it lacks
    #[arg(long, value_name = "URL")]
    pub(super) from: Option<String>,
    /// Copy them to this one (postgres://…) instead of the configured database
    #[arg(long, value_name = "URL", requires = "from")]
    pub(super) to: Option<String>,
}
