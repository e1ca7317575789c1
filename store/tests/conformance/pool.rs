//! Pool accounts: nothing is promised twice.

use crate::kit::{
    Kit, STAKE, account_id, address, attempt, delivery, head, observed, operation_id, reserve, slot,
};
use leyden_domain::{AccountId, Height, Sun, pool::AccountState};
use leyden_ports::store::{NewPoolAccount, OperationChange, StoreError};

const FULL: StoreError = StoreError::Conflict("pool account");

async fn only(kit: &Kit) -> leyden_domain::pool::PoolAccount {
    let accounts = kit.store.pool_accounts().await.unwrap();
    assert_eq!(accounts.len(), 1);
    accounts.into_iter().next().unwrap()
}

pub(crate) async fn accounts_are_known_once(kit: &Kit) {
    let new = NewPoolAccount { id: account_id(1), address: address(5_001), permission_id: None };
    let first = kit.store.upsert_pool_account(new.clone(), slot(0)).await.unwrap();
    assert_eq!((first.id, first.number, first.version), (account_id(1), 1, 1));
    assert_eq!((first.observed, first.held, first.unseen), (None, Sun::ZERO, Sun::ZERO));
    assert_eq!(kit.store.upsert_pool_account(new.clone(), slot(1)).await, Ok(first.clone()));
    // The address names it: another id is not taken over, the permission is.
    let again = NewPoolAccount { id: account_id(2), permission_id: Some(2), ..new };
    let again = kit.store.upsert_pool_account(again, slot(1)).await.unwrap();
    assert_eq!((again.id, again.permission_id), (first.id, Some(2)));
    assert_eq!(only(kit).await, again);
    let unknown = set_state(kit, account_id(9), AccountState::Ready, AccountState::Broke).await;
    assert_eq!(unknown, Err(FULL));
}

async fn set_state(
    kit: &Kit,
    id: AccountId,
    expected: AccountState,
    state: AccountState,
) -> Result<bool, StoreError> {
    kit.store.set_account_state(id, expected, state, "by hand", slot(1)).await
}

pub(crate) async fn a_state_is_left_only_for_a_reason_that_holds(kit: &Kit) {
    let id = kit.account(1, 1).await;
    assert_eq!(set_state(kit, id, AccountState::Ready, AccountState::Disabled).await, Ok(true));
    let disabled = only(kit).await;
    assert_eq!(disabled.state, AccountState::Disabled);
    // Decided while it was in service: what the operator said since stands, and nothing is written.
    assert_eq!(set_state(kit, id, AccountState::Ready, AccountState::Broke).await, Ok(false));
    assert_eq!(set_state(kit, id, AccountState::Broke, AccountState::Ready).await, Ok(false));
    assert_eq!(only(kit).await, disabled);
    assert_eq!(set_state(kit, id, AccountState::Disabled, AccountState::Ready).await, Ok(true));
    assert_eq!(only(kit).await.state, AccountState::Ready);
}

pub(crate) async fn old_observations_are_ignored(kit: &Kit) {
    let id = kit.account(1, 1).await;
    kit.store.observe_account(id, observed(Sun::from_trx(50), 7)).await.unwrap();
    kit.store.observe_account(id, observed(Sun::from_trx(40), 6)).await.unwrap();
    assert_eq!(only(kit).await.observed, Some(observed(Sun::from_trx(50), 7)));
    kit.store.observe_account(id, observed(Sun::from_trx(60), 7)).await.unwrap();
    assert_eq!(only(kit).await.observed, Some(observed(Sun::from_trx(60), 7)));
    assert_eq!(kit.store.observe_account(account_id(9), observed(STAKE, 1)).await, Err(FULL));
}

pub(crate) async fn capacity_is_guarded(kit: &Kit) {
    let id = kit.account(1, 1).await;
    let (one, _) = kit.funded(1).await;
    let (two, _) = kit.funded(2).await;
    assert_eq!(set_state(kit, id, AccountState::Ready, AccountState::Disabled).await, Ok(true));
    assert_eq!(kit.reserve(1, &one, 1).await, Err(FULL));
    assert_eq!(set_state(kit, id, AccountState::Disabled, AccountState::Ready).await, Ok(true));
    kit.reserve(1, &one, 1).await.unwrap();
    assert_eq!(kit.reserve(2, &two, 1).await, Err(FULL));
    // The refused order is as it was, and nothing of it is left behind.
    assert_eq!(kit.order(two.id).await, two);
    assert!(kit.operations(two.id).await.is_empty());
    let account = only(kit).await;
    assert_eq!((account.held, account.unseen, account.available()), (STAKE, STAKE, Sun::ZERO));
    // The same order again: it changed.
    assert_eq!(kit.reserve(3, &one, 1).await, Err(StoreError::Conflict("order")));

    // More stake, but the chain lets less go than the books would.
    let less = leyden_domain::pool::Observed { delegatable: STAKE, ..observed(STAKE.times(5).unwrap(), 1) };
    kit.store.observe_account(id, less).await.unwrap();
    assert_eq!(kit.reserve(2, &two, 1).await, Err(FULL));
    kit.store.observe_account(id, observed(STAKE.times(2).unwrap(), 2)).await.unwrap();
    kit.reserve(2, &two, 1).await.unwrap();
}

pub(crate) async fn one_refused_reservation_leaves_the_others(kit: &Kit) {
    kit.account(1, 2).await;
    let mut commits = Vec::new();
    for n in 1..=3 {
        let (order, _) = kit.funded(n).await;
        commits.push(reserve(n, &order, 1));
    }
    commits.insert(1, commits[0].clone());
    let answers = kit.store.reserve(commits).await.unwrap();
    assert_eq!(answers, [Ok(()), Err(StoreError::Conflict("order")), Ok(()), Err(FULL)]);
    assert_eq!(only(kit).await.held, STAKE.times(2).unwrap());
}

pub(crate) async fn unseen_is_what_the_chain_has_not_shown(kit: &Kit) {
    let order = kit.reserved(1).await;
    kit.blocks(2..=4).await;
    kit.sign(attempt(1, 1), 1).await.unwrap();
    assert_eq!(only(kit).await.unseen, STAKE);
    let event = crate::kit::delegated(&attempt(1, 1), &order, 1);
    kit.events(5, vec![event], 0).await;
    kit.change(operation_id(1), 2, OperationChange::Include(delivery(5, 0))).await.unwrap();
    assert_eq!(only(kit).await.unseen, STAKE);
    for (height, unseen) in [(4, STAKE), (5, Sun::ZERO), (6, Sun::ZERO)] {
        let stake = STAKE.times(10).unwrap();
        kit.store.observe_account(account_id(1), observed(stake, height)).await.unwrap();
        let account = only(kit).await;
        assert_eq!((account.unseen, account.held), (unseen, STAKE), "seen at {height}");
    }
}

pub(crate) async fn what_an_undone_branch_showed_is_unseen(kit: &Kit) {
    let order = kit.reserved(1).await;
    kit.blocks(2..=4).await;
    kit.sign(attempt(1, 1), 1).await.unwrap();
    kit.events(5, vec![crate::kit::delegated(&attempt(1, 1), &order, 1)], 0).await;
    kit.change(operation_id(1), 2, OperationChange::Include(delivery(5, 0))).await.unwrap();
    kit.blocks(6..=7).await;
    let stake = STAKE.times(10).unwrap();
    kit.store.observe_account(account_id(1), observed(stake, 6)).await.unwrap();
    // What is undone above the observation does not touch it.
    let seen = only(kit).await;
    kit.store.rewind(head(6, 0).block, slot(8)).await.unwrap();
    assert_eq!((only(kit).await, seen.unseen), (seen, Sun::ZERO));

    kit.store.rewind(head(4, 0).block, slot(8)).await.unwrap();
    let account = only(kit).await;
    assert_eq!((account.observed.unwrap().at, account.unseen), (Height::new(4), STAKE));
    // The new branch is lower than what was seen of the old one, and is believed.
    kit.store.observe_account(account_id(1), observed(Sun::from_trx(90_000), 5)).await.unwrap();
    assert_eq!(only(kit).await.observed, Some(observed(Sun::from_trx(90_000), 5)));
}
