//! What the chain refuses, in the node's own words, and what its transactions do.

use crate::common::{bytes, delegate, done, freeze, offer, refused, stranger, trx, undelegate, unfreeze};
use leyden_sim::{GenesisAccount, View, build::Options, config::forwarder_address, keys};
use leyden_tron::wire::proto::{
    AccountPermissionUpdateContract, CancelAllUnfreezeV2Contract, ContractResult, DelegateResourceContract,
    Key, Permission, PermissionType, ResponseCode, TransferContract, UnDelegateResourceContract,
    WithdrawExpireUnfreezeContract,
};

const DAY: i64 = 86_400_000;

#[test]
fn delegating_is_refused_in_the_order_of_the_rules() {
    let node = crate::common::node();
    let (key, pool, receiver) = crate::common::pool();
    let hex = |address: leyden_domain::Address| address.to_hex();
    let table: [(DelegateResourceContract, String); 9] = [
        (delegate(pool, receiver, 999_999), "delegateBalance must be greater than or equal to 1 TRX".into()),
        (
            delegate(pool, receiver, trx(10_000_001)),
            "delegateBalance must be less than or equal to available FreezeEnergyV2 balance".into(),
        ),
        (
            DelegateResourceContract { resource: 0, ..delegate(pool, receiver, trx(100_001)) },
            "delegateBalance must be less than or equal to available FreezeBandwidthV2 balance".into(),
        ),
        (
            DelegateResourceContract { resource: 2, ..delegate(pool, receiver, trx(1)) },
            "ResourceCode error, valid ResourceCode[BANDWIDTH、ENERGY]".into(),
        ),
        (
            DelegateResourceContract { receiver_address: vec![1; 21], ..delegate(pool, receiver, trx(1)) },
            "Invalid receiverAddress".into(),
        ),
        (delegate(pool, pool, trx(1)), "receiverAddress must not be the same as ownerAddress".into()),
        (delegate(pool, stranger(1), trx(1)), format!("Account[{}] not exists", hex(stranger(1)))),
        (
            DelegateResourceContract { lock: true, lock_period: 864_001, ..delegate(pool, receiver, trx(1)) },
            "The lock period of delegate resource cannot be less than 0 and cannot exceed 864000!".into(),
        ),
        (
            delegate(pool, forwarder_address(), trx(1)),
            "Do not allow delegate resources to contract addresses".into(),
        ),
    ];
    for (message, words) in table {
        assert_eq!(refused(&node, &key, &message), words);
    }
}

#[test]
fn a_lock_cannot_be_shortened_and_moves_as_a_whole() {
    let node = crate::common::node();
    let (key, pool, receiver) = crate::common::pool();
    let locked = |sun, lock_period| DelegateResourceContract {
        lock: true,
        lock_period,
        ..delegate(pool, receiver, sun)
    };
    let head = node.chain().head().timestamp();
    done(&node, &key, &locked(trx(10), 100));
    let [unlocked, record] = node.chain().delegation(View::Head, pool, receiver);
    assert_eq!((unlocked, record.unwrap().energy_expires_at), (None, head + 300_000));

    // One block on, 297 s remain.
    assert_eq!(
        refused(&node, &key, &locked(trx(10), 98)),
        "The lock period for ENERGY this time cannot be less than the remaining time[297000ms] of the last lock period for ENERGY!"
    );
    done(&node, &key, &locked(trx(5), 200));
    let [_, record] = node.chain().delegation(View::Head, pool, receiver);
    assert_eq!(
        (record.unwrap().energy, record.unwrap().energy_expires_at),
        (trx(15), head + 3_000 + 600_000)
    );

    assert_eq!(
        refused(&node, &key, &undelegate(pool, receiver, trx(1))),
        "insufficient delegateFrozenBalance(Energy), request=1000000, unlock_balance=0"
    );
    // At the very moment of expiry it is still locked; after it, it is not.
    node.mine_at(head + 603_000).unwrap();
    assert_eq!(
        offer(&node, &key, &undelegate(pool, receiver, trx(1))).code,
        ResponseCode::ContractValidateError
    );
    node.mine().unwrap();
    done(&node, &key, &undelegate(pool, receiver, trx(4)));
    let [unlocked, record] = node.chain().delegation(View::Head, pool, receiver);
    assert_eq!((unlocked.unwrap().energy, record), (trx(11), None));

    // No period means three days.
    let head = node.chain().head().timestamp();
    done(&node, &key, &locked(trx(1), 0));
    let [_, record] = node.chain().delegation(View::Head, pool, receiver);
    assert_eq!(record.unwrap().energy_expires_at, head + 3 * DAY);
}

#[test]
fn undelegating_is_refused_and_adds_up() {
    let node = crate::common::node();
    let (key, pool, receiver) = crate::common::pool();
    assert_eq!(
        refused(&node, &key, &undelegate(pool, receiver, trx(1))),
        "delegated Resource does not exist"
    );
    done(&node, &key, &delegate(pool, receiver, trx(10)));
    done(&node, &key, &delegate(pool, receiver, trx(5)));
    assert_eq!(
        refused(&node, &key, &undelegate(pool, receiver, 0)),
        "unDelegateBalance must be more than 0 TRX"
    );
    assert_eq!(
        refused(&node, &key, &undelegate(pool, receiver, trx(16))),
        "insufficient delegateFrozenBalance(Energy), request=16000000, unlock_balance=15000000"
    );
    let bandwidth = UnDelegateResourceContract { resource: 0, ..undelegate(pool, receiver, trx(1)) };
    assert_eq!(
        refused(&node, &key, &bandwidth),
        "insufficient delegatedFrozenBalance(BANDWIDTH), request=1000000, unlock_balance=0"
    );
    assert_eq!(
        refused(&node, &key, &undelegate(pool, pool, trx(1))),
        "receiverAddress must not be the same as ownerAddress"
    );
    done(&node, &key, &undelegate(pool, receiver, 1));
    done(&node, &key, &undelegate(pool, receiver, trx(15) - 1));
    assert_eq!(node.chain().delegation(View::Head, pool, receiver), [None, None]);
    let account = node.chain().account(View::Head, &pool).unwrap().clone();
    assert_eq!((account.energy.frozen, account.energy.delegated), (trx(10_000_000), 0));
    assert_eq!(node.chain().account(View::Head, &receiver).unwrap().energy.acquired, 0);
}

#[test]
fn staking_and_unstaking() {
    let node = crate::common::node();
    let (key, owner) = (keys::test_key(0), keys::test_address(0));
    let nobody = stranger(2);
    for (message, words) in [
        (freeze(owner, 0), "frozenBalance must be positive".to_owned()),
        (freeze(owner, 999_999), "frozenBalance must be greater than or equal to 1 TRX".to_owned()),
        (
            freeze(owner, trx(1_000_001)),
            "frozenBalance must be less than or equal to accountBalance".to_owned(),
        ),
    ] {
        assert_eq!(refused(&node, &key, &message), words);
    }
    assert_eq!(refused(&node, &key, &unfreeze(owner, trx(1))), "no frozenBalance(Energy)");
    done(&node, &key, &freeze(owner, trx(1_000)));
    assert_eq!(
        refused(&node, &key, &unfreeze(owner, trx(1_001))),
        "Invalid unfreeze_balance, [1001000000] is error"
    );
    assert_eq!(refused(&node, &key, &unfreeze(owner, 0)), "Invalid unfreeze_balance, [0] is error");
    // What is lent cannot be unstaked.
    node.fund(nobody, trx(1)).unwrap();
    done(&node, &key, &delegate(owner, nobody, trx(900)));
    assert_eq!(
        refused(&node, &key, &unfreeze(owner, trx(101))),
        "Invalid unfreeze_balance, [101000000] is error"
    );

    let withdraw = WithdrawExpireUnfreezeContract { owner_address: bytes(owner) };
    assert_eq!(refused(&node, &key, &withdraw), "no unFreeze balance to withdraw ");
    let cancel = CancelAllUnfreezeV2Contract { owner_address: bytes(owner) };
    assert_eq!(refused(&node, &key, &cancel), "No unfreezeV2 list to cancel");

    for _ in 0..32 {
        done(&node, &key, &unfreeze(owner, trx(1)));
    }
    assert_eq!(
        refused(&node, &key, &unfreeze(owner, trx(1))),
        "Invalid unfreeze operation, unfreezing times is over limit"
    );
    done(&node, &key, &cancel);
    let account = node.chain().account(View::Head, &owner).unwrap().clone();
    assert_eq!((account.energy.frozen, account.unfreezing.len()), (trx(100), 0));

    done(&node, &key, &unfreeze(owner, trx(40)));
    assert_eq!(refused(&node, &key, &withdraw), "no unFreeze balance to withdraw ");
    node.skip(14 * DAY).unwrap();
    let before = node.chain().account(View::Head, &owner).unwrap().balance;
    let taken = done(&node, &key, &withdraw);
    assert_eq!(node.chain().account(View::Head, &owner).unwrap().balance, before + trx(40));
    assert_eq!(node.chain().transaction(&taken.tx_id).unwrap().1.info.withdraw_expire_amount, trx(40));
}

#[test]
fn transfers() {
    let node = crate::common::node();
    let (key, owner, other) = (keys::test_key(0), keys::test_address(0), keys::test_address(1));
    let transfer =
        |to, amount| TransferContract { owner_address: bytes(owner), to_address: bytes(to), amount };
    assert_eq!(refused(&node, &key, &transfer(owner, 1)), "Cannot transfer TRX to yourself.");
    assert_eq!(refused(&node, &key, &transfer(other, 0)), "Amount must be greater than 0.");
    assert_eq!(
        refused(&node, &key, &transfer(other, trx(1_000_001))),
        "Validate TransferContract error, balance is not sufficient."
    );
    let bad = TransferContract { to_address: vec![2; 21], ..transfer(other, 1) };
    assert_eq!(refused(&node, &key, &bad), "Invalid toAddress!");

    // Free bandwidth pays for two, TRX for the third.
    let fees: Vec<(i64, i64)> = (0..3)
        .map(|_| {
            let sent = done(&node, &key, &transfer(other, 7));
            let receipt = node.chain().transaction(&sent.tx_id).unwrap().1.info.receipt.clone().unwrap();
            (receipt.net_usage, receipt.net_fee)
        })
        .collect();
    let [(bytes, 0), (_, 0), (0, burnt)] = fees.as_slice() else { panic!("{fees:?}") };
    assert!((260..=272).contains(bytes), "{bytes} bytes");
    assert!((260_000..=272_000).contains(burnt), "{burnt} sun");

    // Activation: 1 TRX, and 0.1 TRX instead of bandwidth.
    let sent = done(&node, &key, &transfer(stranger(3), trx(2)));
    let info = node.chain().transaction(&sent.tx_id).unwrap().1.info.clone();
    assert_eq!((info.fee, info.receipt.unwrap().net_fee), (1_100_000, 100_000));
    assert_eq!(node.chain().account(View::Head, &stranger(3)).unwrap().balance, trx(2));

    // A memo costs 1 TRX.
    let options = Options { memo: b"hello".to_vec(), ..Options::default() };
    let sent = node.send(&key, &transfer(other, 1), options).unwrap();
    node.mine().unwrap();
    assert!(node.chain().transaction(&sent.tx_id).unwrap().1.info.fee >= trx(1));
}

#[test]
fn neither_bandwidth_nor_trx() {
    let poor = keys::test_address(0);
    let node = crate::common::node_of(vec![
        GenesisAccount { usdt: 10, ..GenesisAccount::with_balance(poor, 1_000) },
        GenesisAccount::with_balance(keys::test_address(1), trx(1)),
    ]);
    let message =
        TransferContract { owner_address: bytes(poor), to_address: bytes(keys::test_address(1)), amount: 1 };
    done(&node, &keys::test_key(0), &message);
    done(&node, &keys::test_key(0), &message);
    let third = offer(&node, &keys::test_key(0), &message);
    assert_eq!(
        (third.code, third.message.as_str()),
        (ResponseCode::BandwithError, "Account resource insufficient error.")
    );
    // A day later there is bandwidth again, but no energy and no TRX for it: the call fails and stays in the block.
    node.skip(DAY).unwrap();
    let sent = node.transfer_usdt(&keys::test_key(0), keys::test_address(1), 10).unwrap();
    node.mine().unwrap();
    let chain = node.chain();
    let included = chain.transaction(&sent.tx_id).unwrap().1.clone();
    assert_eq!(included.result.contract_ret, i32::from(ContractResult::OutOfEnergy));
    assert_eq!(chain.usdt_balance(View::Head, &poor), 10);
}

#[test]
fn a_token_transfer_is_paid_from_stake_then_from_trx() {
    let node = crate::common::node();
    let (key, holder, to) = (keys::test_key(0), keys::test_address(0), keys::test_address(1));
    let receipt = |node: &leyden_sim::SimNode, sent: leyden_sim::Offer| {
        node.mine().unwrap();
        node.chain().transaction(&sent.tx_id).unwrap().1.info.clone()
    };
    let burnt = receipt(&node, node.transfer_usdt(&key, to, 5).unwrap());
    let r = burnt.receipt.clone().unwrap();
    assert_eq!((r.energy_usage_total, r.energy_usage, r.energy_fee), (64_285, 0, 6_428_500));
    assert_eq!((r.energy_penalty_total, burnt.contract_result), (49_635, vec![vec![0; 32]]));
    assert_eq!(burnt.log.len(), 1);

    // Lent energy pays for it all; to somebody without the token it costs about twice as much.
    let (pool_key, pool, _) = crate::common::pool();
    done(&node, &pool_key, &delegate(pool, holder, trx(7_000)));
    let r = receipt(&node, node.transfer_usdt(&key, stranger(4), 5).unwrap()).receipt.unwrap();
    assert_eq!((r.energy_usage_total, r.energy_usage), (130_285, 65_777), "7,000 TRX give 65,777 energy");
    assert_eq!(r.energy_fee, (130_285 - 65_777) * 100);

    // More than there is reverts and is paid for.
    let failed = receipt(&node, node.transfer_usdt(&key, to, trx(200_000)).unwrap());
    assert_eq!(failed.result, 1);
    assert_eq!(failed.res_message, b"REVERT opcode executed");
    assert!(failed.log.is_empty());
}

#[test]
fn a_contract_sends_trx_on() {
    let node = crate::common::node();
    let (key, to) = (keys::test_key(0), keys::test_address(1));
    let before = node.chain().account(View::Head, &to).unwrap().balance;
    let sent = node.transfer_by_contract(&key, to, trx(3)).unwrap();
    node.mine().unwrap();
    let info = node.chain().transaction(&sent.tx_id).unwrap().1.info.clone();
    let [internal] = info.internal_transactions.as_slice() else { panic!("{info:?}") };
    assert_eq!(internal.caller_address, bytes(forwarder_address()));
    assert_eq!((internal.transfer_to_address.clone(), internal.rejected), (bytes(to), false));
    assert_eq!(internal.call_value_info[0].call_value, trx(3));
    assert_eq!(node.chain().account(View::Head, &to).unwrap().balance, before + trx(3));
}

/// A hot key that may delegate and undelegate, and nothing else.
#[test]
fn permissions_limit_a_key() {
    let node = crate::common::node();
    let (cold, pool, receiver) = crate::common::pool();
    let hot = keys::test_key(5);
    let permission = |kind: PermissionType, key, operations: &[u8]| Permission {
        r#type: kind.into(),
        permission_name: "p".into(),
        threshold: 1,
        operations: operations.to_vec(),
        keys: vec![Key { address: bytes(key), weight: 1 }],
        ..Default::default()
    };
    let mut bits = [0_u8; 32];
    bits[7] = 0x06;
    let update = AccountPermissionUpdateContract {
        owner_address: bytes(pool),
        owner: Some(permission(PermissionType::Owner, pool, &[])),
        witness: None,
        actives: vec![
            permission(PermissionType::Active, pool, &bits),
            permission(PermissionType::Active, hot.address(), &bits),
        ],
    };
    let mut wrong = update.clone();
    wrong.actives[0].operations = vec![0xff; 32];
    assert_eq!(refused(&node, &cold, &wrong), "7 isn't a validate ContractType");
    let changed = done(&node, &cold, &update);
    assert_eq!(node.chain().transaction(&changed.tx_id).unwrap().1.info.fee, trx(100));

    let by_hot = |id| Options { permission_id: id, ..Options::default() };
    let taken = node.send(&hot, &delegate(pool, receiver, trx(1)), by_hot(3)).unwrap();
    assert_eq!(taken.message, "");
    let transfer = TransferContract { owner_address: bytes(pool), to_address: bytes(receiver), amount: 1 };
    for (key, id, words) in [(&hot, 3, "Permission denied"), (&hot, 4, "permission isn't exit")] {
        let answer = node.send(key, &transfer, by_hot(id)).unwrap();
        assert_eq!(answer.code, ResponseCode::Sigerror);
        assert_eq!(answer.message, format!("Validate signature error: {words}"));
    }
    let stranger = node.send(&hot, &transfer, by_hot(0)).unwrap();
    assert_eq!(stranger.code, ResponseCode::Sigerror);
    assert!(stranger.message.ends_with("but it is not contained of permission."), "{}", stranger.message);
}

#[test]
fn a_contract_takes_trx_by_a_call_alone() {
    let node = crate::common::node();
    let (key, pool, _) = crate::common::pool();
    let usdt = node.chain().config().usdt;
    for contract in [forwarder_address(), usdt] {
        let transfer =
            TransferContract { owner_address: bytes(pool), to_address: bytes(contract), amount: 1 };
        let words = "Cannot transfer TRX to a smartContract which version is one. \
                     Instead please use TriggerSmartContract ";
        assert_eq!(refused(&node, &key, &transfer), words);
    }
}
