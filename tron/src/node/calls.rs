//! Questions beyond the port: for quotes, for the doctor, for operators.

use super::{NodeClient, answer::excerpt, client::from_json};
use crate::{
    abi,
    wire::{
        answers::{self, DelegatedResource, Permission},
        json,
    },
};
use leyden_domain::{Address, Energy, Height, Sun};
use leyden_ports::ChainError;
use serde_json::json;
use std::collections::BTreeMap;

/// Where contracts are called without a transaction. A java-tron answers only with `vm.supportConstant` on.
pub(super) const CONSTANT_CALLS: &str = "/wallet/triggerconstantcontract";

/// What a call that changes nothing would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallOutcome {
    /// The energy that it would use, penalty included.
    pub energy: Energy,
    /// What it returns.
    pub output: Vec<u8>,
    /// Whether it would revert.
    pub reverts: bool,
}

/// What a node says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeState {
    /// The newest block it has.
    pub head: Height,
    /// The newest solid one.
    pub solid: Height,
    /// Its version.
    pub version: String,
    /// How many peers it is connected to.
    pub peers: i64,
}

/// What the receipts of a block tell of its contracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallsShown {
    /// Transactions that ran a contract.
    pub calls: usize,
    /// What those contracts did on their own, whatever it was.
    pub internals: usize,
}

impl NodeClient {
    /// Calls a contract without a transaction, as `caller` would. `signature` is as in `balanceOf(address)`,
    /// `arguments` are its ABI words.
    pub async fn constant_call(
        &self,
        caller: Address,
        contract: Address,
        signature: &str,
        arguments: &[u8],
    ) -> Result<CallOutcome, ChainError> {
        let request = json!({
            "owner_address": caller.to_hex(),
            "contract_address": contract.to_hex(),
            "function_selector": signature,
            "parameter": hex::encode(arguments),
        });
        self.read_if_there(CONSTANT_CALLS, &request, |body| {
            let call: answers::ConstantCall = from_json(body)?;
            if !call.result.result {
                let why = readable(call.result.message.as_deref().unwrap_or("no result"));
                return Err(match call.result.code.as_deref() {
                    None | Some("SERVER_BUSY") => ChainError::Malformed(why),
                    // `vm.supportConstant` is off, as java-tron ships it.
                    Some(_) if why.contains("does not support constant") => ChainError::Unsupported(why),
                    Some(code) => ChainError::Refused(format!("{}: {why}", excerpt(code))),
                });
            }
            let output = hex::decode(call.constant_result.concat())
                .map_err(|error| ChainError::Malformed(format!("constant_result: {error}")))?;
            let failed = call.transaction.ret.iter().any(|ret| ret.ret.as_deref() == Some("FAILED"));
            Ok(CallOutcome {
                energy: Energy::new(call.energy_used.max(0)),
                output,
                reverts: failed || call.result.message.is_some(),
            })
        })
        .await
    }

    /// The energy that a USDT transfer would use now, with the real sender and receiver: it differs by whether
    /// the receiver holds any. `None` where it would revert, as it does when the sender holds too little.
    pub async fn usdt_transfer_energy(
        &self,
        from: Address,
        to: Address,
        amount: i64,
    ) -> Result<Option<Energy>, ChainError> {
        let arguments = [abi::address_word(to), abi::amount_word(amount)].concat();
        let call = self
            .constant_call(from, self.settings.usdt_contract, "transfer(address,uint256)", &arguments)
            .await?;
        Ok((!call.reverts).then_some(call.energy))
    }

    /// Millionths of USDT that an address holds; amounts beyond what we count become the largest that we do.
    pub async fn usdt_balance(&self, holder: Address) -> Result<i64, ChainError> {
        let arguments = abi::address_word(holder);
        let call =
            self.constant_call(holder, self.settings.usdt_contract, "balanceOf(address)", &arguments).await?;
        let word: &[u8; 32] = call
            .output
            .first_chunk()
            .filter(|_| !call.reverts)
            .ok_or_else(|| ChainError::Malformed("balanceOf returned no number".to_owned()))?;
        Ok(abi::word_amount(word).unwrap_or(i64::MAX))
    }

    /// Both records of what `owner` lends to `receiver`: unlocked and locked.
    pub async fn delegations(
        &self,
        owner: Address,
        receiver: Address,
    ) -> Result<Vec<DelegatedResource>, ChainError> {
        let request = json!({ "fromAddress": owner.to_hex(), "toAddress": receiver.to_hex() });
        let answer: answers::DelegatedResources =
            self.read_as("/wallet/getdelegatedresourcev2", &request).await?;
        Ok(answer.delegated_resource)
    }

    /// The stake for energy that could be delegated now.
    pub async fn delegatable(&self, owner: Address) -> Result<Sun, ChainError> {
        let request = json!({ "owner_address": owner.to_hex(), "type": 1 });
        let answer: answers::MaxSize = self.read_as("/wallet/getcandelegatedmaxsize", &request).await?;
        Ok(Sun::new(answer.max_size.max(0)))
    }

    /// The permissions of an account, owner's first; empty where it was never activated.
    pub async fn permissions(&self, owner: Address) -> Result<Vec<Permission>, ChainError> {
        let account = self.account_answer(owner).await?;
        Ok(account.owner_permission.into_iter().chain(account.active_permission).collect())
    }

    /// The parameters that the witnesses vote on, by name. A zero is there as zero.
    pub async fn chain_parameters(&self) -> Result<BTreeMap<String, i64>, ChainError> {
        let answer: answers::ChainParameters = self.read_as("/wallet/getchainparameters", &json!({})).await?;
        if answer.chain_parameter.is_empty() {
            return Err(ChainError::Malformed("no chain parameters".to_owned()));
        }
        Ok(answer.chain_parameter.into_iter().map(|parameter| (parameter.key, parameter.value)).collect())
    }

    /// What the node says about itself.
    pub async fn state(&self) -> Result<NodeState, ChainError> {
        let answer: answers::NodeInfo = self.read_as("/wallet/getnodeinfo", &json!({})).await?;
        let height = |text: &str| {
            let digits = text.strip_prefix("Num:")?.split(',').next()?;
            digits.parse().ok().map(Height::new)
        };
        let malformed = || ChainError::Malformed("getnodeinfo names no block".to_owned());
        Ok(NodeState {
            head: height(&answer.block).ok_or_else(malformed)?,
            solid: height(&answer.solidity_block).ok_or_else(malformed)?,
            version: excerpt(&answer.config_node_info.code_version),
            peers: answer.active_connect_count,
        })
    }

    /// What the node's receipts of a block tell of its contracts: whether it keeps internal transactions
    /// (`vm.saveInternalTx`). A block without receipts shows nothing.
    pub async fn calls_shown(&self, height: Height) -> Result<CallsShown, ChainError> {
        let request = json!({ "num": height.get() });
        self.read("/wallet/gettransactioninfobyblocknum", &request, |body| {
            let infos: Vec<json::TransactionInfo<'_>> = match body.trim_ascii_start().first() {
                Some(b'{') => Vec::new(),
                _ => {
                    serde_json::from_slice(body).map_err(|error| ChainError::Malformed(error.to_string()))?
                }
            };
            Ok(CallsShown {
                calls: infos.iter().filter(|info| info.receipt.result.is_some()).count(),
                internals: infos
                    .iter()
                    .fold(0, |sum: usize, info| sum.saturating_add(info.internal_transactions.len())),
            })
        })
        .await
    }

    pub(super) async fn account_answer(&self, address: Address) -> Result<answers::Account, ChainError> {
        self.read_as("/wallet/getaccount", &json!({ "address": address.to_hex() })).await
    }
}

/// A node's text, which may be hexadecimal.
pub(super) fn readable(text: &str) -> String {
    let decoded = hex::decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    excerpt(decoded.filter(|text| !text.is_empty()).as_deref().unwrap_or(text))
}
