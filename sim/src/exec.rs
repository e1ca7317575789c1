//! One transaction against the state: fees first, then the contract, in the order of java-tron
//! `Manager.processTransaction`. Either everything happens, or nothing and the node's own words say why.

use crate::{
    config::{ChainConfig, SLOT_MS},
    delegation, fees, permission, stake, token, transfer,
    tx::{Action, SignedTx},
    world::World,
};
use leyden_domain::{Address, chain::Resource};
use leyden_tron::wire::proto::{
    self, ContractResult, InternalTransaction, Log, ResourceCode, ResourceReceipt, ResponseCode, ResultCode,
};
use std::collections::BTreeMap;

/// When a transaction is executed: everything a rule may know besides the state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The chain's configuration.
    pub(crate) config: &'a ChainConfig,
    /// The head block's time: what the rules call now.
    pub(crate) head_time: i64,
    /// The head's slot: what usage recovers by.
    pub(crate) slot: i64,
}

impl<'a> Context<'a> {
    /// The moment of a head block.
    pub(crate) const fn at(config: &'a ChainConfig, head_time: i64) -> Self {
        Self { config, head_time, slot: head_time / SLOT_MS }
    }
}

/// Why a transaction is refused: the code and the text of java-tron `Wallet.broadcastTransaction`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The answer's code.
    pub code: ResponseCode,
    /// The answer's text.
    pub message: String,
}

impl Refusal {
    /// Any code and text.
    pub(crate) fn new(code: ResponseCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The contract's own check failed.
    pub(crate) fn contract(text: &str) -> Self {
        Self::new(ResponseCode::ContractValidateError, format!("Contract validate error : {text}"))
    }

    /// Not signed as it should be.
    pub(crate) fn signature(text: &str) -> Self {
        Self::new(ResponseCode::Sigerror, format!("Validate signature error: {text}"))
    }

    /// Neither bandwidth nor TRX.
    pub(crate) fn resources() -> Self {
        Self::new(ResponseCode::BandwithError, "Account resource insufficient error.")
    }
}

/// What an executed transaction left behind, to be put into its receipt and its result.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Effects {
    /// TRX burnt beyond energy and bandwidth, in sun.
    pub(crate) fee: i64,
    /// Bytes of bandwidth used.
    pub(crate) net_usage: i64,
    /// Sun burnt for bandwidth.
    pub(crate) net_fee: i64,
    /// Present where a contract was called.
    pub(crate) call: Option<CallEffects>,
    /// Sun taken out of stake.
    pub(crate) withdrawn: i64,
    /// Sun staked again, by resource.
    pub(crate) cancelled: BTreeMap<String, i64>,
}

/// What a contract call left behind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CallEffects {
    pub(crate) contract: Address,
    pub(crate) result: ContractResult,
    pub(crate) returned: Vec<u8>,
    pub(crate) message: String,
    pub(crate) energy_total: i64,
    pub(crate) energy_penalty: i64,
    pub(crate) energy_staked: i64,
    pub(crate) energy_fee: i64,
    pub(crate) logs: Vec<Log>,
    pub(crate) internals: Vec<InternalTransaction>,
}

impl Effects {
    /// The result that goes into the block.
    pub(crate) fn result(&self) -> proto::TransactionResult {
        let contract_ret = self.call.as_ref().map_or(ContractResult::Success, |call| call.result);
        proto::TransactionResult { contract_ret: contract_ret.into(), ..Default::default() }
    }

    /// The receipt.
    pub(crate) fn receipt(&self, tx: &SignedTx, number: i64, timestamp: i64) -> proto::TransactionInfo {
        let mut receipt =
            ResourceReceipt { net_usage: self.net_usage, net_fee: self.net_fee, ..Default::default() };
        let mut info = proto::TransactionInfo {
            id: tx.id.bytes().to_vec(),
            fee: self.fee + self.net_fee,
            block_number: number,
            block_time_stamp: timestamp,
            contract_result: vec![Vec::new()],
            withdraw_expire_amount: self.withdrawn,
            cancel_unfreeze_v2_amount: self.cancelled.clone(),
            ..Default::default()
        };
        if let Some(call) = &self.call {
            info.fee += call.energy_fee;
            info.contract_address = call.contract.to_bytes().to_vec();
            info.contract_result = vec![call.returned.clone()];
            info.log.clone_from(&call.logs);
            info.internal_transactions.clone_from(&call.internals);
            receipt.energy_usage = call.energy_staked;
            receipt.energy_fee = call.energy_fee;
            receipt.energy_usage_total = call.energy_total;
            receipt.energy_penalty_total = call.energy_penalty;
            receipt.result = call.result.into();
            if call.result != ContractResult::Success {
                info.result = ResultCode::Failed.into();
                info.res_message = call.message.clone().into_bytes();
            }
        }
        info.receipt = Some(receipt);
        info
    }
}

/// Executes a transaction in a layer of its own that is folded down on success and undone on refusal.
pub(crate) fn execute(world: &mut World, context: Context<'_>, tx: &SignedTx) -> Result<Effects, Refusal> {
    world.push();
    let executed = in_layer(world, context, tx);
    if executed.is_ok() {
        world.fold();
    } else {
        world.undo();
    }
    executed
}

fn in_layer(world: &mut World, context: Context<'_>, tx: &SignedTx) -> Result<Effects, Refusal> {
    permission::check(world.account(&tx.owner), tx).map_err(|text| Refusal::signature(&text))?;
    let mut effects = Effects::default();
    fees::bandwidth(world, context, tx, &mut effects)?;
    fees::multi_sign_and_memo(world, context, tx, &mut effects)?;
    contract(world, context, tx, &mut effects).map_err(|text| Refusal::contract(&text))?;
    world.update(tx.owner, |account| account.latest_operation_time = context.head_time);
    Ok(effects)
}

/// Checks and performs what the transaction does. The error is the contract's own text.
pub(crate) fn contract(
    world: &mut World,
    context: Context<'_>,
    tx: &SignedTx,
    effects: &mut Effects,
) -> Result<(), String> {
    match &tx.action {
        Action::Create(message) => transfer::create(world, context, message, effects),
        Action::Transfer(message) => transfer::transfer(world, context, message, effects),
        Action::Freeze(message) => stake::freeze(world, message),
        Action::Unfreeze(message) => stake::unfreeze(world, context, message, effects),
        Action::Withdraw(message) => stake::withdraw(world, context, message, effects),
        Action::CancelUnfreeze(message) => stake::cancel(world, context, message, effects),
        Action::Delegate(message) => delegation::delegate(world, context, message),
        Action::Undelegate(message) => delegation::undelegate(world, context, message),
        Action::Permissions(message) => transfer::permissions(world, context, message, effects),
        Action::Trigger(message) => token::trigger(world, context, tx, message, effects),
    }
}

/// The resource that a number names, as the staking contracts take it: `None` for voting power, which mainnet has
/// switched off, and for numbers that mean nothing.
pub(crate) fn stakeable(resource: i32) -> Option<Resource> {
    match ResourceCode::try_from(resource) {
        Ok(ResourceCode::Bandwidth) => Some(Resource::Bandwidth),
        Ok(ResourceCode::Energy) => Some(Resource::Energy),
        Ok(ResourceCode::TronPower) | Err(_) => None,
    }
}
