//! Unsigned transactions, checked against the state first, which makes these methods dry runs as well.

use super::{
    call::{Answer, Call, Failure},
    json,
    parse::{Fields, FromFields},
};
use crate::{
    build::{self, Options},
    tx::SignedTx,
};
use leyden_tron::wire::proto::{
    AccountCreateContract, AccountPermissionUpdateContract, CancelAllUnfreezeV2Contract, ContractMessage,
    DelegateResourceContract, FreezeBalanceV2Contract, TransferContract, UnDelegateResourceContract,
    UnfreezeBalanceV2Contract, WithdrawExpireUnfreezeContract,
};
use prost::Message;
use serde_json::Value;

/// How long a transaction built here may wait, in milliseconds after the head.
const LIFE_MS: i64 = 60_000;

pub(super) fn answer(call: &Call<'_>) -> Option<Answer> {
    Some(match call.method.as_str() {
        "createtransaction" => build::<TransferContract>(call),
        "createaccount" => build::<AccountCreateContract>(call),
        "freezebalancev2" => build::<FreezeBalanceV2Contract>(call),
        "unfreezebalancev2" => build::<UnfreezeBalanceV2Contract>(call),
        "withdrawexpireunfreeze" => build::<WithdrawExpireUnfreezeContract>(call),
        "cancelallunfreezev2" => build::<CancelAllUnfreezeV2Contract>(call),
        "delegateresource" => build::<DelegateResourceContract>(call),
        "undelegateresource" => build::<UnDelegateResourceContract>(call),
        "accountpermissionupdate" => build::<AccountPermissionUpdateContract>(call),
        _ => return None,
    })
}

fn build<M: FromFields>(call: &Call<'_>) -> Answer {
    let fields = Fields::new(&call.params, call.visible);
    let message = M::from_fields(&fields)?;
    let memo = fields.words("extra_data")?;
    let tx = unsigned(call, &message, Options { memo, ..Options::default() })?;
    call.node.chain().dry_run(&tx).map_err(Failure::validate)?;
    Ok(printed(call, &tx))
}

/// A transaction bound to the solid block, as nodes bind them.
pub(super) fn unsigned<M: ContractMessage>(
    call: &Call<'_>,
    message: &M,
    options: Options,
) -> Result<SignedTx, Failure> {
    let permission_id = i32::try_from(call.number("Permission_id")?)
        .ok()
        .ok_or_else(|| Failure::parse("Number out of range: Permission_id"))?;
    let lens = call.lens()?;
    let head = lens.head().timestamp();
    let options = Options {
        permission_id,
        timestamp: head + call.node.next_nonce(),
        expiration: head + LIFE_MS,
        ..options
    };
    let raw = build::raw(message, lens.solid(), &options);
    SignedTx::from_parts(raw.encode_to_vec(), Vec::new())
        .map_err(|error| Failure::validate(error.to_string()))
}

/// An unsigned transaction as the builders print it.
pub(super) fn printed(call: &Call<'_>, tx: &SignedTx) -> Value {
    json::transaction(tx, call.visible).put("visible", call.visible).done()
}
