//! The words that columns, filters and clients know: every kind of thing has one of its own, what is written is read
//! back as the same, and nothing else is read at all.
#![expect(clippy::unwrap_used, reason = "tests")]

use leyden_domain::{
    Address, ApiKeyId, Asset, OperationId, OrderId, ParseError, RefundId, RepairId, ReservationId, Sun,
    Timestamp,
    chain::{Evidence, Resource, ResourceAction},
    halt::{HaltCause, MoneyAct},
    operation::{OperationKind, OperationState, RefusalMeaning},
    order::{Channel, OrderStateKind, RefundReason},
    payment::{Absence, PaymentState, SuspenseReason},
    pool::{AccountState, ReservationState},
    refund::{GuardTrip, KeptBy, OperatorAction, RefundCause, RefundHold, RefundStateKind},
};
use std::{collections::BTreeSet, fmt::Debug, str::FromStr};

/// All kinds of one thing have words of their own that are read back.
fn are_words<T>(all: &[T], word: impl Fn(T) -> &'static str)
where
    T: Copy + PartialEq + Debug + FromStr<Err = ParseError>,
{
    let words: BTreeSet<_> = all.iter().map(|one| word(*one)).collect();
    assert_eq!(words.len(), all.len(), "no word twice: {words:?}");
    for one in all {
        let text = word(*one);
        assert!(!text.is_empty() && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_'), "{text:?}");
        assert_eq!(text.parse::<T>(), Ok(*one));
        for other in [format!("{text} "), format!("x{text}"), text.chars().rev().collect()] {
            assert!(matches!(other.parse::<T>(), Err(ParseError::Name { value, .. }) if value == other));
        }
    }
    assert!("".parse::<T>().is_err());
}

#[test]
fn every_kind_has_a_word_that_is_read_back() {
    are_words(&OrderStateKind::ALL, OrderStateKind::name);
    are_words(&OperationState::ALL, OperationState::name);
    are_words(&ReservationState::ALL, ReservationState::name);
    are_words(
        &[
            RefusalMeaning::TryAgain,
            RefusalMeaning::CapacityGone,
            RefusalMeaning::ReceiverUnusable,
            RefusalMeaning::AccountBroke,
            RefusalMeaning::KeyUnfit,
            RefusalMeaning::NothingToReclaim,
            RefusalMeaning::ExecutionFailed,
        ],
        RefusalMeaning::name,
    );
    are_words(&RefundStateKind::ALL, RefundStateKind::name);
    are_words(&HaltCause::ALL, HaltCause::name);
    are_words(&[Channel::EnergyFlash, Channel::Standard, Channel::Orderless], Channel::name);
    are_words(&[Asset::Trx, Asset::Usdt], Asset::name);
    are_words(&[Resource::Bandwidth, Resource::Energy, Resource::TronPower], Resource::name);
    are_words(
        &[
            AccountState::Ready,
            AccountState::Disabled,
            AccountState::Broke,
            AccountState::KeyUnfit,
            AccountState::AgentQuarantined,
        ],
        AccountState::name,
    );
    are_words(
        &[
            SuspenseReason::NoOrder,
            SuspenseReason::Ambiguous,
            SuspenseReason::OrderlessOff,
            SuspenseReason::SenderDenied,
            SuspenseReason::WrongAsset,
            SuspenseReason::UnusableSender,
            SuspenseReason::OneNode,
        ],
        SuspenseReason::name,
    );
}

#[test]
fn a_payment_is_filed_under_its_bucket_and_its_order() {
    let order = OrderId::standard(Timestamp::from_ms(1_700_000_000_000), [1; 10]);
    let settles = |excess| PaymentState::Settles { order, count: 1, excess: Sun::new(excess) };
    let filed = [
        (PaymentState::Unrouted, "unrouted", None),
        (settles(0), "settled", Some(order)),
        (settles(1), "over", Some(order)),
        (PaymentState::Under { order }, "under", Some(order)),
        (PaymentState::Late { order }, "late", Some(order)),
        (PaymentState::Second { order }, "second", Some(order)),
        (PaymentState::Suspense { reason: SuspenseReason::NoOrder }, "suspense", None),
    ];
    for (state, bucket, of) in filed {
        assert_eq!((state.name(), state.order()), (bucket, of), "{state:?}");
    }
}

/// A word that is only written: it says what the stored form of the thing says, and no two are the same.
fn are_said<T: serde::Serialize>(all: &[(T, &str)], word: impl Fn(&T) -> &'static str, tag: Option<&str>) {
    let words: BTreeSet<_> = all.iter().map(|(one, _)| word(one)).collect();
    assert_eq!(words.len(), all.len(), "no word twice: {words:?}");
    for (one, expected) in all {
        assert_eq!(word(one), *expected);
        let json = serde_json::to_value(one).unwrap();
        let stored = tag.map_or(Some(&json), |tag| json.get(tag));
        assert_eq!(stored.and_then(|stored| stored.as_str()), Some(*expected));
    }
}

#[test]
fn what_is_said_of_refunds_is_what_is_stored_of_them() {
    let key = ApiKeyId::new(Timestamp::from_ms(1), [1; 10]);
    let order = OrderId::standard(Timestamp::from_ms(1), [1; 10]);
    let causes = [
        (RefundCause::Under, "under"),
        (RefundCause::Over, "over"),
        (RefundCause::Late, "late"),
        (RefundCause::Second, "second"),
        (RefundCause::Suspense { reason: SuspenseReason::NoOrder }, "suspense"),
        (RefundCause::Unservable { why: RefundReason::NoCapacity }, "unservable"),
        (RefundCause::Reverted, "reverted"),
    ];
    are_said(&causes, RefundCause::name, Some("cause"));
    let holds = [
        (RefundHold::DeniedAddress, "denied_address"),
        (RefundHold::OwnAddress, "own_address"),
        (RefundHold::ContractAddress, "contract_address"),
        (RefundHold::InactiveAddress, "inactive_address"),
        (RefundHold::ReadLate, "read_late"),
        (RefundHold::OneNode, "one_node"),
        (RefundHold::NeedsApproval, "needs_approval"),
        (RefundHold::NoKey, "no_key"),
        (RefundHold::Balance, "balance"),
        (RefundHold::Refused { meaning: RefusalMeaning::KeyUnfit }, "refused"),
        (RefundHold::Operator, "operator"),
    ];
    are_said(&holds, RefundHold::name, Some("hold"));
    let kept = [(KeptBy::BelowMinimum, "below_minimum"), (KeptBy::Operator { key }, "operator")];
    are_said(&kept, KeptBy::name, Some("rule"));
    let wishes = [
        (OperatorAction::Release, "release"),
        (OperatorAction::Hold, "hold"),
        (OperatorAction::Forfeit, "forfeit"),
        (OperatorAction::SetAddress { to: Address::from_evm([1; 20]) }, "set_address"),
        (OperatorAction::Assign { order }, "assign"),
        (OperatorAction::Approve { version: 1 }, "approve"),
        (OperatorAction::Reject { version: 1 }, "reject"),
    ];
    are_said(&wishes, OperatorAction::name, Some("action"));
    // The guard's limits have a word each, for holds and for refusals alike.
    for (trip, word, stored) in [
        (GuardTrip::PerPayment, "guard_per_payment", "\"per_payment\""),
        (GuardTrip::PerHour, "guard_per_hour", "\"per_hour\""),
        (GuardTrip::PerDay, "guard_per_day", "\"per_day\""),
    ] {
        assert_eq!((trip.name(), RefundHold::Guard { trip }.name()), (word, word));
        assert_eq!(word.parse(), Ok(RefusalMeaning::Guard(trip)));
        assert_eq!(serde_json::to_string(&trip).unwrap(), stored);
    }
}

#[test]
fn what_is_done_on_the_chain_has_a_word() {
    let at = Timestamp::from_ms(1);
    let refund = |asset| OperationKind::Refund { refund: RefundId::new(at, [1; 10]), asset };
    let reservation = ReservationId::new(at, [1; 10]);
    let kinds = [
        (OperationKind::Delegate { reservation, lock: None }, "delegate", MoneyAct::Delegate),
        (
            OperationKind::Undelegate { delegation: OperationId::new(at, [1; 10]) },
            "undelegate",
            MoneyAct::Reclaim,
        ),
        (OperationKind::Retake { repair: RepairId::new(at, [1; 10]) }, "retake", MoneyAct::Reclaim),
        (refund(Asset::Trx), "refund_trx", MoneyAct::Refund),
        (refund(Asset::Usdt), "refund_usdt", MoneyAct::Refund),
    ];
    for (kind, word, act) in kinds {
        assert_eq!((kind.name(), kind.act()), (word, act));
    }
    let (resource, balance, receiver) = (Resource::Energy, Sun::TRX, Address::from_evm([1; 20]));
    let actions = [
        (ResourceAction::Stake { resource, balance }, "stake"),
        (ResourceAction::Unstake { resource, balance }, "unstake"),
        (ResourceAction::Withdraw, "withdraw"),
        (ResourceAction::CancelUnstake, "cancel_unstake"),
        (ResourceAction::Delegate { receiver, resource, balance, lock: None }, "delegate"),
        (ResourceAction::Undelegate { receiver, resource, balance }, "undelegate"),
    ];
    for (action, word) in actions {
        assert_eq!(action.name(), word);
    }
    // What was only asked for is no proof of what happened.
    for evidence in [Evidence::Contract, Evidence::Log, Evidence::Internal] {
        assert!(evidence.is_proof());
    }
    assert!(!Evidence::CallData.is_proof());
}

#[test]
fn why_something_is_no_payment_has_a_word() {
    let all = [
        (Absence::NotSeen, "not_seen"),
        (Absence::Waiting, "waiting"),
        (Absence::Failed, "failed"),
        (Absence::PaysOthers, "pays_others"),
        (Absence::MaybeByContract, "maybe_by_contract"),
        (Absence::OtherToken, "other_token"),
        (Absence::Dust, "dust"),
        (Absence::Ahead, "ahead"),
        (Absence::BeforeFirst, "before_first"),
        (Absence::OtherFork, "other_fork"),
    ];
    for (absence, word) in all {
        assert_eq!(absence.name(), word);
    }
}

/// The first clients of the service know eight words, and every state has one of them.
#[test]
fn the_first_clients_know_every_state() {
    let known = ["pending", "paid", "processing", "completed", "expired", "cancelled", "failed", "refunded"];
    let said: BTreeSet<_> = OrderStateKind::ALL.into_iter().map(OrderStateKind::status).collect();
    assert_eq!(said, known.into_iter().collect());
}
