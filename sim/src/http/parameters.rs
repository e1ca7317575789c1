//! The parameters that the witnesses vote on, all that a java-tron lists and in its order. Those that this chain goes by
//! come from its configuration; the others say what mainnet had decided by 2026.

use super::{
    call::{Answer, Call},
    json::Object,
    node_info::MAINTENANCE_MS,
};
use serde_json::{Value, json};

/// What part of a day's energy one minute of ten may use before adaptive energy would act.
const TARGET_SHARE: i64 = 14_400;

pub(super) fn answer(call: &Call<'_>) -> Option<Answer> {
    (call.method == "getchainparameters").then(|| parameters(call))
}

fn parameters(call: &Call<'_>) -> Answer {
    let lens = call.lens()?;
    let p = &lens.chain.config().parameters;
    let all: Vec<Value> = [
        ("getMaintenanceTimeInterval", MAINTENANCE_MS),
        ("getAccountUpgradeCost", 9_999_000_000),
        ("getCreateAccountFee", p.create_account_fee),
        ("getTransactionFee", p.transaction_fee),
        ("getAssetIssueFee", 1_024_000_000),
        ("getWitnessPayPerBlock", 8_000_000),
        ("getWitnessStandbyAllowance", 115_200_000_000),
        ("getCreateNewAccountFeeInSystemContract", p.create_new_account_fee),
        ("getCreateNewAccountBandwidthRate", 1),
        ("getAllowCreationOfContracts", 1),
        ("getRemoveThePowerOfTheGr", 1),
        ("getEnergyFee", p.energy_fee),
        ("getExchangeCreateFee", 1_024_000_000),
        ("getMaxCpuTimeOfOneTx", 80),
        ("getAllowUpdateAccountName", 0),
        ("getAllowSameTokenName", 1),
        ("getAllowDelegateResource", 1),
        ("getTotalEnergyLimit", p.total_energy_limit),
        ("getAllowTvmTransferTrc10", 1),
        ("getTotalEnergyCurrentLimit", p.total_energy_limit),
        ("getAllowMultiSign", 1),
        ("getAllowAdaptiveEnergy", 0),
        ("getTotalEnergyTargetLimit", p.total_energy_limit / TARGET_SHARE),
        ("getTotalEnergyAverageUsage", 0),
        ("getUpdateAccountPermissionFee", p.update_permission_fee),
        ("getMultiSignFee", p.multi_sign_fee),
        ("getAllowAccountStateRoot", 0),
        ("getAllowProtoFilterNum", 0),
        ("getAllowTvmConstantinople", 1),
        ("getAllowTvmSolidity059", 1),
        ("getAllowTvmIstanbul", 1),
        ("getAllowShieldedTRC20Transaction", 0),
        ("getForbidTransferToContract", 0),
        ("getAdaptiveResourceLimitTargetRatio", 10),
        ("getAdaptiveResourceLimitMultiplier", 1_000),
        ("getChangeDelegation", 1),
        ("getWitness127PayPerBlock", 16_000_000),
        ("getAllowMarketTransaction", 1),
        ("getMarketSellFee", 0),
        ("getMarketCancelFee", 0),
        ("getAllowPBFT", 0),
        ("getAllowTransactionFeePool", 0),
        ("getMaxFeeLimit", p.max_fee_limit),
        ("getAllowOptimizeBlackHole", 1),
        ("getAllowNewResourceModel", 0),
        ("getAllowTvmFreeze", 1),
        ("getAllowTvmVote", 1),
        ("getAllowTvmLondon", 1),
        ("getAllowTvmCompatibleEvm", 1),
        ("getAllowAccountAssetOptimization", 1),
        ("getFreeNetLimit", p.free_net_limit),
        ("getTotalNetLimit", p.total_net_limit),
        ("getAllowHigherLimitForMaxCpuTimeOfOneTx", 1),
        ("getAllowAssetOptimization", 1),
        ("getAllowNewReward", 1),
        ("getMemoFee", p.memo_fee),
        ("getAllowDelegateOptimization", 1),
        ("getUnfreezeDelayDays", p.unfreeze_delay_days),
        ("getAllowOptimizedReturnValueOfChainId", 1),
        ("getAllowDynamicEnergy", 1),
        ("getDynamicEnergyThreshold", 5_000_000_000),
        ("getDynamicEnergyIncreaseFactor", 2_000),
        ("getDynamicEnergyMaxFactor", 34_000),
        ("getAllowTvmShangHai", 1),
        ("getAllowCancelAllUnfreezeV2", 1),
        ("getMaxDelegateLockPeriod", p.max_delegate_lock_period),
        ("getAllowOldRewardOpt", 0),
        ("getAllowEnergyAdjustment", 1),
        ("getMaxCreateAccountTxSize", p.max_create_account_tx_size),
        ("getAllowStrictMath", 1),
        ("getConsensusLogicOptimization", 1),
        ("getAllowTvmCancun", 1),
        ("getAllowTvmBlob", 0),
    ]
    .into_iter()
    .map(|(key, value)| Object::new().put("key", key).number("value", value).done())
    .collect();
    Ok(json!({ "chainParameter": all }))
}
