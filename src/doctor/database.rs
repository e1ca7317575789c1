//! The books from outside: can they be reached, how fast is a commit, who are we there, is the schema ours, are the
//! clocks together, who leads.

use super::report::Report;
use crate::{
    Settings,
    settings::without_credentials,
    system_clock::SystemClock,
    wiring::{StartError, open_store},
};
use chrono::{DateTime, Months};
use leyden_actors::WORK;
use leyden_domain::Timestamp;
use leyden_ports::{
    Clock, Store, StoreError,
    store::{InspectStore, LeaseStore, ServiceStore},
};
use leyden_store::{MigrationMode, OpenError, RoleFacts, ServerFacts, SqlStore};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

const WHAT: &str = "database";
/// The oldest version that is tested.
const OLDEST: i64 = 150_000;
/// How many commits are timed; the middle one counts.
const COMMITS: usize = 5;
/// A commit that takes longer keeps customers waiting.
const SLOW: Duration = Duration::from_millis(50);
/// Clocks further apart than this make logs and alarms misleading.
const APART_MS: i64 = 2_000;
/// Delegations that nobody explains are looked for this far back: the longest rental.
const STRANGE_SINCE_MS: i64 = 30 * 86_400_000;
/// And so many are shown.
const STRANGE_SHOWN: u32 = 20;

/// Opens the books and looks at them.
pub(super) async fn check(settings: &Settings, report: &mut Report) -> Option<Arc<SqlStore>> {
    let url = without_credentials(&settings.database.url);
    let store = match open_store(settings, MigrationMode::Refuse).await {
        Ok(store) => store,
        Err(StartError::Database { error: OpenError::Pending(pending), .. }) => {
            report.bad(
                "migrations",
                &format!("{} are pending: {}", pending.len(), pending.join(", ")),
                "run `leyden migrate`, as the owner of the schema",
            );
            return None;
        }
        Err(StartError::Database { error: OpenError::Migrate(error), .. }) => {
            report.bad(
                "migrations",
                &format!("{url}: {error}"),
                "the schema is that of another version: start the version it was made by, or a later one",
            );
            return None;
        }
        Err(error) => {
            report.bad(
                WHAT,
                &error.to_string(),
                "mend database.url or database.password_file, the network in between, or the folder's permissions",
            );
            return None;
        }
    };
    facts(&store, &url, report).await;
    commits(&store, report).await;
    Some(store)
}

async fn facts(store: &SqlStore, url: &str, report: &mut Report) {
    match store.database_facts().await {
        Err(error) => report.bad(WHAT, &error.to_string(), "look at the database"),
        Ok(facts) => {
            report.ok(WHAT, &format!("{}, {url}", facts.product));
            report.ok("migrations", "up to date");
            if let Some(server) = facts.server {
                of_server(&server, report);
            }
        }
    }
}

fn of_server(server: &ServerFacts, report: &mut Report) {
    if server.version < OLDEST {
        report.odd(WHAT, "is older than PostgreSQL 15", "upgrade it: leyden is tested from 15 on");
    }
    if server.is_standby {
        report.bad(WHAT, "is a standby: nothing can be written", "point database.url at the primary");
    }
    if !server.is_durable {
        report.bad(
            WHAT,
            "loses commits at a power cut: fsync or full_page_writes is off",
            "switch both on; what was signed must be in the books",
        );
    }
    if let Some(connections) = server.connections {
        let found = format!("{} of {} connections are taken", connections.used, connections.limit);
        if connections.used.saturating_mul(5) > connections.limit.saturating_mul(4) {
            report.bad(WHAT, &found, "raise max_connections, or stop what else is there");
        } else {
            report.ok(WHAT, &found);
        }
    }
    let apart = SystemClock.now().since(server.now).ms();
    if apart.abs() > APART_MS {
        report.odd(
            "clock",
            &format!("this clock and the database's are {apart} ms apart"),
            "run NTP on both machines",
        );
    } else {
        report.ok("clock", "this one and the database's agree");
    }
    role(&server.role, report);
    partitions(server, report);
}

fn role(role: &RoleFacts, report: &mut Report) {
    const ROLE: &str = "role";
    if !role.lacks.is_empty() {
        report.bad(
            ROLE,
            &format!("{} may not read and write {}", role.name, role.lacks.join(", ")),
            &format!("as the owner: SELECT grant_application_role('{}')", role.name),
        );
    }
    if role.is_superuser {
        report.bad(
            ROLE,
            &format!("{} may do everything on that server", role.name),
            "serve as a role that can only read and write rows (deploy/postgres/roles.sh)",
        );
    } else if role.owns_tables || role.may_create {
        report.odd(
            ROLE,
            &format!("{} may change the schema", role.name),
            "serve as a role that can only read and write rows (deploy/postgres/roles.sh); migrate as this one",
        );
    } else if role.lacks.is_empty() {
        report.ok(ROLE, &format!("{} may read and write rows and nothing more", role.name));
    }
}

fn partitions(server: &ServerFacts, report: &mut Report) {
    const PARTITIONS: &str = "partitions";
    const TODO: &str = "start the service once, or as the owner: \
         SELECT make_order_partitions((extract(epoch FROM now()) * 1000)::bigint, 3)";
    let next_month = DateTime::from_timestamp_millis(server.now.ms())
        .and_then(|now| now.checked_add_months(Months::new(1)))
        .map(|month| month.format("%Y_%m").to_string());
    match (&server.partitions_until, next_month) {
        (Some(until), Some(next)) if *until >= next => {
            report.ok(PARTITIONS, &format!("of orders are made until {until}"));
        }
        (until, _) => report.odd(
            PARTITIONS,
            &format!("of orders are made until {}", until.as_deref().unwrap_or("never")),
            TODO,
        ),
    }
    if server.orders_elsewhere > 0 {
        report.odd(
            PARTITIONS,
            &format!("about {} orders are in orders_rest", server.orders_elsewhere),
            "nothing is wrong with them; they were made while no partition was there for their month",
        );
    }
}

/// How long a commit takes.
async fn commits(store: &SqlStore, report: &mut Report) {
    let mut times = Vec::with_capacity(COMMITS);
    for _ in 0..COMMITS {
        let began = Instant::now();
        if let Err(error) = store.ping().await {
            report.bad(
                WHAT,
                &format!("cannot be written: {error}"),
                "look at its disk, at the role's grants, and who else has it open",
            );
            return;
        }
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let middle = times.get(COMMITS / 2).copied().unwrap_or_default();
    let found = format!("a commit takes {}.{:03} ms", middle.as_millis(), middle.as_micros() % 1_000);
    if middle > SLOW {
        report.odd(
            WHAT,
            &found,
            "a faster disk, a nearer server; each order and each delegation waits for one",
        );
    } else {
        report.ok(WHAT, &found);
    }
}

/// API keys, and who leads.
pub(super) async fn contents(store: &SqlStore, report: &mut Report) {
    match store.api_keys().await {
        Ok(keys) if keys.iter().all(|key| key.revoked_at.is_some()) => {
            report.odd("API keys", "there is none", "make one with `leyden keys api`");
        }
        Ok(keys) => report.ok("API keys", &format!("{} kept", keys.len())),
        Err(error) => report.bad("API keys", &error.to_string(), "look at the database"),
    }
}

/// Who does the work. Only where instances take turns.
pub(super) async fn leader(store: &SqlStore, report: &mut Report) {
    const LEADER: &str = "leader";
    match store.lease(WORK).await {
        Ok(None) => report.ok(LEADER, "nobody has led on these books yet"),
        Ok(Some(row)) if row.is_over => report.odd(
            LEADER,
            &format!("nobody; {} led last, in term {}", row.lease.holder, row.lease.epoch),
            "start an instance, if none is meant to be stopped",
        ),
        Ok(Some(row)) => {
            report.ok(LEADER, &format!("{}, in term {}", row.lease.holder, row.lease.epoch));
        }
        Err(error) => report.bad(LEADER, &error.to_string(), "look at the database"),
    }
}

/// Delegations on the chain that no transaction of the books explains.
pub(super) async fn strange(store: &SqlStore, report: &mut Report) {
    const STRANGE: &str = "delegations";
    let since = Timestamp::from_ms(SystemClock.now().ms().saturating_sub(STRANGE_SINCE_MS));
    let found = match store.strange_delegations(since, STRANGE_SHOWN).await {
        Ok(found) => found,
        Err(StoreError::Unavailable(_)) => return, // Said already.
        Err(error) => {
            report.bad(STRANGE, &error.to_string(), "the row is not one that leyden wrote: look at it");
            return;
        }
    };
    if found.is_empty() {
        report.ok(STRANGE, "the books explain every one of our accounts' of the last 30 days");
    }
    for one in found {
        let done = if one.is_given { "delegated to" } else { "took back from" };
        let said = format!(
            "{} {done} {} ({} TRX of stake, block {}, {}), and the books do not know why",
            one.owner, one.receiver, one.balance, one.height, one.tx_id
        );
        if one.orders.is_empty() || !one.is_given {
            report.odd(
                STRANGE,
                &said,
                "after a restore: an order that is lost. Otherwise somebody else has a key: docs/operating/keys.md",
            );
        } else {
            let orders: Vec<_> = one.orders.iter().map(ToString::to_string).collect();
            report.bad(
                STRANGE,
                &format!("{said}; it may have served {}", orders.join(", ")),
                "sign nothing before that is settled: `leyden hold ORDER`; docs/operating/backup.md",
            );
        }
    }
}
