//! From java-tron's JSON back to messages. As with the real node, the bytes are made from `raw_data` and
//! `raw_data_hex` is not looked at; fields that are not known are ignored.

use super::call::{Failure, NO_HEX, address, flag, number};
use crate::tx::SignedTx;
use leyden_domain::chain::ContractKind;
use leyden_tron::wire::proto::{
    AccountCreateContract, AccountPermissionUpdateContract, Any, CancelAllUnfreezeV2Contract, Contract,
    ContractMessage, DelegateResourceContract, FreezeBalanceV2Contract, Key, Permission, PermissionType,
    ResourceCode, TYPE_URL_PREFIX, TransactionRaw, TransferContract, TriggerSmartContract,
    UnDelegateResourceContract, UnfreezeBalanceV2Contract, WithdrawExpireUnfreezeContract,
};
use prost::Message;
use serde_json::{Map, Value};

/// The fields of one JSON object.
pub(super) struct Fields<'a> {
    fields: &'a Map<String, Value>,
    visible: bool,
}

impl<'a> Fields<'a> {
    pub(super) const fn new(fields: &'a Map<String, Value>, visible: bool) -> Self {
        Self { fields, visible }
    }

    /// The 21 bytes of an address; empty where it is missing.
    pub(super) fn address(&self, name: &str) -> Result<Vec<u8>, Failure> {
        match self.text(name) {
            "" => Ok(Vec::new()),
            text => Ok(address(text, name, self.visible)?.to_bytes().to_vec()),
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<i64, Failure> {
        number(self.fields.get(name), name)
    }

    fn small(&self, name: &str) -> Result<i32, Failure> {
        i32::try_from(self.number(name)?).ok().ok_or_else(|| Failure::field(name, "Number out of range."))
    }

    pub(super) fn text(&self, name: &str) -> &'a str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Hexadecimal bytes.
    pub(super) fn hex(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let text = self.text(name);
        hex::decode(text).ok().ok_or_else(|| Failure::field(name, NO_HEX))
    }

    /// A text that travels as bytes: itself where Base58 was asked for, hexadecimal otherwise.
    pub(super) fn words(&self, name: &str) -> Result<Vec<u8>, Failure> {
        if self.visible { Ok(self.text(name).as_bytes().to_vec()) } else { self.hex(name) }
    }

    /// A resource by name or number.
    fn resource(&self) -> Result<i32, Failure> {
        match self.fields.get("resource") {
            Some(Value::String(name)) => match name.to_uppercase().as_str() {
                "BANDWIDTH" | "" => Ok(ResourceCode::Bandwidth.into()),
                "ENERGY" => Ok(ResourceCode::Energy.into()),
                "TRON_POWER" => Ok(ResourceCode::TronPower.into()),
                _ => Err(Failure::field(
                    "resource",
                    format!("Enum type \"protocol.ResourceCode\" has no value named \"{name}\"."),
                )),
            },
            other => i32::try_from(number(other, "resource")?)
                .ok()
                .ok_or_else(|| Failure::field("resource", "Number out of range.")),
        }
    }

    fn object(&self, name: &str) -> Option<Fields<'a>> {
        self.fields.get(name).and_then(Value::as_object).map(|fields| Fields::new(fields, self.visible))
    }

    fn objects(&self, name: &str) -> Vec<Fields<'a>> {
        let list = self.fields.get(name).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .map(|fields| Fields::new(fields, self.visible))
            .collect()
    }

    fn permission(&self) -> Result<Permission, Failure> {
        let kind = match self.fields.get("type") {
            Some(Value::String(name)) => match name.to_lowercase().as_str() {
                "owner" => PermissionType::Owner.into(),
                "witness" => PermissionType::Witness.into(),
                "active" => PermissionType::Active.into(),
                _ => return Err(Failure::parse(format!("no permission type {name}"))),
            },
            other => i32::try_from(number(other, "type")?).ok().ok_or_else(|| Failure::parse("type"))?,
        };
        let keys = self
            .objects("keys")
            .iter()
            .map(|key| Ok(Key { address: key.address("address")?, weight: key.number("weight")? }))
            .collect::<Result<_, Failure>>()?;
        Ok(Permission {
            r#type: kind,
            id: self.small("id")?,
            permission_name: self.text("permission_name").to_owned(),
            threshold: self.number("threshold")?,
            parent_id: self.small("parent_id")?,
            operations: self.hex("operations")?,
            keys,
        })
    }
}

/// A message that can be read from JSON.
pub(super) trait FromFields: ContractMessage {
    fn from_fields(fields: &Fields<'_>) -> Result<Self, Failure>;
}

/// Reads a message whose fields have the same names in both worlds.
macro_rules! from_fields {
    ($message:ident { $($field:ident: $how:ident($($argument:literal)?)),* $(,)? }) => {
        impl FromFields for $message {
            fn from_fields(fields: &Fields<'_>) -> Result<Self, Failure> {
                Ok(Self { $($field: fields.$how($($argument)?)?,)* })
            }
        }
    };
}

from_fields!(AccountCreateContract {
    owner_address: address("owner_address"),
    account_address: address("account_address"),
    r#type: small("type"),
});
from_fields!(TransferContract {
    owner_address: address("owner_address"),
    to_address: address("to_address"),
    amount: number("amount"),
});
from_fields!(FreezeBalanceV2Contract {
    owner_address: address("owner_address"),
    frozen_balance: number("frozen_balance"),
    resource: resource(),
});
from_fields!(UnfreezeBalanceV2Contract {
    owner_address: address("owner_address"),
    unfreeze_balance: number("unfreeze_balance"),
    resource: resource(),
});
from_fields!(WithdrawExpireUnfreezeContract { owner_address: address("owner_address") });
from_fields!(CancelAllUnfreezeV2Contract { owner_address: address("owner_address") });
from_fields!(UnDelegateResourceContract {
    owner_address: address("owner_address"),
    resource: resource(),
    balance: number("balance"),
    receiver_address: address("receiver_address"),
});
from_fields!(TriggerSmartContract {
    owner_address: address("owner_address"),
    contract_address: address("contract_address"),
    call_value: number("call_value"),
    data: hex("data"),
    call_token_value: number("call_token_value"),
    token_id: number("token_id"),
});

impl FromFields for DelegateResourceContract {
    fn from_fields(fields: &Fields<'_>) -> Result<Self, Failure> {
        Ok(Self {
            owner_address: fields.address("owner_address")?,
            resource: fields.resource()?,
            balance: fields.number("balance")?,
            receiver_address: fields.address("receiver_address")?,
            lock: flag(fields.fields.get("lock")),
            lock_period: fields.number("lock_period")?,
        })
    }
}

impl FromFields for AccountPermissionUpdateContract {
    fn from_fields(fields: &Fields<'_>) -> Result<Self, Failure> {
        Ok(Self {
            owner_address: fields.address("owner_address")?,
            owner: fields.object("owner").map(|one| one.permission()).transpose()?,
            witness: fields.object("witness").map(|one| one.permission()).transpose()?,
            actives: fields.objects("actives").iter().map(Fields::permission).collect::<Result<_, _>>()?,
        })
    }
}

/// Reads a message and wraps it.
fn parameter<M: FromFields>(fields: &Fields<'_>) -> Result<Any, Failure> {
    let value = M::from_fields(fields)?.encode_to_vec();
    Ok(Any { type_url: format!("{TYPE_URL_PREFIX}{}", M::NAME), value })
}

/// What a transaction does.
fn contract(fields: &Fields<'_>) -> Result<Contract, Failure> {
    let name = fields.text("type");
    let kind = ContractKind::from_name(name).ok_or_else(|| {
        Failure::parse(format!("Enum type \"ContractType\" has no value named \"{name}\"."))
    })?;
    let value = fields
        .object("parameter")
        .and_then(|parameter| parameter.object("value"))
        .ok_or_else(Failure::null)?;
    let parameter = match kind {
        ContractKind::AccountCreateContract => parameter::<AccountCreateContract>(&value),
        ContractKind::TransferContract => parameter::<TransferContract>(&value),
        ContractKind::FreezeBalanceV2Contract => parameter::<FreezeBalanceV2Contract>(&value),
        ContractKind::UnfreezeBalanceV2Contract => parameter::<UnfreezeBalanceV2Contract>(&value),
        ContractKind::WithdrawExpireUnfreezeContract => parameter::<WithdrawExpireUnfreezeContract>(&value),
        ContractKind::CancelAllUnfreezeV2Contract => parameter::<CancelAllUnfreezeV2Contract>(&value),
        ContractKind::DelegateResourceContract => parameter::<DelegateResourceContract>(&value),
        ContractKind::UnDelegateResourceContract => parameter::<UnDelegateResourceContract>(&value),
        ContractKind::TriggerSmartContract => parameter::<TriggerSmartContract>(&value),
        ContractKind::AccountPermissionUpdateContract => parameter::<AccountPermissionUpdateContract>(&value),
        _ => Err(Failure::validate(format!("{name} is not simulated"))),
    }?;
    Ok(Contract {
        r#type: kind.number(),
        parameter: Some(parameter),
        permission_id: fields.small("Permission_id")?,
        ..Default::default()
    })
}

/// What a java-tron says of JSON without `raw_data`.
const NO_RAW_DATA: &str =
    "Cannot invoke \"com.alibaba.fastjson.JSONObject.getJSONArray(String)\" because \"rawData\" is null";

/// A whole transaction: `{"raw_data": …, "signature": […]}`.
pub(super) fn transaction(fields: &Map<String, Value>, visible: bool) -> Result<SignedTx, Failure> {
    let fields = Fields::new(fields, visible);
    let raw = fields.object("raw_data").ok_or_else(|| Failure::Java {
        class: "java.lang.NullPointerException",
        message: NO_RAW_DATA.to_owned(),
    })?;
    let message = TransactionRaw {
        ref_block_bytes: raw.hex("ref_block_bytes")?,
        ref_block_num: raw.number("ref_block_num")?,
        ref_block_hash: raw.hex("ref_block_hash")?,
        expiration: raw.number("expiration")?,
        data: raw.hex("data")?,
        contract: raw.objects("contract").iter().map(contract).collect::<Result<_, _>>()?,
        scripts: raw.hex("scripts")?,
        timestamp: raw.number("timestamp")?,
        fee_limit: raw.number("fee_limit")?,
        ..Default::default()
    };
    let signatures = match fields.fields.get("signature") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list
            .iter()
            .map(|one| {
                let text = one.as_str().unwrap_or_default();
                let digits = text.strip_prefix("0x").unwrap_or(text);
                hex::decode(digits).ok().ok_or_else(|| Failure::parse("1:1: INVALID hex String"))
            })
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(Failure::parse("signature is no list")),
    };
    SignedTx::from_parts(message.encode_to_vec(), signatures)
        .map_err(|error| Failure::validate(error.to_string()))
}
