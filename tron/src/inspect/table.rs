//! The same for people.

use super::{BlockReport, DelegationReport};
use crate::decode::Undecided;
use leyden_domain::{Asset, Sun, UsdtMicro, chain::Evidence};
use std::fmt::{self, Write as _};

/// Prints reports as text. Amounts are in whole coins.
pub fn table(reports: &[BlockReport]) -> String {
    let mut text = String::new();
    for report in reports {
        // Writing to a String cannot fail.
        write_report(&mut text, report).unwrap_or_default();
    }
    text
}

fn write_report(text: &mut String, report: &BlockReport) -> fmt::Result {
    let total: u64 = report.transactions.values().map(|count| u64::from(*count)).sum();
    writeln!(text, "block {}  {}", report.number, report.block_id)?;
    writeln!(text, "  time          {} ms", report.timestamp_ms)?;
    let verified = report.verified;
    writeln!(
        text,
        "  verified      id {}, transaction ids {}, Merkle root {}, witness {}, parent {}",
        word(verified.block_id),
        word(verified.tx_ids),
        word(verified.merkle_root),
        word(verified.witness),
        word(verified.parent)
    )?;
    for wrong in &report.wrong {
        writeln!(text, "  WRONG         {}", wrong.text)?;
    }
    writeln!(text, "  transactions  {total}")?;
    for (kind, count) in &report.transactions {
        writeln!(text, "    {count:>6}  {kind}")?;
    }
    write_delegations(text, "delegations", &report.delegations)?;
    write_delegations(text, "undelegations", &report.undelegations)?;
    if !report.undecided.is_empty() {
        writeln!(text, "  undecided     {}", report.undecided.len())?;
    }
    for undecided in &report.undecided {
        writeln!(text, "    {}  {}  {}", undecided.tx_id, undecided.kind, why(undecided.why))?;
    }
    writeln!(text, "  transfers     {}", report.transfers.len())?;
    for transfer in &report.transfers {
        let amount = match transfer.asset {
            Asset::Trx => Sun::new(transfer.amount).to_string(),
            Asset::Usdt => UsdtMicro::new(transfer.amount).to_string(),
        };
        let note = if transfer.evidence == Evidence::CallData { "  (by call data)" } else { "" };
        writeln!(
            text,
            "    {}  {} -> {}  {amount:>20} {}{note}",
            transfer.tx_id,
            transfer.from,
            transfer.to,
            transfer.asset.name()
        )?;
    }
    Ok(())
}

fn write_delegations(text: &mut String, title: &str, delegations: &[DelegationReport]) -> fmt::Result {
    writeln!(text, "  {title:<13} {}", delegations.len())?;
    for delegation in delegations {
        let lock = match delegation.lock_period_blocks {
            Some(blocks) => format!("  locked for {blocks} blocks"),
            None => String::new(),
        };
        writeln!(
            text,
            "    {}  {} -> {}  {:>20} TRX for {}{lock}",
            delegation.tx_id,
            delegation.owner,
            delegation.receiver,
            Sun::new(delegation.balance_sun).to_string(),
            delegation.resource.name()
        )?;
    }
    Ok(())
}

const fn why(undecided: Undecided) -> &'static str {
    match undecided {
        Undecided::NoResult => "the block does not say how it ended",
        Undecided::UnknownResult => "it ended in a way that is not known here",
        Undecided::Unreadable => "it names no account or no amount that there can be",
    }
}

const fn word(known: Option<bool>) -> &'static str {
    match known {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "unknown",
    }
}
