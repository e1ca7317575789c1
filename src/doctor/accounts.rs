//! The addresses that money comes to and the accounts whose stake is delegated, as the chain has them.

use super::report::Report;
use crate::Settings;
use leyden_domain::Sun;
use leyden_ports::ChainReader;
use leyden_tron::node::NodeClient;

/// Less than this on a pool account and without bandwidth it soon cannot pay for its own transactions.
const LITTLE_TRX: Sun = Sun::from_trx(10);

/// Payment addresses must exist and must not be contracts: what customers send there must be ours.
pub(super) async fn payment_addresses(settings: &Settings, node: &NodeClient, report: &mut Report) {
    const WHAT: &str = "payment address";
    for address in &settings.payments.addresses {
        match node.account(*address).await {
            Ok(Some(account)) if account.is_contract => {
                report.bad(WHAT, &format!("{address} is a contract"), "choose an address whose key you hold");
            }
            Ok(Some(account)) => report.ok(WHAT, &format!("{address} holds {} TRX", account.balance)),
            Ok(None) => report.bad(
                WHAT,
                &format!("{address} was never activated: each first payment would cost the payer 1 TRX more"),
                "send any TRX to it",
            ),
            Err(error) => report.bad(WHAT, &format!("{address}: {error}"), "ask again"),
        }
    }
}

/// Pool accounts must exist, have stake to give and be able to pay for their transactions.
pub(super) async fn pool(settings: &Settings, node: &NodeClient, report: &mut Report) {
    const WHAT: &str = "pool account";
    if settings.pool.accounts.is_empty() {
        report.bad(WHAT, "there is none, so nothing can be sold", "name accounts in pool.accounts");
    }
    let policy = settings.plan_policy();
    for account in &settings.pool.accounts {
        let address = account.address;
        match node.account(address).await {
            Ok(Some(_)) => {}
            Ok(None) => {
                report.bad(WHAT, &format!("{address} was never activated"), "send TRX to it and stake");
                continue;
            }
            Err(error) => {
                report.bad(WHAT, &format!("{address}: {error}"), "ask again");
                continue;
            }
        }
        match node.pool_account(address).await {
            Err(error) => report.bad(WHAT, &format!("{address}: {error}"), "ask again"),
            Ok(state) if state.staked < policy.min_delegation => {
                report.bad(
                    WHAT,
                    &format!("{address} has no TRX staked for energy"),
                    "stake TRX for energy on it",
                );
            }
            Ok(state)
                if state.bandwidth < policy.bandwidth_per_rental && state.balance < policy.trx_per_rental =>
            {
                report.bad(
                    WHAT,
                    &format!("{address} has neither bandwidth nor TRX for its transactions"),
                    "send it TRX, or stake for bandwidth",
                );
            }
            Ok(state) => {
                let energy = state.ratio.energy_of(state.delegatable);
                let found = format!(
                    "{address}: {} TRX staked, {} TRX can be delegated now ({energy} energy)",
                    state.staked, state.delegatable
                );
                if state.balance < LITTLE_TRX {
                    report.odd(WHAT, &found, "it holds less than 10 TRX for fees: send some");
                } else {
                    report.ok(WHAT, &found);
                }
            }
        }
    }
}
