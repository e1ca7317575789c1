//! Why a transaction that somebody names is no payment: each reason where it holds, and at its edge.

use leyden_domain::{
    Address, Asset, Height, Sun,
    chain::{ContractKind, Moved, Movement, TransactionReport},
    payment::{Absence, MatchPolicy, Reader, absence},
};
use std::collections::BTreeSet;

const OURS: Address = Address::from_evm([1; 20]);
const OTHER: Address = Address::from_evm([2; 20]);
const TRX: Moved = Moved::Asset(Asset::Trx);

fn of(movements: &[(Moved, Address, Option<i64>)], height: Option<i64>) -> TransactionReport {
    TransactionReport {
        height: height.map(Height::new),
        failed: false,
        kind: ContractKind::TransferContract,
        expires_at: None,
        movements: (0..)
            .zip(movements)
            .map(|(index, (what, to, amount))| Movement {
                index,
                what: *what,
                from: OTHER,
                to: *to,
                amount: *amount,
            })
            .collect(),
        may_hide: false,
    }
}

fn said(report: Option<&TransactionReport>) -> Absence {
    let addresses = BTreeSet::from([OURS]);
    let policy = MatchPolicy {
        dust_sun: Sun::new(100),
        completes_under: true,
        dust_usdt_micro: 10,
        orderless: None,
        lone_receipt_limit: Sun::from_trx(100),
        denied_senders: BTreeSet::new(),
    };
    let (read_up_to, first) = (Some(Height::new(50)), Some(Height::new(20)));
    absence(report, &Reader { addresses: &addresses, policy: &policy, read_up_to, first })
}

#[test]
fn each_reason_has_its_name() {
    let token = Moved::Token(OTHER);
    let usdt = Moved::Asset(Asset::Usdt);
    let table = [
        (of(&[(TRX, OURS, Some(100))], None), Absence::Waiting),
        (of(&[(TRX, OURS, Some(100))], Some(51)), Absence::Ahead),
        (of(&[(TRX, OURS, Some(100))], Some(50)), Absence::OtherFork),
        (of(&[(TRX, OURS, Some(100))], Some(20)), Absence::OtherFork),
        (of(&[(TRX, OURS, Some(100))], Some(19)), Absence::BeforeFirst),
        (of(&[(TRX, OURS, Some(99))], Some(51)), Absence::Dust),
        (of(&[(usdt, OURS, Some(9))], None), Absence::Dust),
        (of(&[(usdt, OURS, Some(10))], Some(51)), Absence::Ahead),
        (of(&[(token, OURS, None)], Some(30)), Absence::OtherToken),
        (of(&[(TRX, OTHER, Some(100))], Some(30)), Absence::PaysOthers),
        (of(&[(TRX, OTHER, Some(100))], None), Absence::PaysOthers),
        (of(&[(TRX, OTHER, Some(100)), (TRX, OURS, Some(500))], Some(51)), Absence::Ahead),
        (of(&[], Some(30)), Absence::PaysOthers),
    ];
    for (report, expected) in table {
        assert_eq!(said(Some(&report)), expected, "{report:?}");
    }
    assert_eq!(said(None), Absence::NotSeen);
}

#[test]
fn what_failed_paid_nobody_and_what_a_contract_will_do_is_not_known() {
    let mut report = of(&[(TRX, OURS, Some(100))], Some(30));
    report.failed = true;
    assert_eq!(said(Some(&report)), Absence::Failed);
    let mut call = of(&[], None);
    call.kind = ContractKind::TriggerSmartContract;
    assert_eq!(said(Some(&call)), Absence::Waiting);
    // In a block it is known only where the node shows what contracts send.
    let call = |movements: &[_], height| TransactionReport { may_hide: true, ..of(movements, Some(height)) };
    for movements in [&[][..], &[(TRX, OTHER, Some(100))]] {
        for height in [10, 30, 51] {
            assert_eq!(said(Some(&call(movements, height))), Absence::MaybeByContract);
        }
    }
    assert_eq!(said(Some(&call(&[(TRX, OURS, Some(100))], 51))), Absence::Ahead, "it is shown");
    assert_eq!(said(Some(&call(&[(TRX, OURS, Some(1))], 51))), Absence::Dust);
    let mut asset = of(&[], Some(30));
    asset.kind = ContractKind::TransferAssetContract;
    assert_eq!(said(Some(&asset)), Absence::OtherToken);
}
