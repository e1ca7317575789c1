//! What a node's refusal means once the refused transaction is proven dead. Before that it means nothing: the
//! node may be behind, on another fork, or refusing because the transaction has already taken effect.
//! Texts: java-tron `DelegateResourceActuator`, `UnDelegateResourceActuator`, `TransferActuator`,
//! `Wallet.broadcastTransaction`.

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
    /// No account can delegate to this receiver.
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

/// Reads a refusal by its code and text.
pub fn meaning_of(refusal: &Refusal) -> RefusalMeaning {
    let says = |part: &str| refusal.message.contains(part);
    match refusal.code {
        RefusalCode::BandwithError => RefusalMeaning::AccountBroke,
        RefusalCode::SigError => RefusalMeaning::KeyUnfit,
        RefusalCode::ContractValidateError
            if says("TransferContract error, balance is not sufficient")
                || says("TransferContract error, no OwnerAccount") =>
        {
            RefusalMeaning::AccountBroke
        }
        RefusalCode::ContractValidateError
            if says("Invalid toAddress") || says("Cannot transfer TRX to yourself") =>
        {
            RefusalMeaning::ReceiverUnusable
        }
        RefusalCode::ContractValidateError
            if says("available FreezeEnergyV2 balance") || says("available FreezeBandwidthV2 balance") =>
        {
            RefusalMeaning::CapacityGone
        }
        RefusalCode::ContractValidateError
            if says("Do not allow delegate resources to contract")
                || says("Invalid receiverAddress")
                || says("receiverAddress must not be the same")
                || (says("Account[") && says("does not exist")) =>
        {
            RefusalMeaning::ReceiverUnusable
        }
        RefusalCode::ContractValidateError
            if says("delegated Resource does not exist") || says("insufficient delegate") =>
        {
            RefusalMeaning::NothingToReclaim
        }
        _ => RefusalMeaning::TryAgain,
    }
}
