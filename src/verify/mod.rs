//! `leyden verify`: whether the books can be believed. The journal's chain of hashes, every journaled row against what the
//! journal says it is, every invariant, and, where it is asked for, the chain's delegations against ours. It looks at one
//! moment and changes nothing, so the service may run meanwhile; what a person then takes for right is the one exception.

mod online;
mod solid;

use crate::{
    Settings,
    cli::{Failure, json, line},
    settings::without_credentials,
    wiring::{open_books_to_read, open_nodes},
};
use leyden_domain::{invariants, journal::Head};
use leyden_ports::store::{JournalStore, Verified, VerifyError};
use leyden_store::SqlStore;
use online::{Online, OnlineError};
use serde::Serialize;

/// Exit code where something is not right.
const DIFFERENT: u8 = 1;
/// Exit code where it could not be looked at (`EX_UNAVAILABLE`).
const UNAVAILABLE: u8 = 69;

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The database, where it is not the configured one.
    pub(crate) database: Option<String>,
    /// Ask the nodes too.
    pub(crate) online: bool,
    /// The newest entry that was verified before: its number, and its hash where that is known.
    pub(crate) from: Option<(i64, Option<leyden_domain::journal::Digest>)>,
    /// Print JSON.
    pub(crate) json: bool,
    /// Take what differs for right, with this reason.
    pub(crate) accept: Option<String>,
}

/// What was found, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    /// Whether everything is right.
    ok: bool,
    /// The newest entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<HeadFound>,
    /// Entries read.
    entries: u64,
    /// Rows compared.
    rows: u64,
    /// Invariants checked.
    invariants: usize,
    /// What the chain shows, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    chain: Option<Online>,
    /// The first thing that is not right.
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<String>,
}

/// The newest entry.
#[derive(Debug, Serialize)]
struct HeadFound {
    seq: i64,
    hash: String,
}

/// Looks, and says what was found. Exit code 0 where all is right, 1 at the first difference, 69 where it could not be
/// looked at, 78 for a bad configuration.
pub(crate) async fn run(settings: Settings, wish: Wish) -> Result<u8, Failure> {
    let url = wish.database.clone().unwrap_or_else(|| settings.database.url.clone());
    let store = open_books_to_read(&url).await.map_err(|error| unavailable(&error))?;
    if let Some(reason) = &wish.accept {
        let accepted = accept(&store, reason).await;
        store.close().await;
        return accepted;
    }
    let done = look(&settings, &store, &wish).await;
    store.close().await;
    let found = done?;
    if wish.json {
        json(&found)?;
    } else {
        say(&without_credentials(&url), &found)?;
    }
    Ok(if found.ok { 0 } else { DIFFERENT })
}

/// Takes what differs for right.
async fn accept(store: &SqlStore, reason: &str) -> Result<u8, Failure> {
    match store.accept_rows(reason).await {
        Err(VerifyError::Store(error)) => Err(unavailable(&error)),
        Err(VerifyError::Difference(difference)) => {
            line(format_args!("DIFFERENCE  {difference}"))?;
            Ok(DIFFERENT)
        }
        Ok(accepted) => {
            for difference in &accepted {
                line(format_args!("accepted    {difference}"))?;
            }
            line(format_args!("{} rows were taken for right as they are", accepted.len()))?;
            Ok(0)
        }
    }
}

fn unavailable(error: &impl ToString) -> Failure {
    Failure { code: UNAVAILABLE, text: error.to_string() }
}

/// The head to begin at.
async fn beginning(store: &SqlStore, wish: &Wish) -> Result<Head, Failure> {
    match wish.from {
        None | Some((0, None)) => Ok(Head::genesis()),
        Some((seq, Some(hash))) => Ok(Head { seq, hash }),
        Some((seq, None)) => {
            let entries = store.journal_entries(seq.saturating_sub(1), 1).await?;
            let entry = entries.into_iter().find(|entry| entry.seq == seq);
            let entry = entry.ok_or_else(|| Failure::new(format!("--from: there is no entry {seq}")))?;
            Ok(Head { seq, hash: entry.hash })
        }
    }
}

async fn look(settings: &Settings, store: &SqlStore, wish: &Wish) -> Result<Found, Failure> {
    let from = beginning(store, wish).await?;
    let verified = match store.verify(from).await {
        Ok(verified) => verified,
        Err(VerifyError::Store(error)) => return Err(unavailable(&error)),
        Err(VerifyError::Difference(difference)) => return Ok(different(difference.to_string())),
    };
    let mut found = right(&verified);
    if wish.online {
        let nodes = open_nodes(settings)?;
        let fee_limit = settings.refund.usdt_fee_limit_trx.get();
        match online::compare(store, &nodes, &settings.payments.addresses, fee_limit).await {
            Ok(online) => found.chain = Some(online),
            Err(OnlineError::Difference(difference)) => {
                found.ok = false;
                found.difference = Some(difference);
            }
            Err(OnlineError::Store(error)) => return Err(unavailable(&error)),
            Err(OnlineError::Chain(error)) => return Err(unavailable(&error)),
        }
    }
    Ok(found)
}

fn right(verified: &Verified) -> Found {
    let head = HeadFound { seq: verified.head.seq, hash: verified.head.hash.to_string() };
    Found {
        ok: true,
        head: Some(head),
        entries: verified.entries,
        rows: verified.rows,
        invariants: if verified.is_whole { invariants::CHECKS.len() } else { 0 },
        chain: None,
        difference: None,
    }
}

fn different(difference: String) -> Found {
    Found {
        ok: false,
        head: None,
        entries: 0,
        rows: 0,
        invariants: 0,
        chain: None,
        difference: Some(difference),
    }
}

fn say(url: &str, found: &Found) -> Result<(), Failure> {
    if let Some(head) = &found.head {
        line(format_args!("{url}"))?;
        line(format_args!("journal     {} entries follow from each other", found.entries))?;
        line(format_args!("books       {} rows are what the journal says", found.rows))?;
        match found.invariants {
            0 => line("invariants  not looked at: they are checked on all books, without --from")?,
            all => line(format_args!("invariants  {all} hold"))?,
        }
        if let Some(chain) = &found.chain {
            line(format_args!(
                "chain       {} pool accounts, {} receivers: delegated is what we delegated",
                chain.accounts, chain.receivers
            ))?;
            for address in &chain.payment_addresses {
                line(format_args!(
                    "            {} holds {} TRX; {} TRX were credited to it",
                    address.address, address.balance_trx, address.credited_trx
                ))?;
            }
        }
        line(format_args!("head        {} {}", head.seq, head.hash))?;
    }
    match &found.difference {
        None => Ok(()),
        Some(difference) => line(format_args!("DIFFERENCE  {difference}")),
    }
}
