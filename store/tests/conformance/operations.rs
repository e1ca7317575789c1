//! Operations: intent before signature, signature before broadcast.

use crate::kit::{
    Kit, STAKE, account_id, attempt, block, commit, delegated, delivery, head, next, operation_id, slot,
    undelegated,
};
use leyden_domain::{
    Sun,
    chain::RefusalCode,
    operation::{Attempt, OperationState, Refusal, RefusalMeaning},
    order::{Order, OrderEvent, OrderState, RefundReason},
};
use leyden_ports::store::{
    AttemptCommit, Durability, OperationChange, OperationCommit, OrderCommit, ReclaimDraft, StoreError,
};

const CHANGED: StoreError = StoreError::Conflict("operation");

async fn state(kit: &Kit, order: &Order) -> OperationState {
    kit.operation(order.id, operation_id(1)).await.state
}

async fn held(kit: &Kit) -> Sun {
    kit.store.pool_accounts().await.unwrap()[0].held
}

pub(crate) async fn an_attempt_is_stored_once(kit: &Kit) {
    let order = kit.reserved(1).await;
    assert_eq!(kit.sign(attempt(1, 1), 7).await, Err(CHANGED));
    assert_eq!(kit.sign(attempt(1, 2), 1).await, Err(CHANGED));
    assert_eq!(kit.sign(attempt(9, 1), 1).await, Err(CHANGED));
    assert_eq!(kit.sign(Attempt { dead: true, ..attempt(1, 1) }, 1).await, Err(CHANGED));
    kit.sign(attempt(1, 1), 1).await.unwrap();
    assert_eq!(state(kit, &order).await, OperationState::Signed);
    for version in [1, 2] {
        assert_eq!(kit.sign(attempt(1, 2), version).await, Err(CHANGED));
    }
    assert_eq!(kit.store.attempts(operation_id(1)).await, Ok(vec![attempt(1, 1)]));
    let refusal = Refusal { code: RefusalCode::ContractValidateError, message: "no".to_owned() };
    kit.store.record_refusal(attempt(1, 1).tx_id, &refusal).await.unwrap();
    let kept = kit.store.attempts(operation_id(1)).await.unwrap();
    assert_eq!(kept, [Attempt { refusal: Some(refusal.clone()), ..attempt(1, 1) }]);
    let unknown = kit.store.record_refusal(attempt(1, 2).tx_id, &refusal).await;
    assert_eq!(unknown, Err(StoreError::Conflict("attempt")));
}

pub(crate) async fn only_the_dead_make_room(kit: &Kit) {
    let order = kit.reserved(1).await;
    kit.sign(attempt(1, 1), 1).await.unwrap();
    kit.change(operation_id(1), 2, OperationChange::Bury).await.unwrap();
    assert_eq!(kit.change(operation_id(1), 3, OperationChange::Bury).await, Err(CHANGED));
    assert_eq!(state(kit, &order).await, OperationState::Intended);
    assert_eq!(held(kit).await, STAKE);
    // The first transaction's bytes may not be stored as a second one.
    let same = Attempt { tx_id: attempt(1, 1).tx_id, ..attempt(1, 2) };
    assert_eq!(kit.sign(same, 3).await, Err(StoreError::Conflict("attempt")));
    kit.sign(attempt(1, 2), 3).await.unwrap();
    let attempts = kit.store.attempts(operation_id(1)).await.unwrap();
    assert_eq!(attempts.iter().map(|a| (a.number, a.dead)).collect::<Vec<_>>(), [(1, true), (2, false)]);
    let detail = kit.store.order_detail(order.id).await.unwrap().unwrap();
    assert_eq!(detail.attempts, [attempt(1, 2)]);
    assert_eq!(detail.tx_of(operation_id(1)), Some(attempt(1, 2).tx_id));
}

/// Brings order 1 to `Active`, its delegation solid in block 5.
async fn active(kit: &Kit) -> Order {
    let order = kit.reserved(1).await;
    kit.blocks(2..=4).await;
    kit.sign(attempt(1, 1), 1).await.unwrap();
    kit.step(order.id, OrderEvent::DelegationSigned).await.unwrap();
    kit.events(5, vec![delegated(&attempt(1, 1), &order, 1)], 1).await;
    let signed = kit.order(order.id).await;
    let include = OperationCommit {
        operation: operation_id(1),
        version: 2,
        change: OperationChange::Include(delivery(5, 0)),
        order: Some(commit(vec![next(&signed, &OrderEvent::Delivered(slot(5)))])),
    };
    let answers = kit.store.commit_operations(vec![include.clone(), include], slot(5)).await.unwrap();
    assert_eq!(answers, [Ok(()), Err(CHANGED)]);
    kit.store.record_blocks(Vec::new(), head(5, 0), slot(5)).await.unwrap();
    kit.change(operation_id(1), 3, OperationChange::Solidify(delivery(5, 0))).await.unwrap();
    kit.order(order.id).await
}

pub(crate) async fn a_rental_from_end_to_end(kit: &Kit) {
    let order = active(kit).await;
    assert_eq!(order.state.ends_at(), Some(slot(5).plus(order.duration)));
    kit.check().await;
    for height in 6..=16 {
        kit.events(height, Vec::new(), height).await;
    }
    let ended = leyden_domain::order::step(&order, &OrderEvent::RentalEnded, slot(16)).unwrap();
    let draft = ReclaimDraft { id: operation_id(2), delegation: operation_id(1) };
    let with = |reclaims: Vec<ReclaimDraft>| OrderCommit {
        transitions: vec![ended.clone()],
        reclaims,
        note: None,
        durability: Durability::Strict,
    };
    let wrong = ReclaimDraft { id: operation_id(3), delegation: operation_id(3) };
    for drafts in [vec![], vec![wrong], vec![draft, wrong]] {
        let refused = kit.store.commit_order(with(drafts)).await;
        assert_eq!(refused, Err(StoreError::Conflict("delegations of the order")));
    }
    kit.store.commit_order(with(vec![draft])).await.unwrap();
    let reclaim = kit.operation(order.id, operation_id(2)).await;
    assert_eq!((reclaim.balance, reclaim.receiver), (STAKE, order.recipient));
    kit.sign(attempt(2, 1), 1).await.unwrap();
    kit.events(17, vec![undelegated(&attempt(2, 1), &order, 1)], 17).await;
    kit.change(operation_id(2), 2, OperationChange::Include(delivery(17, 0))).await.unwrap();
    assert_eq!(held(kit).await, STAKE);
    kit.change(operation_id(2), 3, OperationChange::Solidify(delivery(17, 0))).await.unwrap();
    assert_eq!(held(kit).await, Sun::ZERO);
    let done = kit.order(order.id).await;
    let done = leyden_domain::order::step(&done, &OrderEvent::Reclaimed, slot(17)).unwrap();
    kit.store.commit_order(commit(vec![done])).await.unwrap();
    assert!(matches!(kit.order(order.id).await.state, OrderState::Completed { .. }));
    assert!(kit.store.account_work(account_id(1), 10).await.unwrap().is_empty());
}

pub(crate) async fn a_delegation_fails(kit: &Kit) {
    let order = kit.reserved(1).await;
    kit.sign(attempt(1, 1), 1).await.unwrap();
    kit.step(order.id, OrderEvent::DelegationSigned).await.unwrap();
    let fail = OperationChange::Fail(RefusalMeaning::CapacityGone);
    kit.change(operation_id(1), 2, fail).await.unwrap();
    assert_eq!(kit.change(operation_id(1), 3, OperationChange::Cancel).await, Err(CHANGED));
    let failed = kit.operation(order.id, operation_id(1)).await;
    assert_eq!((failed.state, failed.failure), (OperationState::Failed, Some(RefusalMeaning::CapacityGone)));
    assert_eq!(held(kit).await, Sun::ZERO);
    assert!(kit.store.attempts(operation_id(1)).await.unwrap()[0].dead);
    kit.step(order.id, OrderEvent::DelegationFailed).await.unwrap();
    // The order may be served by another try.
    let again = kit.order(order.id).await;
    kit.reserve(2, &again, 1).await.unwrap();
    kit.change(operation_id(2), 1, OperationChange::Cancel).await.unwrap();
    assert_eq!(held(kit).await, Sun::ZERO);
}

pub(crate) async fn an_exclusion_takes_the_delivery_back(kit: &Kit) {
    let order = kit.reserved(1).await;
    kit.blocks(2..=4).await;
    kit.sign(attempt(1, 1), 1).await.unwrap();
    kit.events(5, vec![delegated(&attempt(1, 1), &order, 1)], 0).await;
    let work = kit.store.account_work(account_id(1), 10).await.unwrap();
    assert_eq!(work[0].newest.as_ref().unwrap().included, Some(delivery(5, 0)));
    kit.change(operation_id(1), 2, OperationChange::Include(delivery(5, 0))).await.unwrap();
    kit.store.rewind(head(4, 0).block, slot(5)).await.unwrap();
    let work = kit.store.account_work(account_id(1), 10).await.unwrap();
    assert_eq!(work[0].newest.as_ref().unwrap().included, None);
    assert_eq!(work[0].operation.delivery, Some(delivery(5, 0)));
    kit.change(operation_id(1), 3, OperationChange::Exclude).await.unwrap();
    assert_eq!(kit.operation(order.id, operation_id(1)).await.delivery, None);
    let again = block(5, 1, Vec::new(), vec![delegated(&attempt(1, 1), &order, 1)]);
    kit.store.record_blocks(vec![again], head(0, 0), slot(6)).await.unwrap();
    kit.change(operation_id(1), 4, OperationChange::Include(delivery(5, 1))).await.unwrap();
    assert_eq!(held(kit).await, STAKE);
}

pub(crate) async fn release_voids_what_is_unsigned(kit: &Kit) {
    let order = kit.reserved(1).await;
    // A dead transaction is no signature that counts.
    kit.sign(attempt(1, 1), 1).await.unwrap();
    kit.change(operation_id(1), 2, OperationChange::Bury).await.unwrap();
    kit.step(order.id, OrderEvent::Unservable(RefundReason::Operator)).await.unwrap();
    assert_eq!(state(kit, &order).await, OperationState::Cancelled);
    assert_eq!(held(kit).await, Sun::ZERO);
    assert_eq!(kit.sign(attempt(1, 2), 3).await, Err(CHANGED));
}

pub(crate) async fn release_refuses_what_is_signed(kit: &Kit) {
    let order = kit.reserved(1).await;
    kit.sign(attempt(1, 1), 1).await.unwrap();
    let refused = kit.step(order.id, OrderEvent::Unservable(RefundReason::Operator)).await;
    assert_eq!(refused, Err(StoreError::Conflict("delegations of the order")));
    assert_eq!(kit.order(order.id).await, order);
    assert_eq!(held(kit).await, STAKE);
}

pub(crate) async fn work_tells_all(kit: &Kit) {
    let order = kit.reserved(1).await;
    let work = kit.store.account_work(account_id(1), 10).await.unwrap();
    assert_eq!(work.len(), 1);
    assert_eq!((&work[0].newest, work[0].payment_block), (&None, Some(delivery(1, 0))));
    assert_eq!(work[0].operation, kit.operation(order.id, operation_id(1)).await);
    assert!(!work[0].sibling_live);

    kit.blocks(2..=3).await;
    let bound = |height, fork| Attempt { reference: head(height, fork).block, ..attempt(1, 1) };
    kit.sign(bound(3, 0), 1).await.unwrap();
    let canonical = async || {
        let work = kit.store.account_work(account_id(1), 10).await.unwrap();
        (work[0].newest.as_ref().unwrap().reference_canonical, work[0].payment_block.is_some())
    };
    assert_eq!(canonical().await, (true, true));
    kit.store.rewind(head(2, 0).block, slot(3)).await.unwrap();
    assert_eq!(canonical().await, (false, true));
    let other = block(3, 1, Vec::new(), Vec::new());
    kit.store.record_blocks(vec![other], head(0, 0), slot(4)).await.unwrap();
    assert_eq!(canonical().await, (false, true));
    // What lies below the first block that was read was solid before anybody looked.
    kit.change(operation_id(1), 2, OperationChange::Bury).await.unwrap();
    let early = Attempt { reference: head(0, 5).block, ..attempt(1, 2) };
    kit.sign(early, 3).await.unwrap();
    assert_eq!(canonical().await, (true, true));
    assert!(kit.store.account_work(account_id(2), 10).await.unwrap().is_empty());
    assert!(kit.store.account_work(account_id(1), 0).await.unwrap().is_empty());
}

pub(crate) async fn reclaims_one_at_a_time(kit: &Kit) {
    // Two rentals of one account to one receiver: the chain merges them, so they are taken back one by one.
    kit.account(1, 10).await;
    let mut orders = Vec::new();
    for n in 1..=2 {
        let recipient = crate::kit::address(1_001);
        let made = kit.create(Order { recipient, ..crate::kit::order(n) }).await;
        let paid = crate::kit::payment(n, made.amount_due(1).unwrap().get());
        let at = i64::try_from(n).unwrap();
        kit.block(at, 0, vec![paid.clone()]).await;
        assert!(kit.settle(paid.id, made.id).await);
        let funding = crate::kit::funding(&paid, at);
        let block = funding.block.block;
        kit.step(made.id, OrderEvent::PaymentMatched(funding)).await.unwrap();
        let bound = leyden_domain::order::Confirmation::ForkBound { block };
        kit.step(made.id, OrderEvent::PaymentConfirmed(bound)).await.unwrap();
        let funded = kit.order(made.id).await;
        kit.reserve(n, &funded, 1).await.unwrap();
        let bound = Attempt { reference: block, ..attempt(n, 1) };
        kit.sign(bound, 1).await.unwrap();
        kit.step(made.id, OrderEvent::DelegationSigned).await.unwrap();
        orders.push(kit.order(made.id).await);
    }
    let work = kit.store.account_work(account_id(1), 10).await.unwrap();
    assert!(work.iter().all(|work| !work.sibling_live), "delegations do not wait for each other");
    let events = (1..).zip(&orders).map(|(n, order)| delegated(&attempt(n, 1), order, 1)).collect::<Vec<_>>();
    kit.events(3, events, 3).await;
    for height in 4..=13 {
        kit.events(height, Vec::new(), height).await;
    }
    for (n, order) in (1..).zip(&orders) {
        kit.change(operation_id(n), 2, OperationChange::Include(delivery(3, 0))).await.unwrap();
        kit.change(operation_id(n), 3, OperationChange::Solidify(delivery(3, 0))).await.unwrap();
        let delivered = next(order, &OrderEvent::Delivered(slot(3)));
        let ended = leyden_domain::order::step(&delivered.order, &OrderEvent::RentalEnded, slot(13)).unwrap();
        let commit = OrderCommit {
            transitions: vec![delivered, ended],
            reclaims: vec![ReclaimDraft { id: operation_id(10 + n), delegation: operation_id(n) }],
            note: None,
            durability: Durability::Strict,
        };
        kit.store.commit_order(commit).await.unwrap();
    }
    let answers = kit
        .store
        .record_attempts(vec![
            AttemptCommit { operation_version: 1, attempt: attempt(11, 1) },
            AttemptCommit { operation_version: 5, attempt: attempt(12, 1) },
        ])
        .await
        .unwrap();
    assert_eq!(answers, [Ok(()), Err(CHANGED)]);
    let work = kit.store.account_work(account_id(1), 10).await.unwrap();
    let live: Vec<_> = work.iter().map(|work| (work.operation.id, work.sibling_live)).collect();
    assert_eq!(live, [(operation_id(11), false), (operation_id(12), true)]);
}

pub(crate) async fn a_transaction_is_of_one_operation(kit: &Kit) {
    for n in 1..=3 {
        kit.reserved(n).await;
    }
    kit.sign(attempt(1, 1), 1).await.unwrap();
    // The same effect signed twice within the same second is the same transaction.
    let same = Attempt { tx_id: attempt(1, 1).tx_id, ..attempt(2, 1) };
    let commits = [same, attempt(3, 1)].map(|attempt| AttemptCommit { operation_version: 1, attempt });
    let answers = kit.store.record_attempts(commits.to_vec()).await.unwrap();
    assert_eq!(answers, [Err(StoreError::Conflict("attempt")), Ok(())]);
    let left = kit.operation(crate::kit::order_id(2), operation_id(2)).await;
    assert_eq!((left.state, left.attempts, left.version), (OperationState::Intended, 0, 1));
}
