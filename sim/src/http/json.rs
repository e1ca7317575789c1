//! From messages to java-tron's JSON: zero, false and empty are left out, bytes are hexadecimal, addresses are
//! hexadecimal or Base58 as asked for, texts are hexadecimal unless Base58 was asked for. java-tron `JsonFormat`,
//! `Util`.

use crate::{
    block::{Included, StoredBlock},
    tx::{Action, SignedTx},
};
use leyden_domain::{address::ADDRESS_PREFIX, chain::ContractKind};
use leyden_tron::wire::proto::{
    ContractResult, ContractType, InternalTransaction, Log, Permission, PermissionType, ResourceCode,
    TYPE_URL_PREFIX, TransactionInfo, TransactionRaw, TransactionResult,
};
use serde_json::{Map, Value, json};

/// An object under construction: fields that say nothing are not put in.
#[derive(Debug, Default)]
pub(super) struct Object(Map<String, Value>);

impl Object {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Anything, always.
    pub(super) fn put(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// A number unless it is 0.
    pub(super) fn number(self, name: &str, value: i64) -> Self {
        if value == 0 { self } else { self.put(name, value) }
    }

    /// A truth value unless it is false.
    pub(super) fn flag(self, name: &str, value: bool) -> Self {
        if value { self.put(name, true) } else { self }
    }

    /// Bytes in hexadecimal unless there are none.
    pub(super) fn hex(self, name: &str, value: &[u8]) -> Self {
        if value.is_empty() { self } else { self.put(name, hex::encode(value)) }
    }

    /// An address unless there is none.
    pub(super) fn address(self, name: &str, value: &[u8], visible: bool) -> Self {
        if value.is_empty() { self } else { self.put(name, address(value, visible)) }
    }

    /// A text that travels as bytes.
    pub(super) fn text(self, name: &str, value: &[u8], visible: bool) -> Self {
        if value.is_empty() { self } else { self.put(name, text(value, visible)) }
    }

    /// A list unless it is empty.
    pub(super) fn list(self, name: &str, values: Vec<Value>) -> Self {
        if values.is_empty() { self } else { self.put(name, values) }
    }

    /// An enumeration's name unless it is the first.
    pub(super) fn name(self, name: &str, value: &str, first: &str) -> Self {
        if value == first { self } else { self.put(name, value) }
    }

    pub(super) fn done(self) -> Value {
        Value::Object(self.0)
    }
}

/// Bytes of a field that holds an address, whatever they are: Base58 takes others too.
pub(super) fn address(bytes: &[u8], visible: bool) -> String {
    if visible { bs58::encode(bytes).with_check().into_string() } else { hex::encode(bytes) }
}

/// A text that travels as bytes.
pub(super) fn text(bytes: &[u8], visible: bool) -> String {
    if visible { String::from_utf8_lossy(bytes).into_owned() } else { hex::encode(bytes) }
}

/// The name of a resource.
fn resource(code: i32) -> &'static str {
    match ResourceCode::try_from(code) {
        Ok(ResourceCode::Bandwidth) => "BANDWIDTH",
        Ok(ResourceCode::Energy) => "ENERGY",
        Ok(ResourceCode::TronPower) => "TRON_POWER",
        Err(_) => "UNRECOGNIZED",
    }
}

/// The name of a contract's result.
pub(super) fn contract_result(code: i32) -> &'static str {
    match ContractResult::try_from(code) {
        Ok(ContractResult::Default) => "DEFAULT",
        Ok(ContractResult::Success) => "SUCCESS",
        Ok(ContractResult::Revert) => "REVERT",
        Ok(ContractResult::BadJumpDestination) => "BAD_JUMP_DESTINATION",
        Ok(ContractResult::OutOfMemory) => "OUT_OF_MEMORY",
        Ok(ContractResult::PrecompiledContract) => "PRECOMPILED_CONTRACT",
        Ok(ContractResult::StackTooSmall) => "STACK_TOO_SMALL",
        Ok(ContractResult::StackTooLarge) => "STACK_TOO_LARGE",
        Ok(ContractResult::IllegalOperation) => "ILLEGAL_OPERATION",
        Ok(ContractResult::StackOverflow) => "STACK_OVERFLOW",
        Ok(ContractResult::OutOfEnergy) => "OUT_OF_ENERGY",
        Ok(ContractResult::OutOfTime) => "OUT_OF_TIME",
        Ok(ContractResult::JvmStackOverFlow) => "JVM_STACK_OVER_FLOW",
        Ok(ContractResult::TransferFailed) => "TRANSFER_FAILED",
        Ok(ContractResult::InvalidCode) => "INVALID_CODE",
        Ok(ContractResult::Unknown) | Err(_) => "UNKNOWN",
    }
}

/// A permission.
pub(super) fn permission(permission: &Permission, visible: bool) -> Value {
    let kind = match PermissionType::try_from(permission.r#type) {
        Ok(PermissionType::Witness) => "Witness",
        Ok(PermissionType::Active) => "Active",
        Ok(PermissionType::Owner) | Err(_) => "Owner",
    };
    let keys = permission
        .keys
        .iter()
        .map(|key| {
            Object::new().address("address", &key.address, visible).number("weight", key.weight).done()
        })
        .collect();
    let object = Object::new().name("type", kind, "Owner").number("id", permission.id.into());
    let object = if permission.permission_name.is_empty() {
        object
    } else {
        object.put("permission_name", permission.permission_name.clone())
    };
    object
        .number("threshold", permission.threshold)
        .number("parent_id", permission.parent_id.into())
        .hex("operations", &permission.operations)
        .list("keys", keys)
        .done()
}

/// What a transaction does.
fn action(action: &Action, visible: bool) -> Value {
    let of = |owner: &[u8]| Object::new().address("owner_address", owner, visible);
    match action {
        Action::Create(m) => of(&m.owner_address).address("account_address", &m.account_address, visible),
        Action::Transfer(m) => {
            of(&m.owner_address).address("to_address", &m.to_address, visible).number("amount", m.amount)
        }
        Action::Freeze(m) => of(&m.owner_address).number("frozen_balance", m.frozen_balance).name(
            "resource",
            resource(m.resource),
            "BANDWIDTH",
        ),
        Action::Unfreeze(m) => of(&m.owner_address).number("unfreeze_balance", m.unfreeze_balance).name(
            "resource",
            resource(m.resource),
            "BANDWIDTH",
        ),
        Action::Withdraw(m) => of(&m.owner_address),
        Action::CancelUnfreeze(m) => of(&m.owner_address),
        Action::Delegate(m) => of(&m.owner_address)
            .name("resource", resource(m.resource), "BANDWIDTH")
            .number("balance", m.balance)
            .address("receiver_address", &m.receiver_address, visible)
            .flag("lock", m.lock)
            .number("lock_period", m.lock_period),
        Action::Undelegate(m) => of(&m.owner_address)
            .name("resource", resource(m.resource), "BANDWIDTH")
            .number("balance", m.balance)
            .address("receiver_address", &m.receiver_address, visible),
        Action::Trigger(m) => of(&m.owner_address)
            .address("contract_address", &m.contract_address, visible)
            .number("call_value", m.call_value)
            .hex("data", &m.data)
            .number("call_token_value", m.call_token_value)
            .number("token_id", m.token_id),
        Action::Permissions(m) => {
            let mut object = of(&m.owner_address);
            if let Some(owner) = &m.owner {
                object = object.put("owner", permission(owner, visible));
            }
            if let Some(witness) = &m.witness {
                object = object.put("witness", permission(witness, visible));
            }
            object.list("actives", m.actives.iter().map(|one| permission(one, visible)).collect())
        }
    }
    .done()
}

/// `Transaction.raw`.
fn raw(tx: &SignedTx, visible: bool) -> Value {
    let kind = ContractKind::from_number(tx.contract_type).name();
    // The message of a call of a contract is the only one whose name is not its type's name with `Contract`.
    let message = if tx.contract_type == i32::from(ContractType::TriggerSmartContract) {
        "TriggerSmartContract"
    } else {
        kind
    };
    let contract = Object::new()
        .put(
            "parameter",
            json!({ "value": action(&tx.action, visible), "type_url": format!("{TYPE_URL_PREFIX}{message}") }),
        )
        .put("type", kind)
        .number("Permission_id", tx.permission_id.into())
        .done();
    Object::new()
        .hex("data", &tx.raw.data)
        .put("contract", vec![contract])
        .hex("ref_block_bytes", &tx.raw.ref_block_bytes)
        .hex("ref_block_hash", &tx.raw.ref_block_hash)
        .number("expiration", tx.raw.expiration)
        .number("fee_limit", tx.raw.fee_limit)
        .number("timestamp", tx.raw.timestamp)
        .done()
}

/// A transaction without its result.
pub(super) fn transaction(tx: &SignedTx, visible: bool) -> Object {
    Object::new()
        .list("signature", tx.signatures.iter().map(|one| hex::encode(one).into()).collect())
        .put("txID", tx.id.to_string())
        .put("raw_data", raw(tx, visible))
        .put("raw_data_hex", hex::encode(&tx.raw_bytes))
}

/// How a transaction ended, as blocks hold it.
fn result(result: &TransactionResult) -> Value {
    Object::new()
        .number("fee", result.fee)
        .name("ret", if result.ret == 0 { "SUCESS" } else { "FAILED" }, "SUCESS")
        .put("contractRet", contract_result(result.contract_ret))
        .done()
}

/// A transaction with how it ended, or would end.
pub(super) fn with_result(tx: &SignedTx, ended: &TransactionResult, visible: bool) -> Value {
    transaction(tx, visible).put("ret", vec![result(ended)]).done()
}

/// A transaction of a block.
pub(super) fn included(one: &Included, visible: bool) -> Value {
    if one.is_of_the_beginning() {
        return transaction(&one.tx, visible).done();
    }
    with_result(&one.tx, &one.result, visible)
}

/// A message of the protocol as the node prints what it does not look into: bytes in hexadecimal, the contract's
/// message among them. It is text inside the answer of `broadcasthex`.
pub(super) fn opaque(raw: &TransactionRaw, signatures: &[Vec<u8>]) -> Value {
    let contracts = raw
        .contract
        .iter()
        .map(|contract| {
            let any = contract.parameter.clone().unwrap_or_default();
            Object::new()
                .put("type", ContractKind::from_number(contract.r#type).name())
                .put("parameter", json!({ "type_url": any.type_url, "value": hex::encode(any.value) }))
                .number("Permission_id", contract.permission_id.into())
                .done()
        })
        .collect();
    let printed = Object::new()
        .hex("ref_block_bytes", &raw.ref_block_bytes)
        .number("ref_block_num", raw.ref_block_num)
        .hex("ref_block_hash", &raw.ref_block_hash)
        .number("expiration", raw.expiration)
        .hex("data", &raw.data)
        .list("contract", contracts)
        .hex("scripts", &raw.scripts)
        .number("timestamp", raw.timestamp)
        .number("fee_limit", raw.fee_limit)
        .done();
    let object = Object::new();
    let object = if *raw == TransactionRaw::default() { object } else { object.put("raw_data", printed) };
    object.list("signature", signatures.iter().map(|one| hex::encode(one).into()).collect()).done()
}

/// A block; its transactions are left out where nobody asked for them.
pub(super) fn block(block: &StoredBlock, detail: bool, visible: bool) -> Value {
    let raw = &block.raw;
    let header = Object::new()
        .number("number", raw.number)
        .hex("txTrieRoot", &raw.tx_trie_root)
        .address("witness_address", &raw.witness_address, visible)
        .hex("parentHash", &raw.parent_hash)
        .number("version", raw.version.into())
        .number("timestamp", raw.timestamp)
        .done();
    let header = Object::new()
        .put("raw_data", header)
        .hex("witness_signature", &block.header.witness_signature)
        .done();
    let object = Object::new().put("blockID", block.id.to_string()).put("block_header", header);
    if detail {
        object
            .list("transactions", block.transactions.iter().map(|one| included(one, visible)).collect())
            .done()
    } else {
        object.done()
    }
}

/// A log of a constant call: its address has no leading byte, in Base58 neither.
pub(super) fn log(log: &Log, visible: bool) -> Value {
    log_of(log, &log.address, visible)
}

/// A log of a receipt: its address is made whole where Base58 was asked for. java-tron
/// `Util.convertLogAddressToTronAddress`.
fn receipt_log(log: &Log, visible: bool) -> Value {
    let whole = [&[ADDRESS_PREFIX], log.address.as_slice()].concat();
    log_of(log, if visible { &whole } else { &log.address }, visible)
}

fn log_of(log: &Log, shown: &[u8], visible: bool) -> Value {
    Object::new()
        .address("address", shown, visible)
        .list("topics", log.topics.iter().map(|topic| hex::encode(topic).into()).collect())
        .hex("data", &log.data)
        .done()
}

/// What a contract did on its own.
fn internal(one: &InternalTransaction, visible: bool) -> Value {
    let values = one
        .call_value_info
        .iter()
        .map(|value| {
            let object = Object::new().number("callValue", value.call_value);
            if value.token_id.is_empty() { object } else { object.put("tokenId", value.token_id.clone()) }
                .done()
        })
        .collect();
    Object::new()
        .hex("hash", &one.hash)
        .address("caller_address", &one.caller_address, visible)
        .address("transferTo_address", &one.transfer_to_address, visible)
        .list("callValueInfo", values)
        .text("note", &one.note, visible)
        .flag("rejected", one.rejected)
        .done()
}

/// A receipt.
pub(super) fn info(info: &TransactionInfo, visible: bool) -> Value {
    let receipt = info.receipt.clone().unwrap_or_default();
    let receipt = Object::new()
        .number("energy_usage", receipt.energy_usage)
        .number("energy_fee", receipt.energy_fee)
        .number("origin_energy_usage", receipt.origin_energy_usage)
        .number("energy_usage_total", receipt.energy_usage_total)
        .number("net_usage", receipt.net_usage)
        .number("net_fee", receipt.net_fee)
        .name("result", contract_result(receipt.result), "DEFAULT")
        .number("energy_penalty_total", receipt.energy_penalty_total)
        .done();
    let cancelled = info
        .cancel_unfreeze_v2_amount
        .iter()
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect();
    Object::new()
        .hex("id", &info.id)
        .number("fee", info.fee)
        .number("blockNumber", info.block_number)
        .number("blockTimeStamp", info.block_time_stamp)
        .list("contractResult", info.contract_result.iter().map(|one| hex::encode(one).into()).collect())
        .address("contract_address", &info.contract_address, visible)
        .put("receipt", receipt)
        .list("log", info.log.iter().map(|one| receipt_log(one, visible)).collect())
        .name("result", if info.result == 0 { "SUCESS" } else { "FAILED" }, "SUCESS")
        .text("resMessage", &info.res_message, visible)
        .number("withdraw_amount", info.withdraw_amount)
        .number("unfreeze_amount", info.unfreeze_amount)
        .list(
            "internal_transactions",
            info.internal_transactions.iter().map(|one| internal(one, visible)).collect(),
        )
        .number("withdraw_expire_amount", info.withdraw_expire_amount)
        .list("cancel_unfreezeV2_amount", cancelled)
        .done()
}
