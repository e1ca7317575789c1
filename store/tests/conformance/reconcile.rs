//! Comparisons and repairs, and what the books know of an account and a receiver.

use crate::kit::{
    Kit, STAKE, account_id, address, attempt, block, delegated, delivery, head, operation_id, payment, slot,
    tx_id,
};
use leyden_domain::{
    Asset, Height, ReconciliationId, RepairId, Sun,
    chain::{Resource, ResourceAction, ResourceEvent, SentTransfer},
    order::OrderEvent,
    payment::Payment,
    reconcile::{
        Class, Decision, Difference, Holding, Matter, OpenDifference, Outgoings, Reconciliation, Repair,
        RepairKind, RepairState, Say, Verdict, classify,
    },
};
use leyden_ports::store::{
    BlockCommit, DustCount, OperationChange, Page, ReconciliationRow, ReconciliationWish, RepairRefusal,
    StoreError,
};

use std::collections::BTreeSet;

fn run_id(n: u8) -> ReconciliationId {
    ReconciliationId::new(slot(i64::from(n)), [n; 10])
}

fn repair_id(n: u8) -> RepairId {
    RepairId::new(slot(i64::from(n)), [n; 10])
}

fn a_difference(theirs: i64) -> Difference {
    Difference {
        matter: Matter::Delegation,
        class: Class::ExternalMovement,
        account: Some(address(5_001)),
        receiver: Some(address(9)),
        ours: 1,
        theirs,
        height: Height::new(7),
        evidence: "seen".to_owned(),
    }
}

fn a_run(n: u8, differences: Vec<Difference>) -> Reconciliation {
    Reconciliation {
        id: run_id(n),
        started_at: slot(i64::from(n)),
        finished_at: slot(i64::from(n) + 1),
        asked_by: "interval".to_owned(),
        height: Some(Height::new(7)),
        accounts: 2,
        pairs: 3,
        till: Some((Height::new(7), 12)),
        refund_accounts: vec![Holding { address: address(4), height: Height::new(7), balance: 3 }],
        pool_accounts: vec![Holding { address: address(5), height: Height::new(6), balance: 4 }],
        skipped: vec!["one: no answer".to_owned()],
        differences,
        open: Vec::new(),
    }
}

fn a_repair(n: u8, kind: RepairKind, state: RepairState, theirs: i64) -> Repair {
    Repair {
        id: repair_id(n),
        reconciliation: run_id(1),
        difference: a_difference(theirs),
        kind,
        blocks: (kind == RepairKind::RereadBlocks).then_some((Height::new(3), Height::new(7))),
        effect: "something".to_owned(),
        state,
        proposed_at: slot(i64::from(n)),
        asked: None,
        decision: None,
        outcome: None,
    }
}

fn a_decision() -> Decision {
    Decision { at: slot(8), by: "key".to_owned(), reason: "mine".to_owned() }
}

pub(crate) async fn a_wish_becomes_a_comparison(kit: &Kit) {
    assert_eq!(kit.store.wanted_reconciliation().await, Ok(None));
    let wish = ReconciliationWish { id: run_id(1), at: slot(1), by: "key".to_owned() };
    kit.store.want_reconciliation(wish.clone()).await.unwrap();
    assert_eq!(kit.store.wanted_reconciliation().await, Ok(Some(wish.clone())));
    assert_eq!(kit.store.reconciliation(run_id(1)).await, Ok(Some(ReconciliationRow::Wanted(wish))));
    assert_eq!(kit.store.last_till().await, Ok(None));
    let done = Reconciliation { asked_by: "key".to_owned(), ..a_run(1, vec![a_difference(5)]) };
    kit.store.record_reconciliation(done.clone(), Vec::new()).await.unwrap();
    let told = kit.store.journal_entries(0, 1_000).await.unwrap();
    let told = told.iter().find(|entry| entry.kind == "note.reconciliation").unwrap();
    assert!(told.subject == done.id.to_string() && told.body.contains("12"), "{told:?}");
    assert_eq!(kit.store.wanted_reconciliation().await, Ok(None));
    assert_eq!(kit.store.last_reconciliation().await, Ok(Some(done.clone())));
    assert_eq!(kit.store.last_till().await, Ok(Some((Height::new(7), 12))));
    kit.store.record_reconciliation(a_run(2, Vec::new()), Vec::new()).await.unwrap();
    let listed = kit.store.list_reconciliations(&Page { after: None, limit: 5 }).await.unwrap();
    assert_eq!(listed, [ReconciliationRow::Done(a_run(2, Vec::new())), ReconciliationRow::Done(done)]);
}

pub(crate) async fn a_repair_ends_once(kit: &Kit) {
    let proposed = a_repair(1, RepairKind::WriteOff, RepairState::Proposed, 5);
    let second = a_repair(2, RepairKind::WriteOff, RepairState::Proposed, 6);
    let kept = kit.store.record_reconciliation(a_run(1, Vec::new()), vec![proposed.clone(), second]).await;
    assert_eq!(kept, Ok(vec![proposed.clone()]), "one is open for a subject");
    let early = kit.store.settle_repair(repair_id(1), true, slot(9), "done".to_owned()).await;
    assert_eq!(early, Err(StoreError::Conflict("repair")), "nobody has approved it");
    let approved = kit.store.decide_repair(repair_id(1), Say::Approve(None), a_decision()).await.unwrap();
    assert_eq!((approved.state, approved.decision), (RepairState::Approved, Some(a_decision())));
    let again = kit.store.decide_repair(repair_id(1), Say::Reject, a_decision()).await;
    assert!(matches!(again, Err(RepairRefusal::NotProposed(_))), "{again:?}");
    let unknown = kit.store.decide_repair(repair_id(9), Say::Approve(None), a_decision()).await;
    assert_eq!(unknown, Err(RepairRefusal::NoRepair));
    kit.store.settle_repair(repair_id(1), true, slot(9), "done".to_owned()).await.unwrap();
    let twice = kit.store.settle_repair(repair_id(1), false, slot(9), "again".to_owned()).await;
    assert_eq!(twice, Err(StoreError::Conflict("repair")));
    let last = kit.store.last_repair(&proposed.difference.subject()).await.unwrap().unwrap();
    assert_eq!((last.state, last.outcome), (RepairState::Applied, Some((slot(9), "done".to_owned()))));
    assert_eq!(
        kit.store.list_repairs(&[RepairState::Proposed], &Page { after: None, limit: 5 }).await,
        Ok(vec![])
    );
    // Room for the next; what was written off is expected.
    let reread = a_repair(3, RepairKind::RereadBlocks, RepairState::Approved, 7);
    kit.store.record_reconciliation(a_run(2, Vec::new()), vec![reread.clone()]).await.unwrap();
    assert_eq!(kit.store.repair(repair_id(3)).await, Ok(Some(reread)));
    kit.account(1, 1).await;
    let pair = kit.store.pair(account_id(1), address(5_001), address(9), Height::new(1)).await.unwrap();
    assert_eq!((pair.written_off, pair.expected(), pair.is_known), (4, 4, false));
}

/// A stranger's delegation from pool account 1 to somebody.
fn strangers(n: u64, receiver: u64, balance: i64) -> ResourceEvent {
    let (receiver, resource, balance) = (address(receiver), Resource::Energy, Sun::new(balance));
    ResourceEvent {
        tx_id: tx_id(n),
        owner: address(5_001),
        action: ResourceAction::Delegate { receiver, resource, balance, lock: None },
    }
}

pub(crate) async fn what_is_lent_is_told_at_any_block(kit: &Kit) {
    let order = kit.reserved(1).await;
    let (id, owner, to) = (account_id(1), address(5_001), order.recipient);
    let stake = STAKE.get();
    let lent = async |at: i64| kit.store.lent_by(id, owner, Height::new(at)).await.unwrap().get(&to).copied();
    let judged = async |at: i64, theirs: i64| {
        let pair = kit.store.pair(id, owner, to, Height::new(at)).await.unwrap();
        classify(&leyden_domain::reconcile::Pair { theirs, ..pair })
    };
    kit.blocks(2..=4).await;
    assert_eq!(lent(4).await, None);
    kit.sign(attempt(1, 1), 1).await.unwrap();
    kit.step(order.id, OrderEvent::DelegationSigned).await.unwrap();
    kit.events(5, vec![delegated(&attempt(1, 1), &order, 1)], 1).await;
    // In a block and not noted; above the block asked at, and in it.
    assert_eq!((lent(4).await, lent(5).await), (None, Some(stake)));
    assert_eq!((judged(4, 0).await, judged(5, stake).await), (Verdict::InFlight, Verdict::InFlight));
    kit.change(operation_id(1), 2, OperationChange::Include(delivery(5, 0))).await.unwrap();
    assert_eq!((lent(4).await, lent(5).await), (None, Some(stake)));
    assert_eq!(judged(5, stake).await, Verdict::Agrees);
    assert_eq!(judged(5, 0).await, Verdict::Differs(Class::MissedEvent));
    // A stranger's beside it.
    let to_same = ResourceEvent {
        action: ResourceAction::Delegate {
            receiver: to,
            resource: Resource::Energy,
            balance: Sun::new(70),
            lock: None,
        },
        ..strangers(900, 1, 1)
    };
    kit.events(6, vec![to_same, strangers(901, 77, 40)], 1).await;
    // At the block before, nothing of it was there, and nobody who asks about that one should find it.
    assert_eq!((lent(5).await, judged(5, stake).await), (Some(stake), Verdict::Agrees));
    let unknown = kit.store.pair(id, owner, address(77), Height::new(5)).await.unwrap();
    assert_eq!((unknown.expected(), unknown.strangers_later, unknown.foreign), (0, 1, 0));
    assert_eq!(judged(6, stake + 70).await, Verdict::Differs(Class::ExternalMovement));
    let other = kit.store.pair(id, owner, address(77), Height::new(6)).await.unwrap();
    assert_eq!((other.ours, other.foreign, other.is_known), (0, 40, true));
}

pub(crate) async fn a_second_effect_is_seen(kit: &Kit) {
    let order = kit.reserved(1).await;
    let (id, owner, to) = (account_id(1), address(5_001), order.recipient);
    kit.blocks(2..=4).await;
    kit.sign(attempt(1, 1), 1).await.unwrap();
    kit.change(operation_id(1), 2, OperationChange::Bury).await.unwrap();
    kit.sign(attempt(1, 2), 3).await.unwrap();
    let events = vec![delegated(&attempt(1, 1), &order, 1), delegated(&attempt(1, 2), &order, 1)];
    kit.events(5, events, 1).await;
    kit.change(operation_id(1), 4, OperationChange::Include(delivery(5, 0))).await.unwrap();
    let pair = kit.store.pair(id, owner, to, Height::new(5)).await.unwrap();
    assert_eq!(pair.doubled, STAKE.get());
    let pair = leyden_domain::reconcile::Pair { theirs: 2 * STAKE.get(), ..pair };
    assert_eq!(classify(&pair), Verdict::Differs(Class::Duplicate));
    // What must not be is taken out again, so that the books are in order when they are checked.
    kit.store.rewind(head(4, 0).block, slot(6)).await.unwrap();
    kit.change(operation_id(1), 5, OperationChange::Exclude).await.unwrap();
}

pub(crate) async fn what_left_an_account_is_told_between_two_blocks(kit: &Kit) {
    let of = |n, owner, action| ResourceEvent { tx_id: tx_id(n), owner: address(owner), action };
    let stake = |sun| ResourceAction::Stake { resource: Resource::Bandwidth, balance: Sun::new(sun) };
    let unstake = ResourceAction::Unstake { resource: Resource::Energy, balance: Sun::new(900) };
    let sent = |n, asset, amount, succeeded| SentTransfer {
        tx_id: tx_id(n),
        asset,
        from: address(777),
        to: address(5),
        amount,
        succeeded,
    };
    kit.events(1, vec![of(1, 777, stake(1))], 0).await;
    let events =
        vec![of(2, 777, stake(10)), of(3, 777, unstake), of(4, 778, stake(20)), strangers(5, 777, 40)];
    let transfers = vec![
        sent(6, Asset::Trx, 100, true),
        sent(7, Asset::Trx, 200, false),
        sent(8, Asset::Usdt, 400, true),
        sent(9, Asset::Usdt, 800, false),
    ];
    let whole = BlockCommit { sent: transfers, ..block(2, 0, Vec::new(), events) };
    kit.store.record_blocks(vec![whole], head(0, 0), slot(2)).await.unwrap();
    kit.events(3, vec![of(10, 777, stake(5_000))], 0).await;
    let left = async |above, to| {
        kit.store.left_between(address(777), Height::new(above), Height::new(to)).await.unwrap()
    };
    assert_eq!(left(1, 2).await, Outgoings { gone: 110, coins: 2, works: 2, calls: 2 });
    assert_eq!(left(0, 1).await, Outgoings { gone: 1, coins: 0, works: 1, calls: 0 });
    assert_eq!(left(3, 9).await, Outgoings::default());
}

pub(crate) async fn what_is_missing_of_a_block_is_recorded_once(kit: &Kit) {
    kit.account(1, 1).await;
    kit.block(1, 0, Vec::new()).await;
    let known = payment(1, 5_000_000);
    kit.block(2, 0, vec![known.clone()]).await;
    let missed = payment(2, 6_000_000);
    let whole = block(2, 0, vec![known.clone(), missed.clone()], vec![strangers(900, 9, 40)]);
    let came = async || {
        let nobody = BTreeSet::new();
        kit.store.till_between(&nobody, Height::new(1), Height::new(2)).await.unwrap().came
    };
    assert_eq!(came().await, Sun::new(5_000_000));
    assert_eq!(kit.store.amend_block(whole.clone(), slot(3)).await, Ok(2));
    assert_eq!(kit.store.amend_block(whole.clone(), slot(3)).await, Ok(0), "once");
    assert_eq!(kit.payment(missed.id).await.amount, 6_000_000);
    assert_eq!(came().await, Sun::new(11_000_000));
    // Too little to be a payment, and not to be forgotten: by a transfer that it showed only when it was read again.
    let dust = |amount| vec![DustCount { asset: Asset::Trx, count: 1, amount }];
    for (sun, found, sum) in [(1, 1, 11_000_001), (1, 0, 11_000_001), (3, 1, 11_000_003), (2, 0, 11_000_003)]
    {
        let dusty = BlockCommit { dust: dust(sun), ..whole.clone() };
        assert_eq!(kit.store.amend_block(dusty, slot(3)).await, Ok(found), "{sun}");
        assert_eq!(came().await, Sun::new(sum));
    }
    let other = block(2, 9, Vec::new(), Vec::new());
    assert_eq!(kit.store.amend_block(other, slot(3)).await, Err(StoreError::Conflict("chain")));
}

pub(crate) async fn what_counts_as_a_payment_may_change_and_no_money_counts_twice(kit: &Kit) {
    kit.block(1, 0, Vec::new()).await;
    let half = payment(1, 500_000);
    kit.block(2, 0, vec![half.clone()]).await;
    let dust = |count, amount| vec![DustCount { asset: Asset::Trx, count, amount }];
    let read_again = async |payments: Vec<Payment>, dust: Vec<DustCount>| {
        let whole = BlockCommit { dust, ..block(2, 0, payments, Vec::new()) };
        let found = kit.store.amend_block(whole, slot(3)).await.unwrap();
        let flow = kit.store.till_between(&BTreeSet::new(), Height::new(1), Height::new(2)).await;
        (found, flow.unwrap().came.get())
    };
    // Less than what is a payment today, and recorded as one.
    assert_eq!(read_again(Vec::new(), dust(1, 500_000)).await, (0, 500_000));
    // As much again had been missed.
    assert_eq!(read_again(Vec::new(), dust(2, 1_000_000)).await, (1, 1_000_000));
    // That is a payment, now that less is one.
    let other = payment(2, 500_000);
    let both = vec![half, other];
    assert_eq!(read_again(both.clone(), Vec::new()).await, (1, 1_000_000));
    assert_eq!(read_again(both.clone(), Vec::new()).await, (0, 1_000_000));
    assert_eq!(read_again(both, dust(1, 7)).await, (1, 1_000_007));
}

pub(crate) async fn what_came_to_our_addresses_and_left_them(kit: &Kit) {
    let sent = |n, from, to, amount, succeeded| SentTransfer {
        tx_id: tx_id(n),
        asset: Asset::Trx,
        from: address(from),
        to: address(to),
        amount,
        succeeded,
    };
    let sent = vec![
        sent(6, 777, 5, 100, true),
        sent(7, 777, 5, 200, false),
        sent(8, 777, 778, 400, true),
        sent(9, 9, 778, 800, true),
    ];
    kit.block(1, 0, vec![payment(1, 5_000)]).await;
    let whole = BlockCommit { sent, ..block(2, 0, vec![payment(2, 6_000)], Vec::new()) };
    kit.store.record_blocks(vec![whole], head(0, 0), slot(2)).await.unwrap();
    let flow = async |above| {
        let payees = BTreeSet::from([address(777), address(778)]);
        let flow = kit.store.till_between(&payees, Height::new(above), Height::new(2)).await.unwrap();
        (flow.came.get(), flow.left.get())
    };
    assert_eq!(flow(1).await, (6_000 + 400 + 800, 100 + 400), "between two of ours it comes and leaves");
    assert_eq!((flow(0).await, flow(2).await), ((12_200, 500), (0, 0)));
}

/// A difference that was found at block 3, of 70 sun, in blocks above the first.
fn an_open_one(recorded: i64) -> OpenDifference {
    let difference = Difference {
        matter: Matter::Payments,
        class: Class::MissedEvent,
        account: Some(address(777)),
        receiver: None,
        ours: 100,
        theirs: 170,
        height: Height::new(3),
        evidence: "seen".to_owned(),
    };
    OpenDifference {
        difference,
        accounts: vec![address(777)],
        since: Height::new(1),
        recorded,
        found_at: slot(3),
    }
}

pub(crate) async fn what_is_open_stays_so_until_it_is_explained_or_closed(kit: &Kit) {
    let left = async || {
        let open = kit.store.open_differences().await.unwrap();
        open.iter().map(|open| open.left.excess()).collect::<Vec<_>>()
    };
    assert_eq!(left().await, Vec::<i64>::new());
    kit.block(1, 0, vec![payment(1, 50)]).await;
    kit.block(2, 0, vec![payment(2, 8)]).await;
    kit.block(3, 0, Vec::new()).await;
    let open = an_open_one(8);
    let carrying =
        |n, open: &[OpenDifference]| Reconciliation { open: open.to_vec(), ..a_run(n, Vec::new()) };
    let proposed = |n| Repair {
        difference: open.difference.clone(),
        ..a_repair(n, RepairKind::WriteOff, RepairState::Proposed, 0)
    };
    let run = carrying(1, std::slice::from_ref(&open));
    kit.store.record_reconciliation(run.clone(), vec![proposed(1)]).await.unwrap();
    assert_eq!(kit.store.last_reconciliation().await, Ok(Some(run)));
    assert_eq!(left().await, [70]);
    // What is found of its blocks explains it in part. What comes later, or came before, does not.
    let amended = block(2, 0, vec![payment(2, 8), payment(3, 30)], Vec::new());
    kit.store.amend_block(amended, slot(4)).await.unwrap();
    let before = block(1, 0, vec![payment(1, 50), payment(9, 30)], Vec::new());
    kit.store.amend_block(before, slot(4)).await.unwrap();
    kit.block(4, 0, vec![payment(4, 40)]).await;
    assert_eq!(left().await, [40]);
    let found = kit.store.open_differences().await.unwrap().remove(0);
    assert_eq!((found.found, found.left.subject()), (open.clone(), open.difference.subject()));
    // A comparison that does not carry it on ends what was proposed for it.
    kit.store.record_reconciliation(carrying(2, std::slice::from_ref(&open)), Vec::new()).await.unwrap();
    assert_eq!(kit.store.repair(repair_id(1)).await.unwrap().unwrap().state, RepairState::Proposed);
    let whole = block(3, 0, vec![payment(5, 40)], Vec::new());
    kit.store.amend_block(whole, slot(5)).await.unwrap();
    assert_eq!(left().await, Vec::<i64>::new());
    kit.store.record_reconciliation(carrying(3, &[]), Vec::new()).await.unwrap();
    let ended = kit.store.repair(repair_id(1)).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.outcome.map(|(at, _)| at)), (RepairState::Failed, Some(slot(4))));
    // By a person: as soon as it is written off, and that one alone.
    let (first, mut second) = (an_open_one(48 + 30), an_open_one(0));
    second.difference.height = Height::new(4);
    second.since = Height::new(3);
    second.recorded = 40;
    let both = [first.clone(), second.clone()];
    let next = Repair { difference: first.difference, ..proposed(2) };
    kit.store.record_reconciliation(carrying(4, &both), vec![next]).await.unwrap();
    assert_eq!(left().await, [70, 70]);
    kit.store.decide_repair(repair_id(2), Say::Approve(None), a_decision()).await.unwrap();
    assert_eq!(left().await, [70, 70], "it is closed when it is done");
    kit.store.settle_repair(repair_id(2), true, slot(9), "done".to_owned()).await.unwrap();
    let still = kit.store.open_differences().await.unwrap();
    assert_eq!(still.iter().map(|open| &open.found).collect::<Vec<_>>(), [&second]);
}
