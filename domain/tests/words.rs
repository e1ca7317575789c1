//! The words that columns, filters and clients know: every kind of thing has one of its own, what is written is read
//! back as the same, and nothing else is read at all.

use leyden_domain::{
    Asset, OrderId, ParseError, Sun, Timestamp,
    chain::Resource,
    halt::HaltCause,
    operation::{OperationState, RefusalMeaning},
    order::{Channel, OrderStateKind},
    payment::{PaymentState, SuspenseReason},
    pool::{AccountState, ReservationState},
    refund::RefundStateKind,
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

/// The first clients of the service know eight words, and every state has one of them.
#[test]
fn the_first_clients_know_every_state() {
    let known = ["pending", "paid", "processing", "completed", "expired", "cancelled", "failed", "refunded"];
    let said: BTreeSet<_> = OrderStateKind::ALL.into_iter().map(OrderStateKind::status).collect();
    assert_eq!(said, known.into_iter().collect());
}
