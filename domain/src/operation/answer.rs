//! What a node's refusal means once the refused transaction is proven dead. Before that it means nothing: the
//! node may be behind, on another fork, or refusing because the transaction has already taken effect.
//! Texts: java-tron `DelegateResourceActuator`, `UnDelegateResourceActuator`, `TransferActuator`,
//! `BandwidthProcessor`, `Wallet.broadcastTransaction`; recorded from a real node in version 4.8.0.

use super::Refusal;
use crate::{chain::RefusalCode, error::ParseError, refund::GuardTrip};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// What to do about an operation whose dead transaction had been refused so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalMeaning {
    /// Sign again.
    TryAgain,
    /// The account cannot give this much now: plan again, perhaps elsewhere.
    CapacityGone,
    /// No account can delegate or send to this receiver.
    ReceiverUnusable,
    /// The account cannot pay for its own transactions.
    AccountBroke,
    /// Our key may not do this.
    KeyUnfit,
    /// There is no such delegation to take back.
    NothingToReclaim,
    /// The chain has executed it, and it failed: its cost is lost, and the same again would fail again.
    ExecutionFailed,
    /// Persons have said that it need not be done any more, by a repair: what it would take back is gone.
    WrittenOff,
    /// The signer's own look at the spend guard says that so much may not leave.
    Guard(GuardTrip),
}

impl RefusalMeaning {
    const ALL: [Self; 11] = [
        Self::TryAgain,
        Self::CapacityGone,
        Self::ReceiverUnusable,
        Self::AccountBroke,
        Self::KeyUnfit,
        Self::NothingToReclaim,
        Self::ExecutionFailed,
        Self::WrittenOff,
        Self::Guard(GuardTrip::PerPayment),
        Self::Guard(GuardTrip::PerHour),
        Self::Guard(GuardTrip::PerDay),
    ];

    /// A stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TryAgain => "try_again",
            Self::CapacityGone => "capacity_gone",
            Self::ReceiverUnusable => "receiver_unusable",
            Self::AccountBroke => "account_broke",
            Self::KeyUnfit => "key_unfit",
            Self::NothingToReclaim => "nothing_to_reclaim",
            Self::ExecutionFailed => "execution_failed",
            Self::WrittenOff => "written_off",
            Self::Guard(trip) => trip.name(),
        }
    }
}

impl FromStr for RefusalMeaning {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|meaning| meaning.name() == text)
            .ok_or_else(|| ParseError::Name { kind: "refusal meaning", value: text.to_owned() })
    }
}

/// Parts of the texts of `CONTRACT_VALIDATE_ERROR` that say more than "try again". The first that is found counts.
/// Upper and lower case matter: `Account[…]` is the receiver of a delegation, `account […]` whoever pays for the
/// transaction.
const INVALID: [(&str, RefusalMeaning); 16] = {
    use RefusalMeaning::{AccountBroke, CapacityGone, NothingToReclaim, ReceiverUnusable};
    [
        ("TransferContract error, balance is not sufficient", AccountBroke),
        ("TransferContract error, no OwnerAccount", AccountBroke),
        // An account that was never activated pays for nothing.
        ("account [", AccountBroke),
        ("available FreezeEnergyV2 balance", CapacityGone),
        ("available FreezeBandwidthV2 balance", CapacityGone),
        ("Invalid toAddress", ReceiverUnusable),
        ("Cannot transfer TRX to yourself", ReceiverUnusable),
        // With a proposal for all contracts, with another for those of version 1 ("which version is one").
        ("Cannot transfer TRX to a smartContract", ReceiverUnusable),
        ("Account type is Contract, but it is not exist", ReceiverUnusable),
        ("Do not allow delegate resources to contract", ReceiverUnusable),
        ("Invalid receiverAddress", ReceiverUnusable),
        ("receiverAddress must not be the same", ReceiverUnusable),
        // "] not exists" of a delegation's actuator, "] does not exist" of others.
        ("Account[", ReceiverUnusable),
        ("delegated Resource does not exist", NothingToReclaim),
        // `delegateFrozenBalance(Energy)`, and with another letter `delegatedFrozenBalance(BANDWIDTH)`.
        ("insufficient delegateFrozenBalance", NothingToReclaim),
        ("insufficient delegatedFrozenBalance", NothingToReclaim),
    ]
};

/// Reads a refusal by its code and text.
///
/// An expired or unknown reference block, a busy node and whatever is not known mean nothing beyond the one
/// transaction: `TRANSACTION_EXPIRATION_ERROR` is even the answer about one that is in a block.
pub fn meaning_of(refusal: &Refusal) -> RefusalMeaning {
    match refusal.code {
        RefusalCode::BandwithError => RefusalMeaning::AccountBroke,
        RefusalCode::SigError => RefusalMeaning::KeyUnfit,
        RefusalCode::ContractValidateError => {
            let known = INVALID.iter().find(|(part, _)| says(&refusal.message, part));
            known.map_or(RefusalMeaning::TryAgain, |(_, meaning)| *meaning)
        }
        RefusalCode::ContractExeError
        | RefusalCode::TaposError
        | RefusalCode::TooBigTransactionError
        | RefusalCode::TransactionExpirationError
        | RefusalCode::Busy
        | RefusalCode::OtherError => RefusalMeaning::TryAgain,
    }
}

/// Whether a text says this. One that names an account says something of it only where it says that there is none.
fn says(text: &str, part: &str) -> bool {
    let is_missing = || text.contains("] not exists") || text.contains("] does not exist");
    text.contains(part) && (!part.ends_with('[') || is_missing())
}
