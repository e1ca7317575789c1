//! A transaction as it came: its raw bytes are kept beside what they mean, because the id, the signatures and the
//! Merkle root are all over bytes and never over a re-encoding.

use leyden_domain::{Address, TxId};
use leyden_tron::{
    crypto,
    wire::proto::{
        AccountCreateContract, AccountPermissionUpdateContract, BlockHeader, CancelAllUnfreezeV2Contract,
        ContractMessage, ContractType, DelegateResourceContract, FreezeBalanceV2Contract, TransactionRaw,
        TransferContract, TriggerSmartContract, UnDelegateResourceContract, UnfreezeBalanceV2Contract,
        WithdrawExpireUnfreezeContract,
    },
};
use prost::Message;

/// The largest transaction, in bytes: java-tron `Constant.TRANSACTION_MAX_BYTE_SIZE`.
pub const MAX_SIZE: usize = 500 * 1024;

/// What every transaction is charged for its result: java-tron `Constant.MAX_RESULT_SIZE_IN_TX`.
pub const RESULT_SIZE: i64 = 64;

/// `Transaction` with its parts left as bytes.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Envelope {
    #[prost(bytes = "vec", tag = "1")]
    pub raw_data: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub signature: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "5")]
    pub ret: Vec<Vec<u8>>,
}

/// `Block` with its transactions left as bytes.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct BlockEnvelope {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub transactions: Vec<Vec<u8>>,
    #[prost(message, optional, tag = "2")]
    pub block_header: Option<BlockHeader>,
}

/// What a transaction does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Activates an account.
    Create(AccountCreateContract),
    /// Moves TRX.
    Transfer(TransferContract),
    /// Stakes.
    Freeze(FreezeBalanceV2Contract),
    /// Unstakes.
    Unfreeze(UnfreezeBalanceV2Contract),
    /// Takes out what was unstaked long enough ago.
    Withdraw(WithdrawExpireUnfreezeContract),
    /// Stakes again what is being unstaked.
    CancelUnfreeze(CancelAllUnfreezeV2Contract),
    /// Lends a resource.
    Delegate(DelegateResourceContract),
    /// Takes a resource back.
    Undelegate(UnDelegateResourceContract),
    /// Calls a contract.
    Trigger(TriggerSmartContract),
    /// Replaces permissions.
    Permissions(AccountPermissionUpdateContract),
}

/// A transaction that could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedTx {
    /// SHA-256 of the raw bytes.
    pub id: TxId,
    /// The raw bytes.
    pub raw_bytes: Vec<u8>,
    /// What they say.
    pub raw: TransactionRaw,
    /// The signatures.
    pub signatures: Vec<Vec<u8>>,
    /// What it does.
    pub action: Action,
    /// The protocol's number of that.
    pub contract_type: i32,
    /// Whose account acts.
    pub owner: Address,
    /// Which of the owner's permissions signs.
    pub permission_id: i32,
}

/// Why bytes are no transaction that this chain knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TxError {
    /// Not the protocol's bytes.
    #[error("not a transaction: {0}")]
    Malformed(String),
    /// It does not do exactly one thing.
    #[error("contract size should be exactly 1, this is extend feature ,actual :{0}")]
    ContractCount(usize),
    /// It does something that this chain does not simulate.
    #[error("contract type {0} is not simulated")]
    Unsupported(i32),
    /// The account that acts is not an address.
    #[error("Invalid address")]
    Owner,
}

impl SignedTx {
    /// From the bytes of a whole `Transaction`; a result in them is ignored.
    pub fn decode(bytes: &[u8]) -> Result<Self, TxError> {
        let envelope = Envelope::decode(bytes).map_err(|error| TxError::Malformed(error.to_string()))?;
        Self::from_parts(envelope.raw_data, envelope.signature)
    }

    /// From raw data and signatures.
    pub fn from_parts(raw_bytes: Vec<u8>, signatures: Vec<Vec<u8>>) -> Result<Self, TxError> {
        let raw = TransactionRaw::decode(raw_bytes.as_slice())
            .map_err(|error| TxError::Malformed(error.to_string()))?;
        let [contract] = raw.contract.as_slice() else {
            return Err(TxError::ContractCount(raw.contract.len()));
        };
        let (contract_type, permission_id) = (contract.r#type, contract.permission_id);
        let value = contract.parameter.as_ref().map(|any| any.value.as_slice()).unwrap_or_default();
        let (action, owner) = action(contract_type, value)?;
        let owner = Address::from_bytes(&owner).or(Err(TxError::Owner))?;
        Ok(Self {
            id: crypto::tx_id(&raw_bytes),
            raw_bytes,
            raw,
            signatures,
            action,
            contract_type,
            owner,
            permission_id,
        })
    }

    /// The whole `Transaction`, with a result where there is one.
    pub fn encode(&self, ret: Option<Vec<u8>>) -> Vec<u8> {
        Envelope {
            raw_data: self.raw_bytes.clone(),
            signature: self.signatures.clone(),
            ret: ret.into_iter().collect(),
        }
        .encode_to_vec()
    }

    /// How many bytes of bandwidth it needs.
    pub fn bandwidth(&self) -> i64 {
        i64::try_from(self.encode(None).len()).unwrap_or(i64::MAX).saturating_add(RESULT_SIZE)
    }
}

/// Reads what a transaction does, and whose account acts.
fn action(contract_type: i32, value: &[u8]) -> Result<(Action, Vec<u8>), TxError> {
    fn read<M: ContractMessage>(value: &[u8]) -> Result<M, TxError> {
        M::decode(value).map_err(|error| TxError::Malformed(error.to_string()))
    }
    /// Reads one message type and pairs it with its owner.
    macro_rules! of {
        ($variant:ident) => {{
            let message = read(value)?;
            let action = Action::$variant(message);
            let Action::$variant(inner) = &action else { return Err(TxError::Unsupported(contract_type)) };
            let owner = inner.owner_address.clone();
            Ok((action, owner))
        }};
    }
    match ContractType::try_from(contract_type) {
        Ok(ContractType::AccountCreateContract) => of!(Create),
        Ok(ContractType::TransferContract) => of!(Transfer),
        Ok(ContractType::FreezeBalanceV2Contract) => of!(Freeze),
        Ok(ContractType::UnfreezeBalanceV2Contract) => of!(Unfreeze),
        Ok(ContractType::WithdrawExpireUnfreezeContract) => of!(Withdraw),
        Ok(ContractType::CancelAllUnfreezeV2Contract) => of!(CancelUnfreeze),
        Ok(ContractType::DelegateResourceContract) => of!(Delegate),
        Ok(ContractType::UnDelegateResourceContract) => of!(Undelegate),
        Ok(ContractType::TriggerSmartContract) => of!(Trigger),
        Ok(ContractType::AccountPermissionUpdateContract) => of!(Permissions),
        _ => Err(TxError::Unsupported(contract_type)),
    }
}
