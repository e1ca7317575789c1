//! Hot keys: each pool account must have one, the chain must know it, and it must be able to do no more than
//! delegate and take back.

use super::report::Report;
use crate::{Settings, settings::PoolAccountSettings, wiring::open_keys};
use leyden_domain::{Address, chain::ContractKind};
use leyden_ports::store::ServiceStore;
use leyden_store::SqlStore;
use leyden_tron::{keys::permission, node::NodeClient, wire::answers::Permission};

const WHAT: &str = "hot key";
/// All that a hot key needs.
const NEEDED: [ContractKind; 2] =
    [ContractKind::DelegateResourceContract, ContractKind::UnDelegateResourceContract];

pub(super) async fn check(
    settings: &Settings,
    store: &SqlStore,
    node: Option<&NodeClient>,
    report: &mut Report,
) {
    let kept = match store.keys().await {
        Ok(kept) => kept,
        Err(error) => {
            report.bad(WHAT, &error.to_string(), "look at the database");
            return;
        }
    };
    let ring = match open_keys(&kept, settings) {
        Ok(ring) => ring,
        Err(error) => {
            report.bad(
                WHAT,
                &error.to_string(),
                "give the passphrase they were imported with (keys.passphrase_file)",
            );
            return;
        }
    };
    for account in &settings.pool.accounts {
        let permission_id = account.permission_id.unwrap_or(0);
        let signer = ring
            .keys()
            .find(|(id, _, _)| id.owner == account.address && id.permission_id == permission_id)
            .map(|(_, signer, _)| signer);
        let Some(signer) = signer else {
            report.bad(
                WHAT,
                &format!("there is none for {} with permission {permission_id}", account.address),
                "import it with `leyden keys import --account … --permission-id …`",
            );
            continue;
        };
        if let Some(node) = node {
            on_chain(settings, account, signer, node, report).await;
        }
    }
}

/// What the chain lets the key do.
async fn on_chain(
    settings: &Settings,
    account: &PoolAccountSettings,
    signer: Address,
    node: &NodeClient,
    report: &mut Report,
) {
    let address = account.address;
    let permissions = match node.permissions(address).await {
        Ok(permissions) => permissions,
        Err(error) => {
            report.bad(WHAT, &format!("{address}: {error}"), "ask again");
            return;
        }
    };
    let wanted = i32::from(account.permission_id.unwrap_or(0));
    let Some(permission) = permissions.iter().find(|permission| permission.id == wanted) else {
        // An account that never changed its permissions shows none: then its own key is its owner.
        if wanted == 0 && signer == address {
            owner(settings, address, report);
        } else {
            report.bad(
                WHAT,
                &format!("{address} has no permission {wanted}"),
                "make it, or mend permission_id",
            );
        }
        return;
    };
    if weight_of(permission, signer) < permission.threshold {
        report.bad(
            WHAT,
            &format!("permission {wanted} of {address} does not accept {signer} alone"),
            "name the key in the permission with the threshold's weight, or import another",
        );
        return;
    }
    if wanted == 0 {
        owner(settings, address, report);
        return;
    }
    // Absent means everything.
    let operations = permission
        .operations
        .as_deref()
        .map_or_else(|| vec![0xff; 32], |text| hex::decode(text).unwrap_or_default());
    if let Some(missing) = NEEDED.into_iter().find(|kind| !permission::allows(&operations, *kind)) {
        report.bad(
            WHAT,
            &format!("permission {wanted} of {address} does not allow {}", missing.name()),
            "allow delegating and taking back in the permission's operations",
        );
        return;
    }
    let beyond = permission::beyond(&operations, &NEEDED);
    if beyond.is_empty() {
        report.ok(WHAT, &format!("{signer} may delegate and take back for {address}, and nothing else"));
    } else {
        let names: Vec<_> = beyond.iter().take(4).map(|kind| kind.name()).collect();
        too_able(settings, &format!("{signer} may also {} for {address}", names.join(", ")), report);
    }
}

pub(super) fn weight_of(permission: &Permission, signer: Address) -> i64 {
    let is_signer =
        |text: &str| Address::from_hex(text).or_else(|_| Address::from_base58(text)) == Ok(signer);
    permission
        .keys
        .iter()
        .filter(|key| is_signer(&key.address))
        .fold(0, |sum: i64, key| sum.saturating_add(key.weight))
}

fn owner(settings: &Settings, address: Address, report: &mut Report) {
    too_able(settings, &format!("the owner key of {address} is here: it can move all TRX"), report);
}

/// A key that can do more than it needs is a mistake, unless the configuration says that it is meant so.
fn too_able(settings: &Settings, found: &str, report: &mut Report) {
    const TODO: &str =
        "make an active permission for delegating and taking back alone, and import a key for it";
    if settings.keys.allow_owner_keys {
        report.odd(WHAT, found, TODO);
    } else {
        report.bad(WHAT, found, TODO);
    }
}
