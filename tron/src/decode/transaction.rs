//! What a transaction is and does, read from its signed bytes.

use super::DecodeError;
use crate::{
    abi::{self, TokenCall},
    crypto,
    wire::walk::{Value, Walk, WalkError},
};
use leyden_domain::{
    Address, Sun, TxId,
    chain::{ContractKind, Lock, Resource, ResourceAction},
};
use serde::Serialize;

/// A transaction of a block, as far as anything of ours reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxFacts {
    /// SHA-256 of its raw data.
    pub id: TxId,
    /// The id that the input gives it, where it gives one.
    pub claimed_id: Option<TxId>,
    /// SHA-256 of the whole serialized transaction: its leaf in the block's Merkle tree.
    pub leaf: [u8; 32],
    /// The kind of its contract.
    pub kind: ContractKind,
    /// How the block says that it ended.
    pub outcome: Outcome,
    /// What it does.
    pub action: TxAction,
}

/// How a block says that a transaction ended. The result stands beside the signed bytes and under the Merkle root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With success.
    Succeeded,
    /// Without.
    Failed,
    /// It does not say: there is no result, or one with everything at its default. So it is in blocks of the time before
    /// the chain had contracts (to 2018), and in a chain's first block.
    Unsaid,
    /// By a number that no version known here has. Never taken for success.
    Unknown,
}

impl Outcome {
    /// From the numbers of `Transaction.Result.code` and `Transaction.Result.contractResult`.
    const fn from_numbers(code: i32, contract: i32) -> Self {
        match (code, contract) {
            (1, _) | (0, 2..=15) => Self::Failed,
            (0, 0) => Self::Unsaid,
            (0, 1) => Self::Succeeded,
            _ => Self::Unknown,
        }
    }
}

/// Why a transaction is neither counted nor known to have had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Undecided {
    /// The block does not say how it ended, and that cannot be concluded.
    NoResult,
    /// The block says it by a number that is not known here.
    UnknownResult,
    /// It took effect, and its message names no account or no amount that there can be. So it is with what a chain's
    /// first block gives out.
    Unreadable,
}

impl TxFacts {
    /// Whether the block itself says that it took effect.
    pub const fn succeeded(&self) -> bool {
        matches!(self.outcome, Outcome::Succeeded)
    }

    /// Whether it runs a contract's code. Of such a transaction alone the chain compares the result in the block with
    /// what the execution gave, and it alone can be in a block without effect; any other makes the block invalid when it
    /// fails (java-tron `TransactionTrace.check`, `RuntimeImpl.execute`).
    pub const fn runs_code(&self) -> bool {
        matches!(self.kind, ContractKind::TriggerSmartContract | ContractKind::CreateSmartContract)
    }

    /// Whether it took effect. `is_proven`: whether the header proves that the block holds exactly this transaction with
    /// exactly this result, so that a result that is missing was not left out on the way.
    pub fn took_effect(&self, is_proven: impl FnOnce() -> bool) -> Result<bool, Undecided> {
        match self.outcome {
            Outcome::Succeeded => Ok(true),
            Outcome::Failed => Ok(false),
            Outcome::Unsaid if !self.runs_code() && is_proven() => Ok(true),
            Outcome::Unsaid => Err(Undecided::NoResult),
            Outcome::Unknown => Err(Undecided::UnknownResult),
        }
    }

    /// Whether it is of a kind that is read here, and could not be.
    pub fn is_unreadable(&self) -> bool {
        self.action == TxAction::Other && is_read(self.kind)
    }
}

/// What a transaction does, where it concerns us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TxAction {
    /// Moves TRX.
    Transfer {
        /// Who pays.
        from: Address,
        /// Who receives.
        to: Address,
        /// How much, in sun.
        amount: i64,
    },
    /// Calls a contract.
    Call {
        /// Who calls.
        owner: Address,
        /// Which contract.
        contract: Address,
        /// What the call data asks for, where it is a token transfer.
        token: Option<TokenCall>,
    },
    /// Changes stake or delegation.
    Resource {
        /// Whose.
        owner: Address,
        /// How.
        action: ResourceAction,
    },
    /// Something else, or something that names no valid address.
    Other,
}

/// What the signed bytes say.
pub(super) struct RawFacts {
    pub(super) id: TxId,
    pub(super) kind: ContractKind,
    pub(super) action: TxAction,
}

/// Reads the signed bytes of a transaction, which start at `offset` of the input.
///
/// In place, by the chain's own rules: of a field that stands twice the last counts, and a field of another wire
/// type than the protocol's is an unknown one (java-tron keeps those, so they may be in a block).
pub(super) fn read_raw(raw: &[u8], offset: usize) -> Result<RawFacts, DecodeError> {
    let mut contract = None;
    let mut contracts = 0_usize;
    for field in Walk::new(raw, offset) {
        let field = field.map_err(in_raw_data)?;
        if let (11, Value::Bytes(bytes)) = (field.number, field.value) {
            contracts = contracts.saturating_add(1);
            contract = Some((bytes, field.offset));
        }
    }
    let (Some((contract, at)), 1) = (contract, contracts) else {
        let reason = format!("raw data: {contracts} contracts where one belongs");
        return Err(DecodeError::new(reason).at(offset));
    };
    let mut number = 0;
    let mut value: &[u8] = &[];
    for field in Walk::new(contract, at) {
        let field = field.map_err(in_raw_data)?;
        match (field.number, field.value) {
            (1, Value::Varint(varint)) => number = int32(varint),
            (2, Value::Bytes(any)) => {
                for part in Walk::new(any, field.offset) {
                    let part = part.map_err(in_raw_data)?;
                    match (part.number, part.value) {
                        (1, Value::Bytes(url)) if std::str::from_utf8(url).is_err() => {
                            return Err(DecodeError::new("raw data: type_url is no text").at(part.offset));
                        }
                        (2, Value::Bytes(bytes)) => value = bytes,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    let kind = ContractKind::from_number(number);
    Ok(RawFacts { id: crypto::tx_id(raw), kind, action: read_action(kind, value).unwrap_or(TxAction::Other) })
}

fn in_raw_data(error: WalkError) -> DecodeError {
    DecodeError::new(format!("raw data: {}", error.reason)).at(error.offset)
}

/// Protobuf's `int32` and enums: the low half of the number on the wire.
fn int32(varint: u64) -> i32 {
    u32::try_from(varint & u64::from(u32::MAX)).unwrap_or_default().cast_signed()
}

/// The fields of a contract message by their numbers, of which no contract that concerns us has more than six.
struct Fields<'a> {
    bytes: [&'a [u8]; 7],
    numbers: [u64; 7],
}

impl<'a> Fields<'a> {
    fn read(message: &'a [u8]) -> Option<Self> {
        let mut fields = Self { bytes: [&[]; 7], numbers: [0; 7] };
        for field in Walk::new(message, 0) {
            let field = field.ok()?;
            let index = usize::try_from(field.number).ok()?;
            match field.value {
                Value::Bytes(bytes) => fields.bytes.get_mut(index).map(|slot| *slot = bytes),
                Value::Varint(number) => fields.numbers.get_mut(index).map(|slot| *slot = number),
                Value::Unused => None,
            };
        }
        Some(fields)
    }

    fn bytes(&self, number: usize) -> &'a [u8] {
        self.bytes.get(number).copied().unwrap_or_default()
    }

    fn address(&self, number: usize) -> Option<Address> {
        Address::from_bytes(self.bytes(number)).ok()
    }

    fn number(&self, number: usize) -> u64 {
        self.numbers.get(number).copied().unwrap_or_default()
    }

    /// An amount that the chain would have accepted.
    fn amount(&self, number: usize) -> Option<Sun> {
        not_negative(self.number(number).cast_signed())
    }

    fn resource(&self, number: usize) -> Option<Resource> {
        resource(int32(self.number(number)))
    }
}

/// Whether messages of this kind are read.
const fn is_read(kind: ContractKind) -> bool {
    matches!(
        kind,
        ContractKind::TransferContract
            | ContractKind::TriggerSmartContract
            | ContractKind::FreezeBalanceV2Contract
            | ContractKind::UnfreezeBalanceV2Contract
            | ContractKind::WithdrawExpireUnfreezeContract
            | ContractKind::CancelAllUnfreezeV2Contract
            | ContractKind::DelegateResourceContract
            | ContractKind::UnDelegateResourceContract
    )
}

/// What a contract message asks for. `None` for what does not concern us or could not have taken effect.
fn read_action(kind: ContractKind, value: &[u8]) -> Option<TxAction> {
    // Every contract's first field is its owner's address, and the numbers below are those of `wire::proto`.
    match kind {
        ContractKind::TransferContract => {
            let fields = Fields::read(value)?;
            Some(TxAction::Transfer {
                from: fields.address(1)?,
                to: fields.address(2)?,
                amount: fields.amount(3)?.get(),
            })
        }
        ContractKind::TriggerSmartContract => {
            let fields = Fields::read(value)?;
            Some(TxAction::Call {
                owner: fields.address(1)?,
                contract: fields.address(2)?,
                token: abi::decode_token_call(fields.bytes(4)),
            })
        }
        ContractKind::FreezeBalanceV2Contract
        | ContractKind::UnfreezeBalanceV2Contract
        | ContractKind::WithdrawExpireUnfreezeContract
        | ContractKind::CancelAllUnfreezeV2Contract
        | ContractKind::DelegateResourceContract
        | ContractKind::UnDelegateResourceContract => {
            let fields = Fields::read(value)?;
            Some(TxAction::Resource { owner: fields.address(1)?, action: resource_action(kind, &fields)? })
        }
        _ => None,
    }
}

/// The change of stake or delegation that a contract message asks for.
fn resource_action(kind: ContractKind, fields: &Fields<'_>) -> Option<ResourceAction> {
    Some(match kind {
        ContractKind::FreezeBalanceV2Contract => {
            ResourceAction::Stake { resource: fields.resource(3)?, balance: fields.amount(2)? }
        }
        ContractKind::UnfreezeBalanceV2Contract => {
            ResourceAction::Unstake { resource: fields.resource(3)?, balance: fields.amount(2)? }
        }
        ContractKind::WithdrawExpireUnfreezeContract => ResourceAction::Withdraw,
        ContractKind::CancelAllUnfreezeV2Contract => ResourceAction::CancelUnstake,
        ContractKind::DelegateResourceContract => ResourceAction::Delegate {
            receiver: fields.address(4)?,
            resource: fields.resource(2)?,
            balance: fields.amount(3)?,
            lock: (fields.number(5) != 0).then(|| Lock { period_blocks: fields.number(6).cast_signed() }),
        },
        ContractKind::UnDelegateResourceContract => ResourceAction::Undelegate {
            receiver: fields.address(4)?,
            resource: fields.resource(2)?,
            balance: fields.amount(3)?,
        },
        _ => return None,
    })
}

/// An amount that the chain would have accepted.
fn not_negative(amount: i64) -> Option<Sun> {
    (amount >= 0).then_some(Sun::new(amount))
}

/// A resource from the protocol's number.
pub(crate) const fn resource(code: i32) -> Option<Resource> {
    match code {
        0 => Some(Resource::Bandwidth),
        1 => Some(Resource::Energy),
        2 => Some(Resource::TronPower),
        _ => None,
    }
}

/// How a result says that a transaction ended.
pub(super) fn outcome(result: &[u8], offset: usize) -> Result<Outcome, DecodeError> {
    let (mut code, mut contract) = (0, 0);
    for field in Walk::new(result, offset) {
        let field =
            field.map_err(|error| DecodeError::new(format!("result: {}", error.reason)).at(error.offset))?;
        match (field.number, field.value) {
            (2, Value::Varint(number)) => code = int32(number),
            (3, Value::Varint(number)) => contract = int32(number),
            _ => {}
        }
    }
    Ok(Outcome::from_numbers(code, contract))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::proto::{self, ContractMessage, TransferContract};
    use prost::Message as _;

    const A: Address = Address::from_evm([0xaa; 20]);
    const B: Address = Address::from_evm([0xbb; 20]);

    /// A contract message of this kind in the raw data of a transaction.
    fn raw(kind: proto::ContractType, value: Vec<u8>) -> Vec<u8> {
        let any = proto::Any { type_url: "type.googleapis.com/x".to_owned(), value };
        let contract =
            proto::Contract { r#type: kind.into(), parameter: Some(any), ..proto::Contract::default() };
        proto::TransactionRaw { contract: vec![contract], timestamp: 7, ..proto::TransactionRaw::default() }
            .encode_to_vec()
    }

    fn action<M: ContractMessage>(message: &M) -> TxAction {
        read_raw(&raw(M::TYPE, message.encode_to_vec()), 0).expect("reads").action
    }

    #[test]
    fn every_field_is_read_from_where_the_messages_write_it() {
        let (owner, other) = (|| A.to_bytes().to_vec(), || B.to_bytes().to_vec());
        let (balance, resource) = (Sun::new(5), Resource::Energy);
        let transfer = TransferContract { owner_address: owner(), to_address: other(), amount: 5 };
        assert_eq!(action(&transfer), TxAction::Transfer { from: A, to: B, amount: 5 });
        let call = proto::TriggerSmartContract {
            owner_address: owner(),
            contract_address: other(),
            call_value: 3,
            data: abi::encode_transfer(A, 9),
            ..proto::TriggerSmartContract::default()
        };
        let token = Some(TokenCall { from: None, to: A, amount: Some(9) });
        assert_eq!(action(&call), TxAction::Call { owner: A, contract: B, token });

        let of_a = |action| TxAction::Resource { owner: A, action };
        let stake = proto::FreezeBalanceV2Contract { owner_address: owner(), frozen_balance: 5, resource: 1 };
        assert_eq!(action(&stake), of_a(ResourceAction::Stake { resource, balance }));
        let unstake =
            proto::UnfreezeBalanceV2Contract { owner_address: owner(), unfreeze_balance: 5, resource: 1 };
        assert_eq!(action(&unstake), of_a(ResourceAction::Unstake { resource, balance }));
        let withdraw = proto::WithdrawExpireUnfreezeContract { owner_address: owner() };
        assert_eq!(action(&withdraw), of_a(ResourceAction::Withdraw));
        let cancel = proto::CancelAllUnfreezeV2Contract { owner_address: owner() };
        assert_eq!(action(&cancel), of_a(ResourceAction::CancelUnstake));
        let mut delegate = proto::DelegateResourceContract {
            owner_address: owner(),
            resource: 1,
            balance: 5,
            receiver_address: other(),
            lock: true,
            lock_period: 99,
        };
        let lent = |lock| of_a(ResourceAction::Delegate { receiver: B, resource, balance, lock });
        assert_eq!(action(&delegate), lent(Some(Lock { period_blocks: 99 })));
        delegate.lock = false;
        assert_eq!(action(&delegate), lent(None));
        let undelegate = proto::UnDelegateResourceContract {
            owner_address: owner(),
            resource: 1,
            balance: 5,
            receiver_address: other(),
        };
        assert_eq!(action(&undelegate), of_a(ResourceAction::Undelegate { receiver: B, resource, balance }));
    }

    fn transfer(to: &[u8], amount: i64) -> TransferContract {
        TransferContract { owner_address: A.to_bytes().to_vec(), to_address: to.to_vec(), amount }
    }

    #[test]
    fn what_the_chain_would_not_have_done_is_no_action() {
        assert_eq!(action(&transfer(&B.to_bytes(), -1)), TxAction::Other);
        assert_eq!(action(&transfer(&[0x41; 20], 1)), TxAction::Other);
        let value = transfer(&B.to_bytes(), 1).encode_to_vec();
        let cut = value.get(..30).unwrap_or_default().to_vec();
        let facts = read_raw(&raw(proto::ContractType::TransferContract, cut), 0).expect("reads");
        assert_eq!((facts.kind, facts.action), (ContractKind::TransferContract, TxAction::Other));
    }

    #[test]
    fn fields_count_as_they_do_for_the_chain() {
        let mut value = transfer(&B.to_bytes(), 5).encode_to_vec();
        // The amount again, then as eight bytes, as a text and as a group: only the number counts.
        value.extend([0x18, 6, 0x19, 0, 0, 0, 0, 0, 0, 0, 1, 0x1a, 1, b'7', 0x1b, 0x08, 9, 0x1c]);
        let mut raw = raw(proto::ContractType::TransferContract, value);
        // The time of the transaction as a text, and an unknown group.
        raw.extend([0x72, 1, b'x', 0x7b, 0x7c]);
        let facts = read_raw(&raw, 0).expect("reads");
        assert_eq!(facts.action, TxAction::Transfer { from: A, to: B, amount: 6 });
        assert_eq!(facts.id, crypto::tx_id(&raw));
    }

    #[test]
    fn an_amount_that_two_readers_would_read_differently_is_none() {
        let mut value = transfer(&B.to_bytes(), i64::MAX).encode_to_vec();
        // A key that java-tron takes for the amount's.
        value.extend([0x98, 0x80, 0x80, 0x80, 0x10, 1]);
        let facts = read_raw(&raw(proto::ContractType::TransferContract, value), 0).expect("reads");
        assert_eq!(facts.action, TxAction::Other);
    }

    #[test]
    fn two_contracts_or_none_or_a_cut_are_errors_with_a_place() {
        let one = raw(proto::ContractType::TransferContract, Vec::new());
        let two = [one.as_slice(), &one].concat();
        for (bytes, reason) in [
            (two.as_slice(), "raw data: 2 contracts where one belongs"),
            (&[], "raw data: 0 contracts where one belongs"),
            (one.get(..10).unwrap_or_default(), "raw data: ends inside a field"),
            (&[0x5a, 4, 0x12, 2, 0x12, 9], "raw data: ends inside a field"),
            (&[0x5a, 5, 0x12, 3, 0x0a, 1, 0xff], "raw data: type_url is no text"),
        ] {
            let error = read_raw(bytes, 50).err().expect("refused");
            assert_eq!(error.reason, reason);
            assert!(error.place.offset.is_some_and(|offset| offset >= 50), "{error}");
        }
    }
}
