//! What becomes of an operation whose transaction is dead, by what it does and by what it died of; and what is not dead yet.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "each test uses a part of the kit")]
mod kit;

use kit::{delivery, head, operation_id, slot, tx_id};
use leyden_domain::{
    Asset, Energy, RepairId, Sun,
    chain::RefusalCode,
    operation::{
        Attempt, ChainView, Death, NextAct, Operation, OperationKind, OperationPolicy, OperationState,
        OperationWork, Refusal, RefusalMeaning, TrackedAttempt, death_of, may_resign, meaning_of, next_act,
    },
    refund::GuardTrip,
};

/// The chain read to block 100, solid to block 82.
fn view() -> ChainView {
    ChainView { head: head(100), solid: head(82) }
}

/// A transaction bound to block 80, nowhere on the chain.
fn tracked(expiration: i64) -> TrackedAttempt {
    TrackedAttempt {
        attempt: Attempt {
            tx_id: tx_id(1),
            operation: operation_id(1),
            number: 1,
            bytes: vec![1],
            reference: head(80).block,
            expiration: slot(expiration),
            signed_at: slot(0),
            refusal: None,
            dead: false,
        },
        included: None,
        failed: None,
        reference_canonical: true,
    }
}

fn operation(kind: OperationKind, state: OperationState) -> Operation {
    Operation {
        id: operation_id(1),
        order: Some(kit::order_id(1)),
        account: kit::account_id(1),
        owner: kit::address(5_001),
        receiver: kit::address(1_001),
        balance: Sun::TRX,
        energy: Energy::new(9),
        kind,
        state,
        attempts: 1,
        delivery: None,
        failure: None,
        version: 1,
        created_at: slot(0),
    }
}

const fn refund(asset: Asset) -> fn() -> OperationKind {
    match asset {
        Asset::Trx => || OperationKind::Refund { refund: kit::refund_id(1), asset: Asset::Trx },
        Asset::Usdt => || OperationKind::Refund { refund: kit::refund_id(1), asset: Asset::Usdt },
    }
}

fn kinds() -> [OperationKind; 5] {
    [
        OperationKind::Delegate { reservation: kit::reservation_id(1), lock: None },
        OperationKind::Undelegate { delegation: operation_id(9) },
        OperationKind::Retake { repair: RepairId::new(slot(0), [1; 10]) },
        refund(Asset::Trx)(),
        refund(Asset::Usdt)(),
    ]
}

fn act(kind: OperationKind, newest: TrackedAttempt) -> NextAct {
    let work = OperationWork {
        operation: operation(kind, OperationState::Signed),
        newest: Some(newest),
        payment_block: Some(delivery(70)),
        sibling_live: false,
    };
    next_act(&work, view(), OperationPolicy::default())
}

/// A text of java-tron for each meaning.
const REFUSALS: [(RefusalCode, &str, RefusalMeaning); 21] = {
    use RefusalCode::ContractValidateError as Invalid;
    use RefusalMeaning as M;
    [
        (RefusalCode::BandwithError, "Account resource insufficient error.", M::AccountBroke),
        (RefusalCode::SigError, "Validate signature error: no permission", M::KeyUnfit),
        (Invalid, "Validate TransferContract error, balance is not sufficient.", M::AccountBroke),
        (Invalid, "Validate TransferContract error, no OwnerAccount.", M::AccountBroke),
        (Invalid, "Invalid toAddress!", M::ReceiverUnusable),
        (Invalid, "Cannot transfer TRX to yourself.", M::ReceiverUnusable),
        (Invalid, "must be less than or equal to available FreezeEnergyV2 balance", M::CapacityGone),
        (Invalid, "must be less than or equal to available FreezeBandwidthV2 balance", M::CapacityGone),
        (Invalid, "Do not allow delegate resources to contract addresses", M::ReceiverUnusable),
        (Invalid, "Invalid receiverAddress", M::ReceiverUnusable),
        (Invalid, "receiverAddress must not be the same as ownerAddress", M::ReceiverUnusable),
        (Invalid, "Account[41aa] does not exist", M::ReceiverUnusable),
        (Invalid, "Account[4155146b7dd7da5f06a74cb8bcdc3e29d3af037658] not exists", M::ReceiverUnusable),
        (Invalid, "account [TPGzxEaXnP4jzBKsxS1YXs33eoYSspS2UP] does not exist", M::AccountBroke),
        (Invalid, "Cannot transfer TRX to a smartContract.", M::ReceiverUnusable),
        (Invalid, "Cannot transfer TRX to a smartContract which version is one.", M::ReceiverUnusable),
        (Invalid, "delegated Resource does not exist", M::NothingToReclaim),
        (
            Invalid,
            "insufficient delegateFrozenBalance(Energy), request=2, unlock_balance=1",
            M::NothingToReclaim,
        ),
        (
            Invalid,
            "insufficient delegatedFrozenBalance(BANDWIDTH), request=2, unlock_balance=0",
            M::NothingToReclaim,
        ),
        (RefusalCode::TaposError, "Tapos check error.", M::TryAgain),
        (RefusalCode::TransactionExpirationError, "Transaction expired", M::TryAgain),
    ]
};

#[test]
fn each_text_means_what_it_says_alone() {
    for (code, message, meaning) in REFUSALS {
        let refusal = |code| Refusal { code, message: message.to_owned() };
        assert_eq!(meaning_of(&refusal(code)), meaning, "{message}");
        assert_eq!(meaning_of(&refusal(RefusalCode::OtherError)), RefusalMeaning::TryAgain, "{message}");
    }
    for message in
        ["Account[41aa] is there", "account [T] is there", "it does not exist", "available balance"]
    {
        let refusal = Refusal { code: RefusalCode::ContractValidateError, message: message.to_owned() };
        assert_eq!(meaning_of(&refusal), RefusalMeaning::TryAgain, "{message}");
    }
}

#[test]
fn what_is_done_after_a_death_depends_on_what_was_to_be_done() {
    use RefusalMeaning as M;
    for kind in kinds() {
        let delegates = matches!(kind, OperationKind::Delegate { .. });
        let refunds = matches!(kind, OperationKind::Refund { .. });
        let ends = |meaning| match meaning {
            M::NothingToReclaim => !delegates && !refunds,
            M::CapacityGone => delegates,
            M::ReceiverUnusable | M::AccountBroke | M::KeyUnfit => delegates || refunds,
            M::ExecutionFailed => refunds,
            _ => false,
        };
        let expected = |meaning| if ends(meaning) { NextAct::Fail(meaning) } else { NextAct::Bury };
        for (code, message, meaning) in REFUSALS {
            let mut dead = tracked(80);
            dead.attempt.refusal = Some(Refusal { code, message: message.to_owned() });
            assert_eq!(act(kind, dead.clone()), expected(meaning), "{kind:?} {message}");
            // What a fork has taken is signed again, whatever a node once said of it.
            dead.attempt.expiration = slot(120);
            dead.reference_canonical = false;
            assert_eq!(act(kind, dead), NextAct::Bury, "{kind:?}");
        }
        assert_eq!(act(kind, tracked(80)), NextAct::Bury, "{kind:?}");
        let failed = TrackedAttempt { failed: Some(delivery(82)), ..tracked(120) };
        assert_eq!(act(kind, failed), expected(M::ExecutionFailed), "{kind:?}");
    }
}

#[test]
fn what_failed_in_a_block_is_dead_when_the_block_is_solid() {
    for (height, death) in [(81, Some(Death::Failed)), (82, Some(Death::Failed)), (83, None)] {
        let failed = TrackedAttempt { failed: Some(delivery(height)), ..tracked(120) };
        assert_eq!(death_of(&failed, view()), death);
        // It is in a block: nothing is sent again while another branch may still be without it.
        if death.is_none() {
            assert_eq!(act(refund(Asset::Usdt)(), failed), NextAct::Wait);
        }
    }
    assert_eq!(act(refund(Asset::Usdt)(), tracked(120)), NextAct::Send);
}

#[test]
fn a_fork_is_final_when_the_block_it_bound_to_would_be_solid() {
    for (reference, death) in [(82, Some(Death::ForkExcluded)), (83, None)] {
        let mut gone = TrackedAttempt { reference_canonical: false, ..tracked(120) };
        gone.attempt.reference = head(reference).block;
        assert_eq!(death_of(&gone, view()), death);
        assert_eq!(may_resign(Some(&gone), view()), death.is_some());
    }
}

#[test]
fn what_was_proven_dead_once_stays_so() {
    // Its reference is on the chain again, as the books see it now: that it was buried is remembered.
    let mut buried = tracked(120);
    assert!(!may_resign(Some(&buried), view()));
    buried.attempt.dead = true;
    assert!(may_resign(Some(&buried), view()));
    assert!(may_resign(Some(&TrackedAttempt { attempt: buried.attempt, ..tracked(80) }), view()));
    assert!(may_resign(None, view()));
}

#[test]
fn only_a_reclaim_is_tried_for_ever() {
    let policy = OperationPolicy::default();
    for kind in kinds() {
        for (attempts, sibling_live) in
            [(policy.max_attempts - 1, false), (policy.max_attempts, false), (policy.max_attempts - 1, true)]
        {
            let mut work = OperationWork {
                operation: operation(kind, OperationState::Intended),
                newest: None,
                payment_block: Some(delivery(70)),
                sibling_live,
            };
            work.operation.attempts = attempts;
            let takes_back = matches!(kind, OperationKind::Undelegate { .. } | OperationKind::Retake { .. });
            let tired = attempts == policy.max_attempts && !matches!(kind, OperationKind::Undelegate { .. });
            let reference = head(82).block;
            let expected = if tired {
                NextAct::Fail(RefusalMeaning::TryAgain)
            } else if takes_back && sibling_live {
                NextAct::Wait
            } else {
                NextAct::Sign { reference, expiration: head(100).timestamp.plus(policy.lifetime) }
            };
            assert_eq!(next_act(&work, view(), policy), expected, "{kind:?} {attempts} {sibling_live}");
        }
    }
}

#[test]
fn a_delegation_has_ended_by_the_chain_or_by_what_persons_have_written_off() {
    let undelegate = OperationKind::Undelegate { delegation: operation_id(9) };
    let reasons = [
        None,
        Some(RefusalMeaning::WrittenOff),
        Some(RefusalMeaning::NothingToReclaim),
        Some(RefusalMeaning::Guard(GuardTrip::PerDay)),
    ];
    for state in OperationState::ALL {
        for failure in reasons {
            let reclaim = Operation { failure, ..operation(undelegate, state) };
            let is_written_off = failure == Some(RefusalMeaning::WrittenOff);
            let ended = match state {
                OperationState::Solid => true,
                OperationState::Failed => is_written_off,
                _ => false,
            };
            assert_eq!(reclaim.has_ended(), ended, "{state:?} {failure:?}");
        }
    }
}
