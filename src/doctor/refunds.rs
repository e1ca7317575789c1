//! The account that refunds are paid from: its key must be here and sign nothing but refunds, the chain must accept it, it
//! must hold something, and whatever left it must be ours.

use super::{keys::weight_of, report::Report};
use crate::{Settings, wiring::open_keys};
use leyden_domain::{Address, Sun, UsdtMicro, chain::ContractKind};
use leyden_ports::{
    ChainReader, StoreError,
    store::{RefundStore, ServiceStore},
};
use leyden_store::SqlStore;
use leyden_tron::{keys::permission, node::NodeClient};

const WHAT: &str = "refund account";
/// All that its key needs.
const NEEDED: [ContractKind; 2] = [ContractKind::TransferContract, ContractKind::TriggerSmartContract];
/// Most unexplained transfers that are shown.
const SHOWN: u32 = 10;

pub(super) async fn check(
    settings: &Settings,
    store: &SqlStore,
    node: Option<&NodeClient>,
    report: &mut Report,
) {
    unexplained(store, report).await;
    // That there is none is said with the configuration.
    let Some(address) = settings.refund.address else { return };
    let permission_id = settings.refund.permission_id;
    let Ok(kept) = store.keys().await else { return };
    let Ok(ring) = open_keys(&kept, settings) else { return };
    let key = ring.keys().find(|(id, _, _)| id.owner == address && id.permission_id == permission_id);
    match key {
        None => report.bad(
            WHAT,
            &format!("there is no key for {address} with permission {permission_id}: every refund is held"),
            "import it with `leyden keys import --account … --refunds`",
        ),
        Some((_, _, policy)) if !policy.needs_warrant() => report.bad(
            WHAT,
            &format!("the key of {address} signs more than refunds ({policy:?})"),
            "import it anew with `leyden keys import --account … --refunds`",
        ),
        Some((_, signer, _)) => {
            report.ok(WHAT, &format!("{signer} signs for {address} what a refund in the books is for"));
            if let Some(node) = node {
                on_chain(settings, address, signer, node, report).await;
            }
        }
    }
    if let Some(node) = node {
        balance(settings, address, node, report).await;
    }
}

/// Money that left by no transaction of ours.
async fn unexplained(store: &SqlStore, report: &mut Report) {
    let found = match store.strange_transfers(SHOWN).await {
        Ok(found) => found,
        Err(StoreError::Unavailable(_)) => return, // Said already.
        Err(error) => {
            report.bad(WHAT, &error.to_string(), "the row is not one that leyden wrote: look at it");
            return;
        }
    };
    for one in found {
        report.bad(
            WHAT,
            &format!(
                "{} sent {} millionths of {} to {} in block {} ({}), and the books do not know why: nothing is paid back",
                one.sent.from,
                one.sent.amount,
                one.sent.asset.name(),
                one.sent.to,
                one.head.height(),
                one.sent.tx_id,
            ),
            "docs/operating/refunds.md#transfers-that-nothing-explains",
        );
    }
}

/// What the chain lets the key do.
async fn on_chain(
    settings: &Settings,
    address: Address,
    signer: Address,
    node: &NodeClient,
    report: &mut Report,
) {
    let permissions = match node.permissions(address).await {
        Ok(permissions) => permissions,
        Err(error) => {
            report.bad(WHAT, &format!("{address}: {error}"), "ask again");
            return;
        }
    };
    let wanted = i32::from(settings.refund.permission_id);
    let Some(known) = permissions.iter().find(|permission| permission.id == wanted) else {
        // An account that never changed its permissions shows none: then its own key is its owner.
        if wanted != 0 || signer != address {
            report.bad(
                WHAT,
                &format!("{address} has no permission {wanted}"),
                "make it, or mend refund.permission_id",
            );
        }
        return;
    };
    if weight_of(known, signer) < known.threshold {
        report.bad(
            WHAT,
            &format!("permission {wanted} of {address} does not accept {signer} alone"),
            "name the key in the permission with the threshold's weight, or import another",
        );
        return;
    }
    // Absent means everything, as with the owner permission.
    let Some(operations) = known.operations.as_deref() else { return };
    let operations = hex::decode(operations).unwrap_or_default();
    if let Some(missing) = NEEDED.into_iter().find(|kind| !permission::allows(&operations, *kind)) {
        report.bad(
            WHAT,
            &format!("permission {wanted} of {address} does not allow {}", missing.name()),
            "allow TransferContract and TriggerSmartContract in the permission's operations",
        );
    }
}

/// Whether there is anything to pay from.
async fn balance(settings: &Settings, address: Address, node: &NodeClient, report: &mut Report) {
    match node.account(address).await {
        Err(error) => report.bad(WHAT, &format!("{address}: {error}"), "ask again"),
        Ok(None) => report.bad(WHAT, &format!("{address} was never activated"), "send TRX to it"),
        Ok(Some(account)) => {
            let usdt = match node.usdt_balance(address).await {
                Ok(usdt) => format!("{} USDT", UsdtMicro::new(usdt)),
                Err(error) => format!("USDT unknown ({error})"),
            };
            let found = format!("{address} holds {} TRX and {usdt}", account.balance);
            let least =
                settings.refund.usdt_fee_limit_trx.plus(Sun::from_trx(2)).unwrap_or(Sun::from_trx(32));
            if account.balance < least {
                report.odd(WHAT, &found, "less than one USDT refund may burn: send TRX to it");
            } else {
                report.ok(WHAT, &found);
            }
        }
    }
}
