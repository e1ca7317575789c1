//! Halts: what is open refuses, in the commit itself, whoever decided before it was raised.

use crate::kit::{
    ENERGY, Kit, STAKE, account_id, attempt, block, commit, delegated, head, new, observed, operation_id,
    order, payment, slot, till,
};
use leyden_domain::{
    HaltId, OrderId, PaymentId, Span, Sun, Timestamp,
    halt::{HaltCause, Lift, Limit, Meter},
    invariants,
    operation::{ChainView, OperationWork},
    order::{Channel, OrderEvent, OrderState},
    payment::PaymentState,
    pool::{Observed, PoolAccount},
};
use leyden_ports::store::{
    AttemptCommit, CreateRefusal, Created, IdempotencyKey, LiftRefusal, NewHalt, OperationChange,
    OrderCommit, OrderDetail, Page, Raised, ReclaimDraft, ReserveCommit, Routing, Settlement, StoreError,
    UnroutedPayment,
};
use std::sync::Arc;

fn halt_id(n: u8) -> HaltId {
    HaltId::new(slot(i64::from(n)), [n; 10])
}

fn a_halt(n: u8, cause: HaltCause) -> NewHalt {
    NewHalt {
        id: halt_id(n),
        cause,
        detail: "because".to_owned(),
        evidence: vec!["one: a".to_owned(), "two: b".to_owned()],
        at: slot(i64::from(n)),
        by: "test".to_owned(),
    }
}

async fn raise(kit: &Kit, n: u8, cause: HaltCause) {
    assert!(matches!(kit.store.raise_halt(a_halt(n, cause)).await, Ok(Raised::Fresh(_))));
}

fn a_lift(n: i64) -> Lift {
    Lift { at: slot(n), by: "somebody".to_owned(), reason: "seen".to_owned() }
}

pub(crate) async fn one_is_open_for_each_cause(kit: &Kit) {
    assert_eq!(kit.store.open_halts().await, Ok(Vec::new()));
    raise(kit, 1, HaltCause::Operator).await;
    raise(kit, 2, HaltCause::BurntPerDay).await;
    let Ok(Raised::Open(open)) = kit.store.raise_halt(a_halt(3, HaltCause::Operator)).await else {
        panic!("a second one was raised")
    };
    assert_eq!((open.id, open.evidence.len(), open.raised_by.as_str()), (halt_id(1), 2, "test"));
    let causes: Vec<_> = kit.store.open_halts().await.unwrap().iter().map(|halt| halt.cause).collect();
    assert_eq!(causes, [HaltCause::Operator, HaltCause::BurntPerDay]);
    let listed = kit.store.list_halts(&Page { after: None, limit: 1 }).await.unwrap();
    assert_eq!(listed[0].id, halt_id(2));
    let after = Some((listed[0].since, listed[0].id.to_string()));
    let rest = kit.store.list_halts(&Page { after, limit: 9 }).await.unwrap();
    assert_eq!(rest.iter().map(|halt| halt.id).collect::<Vec<_>>(), [halt_id(1)]);
}

pub(crate) async fn lifted_once_with_a_reason(kit: &Kit) {
    raise(kit, 1, HaltCause::BrokenInvariant).await;
    assert_eq!(kit.store.lift_halt(halt_id(9), a_lift(5)).await, Err(LiftRefusal::NoHalt));
    let lifted = kit.store.lift_halt(halt_id(1), a_lift(5)).await.unwrap();
    assert_eq!(lifted.lifted, Some(a_lift(5)));
    let again = kit.store.lift_halt(halt_id(1), a_lift(6)).await;
    assert!(matches!(again, Err(LiftRefusal::NotOpen(halt)) if halt.lifted == Some(a_lift(5))));
    assert_eq!(kit.store.halt(halt_id(1)).await, Ok(Some(lifted)));
    let cause = HaltCause::BrokenInvariant;
    assert_eq!(kit.store.last_lift(cause).await, Ok(Some(slot(5))));
    assert_eq!(kit.store.last_lift(HaltCause::Operator).await, Ok(None));
    assert_eq!(kit.store.lifted_evidence(cause, 5).await, Ok(vec!["one: a".into(), "two: b".into()]));
    raise(kit, 2, cause).await;
}

/// Rules that would serve whatever comes, and say what they were asked.
struct Never;

#[async_trait::async_trait]
impl Settlement for Never {
    fn route(&self, _: &[UnroutedPayment], _: ChainView) -> Vec<Routing> {
        panic!("payments are served while money stands still")
    }

    fn advance(&self, _: &OrderDetail, _: ChainView) -> Option<OrderCommit> {
        None
    }

    fn allocate(&self, _: &OrderDetail, _: &mut [PoolAccount], _: ChainView) -> Option<ReserveCommit> {
        None
    }

    async fn sign(&self, _: Vec<OperationWork>, _: &[PoolAccount], _: ChainView) -> Vec<AttemptCommit> {
        Vec::new()
    }
}

pub(crate) async fn nothing_new_is_begun(kit: &Kit) {
    let reserved = kit.reserved(1).await;
    let (funded, _) = kit.funded(2).await;
    kit.account(2, 3).await;
    raise(kit, 1, HaltCause::RefundsPerDay).await;
    let halted = || StoreError::Halted(HaltCause::RefundsPerDay);
    assert_eq!(kit.store.create_order(new(order(3))).await, Err(CreateRefusal::Store(halted())));
    assert_eq!(kit.reserve(2, &funded, 2).await, Err(halted()), "no capacity is held");
    assert_eq!(kit.sign(attempt(1, 1), 1).await, Err(halted()), "what is intended is not signed");
    // A payment is recorded, and not served in its block's commit; nor is an order made of it.
    let tip = kit.store.chain_position().await.unwrap().unwrap().view.head.height().get();
    let paid = payment(7, 1_000_000);
    let of = block(tip + 1, 0, vec![paid.clone()], Vec::new());
    let settled = kit.store.settle_blocks(vec![of], head(0, 0), slot(9), Arc::new(Never)).await.unwrap();
    assert!(settled.orders.is_empty() && settled.accounts.is_empty());
    let recorded = kit.payment(paid.id).await;
    assert_eq!(recorded.state, PaymentState::Unrouted);
    assert!(!sale(kit, paid.id).await, "no order is made of it");
    kit.store.lift_halt(halt_id(1), a_lift(5)).await.unwrap();
    kit.sign(attempt(1, 1), 1).await.unwrap();
    assert_eq!(kit.operations(reserved.id).await.len(), 1);
    kit.create(order(3)).await;
}

/// Tries to make an order of a payment.
async fn sale(kit: &Kit, id: PaymentId) -> bool {
    let paid = kit.payment(id).await;
    let funding = crate::kit::funding(&paid, paid.block.unwrap().block.height().get());
    let made = leyden_domain::order::Order {
        channel: Channel::Orderless,
        tail: Sun::ZERO,
        payment_address: till(),
        state: OrderState::Paid { funding },
        version: 0,
        ..order(70)
    };
    let state = PaymentState::Settles { order: made.id, count: 1, excess: Sun::ZERO };
    let routing = Routing { payment: id, state, new_order: Some(Box::new(made)) };
    !kit.store.route_payments(vec![routing], slot(1)).await.unwrap().is_empty()
}

/// Brings order 1 to the end of its rental, its delegation solid.
async fn delivered(kit: &Kit) -> leyden_domain::order::Order {
    let order = kit.reserved(1).await;
    kit.blocks(2..=4).await;
    kit.sign(attempt(1, 1), 1).await.unwrap();
    kit.step(order.id, OrderEvent::DelegationSigned).await.unwrap();
    order
}

pub(crate) async fn what_was_begun_is_ended(kit: &Kit) {
    let order = delivered(kit).await;
    raise(kit, 1, HaltCause::Operator).await;
    kit.events(5, vec![delegated(&attempt(1, 1), &order, 1)], 5).await;
    kit.change(operation_id(1), 2, OperationChange::Include(crate::kit::delivery(5, 0))).await.unwrap();
    kit.change(operation_id(1), 3, OperationChange::Solidify(crate::kit::delivery(5, 0))).await.unwrap();
    assert!(kit.operation(order.id, operation_id(1)).await.state.took_effect());
}

pub(crate) async fn doubted_books_take_nothing_back(kit: &Kit) {
    let order = delivered(kit).await;
    kit.events(5, vec![delegated(&attempt(1, 1), &order, 1)], 5).await;
    kit.change(operation_id(1), 2, OperationChange::Include(crate::kit::delivery(5, 0))).await.unwrap();
    kit.change(operation_id(1), 3, OperationChange::Solidify(crate::kit::delivery(5, 0))).await.unwrap();
    kit.step(order.id, OrderEvent::Delivered(slot(5))).await.unwrap();
    raise(kit, 1, HaltCause::ForkBelowSolid).await;
    for height in 6..=16 {
        kit.events(height, Vec::new(), height).await;
    }
    let active = kit.order(order.id).await;
    let over = active.state.ends_at().unwrap();
    let ended = leyden_domain::order::step(&active, &OrderEvent::RentalEnded, over).unwrap();
    let reclaims = vec![ReclaimDraft { id: operation_id(2), delegation: operation_id(1) }];
    let taking_back = OrderCommit { reclaims, ..commit(vec![ended]) };
    let refused = kit.store.commit_order(taking_back.clone()).await;
    assert_eq!(refused, Err(StoreError::Halted(HaltCause::ForkBelowSolid)));
    kit.store.lift_halt(halt_id(1), a_lift(5)).await.unwrap();
    // A person's stop does not keep energy out.
    raise(kit, 2, HaltCause::Operator).await;
    kit.store.commit_order(taking_back).await.unwrap();
}

pub(crate) async fn falls_of_a_balance_are_counted(kit: &Kit) {
    let id = kit.account(1, 1).await;
    let before = kit.store.pool_accounts().await.unwrap()[0].observed.unwrap();
    let at = |height: i64, balance: i64| Observed {
        balance: Sun::new(balance),
        asked_at: slot(height),
        ..observed(before.staked, height)
    };
    let start = before.balance.get().max(1_000);
    kit.store.observe_account(id, at(10, start)).await.unwrap();
    let since = slot(10);
    let counted = async || kit.store.metered(Meter::Burnt, since).await.unwrap();
    let base = counted().await;
    kit.store.observe_account(id, at(11, start - 300)).await.unwrap();
    kit.store.observe_account(id, at(11, start - 300)).await.unwrap();
    kit.store.observe_account(id, at(12, start + 5_000)).await.unwrap();
    kit.store.observe_account(id, at(13, start + 4_900)).await.unwrap();
    // Older than what is known: ignored, and not a fall.
    kit.store.observe_account(id, at(12, 1)).await.unwrap();
    assert_eq!(counted().await - base, 400);
    assert_eq!(kit.store.metered(Meter::Burnt, slot(13)).await, Ok(100));
    assert_eq!(kit.store.forget_falls(slot(13)).await.map(|gone| gone > 0), Ok(true));
    assert_eq!(kit.store.metered(Meter::Burnt, Timestamp::from_ms(0)).await, Ok(100));
}

pub(crate) async fn energy_is_counted(kit: &Kit) {
    let order = kit.reserved(1).await;
    let made = kit.operation(order.id, operation_id(1)).await;
    assert_eq!((made.account, made.balance), (account_id(1), STAKE));
    let counted = kit.store.metered(Meter::Energy, made.created_at).await;
    assert_eq!(counted, Ok(made.energy.get()));
    assert!(made.energy >= ENERGY);
    let later = Timestamp::from_ms(made.created_at.ms() + 1);
    assert_eq!(kit.store.metered(Meter::Energy, later).await, Ok(0));
    kit.change(operation_id(1), 1, OperationChange::Cancel).await.unwrap();
    assert_eq!(kit.store.metered(Meter::Energy, made.created_at).await, Ok(0));
}

pub(crate) async fn a_part_of_the_books_is_whole_in_itself(kit: &Kit) {
    kit.reserved(1).await;
    kit.funded(2).await;
    for n in 3..=7 {
        kit.create(order(n)).await;
    }
    let mut seen: Vec<OrderId> = Vec::new();
    let mut after = None;
    loop {
        let part = kit.store.book_part(after, 2).await.unwrap();
        let found = invariants::check_part(&part.book);
        assert!(found.is_empty(), "{found:#?}");
        let held = invariants::check_held(&part.book.accounts, &part.held);
        assert!(held.is_empty(), "{held:#?}");
        seen.extend(part.book.orders.iter().map(|order| order.id));
        after = part.next;
        if after.is_none() {
            break;
        }
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 7, "the round sees every order");
}

pub(crate) async fn orders_are_replayed_in_spite_of_a_halt(kit: &Kit) {
    let key = IdempotencyKey {
        caller: "c".to_owned(),
        route: "orders".to_owned(),
        key: "k".to_owned(),
        body_hash: [1; 32],
        at: slot(1),
    };
    let mut wish = new(order(1));
    wish.idempotency = Some(key);
    let Ok(Created::Fresh(made)) = kit.store.create_order(wish.clone()).await else { panic!("not made") };
    raise(kit, 1, HaltCause::Operator).await;
    assert_eq!(kit.store.create_order(wish).await, Ok(Created::Replayed(made)));
}

pub(crate) async fn a_second_reason_is_kept_with_the_first(kit: &Kit) {
    raise(kit, 1, HaltCause::BrokenInvariant).await;
    let again = NewHalt { id: halt_id(2), ..a_halt(1, HaltCause::BrokenInvariant) };
    let Ok(Raised::Open(open)) = kit.store.raise_halt(again.clone()).await else { panic!("a second one") };
    assert_eq!((open.detail.as_str(), open.evidence.len()), ("because", 2), "known is not said twice");
    let other = NewHalt {
        detail: "something else".to_owned(),
        evidence: vec!["three: c".to_owned()],
        by: "another".to_owned(),
        ..again
    };
    let Ok(Raised::Open(open)) = kit.store.raise_halt(other).await else { panic!("a second one") };
    assert_eq!(open.evidence, ["one: a", "two: b", "three: c"]);
    assert_eq!((open.detail.as_str(), open.raised_by.as_str()), ("because\nsomething else", "test, another"));
    assert_eq!(kit.store.open_halts().await, Ok(vec![open]), "whoever lifts it sees both");
    kit.store.lift_halt(halt_id(1), a_lift(5)).await.unwrap();
    let seen = kit.store.lifted_evidence(HaltCause::BrokenInvariant, 5).await.unwrap();
    assert_eq!(seen, ["one: a", "two: b", "three: c"]);
}

const AN_HOUR: Span = Span::from_hours(1);

fn energy_limit(most: i64) -> Limit {
    Limit { meter: Meter::Energy, cause: HaltCause::EnergyPerHour, window: AN_HOUR, most }
}

pub(crate) async fn energy_beyond_a_limit_is_not_held(kit: &Kit) {
    kit.account(1, 9).await;
    let limit = energy_limit(ENERGY.get() * 2 + 1);
    let mut commits = Vec::new();
    for n in 1..=4 {
        let (funded, _) = kit.funded(n).await;
        let mut commit = crate::kit::reserve(n, &funded, 1);
        commit.limits = vec![(limit, halt_id(u8::try_from(n).unwrap()))];
        commits.push(commit);
    }
    let answers = kit.store.reserve(commits.clone()).await.unwrap();
    let halted = || Err(StoreError::Halted(HaltCause::EnergyPerHour));
    assert_eq!(answers, [Ok(()), Ok(()), halted(), halted()], "not one that is beyond it");
    let open = kit.store.open_halts().await.unwrap();
    assert_eq!(open.len(), 1, "raised in the same commit");
    assert_eq!((open[0].id, open[0].evidence.clone()), (halt_id(3), vec![limit.name()]));
    assert_eq!(kit.store.metered(Meter::Energy, slot(0)).await, Ok(ENERGY.get() * 2));
    // Whoever lifts it has seen those two.
    kit.store.lift_halt(halt_id(3), a_lift(1)).await.unwrap();
    let last = commits.pop().unwrap();
    let later = crate::kit::reserve(4, &kit.order(last.operations[0].order.unwrap()).await, 1);
    let mut later = ReserveCommit { limits: vec![(limit, halt_id(9))], ..later };
    for operation in &mut later.operations {
        operation.created_at = slot(3);
    }
    assert_eq!(kit.store.reserve(vec![later]).await, Ok(vec![Ok(())]));
}

/// Whoever lifts a halt may have a clock that is an hour ahead, or behind: what was counted before is seen, and what
/// comes after counts.
pub(crate) async fn a_lift_counts_by_what_is_counted(kit: &Kit) {
    let order = kit.reserved(1).await;
    let made = kit.operation(order.id, operation_id(1)).await.created_at;
    let behind = Timestamp::from_ms(made.ms() + 1);
    for (n, lifted_at) in [(1, made.plus(AN_HOUR)), (2, made.minus(AN_HOUR))] {
        raise(kit, n, HaltCause::EnergyPerHour).await;
        let lift = Lift { at: lifted_at, ..a_lift(1) };
        kit.store.lift_halt(halt_id(n), lift).await.unwrap();
        assert_eq!(kit.store.last_lift(HaltCause::EnergyPerHour).await, Ok(Some(behind)));
    }
    let limit = energy_limit(1);
    let from = limit.counts_from(behind, kit.store.last_lift(HaltCause::EnergyPerHour).await.unwrap());
    assert_eq!(kit.store.metered(Meter::Energy, from).await, Ok(0));
    let (funded, _) = kit.funded(2).await;
    kit.account(2, 3).await;
    let mut next = crate::kit::reserve(2, &funded, 2);
    next.operations[0].created_at = behind;
    assert_eq!(kit.store.reserve(vec![next]).await, Ok(vec![Ok(())]));
    assert_eq!(
        kit.store.metered(Meter::Energy, from).await,
        Ok(ENERGY.get()),
        "counted, whatever the lifter's clock"
    );
}

pub(crate) async fn what_is_gone_was_not_seen(kit: &Kit) {
    let cause = HaltCause::BrokenInvariant;
    raise(kit, 1, cause).await;
    kit.store.lift_halt(halt_id(1), a_lift(5)).await.unwrap();
    kit.store.evidence_gone(cause, vec!["two: b".to_owned(), "never: c".to_owned()]).await.unwrap();
    assert_eq!(kit.store.lifted_evidence(cause, 5).await, Ok(vec!["one: a".to_owned()]));
    // It came again, was raised again, and seen again.
    raise(kit, 2, cause).await;
    kit.store.lift_halt(halt_id(2), a_lift(6)).await.unwrap();
    let seen = kit.store.lifted_evidence(cause, 5).await.unwrap();
    assert!(seen.contains(&"two: b".to_owned()), "{seen:?}");
}

pub(crate) async fn a_fall_that_a_fork_undoes_is_counted_once(kit: &Kit) {
    let id = kit.account(1, 1).await;
    for height in 1..=4 {
        kit.block(height, 0, Vec::new()).await;
    }
    let before = kit.store.pool_accounts().await.unwrap()[0].observed.unwrap();
    let at = |height: i64, asked: i64, balance: i64| Observed {
        balance: Sun::new(balance),
        asked_at: slot(asked),
        ..observed(before.staked, height)
    };
    kit.store.observe_account(id, at(2, 20, 9_000)).await.unwrap();
    let counted = async || kit.store.metered(Meter::Burnt, slot(20)).await.unwrap();
    let base = counted().await;
    kit.store.observe_account(id, at(4, 21, 8_600)).await.unwrap();
    assert_eq!(counted().await - base, 400);
    // Its block is undone, and the transfer is in one again, before anybody has looked in between or after.
    for (found, asked) in [(None, 22), (Some(9_000), 24)] {
        kit.store.rewind(head(2, 0).block, slot(30)).await.unwrap();
        assert_eq!(counted().await - base, 0);
        if let Some(balance) = found {
            kit.store.observe_account(id, at(3, asked, balance)).await.unwrap();
        }
        kit.blocks(3..=4).await;
        kit.store.observe_account(id, at(4, asked + 1, 8_600)).await.unwrap();
        assert_eq!(counted().await - base, 400, "once");
    }
}
