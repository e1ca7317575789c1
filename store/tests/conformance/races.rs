//! Many callers at once: one wins, and nobody pays for another's failure.

use crate::kit::{Kit, STAKE, attempt, commit, key_id, new, next, order, order_id, reserve, slot};
use futures_util::{FutureExt as _, future::join_all};
use leyden_domain::order::{Order, OrderEvent, OrderStateKind, Party};
use leyden_ports::store::{AttemptCommit, CreateRefusal, Created, IdempotencyKey, NewOrder, StoreError};

pub(crate) async fn one_of_many_claims(kit: &Kit) {
    let made = kit.create(order(1)).await;
    let cancel = commit(vec![next(&made, &OrderEvent::Cancelled(Party::Customer))]);
    let answers = join_all((0..20).map(|_| kit.store.commit_order(cancel.clone()))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let lost = answers.iter().filter(|answer| **answer == Err(StoreError::Conflict("order"))).count();
    assert_eq!(lost, 19);

    let reserved = kit.reserved(2).await;
    let tries = join_all((0..20).map(|n| {
        let attempt =
            leyden_domain::operation::Attempt { tx_id: crate::kit::tx_id(7_000 + n), ..attempt(2, 1) };
        kit.store.record_attempts(vec![AttemptCommit { operation_version: 1, attempt }])
    }))
    .await;
    let stored = tries.into_iter().filter(|answer| answer.as_ref().unwrap()[0].is_ok()).count();
    assert_eq!(stored, 1);
    assert_eq!(kit.operations(reserved.id).await[0].attempts, 1);
}

pub(crate) async fn one_key_many_callers(kit: &Kit) {
    let key = IdempotencyKey {
        caller: key_id(1).to_string(),
        route: "orders".to_owned(),
        key: "k".to_owned(),
        body_hash: [3; 32],
        at: slot(1),
    };
    let wish = |n| NewOrder { idempotency: Some(key.clone()), ..new(order(n)) };
    let answers = join_all((1..=20).map(|n| kit.store.create_order(wish(n)))).await;
    let fresh: Vec<Order> = answers
        .iter()
        .filter_map(|answer| match answer {
            Ok(Created::Fresh(order)) => Some(order.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(fresh.len(), 1);
    let replayed = Ok(Created::Replayed(fresh[0].clone()));
    assert_eq!(answers.iter().filter(|answer| **answer == replayed).count(), 19);
    assert_eq!(kit.store.count_orders().await, Ok(vec![(OrderStateKind::AwaitingPayment, 1)]));
}

pub(crate) async fn one_capacity_many_orders(kit: &Kit) {
    kit.account(1, 3).await;
    let mut commits = Vec::new();
    for n in 1..=8 {
        let (order, _) = kit.funded(n).await;
        commits.push(reserve(n, &order, 1));
    }
    let answers = join_all(commits.into_iter().map(|commit| kit.store.reserve(vec![commit]))).await;
    let held = answers.into_iter().filter(|answer| answer.as_ref().unwrap()[0].is_ok()).count();
    assert_eq!(held, 3);
    assert_eq!(kit.store.pool_accounts().await.unwrap()[0].held, STAKE.times(3).unwrap());
}

pub(crate) async fn a_failing_job_fails_alone(kit: &Kit) {
    // All wait at once and so share commits; every third breaks a rule of the schema after it has written.
    let wishes = (1..=60_u64).map(|n| {
        let id = if n % 3 == 0 { order_id(1) } else { order_id(n) };
        new(Order { id, ..order(n) })
    });
    let answers = join_all(wishes.map(|wish| kit.store.create_order(wish))).await;
    for (n, answer) in (1..).zip(answers) {
        if n % 3 == 0 {
            assert!(matches!(answer, Err(CreateRefusal::Store(StoreError::Rule(_)))), "{n}: {answer:?}");
        } else {
            assert!(matches!(answer, Ok(Created::Fresh(_))), "{n}: {answer:?}");
        }
    }
    assert_eq!(kit.store.count_orders().await, Ok(vec![(OrderStateKind::AwaitingPayment, 40)]));
}

pub(crate) async fn a_caller_that_leaves(kit: &Kit) {
    // Polled once, so the job is on its way, and then dropped.
    for n in 1..=10 {
        drop(kit.store.create_order(new(order(n))).now_or_never());
    }
    // Those behind it are served, and what was begun was written whole.
    kit.create(order(11)).await;
    assert_eq!(kit.store.count_orders().await, Ok(vec![(OrderStateKind::AwaitingPayment, 11)]));
    assert_eq!(kit.store.timeline(order_id(10)).await.unwrap().len(), 1);
}
