//! Receipts: the only place where token transfers and TRX sent by contracts are proven.

use super::{DecodeError, header::bytes};
use crate::{
    abi,
    wire::{json, proto},
};
use leyden_domain::{Address, Height, TxId};

/// Notes of internal transactions that move their call value. Other notes (staking by contracts) carry an
/// amount that goes nowhere (java-tron `Program.addInternalTx`), and a setting decides whether a node keeps them
/// (`vm.saveFeaturedInternalTx`, java-tron `TransactionUtil`): they are not counted, so that two nodes give one number
/// to what moved.
const MOVING_NOTES: [&[u8]; 3] = [b"call", b"create", b"suicide"];

/// What a receipt proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Of which transaction.
    pub tx_id: TxId,
    /// In which block.
    pub height: Height,
    /// Whether it is the receipt of a contract call that succeeded.
    pub call_succeeded: bool,
    /// Whether it says that the transaction failed.
    pub failed: bool,
    /// `Transfer` logs of any token contract.
    pub logs: Vec<LogTransfer>,
    /// TRX moved by contracts.
    pub internals: Vec<InternalTransfer>,
}

/// A `Transfer` log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogTransfer {
    /// Which of the transaction's logs.
    pub index: u32,
    /// The contract that wrote it: the only thing that tells a token from a counterfeit.
    pub contract: Address,
    /// From whom.
    pub from: Address,
    /// To whom.
    pub to: Address,
    /// How much; `None` where it exceeds what we count.
    pub amount: Option<i64>,
}

/// TRX moved by a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InternalTransfer {
    /// Which of the transaction's internal transactions that call, create or destroy a contract: those every node that
    /// keeps any of them keeps.
    pub index: u32,
    /// From whom.
    pub from: Address,
    /// To whom.
    pub to: Address,
    /// How much, in sun.
    pub amount: i64,
}

impl Receipt {
    /// From its protobuf form.
    pub(super) fn from_proto(info: &proto::TransactionInfo) -> Result<Self, DecodeError> {
        let result = info.receipt.as_ref().map(|receipt| receipt.result);
        Ok(Self {
            tx_id: TxId::from_slice(&info.id).or(Err(DecodeError::new("receipt: id is not 32 bytes")))?,
            height: Height::new(info.block_number),
            call_succeeded: result == Some(proto::ContractResult::Success.into()),
            failed: info.result != i32::from(proto::ResultCode::Success),
            logs: number(&info.log)
                .filter_map(|(index, log)| log_transfer(index, &log.address, &log.topics, &log.data))
                .collect(),
            internals: number(info.internal_transactions.iter().filter(|one| moves(&one.note)))
                .filter_map(|(index, internal)| {
                    let values =
                        internal.call_value_info.iter().map(|v| (v.call_value, v.token_id.is_empty()));
                    internal_transfer(
                        index,
                        (&internal.caller_address, &internal.transfer_to_address),
                        internal.rejected,
                        values,
                    )
                })
                .collect(),
        })
    }

    /// From its JSON form.
    pub(super) fn from_json(info: &json::TransactionInfo<'_>) -> Result<Self, DecodeError> {
        let tx_id = info.id.as_deref().ok_or_else(|| DecodeError::new("receipt without id"))?;
        let mut logs = Vec::new();
        for (index, log) in number(&info.log) {
            let topics =
                log.topics.iter().map(|topic| bytes("topic", topic)).collect::<Result<Vec<_>, _>>()?;
            logs.extend(log_transfer(
                index,
                &bytes("log address", &log.address)?,
                &topics,
                &bytes("log data", &log.data)?,
            ));
        }
        let mut internals = Vec::new();
        let mut moving = Vec::new();
        for internal in &info.internal_transactions {
            if moves(&bytes("note", &internal.note)?) {
                moving.push(internal);
            }
        }
        for (index, internal) in number(moving) {
            let values = internal
                .call_value_info
                .iter()
                .map(|v| (v.call_value, v.token_id.as_deref().unwrap_or("").is_empty()));
            internals.extend(internal_transfer(
                index,
                (
                    &bytes("caller_address", &internal.caller_address)?,
                    &bytes("transferTo_address", &internal.transfer_to_address)?,
                ),
                internal.rejected,
                values,
            ));
        }
        Ok(Self {
            tx_id: tx_id.parse().map_err(|error| DecodeError::new(format!("receipt: {error}")))?,
            height: Height::new(info.block_number),
            call_succeeded: info.receipt.result.as_deref() == Some("SUCCESS"),
            failed: info.result.as_deref().is_some_and(|result| result != "SUCESS" && result != "SUCCESS"),
            logs,
            internals,
        })
    }

    /// Whether what it lists really happened.
    pub const fn counts(&self) -> bool {
        self.call_succeeded && !self.failed
    }
}

/// Numbers things from 0.
fn number<T>(items: impl IntoIterator<Item = T>) -> impl Iterator<Item = (u32, T)> {
    (0_u32..).zip(items)
}

/// Whether an internal transaction of this note moves its call value.
fn moves(note: &[u8]) -> bool {
    MOVING_NOTES.contains(&note)
}

/// Reads a `Transfer` log; `None` for any other log.
fn log_transfer(index: u32, address: &[u8], topics: &[Vec<u8>], data: &[u8]) -> Option<LogTransfer> {
    let [topic, from, to] = topics else {
        return None;
    };
    (topic.as_slice() == abi::TRANSFER_TOPIC).then_some(())?;
    let word = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).ok();
    // Logs carry 20 bytes; some gateways print all 21.
    let contract = match <[u8; 20]>::try_from(address) {
        Ok(evm) => Address::from_evm(evm),
        Err(_) => Address::from_bytes(address).ok()?,
    };
    Some(LogTransfer {
        index,
        contract,
        from: abi::word_address(&word(from)?),
        to: abi::word_address(&word(to)?),
        amount: abi::word_amount(&word(data)?),
    })
}

/// Reads an internal transaction; `None` for one that moved no TRX.
fn internal_transfer(
    index: u32,
    (from, to): (&[u8], &[u8]),
    rejected: bool,
    values: impl Iterator<Item = (i64, bool)>,
) -> Option<InternalTransfer> {
    let amount = values
        .filter(|(amount, is_trx)| *is_trx && *amount > 0)
        .try_fold(0_i64, |sum, (amount, _)| sum.checked_add(amount))?;
    if rejected || amount == 0 {
        return None;
    }
    let (from, to) = (Address::from_bytes(from).ok()?, Address::from_bytes(to).ok()?);
    (from != to).then_some(InternalTransfer { index, from, to, amount })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn internal(note: &str, amount: i64) -> proto::InternalTransaction {
        proto::InternalTransaction {
            caller_address: Address::from_evm([1; 20]).to_bytes().to_vec(),
            transfer_to_address: Address::from_evm([2; 20]).to_bytes().to_vec(),
            call_value_info: vec![proto::CallValueInfo { call_value: amount, token_id: String::new() }],
            note: note.as_bytes().to_vec(),
            ..proto::InternalTransaction::default()
        }
    }

    fn read_from_json(internals: &[proto::InternalTransaction]) -> Receipt {
        let internals: Vec<_> = internals
            .iter()
            .map(|one| {
                serde_json::json!({
                    "caller_address": hex::encode(&one.caller_address),
                    "transferTo_address": hex::encode(&one.transfer_to_address),
                    "callValueInfo": [{ "callValue": one.call_value_info[0].call_value }],
                    "note": hex::encode(&one.note),
                })
            })
            .collect();
        let text = serde_json::json!({
            "id": "00".repeat(32), "blockNumber": 7, "receipt": { "result": "SUCCESS" },
            "internal_transactions": internals,
        })
        .to_string();
        Receipt::from_json(&serde_json::from_str(&text).expect("a receipt")).expect("a receipt")
    }

    fn read_from_proto(internals: &[proto::InternalTransaction]) -> Receipt {
        let info = proto::TransactionInfo {
            id: vec![0; 32],
            block_number: 7,
            internal_transactions: internals.to_vec(),
            ..proto::TransactionInfo::default()
        };
        Receipt::from_proto(&info).expect("a receipt")
    }

    #[test]
    fn what_moved_has_one_index_whether_or_not_a_node_keeps_stakes_and_votes_of_contracts() {
        let plain = [internal("call", 0), internal("call", 5), internal("suicide", 9)];
        let [first, second, third] = plain.clone();
        let featured = [internal("freezeForEnergy", 3), first, internal("voteWitness", 4), second, third];
        let indexes = |receipt: &Receipt| -> Vec<_> {
            receipt.internals.iter().map(|one| (one.index, one.amount)).collect()
        };
        for read in [read_from_json, read_from_proto] {
            assert_eq!(indexes(&read(&plain)), [(1, 5), (2, 9)]);
            assert_eq!(indexes(&read(&featured)), indexes(&read(&plain)));
        }
    }
}
