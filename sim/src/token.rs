//! The two contracts that exist here: USDT as a TRC-20 token, and a forwarder that sends the TRX of a call on to
//! somebody, which is how contracts' payments come to be internal transactions. What a call costs is looked up,
//! not computed: there is no virtual machine. Who pays is java-tron's `VMActuator`, `ReceiptCapsule`.

use crate::{
    abi,
    config::{ChainConfig, forwarder_address},
    exec::{CallEffects, Context, Effects},
    tx::SignedTx,
    world::World,
};
use leyden_domain::{Address, chain::Resource};
use leyden_tron::{
    crypto::sha256,
    wire::proto::{CallValueInfo, ContractResult, InternalTransaction, Log, TriggerSmartContract},
};

/// The node's text for a call that reverted.
pub(crate) const REVERT_TEXT: &str = "REVERT opcode executed";

/// What a call would do to the state.
#[derive(Debug, Clone, PartialEq)]
enum Write {
    Token(Address, i64),
    Allowance((Address, Address), i64),
    Forward(Address, i64),
}

/// What a call does, before anybody paid for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    pub(crate) energy: i64,
    pub(crate) penalty: i64,
    pub(crate) reverted: bool,
    pub(crate) returned: Vec<u8>,
    pub(crate) logs: Vec<Log>,
    pub(crate) internals: Vec<InternalTransaction>,
    writes: Vec<Write>,
}

impl Run {
    /// A call that only says something.
    fn says(config: &ChainConfig, returned: Vec<u8>) -> Self {
        Self::done((config.token_prices.read, 0), returned, Vec::new(), Vec::new())
    }

    fn done((energy, penalty): (i64, i64), returned: Vec<u8>, logs: Vec<Log>, writes: Vec<Write>) -> Self {
        Self { energy, penalty, reverted: false, returned, logs, internals: Vec::new(), writes }
    }

    fn reverts(config: &ChainConfig) -> Self {
        let prices = &config.token_prices;
        let reason = [abi::selector("Error(string)").to_vec(), abi::text_words("refused")].concat();
        Self {
            reverted: true,
            ..Self::done((prices.revert, prices.revert_penalty), reason, Vec::new(), Vec::new())
        }
    }
}

/// What is called, by whom, with what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) caller: Address,
    pub(crate) contract: Address,
    pub(crate) value: i64,
    pub(crate) data: &'a [u8],
}

/// What a contract is called.
pub(crate) fn name(contract: Address) -> &'static str {
    if contract == forwarder_address() { "Forwarder" } else { "TetherToken" }
}

/// Whether a contract lives there.
pub(crate) fn exists(config: &ChainConfig, contract: Address) -> bool {
    contract == config.usdt || contract == forwarder_address()
}

/// Works out a call against the state without changing it.
pub(crate) fn run(world: &World, config: &ChainConfig, call: Call<'_>) -> Run {
    let ran =
        if call.contract == forwarder_address() { forward(config, call) } else { token(world, config, call) };
    ran.unwrap_or_else(|| Run::reverts(config))
}

/// The forwarder: `forward(address)` sends the call's TRX on.
fn forward(config: &ChainConfig, call: Call<'_>) -> Option<Run> {
    let (called, arguments) = abi::split(call.data)?;
    if called != abi::selector("forward(address)") || call.value <= 0 {
        return None;
    }
    let to = abi::address_argument(arguments, 0)?;
    let internal = InternalTransaction {
        hash: Vec::new(),
        caller_address: call.contract.to_bytes().to_vec(),
        transfer_to_address: to.to_bytes().to_vec(),
        call_value_info: vec![CallValueInfo { call_value: call.value, token_id: String::new() }],
        note: b"call".to_vec(),
        rejected: false,
        extra: String::new(),
    };
    let price = (config.token_prices.forward, 0);
    let mut run = Run::done(price, Vec::new(), Vec::new(), vec![Write::Forward(to, call.value)]);
    if config.internal_transactions {
        run.internals.push(internal);
    }
    Some(run)
}

/// The token.
fn token(world: &World, config: &ChainConfig, call: Call<'_>) -> Option<Run> {
    let (called, arguments) = abi::split(call.data)?;
    if call.value != 0 {
        return None;
    }
    let is = |signature: &str| called == abi::selector(signature);
    let balance = |of: &Address| world.tokens.get(of).copied().unwrap_or(0);
    if is("balanceOf(address)") {
        return Some(Run::says(config, abi::amount_word(balance(&abi::address_argument(arguments, 0)?))));
    }
    if is("name()") {
        return Some(Run::says(config, abi::text_words("Tether USD")));
    }
    if is("symbol()") {
        return Some(Run::says(config, abi::text_words("USDT")));
    }
    if is("decimals()") {
        return Some(Run::says(config, abi::amount_word(6)));
    }
    if is("totalSupply()") {
        return Some(Run::says(config, abi::amount_word(world.totals().usdt_supply)));
    }
    if is("allowance(address,address)") {
        let key = (abi::address_argument(arguments, 0)?, abi::address_argument(arguments, 1)?);
        return Some(Run::says(config, abi::amount_word(world.allowances.get(&key).copied().unwrap_or(0))));
    }
    if is("approve(address,uint256)") {
        let (spender, amount) = (abi::address_argument(arguments, 0)?, abi::amount_argument(arguments, 1)?);
        let log = event(config, "Approval(address,address,uint256)", (call.caller, spender), amount);
        let write = Write::Allowance((call.caller, spender), amount);
        return Some(Run::done((config.token_prices.approve, 0), vec![0; 32], vec![log], vec![write]));
    }
    if is("transfer(address,uint256)") {
        let (to, amount) = (abi::address_argument(arguments, 0)?, abi::amount_argument(arguments, 1)?);
        return moved(config, (call.caller, to), amount, balance, None);
    }
    if is("transferFrom(address,address,uint256)") {
        let (from, to) = (abi::address_argument(arguments, 0)?, abi::address_argument(arguments, 1)?);
        let amount = abi::amount_argument(arguments, 2)?;
        let key = (from, call.caller);
        let left =
            world.allowances.get(&key).copied().unwrap_or(0).checked_sub(amount).filter(|left| *left >= 0)?;
        return moved(config, (from, to), amount, balance, Some(Write::Allowance(key, left)));
    }
    None
}

/// A transfer of the token; `None` where the sender has too little.
fn moved(
    config: &ChainConfig,
    (from, to): (Address, Address),
    amount: i64,
    balance: impl Fn(&Address) -> i64,
    allowance: Option<Write>,
) -> Option<Run> {
    let left = balance(&from).checked_sub(amount).filter(|left| *left >= 0)?;
    let prices = &config.token_prices;
    let price = if balance(&to) > 0 {
        (prices.transfer_to_holder, prices.transfer_to_holder_penalty)
    } else {
        (prices.transfer_to_stranger, prices.transfer_to_stranger_penalty)
    };
    let mut writes = Vec::new();
    if from != to {
        writes.push(Write::Token(from, left));
        writes.push(Write::Token(to, balance(&to).checked_add(amount)?));
    }
    writes.extend(allowance);
    let log = event(config, "Transfer(address,address,uint256)", (from, to), amount);
    // USDT answers with false even on success; only the log counts.
    Some(Run::done(price, vec![0; 32], vec![log], writes))
}

/// A log of the token with two indexed addresses and an amount.
fn event(config: &ChainConfig, signature: &str, (one, other): (Address, Address), amount: i64) -> Log {
    Log {
        address: config.usdt.evm().to_vec(),
        topics: vec![abi::topic(signature), abi::address_word(one), abi::address_word(other)],
        data: abi::amount_word(amount),
    }
}

/// Executes a call and has it paid: energy from stake first, then TRX up to the fee limit. A call that runs out or
/// reverts is paid all the same and stays in the block as failed.
pub(crate) fn trigger(
    world: &mut World,
    context: Context<'_>,
    tx: &SignedTx,
    message: &TriggerSmartContract,
    effects: &mut Effects,
) -> Result<(), String> {
    let config = context.config;
    let owner = Address::from_bytes(&message.owner_address).or(Err("Invalid address"))?;
    let contract =
        Address::from_bytes(&message.contract_address).or(Err("No contract or not a smart contract"))?;
    if !exists(config, contract) {
        return Err("No contract or not a smart contract".to_owned());
    }
    let (fee_limit, most) = (tx.raw.fee_limit, config.parameters.max_fee_limit);
    if fee_limit < 0 || fee_limit > most {
        return Err(format!("feeLimit must be >= 0 and <= {most}"));
    }
    if message.call_value < 0 {
        return Err("callValue must be >= 0".to_owned());
    }
    let account = world.account(&owner).ok_or("no OwnerAccount.")?.clone();
    if account.balance < message.call_value {
        return Err("Validate InternalTransfer error, balance is not sufficient.".to_owned());
    }
    let call = Call { caller: owner, contract, value: message.call_value, data: &message.data };
    let mut ran = run(world, config, call);
    for (n, internal) in (0_u32..).zip(&mut ran.internals) {
        internal.hash = sha256(&[tx.id.bytes().as_slice(), &n.to_be_bytes()].concat()).to_vec();
    }

    let price = config.parameters.energy_fee.max(1);
    let staked = world.left(config, &account, Resource::Energy, context.slot);
    let affordable = staked.saturating_add((account.balance - message.call_value) / price);
    let limit = affordable.min(fee_limit / price);
    let (result, total, text) = if ran.energy > limit {
        let text = format!(
            "Not enough energy for 'SSTORE' operation executing: curInvokeEnergyLimit[{limit}], curOpEnergy[20000], usedEnergy[{limit}]"
        );
        (ContractResult::OutOfEnergy, limit, text)
    } else if ran.reverted {
        (ContractResult::Revert, ran.energy, REVERT_TEXT.to_owned())
    } else {
        (ContractResult::Success, ran.energy, String::new())
    };
    let succeeded = result == ContractResult::Success;
    if succeeded {
        apply(world, context, owner, &ran.writes);
    } else {
        ran.logs.clear();
        // A call that was stopped says nothing; one that reverted says why.
        if result != ContractResult::Revert {
            ran.returned.clear();
        }
        for internal in &mut ran.internals {
            internal.rejected = true;
        }
    }
    let from_stake = total.min(staked);
    if from_stake > 0 {
        world.update(owner, |account| account.energy.usage.increase(from_stake, context.slot));
    }
    let fee = (total - from_stake) * price;
    world.burn(owner, fee);
    effects.call = Some(CallEffects {
        contract,
        result,
        returned: ran.returned,
        message: text,
        energy_total: total,
        energy_penalty: if ran.energy > 0 { ran.penalty * total / ran.energy } else { 0 },
        energy_staked: from_stake,
        energy_fee: fee,
        logs: ran.logs,
        internals: ran.internals,
    });
    Ok(())
}

/// Performs what a successful call does.
fn apply(world: &mut World, context: Context<'_>, owner: Address, writes: &[Write]) {
    for write in writes {
        match write {
            Write::Token(holder, balance) => world.tokens.put(*holder, (*balance != 0).then_some(*balance)),
            Write::Allowance(key, amount) => world.allowances.put(*key, (*amount != 0).then_some(*amount)),
            Write::Forward(to, sun) => {
                world.activate(*to, context.head_time);
                if world.debit(owner, *sun) {
                    world.credit(*to, *sun);
                }
            }
        }
    }
}
