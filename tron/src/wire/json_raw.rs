//! `raw_data` as the HTTP API shows it, rebuilt into the message it stands for. It is never believed: the bytes
//! of `raw_data_hex` decide. It serves to notice an answer that shows one thing and signs another, and to read
//! answers of gateways that leave the bytes out.

use super::{
    hexadecimal,
    json::Text,
    proto::{self, ContractMessage, ContractType, TYPE_URL_PREFIX},
};
use prost::Message;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Why what is shown cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ShownError {
    /// Not the JSON of a raw transaction.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A field that should be hexadecimal is not.
    #[error("{0}")]
    Hex(#[from] hex::FromHexError),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Raw<'a> {
    #[serde(borrow)]
    ref_block_bytes: Text<'a>,
    ref_block_num: i64,
    #[serde(borrow)]
    ref_block_hash: Text<'a>,
    expiration: i64,
    #[serde(borrow)]
    auths: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Text<'a>,
    #[serde(borrow)]
    contract: Vec<Contract<'a>>,
    #[serde(borrow)]
    scripts: Text<'a>,
    timestamp: i64,
    fee_limit: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Contract<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(borrow)]
    parameter: Parameter<'a>,
    #[serde(borrow)]
    provider: Text<'a>,
    #[serde(borrow, rename = "ContractName")]
    name: Text<'a>,
    #[serde(rename = "Permission_id")]
    permission_id: i32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parameter<'a> {
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    type_url: Text<'a>,
}

/// The fields of all contracts that can be rebuilt.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fields<'a> {
    #[serde(borrow)]
    owner_address: Text<'a>,
    #[serde(borrow)]
    to_address: Text<'a>,
    #[serde(borrow)]
    receiver_address: Text<'a>,
    #[serde(borrow)]
    contract_address: Text<'a>,
    #[serde(borrow)]
    asset_name: Text<'a>,
    #[serde(borrow)]
    data: Text<'a>,
    #[serde(borrow)]
    resource: Option<Text<'a>>,
    amount: i64,
    frozen_balance: i64,
    unfreeze_balance: i64,
    balance: i64,
    lock: bool,
    lock_period: i64,
    call_value: i64,
    call_token_value: i64,
    token_id: i64,
}

/// Rebuilds the message. `None` for contracts that this crate does not build, and for what an answer with base58
/// addresses (`visible`) shows as text where there may be bytes.
pub fn rebuild(shown: &str) -> Result<Option<proto::TransactionRaw>, ShownError> {
    let raw: Raw<'_> = serde_json::from_str(shown)?;
    let [contract] = raw.contract.as_slice() else {
        return Ok(None);
    };
    let (Some(value), None) = (contract.parameter.value, raw.auths) else {
        return Ok(None);
    };
    let Some((kind, value)) = rebuild_contract(&contract.r#type, value.get())? else {
        return Ok(None);
    };
    Ok(Some(proto::TransactionRaw {
        ref_block_bytes: hexadecimal::decode(&raw.ref_block_bytes)?,
        ref_block_num: raw.ref_block_num,
        ref_block_hash: hexadecimal::decode(&raw.ref_block_hash)?,
        expiration: raw.expiration,
        auths: Vec::new(),
        data: hexadecimal::decode(&raw.data)?,
        contract: vec![proto::Contract {
            r#type: kind.into(),
            parameter: Some(proto::Any { type_url: contract.parameter.type_url.to_string(), value }),
            provider: hexadecimal::decode(&contract.provider)?,
            contract_name: hexadecimal::decode(&contract.name)?,
            permission_id: contract.permission_id,
        }],
        scripts: hexadecimal::decode(&raw.scripts)?,
        timestamp: raw.timestamp,
        fee_limit: raw.fee_limit,
    }))
}

/// Whether what is shown is what the bytes say; `None` where that cannot be told.
pub fn agrees(shown: &str, bytes: &[u8]) -> Option<bool> {
    let Ok(rebuilt) = rebuild(shown) else {
        return Some(false);
    };
    let rebuilt = rebuilt?;
    if rebuilt.encode_to_vec() == bytes {
        return Some(true);
    }
    // Same meaning, other bytes: wallets write fields in any order and zero values too.
    let mut signed = proto::TransactionRaw::decode(bytes).ok()?;
    for contract in &mut signed.contract {
        let kind = ContractType::try_from(contract.r#type).ok()?;
        let any = contract.parameter.as_mut()?;
        any.value = canonical(kind, &any.value)?;
    }
    Some(signed == rebuilt)
}

/// Names the contract types that can be rebuilt, once for both directions.
macro_rules! with_contract {
    ($kind:expr, $message:ident => $do:expr) => {
        match $kind {
            ContractType::TransferContract => with_contract!(@ $message, TransferContract, $do),
            ContractType::TransferAssetContract => with_contract!(@ $message, TransferAssetContract, $do),
            ContractType::FreezeBalanceV2Contract => with_contract!(@ $message, FreezeBalanceV2Contract, $do),
            ContractType::UnfreezeBalanceV2Contract => with_contract!(@ $message, UnfreezeBalanceV2Contract, $do),
            ContractType::WithdrawExpireUnfreezeContract => {
                with_contract!(@ $message, WithdrawExpireUnfreezeContract, $do)
            }
            ContractType::CancelAllUnfreezeV2Contract => with_contract!(@ $message, CancelAllUnfreezeV2Contract, $do),
            ContractType::DelegateResourceContract => with_contract!(@ $message, DelegateResourceContract, $do),
            ContractType::UnDelegateResourceContract => with_contract!(@ $message, UnDelegateResourceContract, $do),
            ContractType::TriggerSmartContract => with_contract!(@ $message, TriggerSmartContract, $do),
            _ => return Default::default(),
        }
    };
    (@ $message:ident, $type:ident, $do:expr) => {{
        type $message = proto::$type;
        $do
    }};
}

/// The same contract message in the bytes that this crate would write.
fn canonical(kind: ContractType, value: &[u8]) -> Option<Vec<u8>> {
    with_contract!(kind, M => M::decode(value).ok().map(|message| message.encode_to_vec()))
}

fn rebuild_contract(name: &str, value: &str) -> Result<Option<(ContractType, Vec<u8>)>, ShownError> {
    let Some(kind) = rebuildable(name) else {
        return Ok(None);
    };
    let fields: Fields<'_> = serde_json::from_str(value)?;
    let is_visible = hexadecimal::decode(&fields.owner_address).is_err();
    if is_visible && kind == ContractType::TransferAssetContract {
        return Ok(None);
    }
    let bytes = |text: &Text<'_>| hexadecimal::decode(text);
    let address = |text: &Text<'_>| hexadecimal::decode_address(text);
    let resource = match fields.resource.as_deref() {
        None | Some("BANDWIDTH") => 0,
        Some("ENERGY") => 1,
        Some("TRON_POWER") => 2,
        Some(_) => return Ok(None),
    };
    let owner_address = address(&fields.owner_address)?;
    let value = match kind {
        ContractType::TransferContract => proto::TransferContract {
            owner_address,
            to_address: address(&fields.to_address)?,
            amount: fields.amount,
        }
        .encode_to_vec(),
        ContractType::TransferAssetContract => proto::TransferAssetContract {
            asset_name: bytes(&fields.asset_name)?,
            owner_address,
            to_address: address(&fields.to_address)?,
            amount: fields.amount,
        }
        .encode_to_vec(),
        ContractType::FreezeBalanceV2Contract => {
            proto::FreezeBalanceV2Contract { owner_address, frozen_balance: fields.frozen_balance, resource }
                .encode_to_vec()
        }
        ContractType::UnfreezeBalanceV2Contract => proto::UnfreezeBalanceV2Contract {
            owner_address,
            unfreeze_balance: fields.unfreeze_balance,
            resource,
        }
        .encode_to_vec(),
        ContractType::WithdrawExpireUnfreezeContract => {
            proto::WithdrawExpireUnfreezeContract { owner_address }.encode_to_vec()
        }
        ContractType::CancelAllUnfreezeV2Contract => {
            proto::CancelAllUnfreezeV2Contract { owner_address }.encode_to_vec()
        }
        ContractType::DelegateResourceContract => proto::DelegateResourceContract {
            owner_address,
            resource,
            balance: fields.balance,
            receiver_address: address(&fields.receiver_address)?,
            lock: fields.lock,
            lock_period: fields.lock_period,
        }
        .encode_to_vec(),
        ContractType::UnDelegateResourceContract => proto::UnDelegateResourceContract {
            owner_address,
            resource,
            balance: fields.balance,
            receiver_address: address(&fields.receiver_address)?,
        }
        .encode_to_vec(),
        ContractType::TriggerSmartContract => proto::TriggerSmartContract {
            owner_address,
            contract_address: address(&fields.contract_address)?,
            call_value: fields.call_value,
            data: bytes(&fields.data)?,
            call_token_value: fields.call_token_value,
            token_id: fields.token_id,
        }
        .encode_to_vec(),
        _ => return Ok(None),
    };
    Ok(Some((kind, value)))
}

/// The contract type of a name, where it can be rebuilt.
fn rebuildable(name: &str) -> Option<ContractType> {
    use ContractType as T;
    [
        T::TransferContract,
        T::TransferAssetContract,
        T::FreezeBalanceV2Contract,
        T::UnfreezeBalanceV2Contract,
        T::WithdrawExpireUnfreezeContract,
        T::CancelAllUnfreezeV2Contract,
        T::DelegateResourceContract,
        T::UnDelegateResourceContract,
        T::TriggerSmartContract,
    ]
    .into_iter()
    .find(|kind| contract_name(*kind) == Some(name))
}

/// The name of a contract type, where it can be rebuilt.
fn contract_name(kind: ContractType) -> Option<&'static str> {
    with_contract!(kind, M => Some(M::NAME))
}

/// The `type_url` of a contract message.
pub fn type_url<M: ContractMessage>() -> String {
    format!("{TYPE_URL_PREFIX}{}", M::NAME)
}
