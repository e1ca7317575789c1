//! Refunds: begun once, counted against the guard in their own commit, followed by what was sent, signed by warrant, and
//! moved by people with their reasons.

use crate::kit::{
    Kit, PRICE, account_id, address, attempt, block, block_id, delivery, head, key_id, operation_id, order,
    order_id, payment, slot,
};
use leyden_domain::{
    AccountId, Asset, Energy, Height, RefundId, Span, Sun, Timestamp, UsdtMicro,
    chain::SentTransfer,
    operation::{Operation, OperationKind, OperationState},
    order::{CountRule, Order, OrderStateKind},
    payment::{Payment, PaymentState, SuspenseReason},
    refund::{
        Amounts, GuardTrip, Operator, OperatorAction, OperatorRefusal, Refund, RefundEvent, RefundHold,
        RefundPolicy, RefundState, RefundStateKind, SpendGuard, Spent, Subject, open, step, terms_of,
    },
};
use leyden_ports::store::{
    BlockCommit, NewRefundAccount, OperationChange, Page, RefundCommit, RefundDraft, RefundFilter,
    RefundTarget, RefundTransfer, RefundWish, StoreError, Transfer, WarrantError, WishError, WriteOff,
};

const LOST: PaymentState = PaymentState::Suspense { reason: SuspenseReason::NoOrder };

fn refund_id(n: u64) -> RefundId {
    let mut entropy = [0; 10];
    entropy[2..].copy_from_slice(&n.to_be_bytes());
    RefundId::new(slot(1), entropy)
}

fn amounts(sun: i64) -> Amounts {
    Amounts { trx: Sun::new(sun), usdt: UsdtMicro::new(sun) }
}

fn policy() -> RefundPolicy {
    RefundPolicy { suspense_delay: Span::ZERO, fee: amounts(10), ..RefundPolicy::switched_off() }
}

/// Records a block and that it is solid.
async fn solid(kit: &Kit, height: i64, payments: Vec<Payment>, sent: Vec<SentTransfer>) {
    let commit = BlockCommit { sent, ..block(height, 0, payments, Vec::new()) };
    kit.store.record_blocks(vec![commit], head(height, 0), slot(height)).await.unwrap();
}

/// Payment `n` of 1,000 and some is in block `height`, solid, and matches nothing; its refund, not begun.
async fn unmatched(kit: &Kit, n: u64, height: i64) -> RefundDraft {
    solid(kit, height, vec![payment(n, 1_000 + i64::try_from(n).unwrap())], Vec::new()).await;
    assert!(kit.route(payment(n, 0).id, LOST).await);
    draft(kit, n, height).await
}

async fn draft(kit: &Kit, n: u64, height: i64) -> RefundDraft {
    let payment = kit.payment(payment(n, 0).id).await;
    let subject =
        Subject { payment: payment.clone(), order: None, delivered_for_good: false, read_behind: Span::ZERO };
    let now = slot(height);
    let owed = terms_of(&subject, payment.from, Height::new(height), now, &policy()).unwrap();
    RefundDraft { refund: open(refund_id(n), &payment, &owed, now), payment }
}

async fn begin(kit: &Kit, draft: RefundDraft) -> Refund {
    let id = draft.refund.id;
    let answers = kit.store.open_refunds(vec![draft]).await.unwrap();
    assert_eq!(answers, [Ok(())]);
    kit.store.refund(id).await.unwrap().unwrap()
}

async fn account(kit: &Kit) -> AccountId {
    let new = NewRefundAccount { id: account_id(77), address: address(777), permission_id: Some(3) };
    kit.store.upsert_refund_account(new, slot(1)).await.unwrap().id
}

/// The commit that intends a refund's transfer as operation `n`.
fn intend(refund: &Refund, n: u64, guard: SpendGuard, now: Timestamp) -> RefundCommit {
    let operation = Operation {
        id: operation_id(n),
        order: refund.order,
        account: account_id(77),
        owner: address(777),
        receiver: refund.to,
        balance: Sun::new(refund.amount()),
        energy: Energy::ZERO,
        kind: OperationKind::Refund { refund: refund.id, asset: refund.asset },
        state: OperationState::Intended,
        attempts: 0,
        delivery: None,
        failure: None,
        version: 0,
        created_at: now,
    };
    RefundCommit {
        transition: step(refund, &RefundEvent::Intended(operation.id), now).unwrap(),
        order: None,
        transfer: Some(RefundTransfer { operation, guard }),
        note: None,
    }
}

fn sent(n: u64, refund: &Refund, succeeded: bool) -> SentTransfer {
    SentTransfer {
        tx_id: attempt(n, 1).tx_id,
        asset: refund.asset,
        from: address(777),
        to: refund.to,
        amount: refund.amount(),
        succeeded,
    }
}

pub(crate) async fn a_refund_begins_once_and_of_what_is_solid(kit: &Kit) {
    let first = unmatched(kit, 1, 1).await;
    assert_eq!(kit.store.unrefunded(Height::new(1), None, 10).await.unwrap().len(), 1);
    let refund = begin(kit, first.clone()).await;
    assert_eq!(refund, first.refund);
    let again = RefundDraft { refund: Refund { id: refund_id(9), ..first.refund.clone() }, ..first.clone() };
    assert_eq!(kit.store.open_refunds(vec![again]).await.unwrap(), [Err(StoreError::Conflict("payment"))]);
    assert!(kit.store.unrefunded(Height::new(1), None, 10).await.unwrap().is_empty());
    assert_eq!(kit.store.refund_of(first.payment.id).await.unwrap(), Some(refund));

    // One that is not solid yet, and one whose bucket is another meanwhile.
    kit.block(2, 0, vec![payment(2, 1_002)]).await;
    kit.route(payment(2, 0).id, LOST).await;
    let early = draft(kit, 2, 2).await;
    assert_eq!(kit.store.open_refunds(vec![early]).await.unwrap(), [Err(StoreError::Conflict("payment"))]);
    let mut other = unmatched(kit, 3, 3).await;
    other.payment.state = PaymentState::Unrouted;
    assert_eq!(kit.store.open_refunds(vec![other]).await.unwrap(), [Err(StoreError::Conflict("payment"))]);
    let listed =
        kit.store.list_refunds(&RefundFilter::default(), &Page { after: None, limit: 10 }).await.unwrap();
    assert_eq!(listed.len(), 1);
}

pub(crate) async fn the_guard_is_asked_in_the_commit(kit: &Kit) {
    account(kit).await;
    let mut refunds = Vec::new();
    for n in 1..=3 {
        let height = i64::try_from(n).unwrap();
        let draft = unmatched(kit, n, height).await;
        refunds.push(begin(kit, draft).await);
    }
    let guard = SpendGuard { per_hour: amounts(2_000), ..SpendGuard::default() };
    let now = slot(10);
    assert_eq!(kit.store.commit_refund(intend(&refunds[0], 1, guard, now)).await, Ok(Ok(())));
    assert_eq!(kit.store.commit_refund(intend(&refunds[1], 2, guard, now)).await, Ok(Ok(())));
    let third = intend(&refunds[2], 3, guard, now);
    assert_eq!(kit.store.commit_refund(third).await, Ok(Err(GuardTrip::PerHour)));
    let left = kit.store.refund(refunds[2].id).await.unwrap().unwrap();
    assert_eq!(left, refunds[2], "nothing was written");
    assert_eq!(
        kit.store.spent(Asset::Trx, now, Sun::ZERO).await,
        Ok(Spent { hour: 991 + 992, day: 991 + 992 })
    );
    let later = now.plus(Span::from_hours(1));
    assert_eq!(kit.store.spent(Asset::Trx, later, Sun::ZERO).await, Ok(Spent { hour: 0, day: 991 + 992 }));
    assert_eq!(kit.store.spent(Asset::Usdt, now, Sun::ZERO).await, Ok(Spent::default()));
    assert_eq!(kit.store.commit_refund(intend(&left, 3, guard, later)).await, Ok(Ok(())));
    // The same again finds another version.
    let again = kit.store.commit_refund(intend(&left, 4, guard, later)).await;
    assert_eq!(again, Err(StoreError::Conflict("refund")));
}

pub(crate) async fn a_transfer_is_followed_by_what_was_sent(kit: &Kit) {
    let acting = account(kit).await;
    let draft = unmatched(kit, 1, 1).await;
    let refund = begin(kit, draft).await;
    let none = SpendGuard::default();
    kit.store.commit_refund(intend(&refund, 1, none, slot(2))).await.unwrap().unwrap();
    kit.sign(attempt(1, 1), 0).await.unwrap();
    let work = |kit: &Kit| {
        let store = std::sync::Arc::clone(&kit.store);
        async move { store.account_work(acting, 10).await.unwrap() }
    };
    let newest = |work: &[leyden_domain::operation::OperationWork]| work[0].newest.clone().unwrap();
    assert_eq!((newest(&work(kit).await).included, newest(&work(kit).await).failed), (None, None));

    // In a block without effect; that block leaves; then in one with.
    let held = BlockCommit { sent: vec![sent(1, &refund, false)], ..block(2, 0, Vec::new(), Vec::new()) };
    kit.store.record_blocks(vec![held], head(1, 0), slot(2)).await.unwrap();
    let seen = newest(&work(kit).await);
    assert!(seen.included.is_none() && seen.failed.is_some());
    kit.store.rewind(head(1, 0).block, slot(2)).await.unwrap();
    assert_eq!(newest(&work(kit).await).failed, None);
    let held = BlockCommit {
        sent: vec![sent(1, &refund, true)],
        parent: block_id(1, 0),
        ..block(2, 1, Vec::new(), Vec::new())
    };
    kit.store.record_blocks(vec![held], head(1, 0), slot(2)).await.unwrap();
    let seen = newest(&work(kit).await).included.unwrap();
    kit.change(operation_id(1), 1, OperationChange::Include(seen)).await.unwrap();
    let next = BlockCommit { parent: block_id(2, 1), ..block(3, 1, Vec::new(), Vec::new()) };
    kit.store.record_blocks(vec![next], head(2, 1), slot(3)).await.unwrap();
    assert!(kit.store.refund_work(slot(3), None, 10).await.unwrap().is_empty());
    kit.change(operation_id(1), 2, OperationChange::Solidify(seen)).await.unwrap();

    let due = kit.store.refund_work(slot(3), None, 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].transfer.as_ref().unwrap().state, OperationState::Solid);
    let transition = step(&due[0].refund, &RefundEvent::TransferSolid, slot(3)).unwrap();
    let commit = RefundCommit { transition, order: None, transfer: None, note: None };
    kit.store.commit_refund(commit).await.unwrap().unwrap();
    let detail = kit.store.refund_detail(refund.id).await.unwrap().unwrap();
    assert_eq!(detail.refund.state.kind(), RefundStateKind::Refunded);
    assert_eq!(detail.transfers[0].1, Some(attempt(1, 1).tx_id));
    let told: Vec<_> = detail.history.iter().map(|line| line.event.as_str()).collect();
    assert_eq!(told, ["opened", "intended", "transfer_solid"]);
}

pub(crate) async fn a_warrant_is_for_exactly_what_is_intended(kit: &Kit) {
    account(kit).await;
    let draft = unmatched(kit, 1, 1).await;
    let refund = begin(kit, draft).await;
    let none = SpendGuard::default();
    let exact = Transfer { asset: Asset::Trx, from: address(777), to: refund.to, amount: refund.amount() };
    assert_eq!(kit.store.warrant(exact, none).await, Err(WarrantError::None));
    kit.store.commit_refund(intend(&refund, 1, none, slot(2))).await.unwrap().unwrap();
    let warrant = kit.store.warrant(exact, none).await.unwrap();
    assert_eq!((warrant.operation, warrant.attempts, warrant.permission_id), (operation_id(1), 0, Some(3)));
    assert_eq!(warrant.now, slot(1), "of the newest block");
    for other in [
        Transfer { amount: exact.amount + 1, ..exact },
        Transfer { to: address(1), ..exact },
        Transfer { from: address(1), ..exact },
        Transfer { asset: Asset::Usdt, ..exact },
    ] {
        assert_eq!(kit.store.warrant(other, none).await, Err(WarrantError::None), "{other:?}");
    }
    let tight = SpendGuard { per_day: amounts(5), ..none };
    assert_eq!(kit.store.warrant(exact, tight).await, Err(WarrantError::Guard(GuardTrip::PerDay)));
    kit.sign(attempt(1, 1), 0).await.unwrap();
    assert_eq!(kit.store.warrant(exact, none).await, Err(WarrantError::Signed));
    kit.change(operation_id(1), 1, OperationChange::Include(delivery(2, 0))).await.unwrap();
    assert_eq!(kit.store.warrant(exact, none).await, Err(WarrantError::Signed), "in a block too");
}

fn wish(target: RefundTarget, action: OperatorAction, by: u64, policy: &RefundPolicy) -> RefundWish {
    let operator = Operator { key: key_id(by), reason: format!("reason {by}") };
    RefundWish { target, action, operator, policy: policy.clone(), id: refund_id(500), now: slot(5) }
}

pub(crate) async fn people_move_refunds_with_their_reasons(kit: &Kit) {
    let draft = unmatched(kit, 1, 1).await;
    let payment = RefundTarget::Payment(draft.payment.id);
    let large = RefundPolicy { four_eyes_above: amounts(1), ..policy() };
    // It begins with the first wish about its payment.
    let held = kit.store.wish(wish(payment, OperatorAction::Hold, 1, &large)).await.unwrap().refund;
    assert_eq!(held.state, RefundState::Held { why: RefundHold::Operator, retry_at: None });
    let to = address(4_242);
    let set = OperatorAction::SetAddress { to };
    let answer = kit.store.wish(wish(payment, set, 1, &large)).await.unwrap();
    assert!(answer.is_proposed && answer.refund.to != to);
    let version = answer.refund.version;
    let approve = OperatorAction::Approve { version };
    let own = kit.store.wish(wish(payment, approve, 1, &large)).await;
    assert_eq!(own, Err(WishError::Refused(OperatorRefusal::Own)));
    let unseen = OperatorAction::Approve { version: version - 1 };
    let other = kit.store.wish(wish(payment, unseen, 2, &large)).await;
    assert_eq!(other, Err(WishError::Refused(OperatorRefusal::Changed { version })));
    let agreed = kit.store.wish(wish(payment, approve, 2, &large)).await.unwrap();
    assert_eq!((agreed.refund.to, agreed.refund.address_set_by), (to, Some(key_id(1))));
    let target = RefundTarget::Refund(agreed.refund.id);
    let kept = kit.store.wish(wish(target, OperatorAction::Forfeit, 1, &policy())).await.unwrap();
    assert_eq!(kept.refund.state.kind(), RefundStateKind::Kept);
    let late = kit.store.wish(wish(target, OperatorAction::Release, 1, &policy())).await;
    assert!(matches!(late, Err(WishError::Refused(OperatorRefusal::Step(_)))), "{late:?}");
    let detail = kit.store.refund_detail(kept.refund.id).await.unwrap().unwrap();
    let by: Vec<_> = detail.history.iter().filter_map(|line| line.by.clone()).collect();
    assert_eq!(by, [1, 1, 2, 1].map(|n| key_id(n).to_string()));
    assert!(detail.history.iter().filter(|line| line.by.is_some()).all(|line| line.note.is_some()));
    let nobody = RefundTarget::Refund(refund_id(4_711));
    let refused = kit.store.wish(wish(nobody, OperatorAction::Hold, 1, &policy())).await;
    assert_eq!(refused, Err(WishError::Nothing));
}

/// Whoever lets go what would go anyway is noted, for it may turn out to want two people.
pub(crate) async fn whoever_releases_what_is_due_has_said_so(kit: &Kit) {
    let draft = unmatched(kit, 1, 1).await;
    let release = |by| wish(RefundTarget::Payment(draft.payment.id), OperatorAction::Release, by, &policy());
    let silent = Operator { key: key_id(1), reason: " ".to_owned() };
    let refused = kit.store.wish(RefundWish { operator: silent, ..release(1) }).await;
    assert_eq!(refused, Err(WishError::Refused(OperatorRefusal::NoReason)));
    let due = kit.store.wish(release(1)).await.unwrap().refund;
    assert_eq!((&due.state, due.decided_by.key()), (&RefundState::Due, Some(key_id(1))));
    // Asked for again, be it by another, it is what it was.
    assert_eq!(kit.store.wish(release(2)).await.unwrap().refund, due);
    let detail = kit.store.refund_detail(due.id).await.unwrap().unwrap();
    assert_eq!(detail.refund, due);
    let said: Vec<_> =
        detail.history.iter().filter_map(|line| line.by.clone().zip(line.note.clone())).collect();
    assert_eq!(said, [(key_id(1).to_string(), "release: reason 1".to_owned())]);
}

pub(crate) async fn a_payment_is_assigned_to_an_order_that_waits(kit: &Kit) {
    let made = kit.create(order(1)).await;
    let odd = PRICE.get() + 7;
    solid(kit, 1, vec![payment(1, odd)], Vec::new()).await;
    kit.route(payment(1, 0).id, LOST).await;
    let target = RefundTarget::Payment(payment(1, 0).id);
    let assign = |n| OperatorAction::Assign { order: order_id(n) };
    let none = kit.store.wish(wish(target, assign(99), 1, &policy())).await;
    assert_eq!(none, Err(WishError::NoOrder));
    assert!(kit.store.refund_of(payment(1, 0).id).await.unwrap().is_none(), "nothing was written");
    let answer = kit.store.wish(wish(target, assign(1), 1, &policy())).await.unwrap();
    assert_eq!(answer.assigned, Some(made.id));
    assert_eq!(answer.refund.state, RefundState::Withdrawn);
    let paid = kit.payment(payment(1, 0).id).await;
    assert_eq!(paid.state, PaymentState::Settles { order: made.id, count: 1, excess: Sun::new(7) });
    let detail = kit.store.order_detail(made.id).await.unwrap().unwrap();
    assert_eq!(detail.payment, Some(paid));
    assert_eq!(detail.order.state.kind(), OrderStateKind::AwaitingPayment);
}

/// Money leaves the refund account by nobody we know.
fn strange(n: u64, succeeded: bool) -> SentTransfer {
    SentTransfer {
        tx_id: attempt(900 + n, 1).tx_id,
        asset: Asset::Trx,
        from: address(777),
        to: address(5),
        amount: 1,
        succeeded,
    }
}

pub(crate) async fn what_nothing_explains_stops_refunds(kit: &Kit) {
    account(kit).await;
    let draft = unmatched(kit, 1, 1).await;
    let refund = begin(kit, draft).await;
    let none = SpendGuard::default();
    // A call that failed moved nothing.
    solid(kit, 2, Vec::new(), vec![strange(1, false)]).await;
    assert!(kit.store.strange_transfers(10).await.unwrap().is_empty());
    solid(kit, 3, Vec::new(), vec![strange(2, true)]).await;
    let found = kit.store.strange_transfers(10).await.unwrap();
    assert_eq!(found.iter().map(|found| found.sent).collect::<Vec<_>>(), [strange(2, true)]);
    let stopped = || Err(StoreError::Halted(leyden_domain::halt::HaltCause::BrokenInvariant));
    assert_eq!(kit.store.commit_refund(intend(&refund, 1, none, slot(4))).await, stopped());
    assert_eq!(kit.store.refund(refund.id).await.unwrap(), Some(refund.clone()), "nothing was written");
    let book = kit.store.book().await.unwrap();
    let broken = leyden_domain::invariants::sent_is_explained(&book);
    assert_eq!(broken.len(), 1, "{broken:?}");
    let part = kit.store.book_part(None, 10).await.unwrap().book;
    assert_eq!(leyden_domain::invariants::sent_is_explained(&part), broken);

    let operator = Operator { key: key_id(1), reason: "moved by hand".to_owned() };
    let unknown = WriteOff { tx_id: attempt(999, 1).tx_id, operator: operator.clone() };
    assert_eq!(kit.store.write_off(unknown).await, Ok(false));
    let known = WriteOff { tx_id: strange(2, true).tx_id, operator };
    for _ in 0..2 {
        assert_eq!(kit.store.write_off(known.clone()).await, Ok(true));
    }
    assert!(kit.store.strange_transfers(10).await.unwrap().is_empty());
    assert!(leyden_domain::invariants::sent_is_explained(&kit.store.book().await.unwrap()).is_empty());
    // Also where its block is undone and it comes back in another.
    kit.block(4, 0, Vec::new()).await;
    kit.store.commit_refund(intend(&refund, 1, none, slot(4))).await.unwrap().unwrap();

    // What is ours is stored before it is sent, and explains itself.
    kit.sign(attempt(1, 1), 0).await.unwrap();
    solid(kit, 5, Vec::new(), vec![sent(1, &refund, true)]).await;
    assert!(kit.store.strange_transfers(10).await.unwrap().is_empty());
    // Between the commit that intends a transfer and its signing too.
    let draft = unmatched(kit, 2, 6).await;
    let second = begin(kit, draft).await;
    kit.store.commit_refund(intend(&second, 2, none, slot(6))).await.unwrap().unwrap();
    solid(kit, 7, Vec::new(), vec![strange(3, true)]).await;
    let exact = Transfer { asset: Asset::Trx, from: address(777), to: second.to, amount: second.amount() };
    let halted = leyden_domain::halt::HaltCause::BrokenInvariant;
    assert_eq!(kit.store.warrant(exact, none).await, Err(WarrantError::Halted(halted)));
    let operator = Operator { key: key_id(1), reason: "moved by hand too".to_owned() };
    assert_eq!(kit.store.write_off(WriteOff { tx_id: strange(3, true).tx_id, operator }).await, Ok(true));
    assert!(kit.store.warrant(exact, none).await.is_ok());
}

pub(crate) async fn the_fees_of_tokens_count(kit: &Kit) {
    account(kit).await;
    let usdt = Payment { asset: Asset::Usdt, ..payment(1, 5_000) };
    solid(kit, 1, vec![usdt], Vec::new()).await;
    assert!(kit.route(payment(1, 0).id, LOST).await);
    let first = draft(kit, 1, 1).await;
    let first = begin(kit, first).await;
    let guard = SpendGuard { per_day: amounts(10_000), token_fee: Sun::new(9_500), ..SpendGuard::default() };
    let tight = SpendGuard { token_fee: Sun::new(10_001), ..guard };
    let refused = kit.store.commit_refund(intend(&first, 1, tight, slot(2))).await;
    assert_eq!(refused, Ok(Err(GuardTrip::PerDay)), "one alone would burn more than may leave");
    kit.store.commit_refund(intend(&first, 1, guard, slot(2))).await.unwrap().unwrap();
    let way = kit.store.on_its_way().await.unwrap();
    assert_eq!((way.trx, way.usdt, way.usdt_transfers), (0, first.amount(), 1));
    let coins = kit.store.spent(Asset::Trx, slot(2), guard.token_fee).await.unwrap();
    assert_eq!(coins, Spent { hour: 9_500, day: 9_500 });
    // One more of TRX would be beyond the day, with what the token may have burnt.
    let second = unmatched(kit, 2, 2).await;
    let second = begin(kit, second).await;
    assert_eq!(kit.store.commit_refund(intend(&second, 2, guard, slot(3))).await, Ok(Err(GuardTrip::PerDay)));
    // What was signed and came to nothing has burnt it all the same.
    kit.sign(attempt(1, 1), 0).await.unwrap();
    let failed = OperationChange::Fail(leyden_domain::operation::RefusalMeaning::ExecutionFailed);
    kit.change(operation_id(1), 1, failed).await.unwrap();
    let why = RefundHold::NoKey;
    let sending = kit.store.refund(first.id).await.unwrap().unwrap();
    let event = RefundEvent::TransferFailed { why, retry_at: None };
    let transition = step(&sending, &event, slot(3)).unwrap();
    let commit = RefundCommit { transition, order: None, transfer: None, note: None };
    kit.store.commit_refund(commit).await.unwrap().unwrap();
    assert_eq!(kit.store.spent(Asset::Usdt, slot(3), guard.token_fee).await, Ok(Spent::default()));
    let coins = kit.store.spent(Asset::Trx, slot(3), guard.token_fee).await.unwrap();
    assert_eq!(coins, Spent { hour: 9_500, day: 9_500 });
}

pub(crate) async fn chain_time_that_went_back_hides_nothing(kit: &Kit) {
    account(kit).await;
    let mut refunds = Vec::new();
    for n in 1..=2 {
        let draft = unmatched(kit, n, i64::try_from(n).unwrap()).await;
        refunds.push(begin(kit, draft).await);
    }
    let guard = SpendGuard { per_hour: amounts(1_500), ..SpendGuard::default() };
    kit.store.commit_refund(intend(&refunds[0], 1, guard, slot(20))).await.unwrap().unwrap();
    // The head was undone, and its time with it.
    let earlier = kit.store.commit_refund(intend(&refunds[1], 2, guard, slot(19))).await;
    assert_eq!(earlier, Ok(Err(GuardTrip::PerHour)));
}

pub(crate) async fn a_warrant_wants_two_for_another_address(kit: &Kit) {
    account(kit).await;
    let draft = unmatched(kit, 1, 1).await;
    let begun = begin(kit, draft).await;
    let none = SpendGuard::default();
    // As no rule of the domain would leave it: one person alone has set the address.
    let alone = Refund { to: address(4_242), address_set_by: Some(key_id(1)), ..begun.clone() };
    let mut commit = intend(&alone, 1, none, slot(2));
    commit.transition.from_version = begun.version;
    kit.store.commit_refund(commit).await.unwrap().unwrap();
    let exact = Transfer { asset: Asset::Trx, from: address(777), to: alone.to, amount: alone.amount() };
    assert_eq!(kit.store.warrant(exact, none).await, Err(WarrantError::None));

    let draft = unmatched(kit, 2, 2).await;
    let begun = begin(kit, draft).await;
    let (one, other) = (Some(key_id(1)), Some(key_id(2)));
    let set = Refund { to: address(4_243), address_set_by: one, address_approved_by: one, ..begun.clone() };
    kit.store.commit_refund(intend(&set, 2, none, slot(2))).await.unwrap().unwrap();
    let exact = Transfer { asset: Asset::Trx, from: address(777), to: set.to, amount: set.amount() };
    assert_eq!(kit.store.warrant(exact, none).await, Err(WarrantError::None));

    let draft = unmatched(kit, 3, 3).await;
    let begun = begin(kit, draft).await;
    let set = Refund { to: address(4_244), address_set_by: one, address_approved_by: other, ..begun };
    kit.store.commit_refund(intend(&set, 3, none, slot(3))).await.unwrap().unwrap();
    assert_eq!(kit.store.refund(set.id).await.unwrap().unwrap().address_approved_by, other);
    let exact = Transfer { asset: Asset::Trx, from: address(777), to: set.to, amount: set.amount() };
    assert_eq!(kit.store.warrant(exact, none).await.map(|warrant| warrant.operation), Ok(operation_id(3)));
    // The invariant says so of the two others; a person mends them.
    let book = kit.store.book().await.unwrap();
    assert_eq!(leyden_domain::invariants::refund_fits_its_payment(&book).len(), 2);
    for n in [1, 2] {
        let wrong = kit.store.refund(refund_id(n)).await.unwrap().unwrap();
        let by_two = Refund { address_set_by: one, address_approved_by: other, ..wrong.clone() };
        let mended = Refund { version: wrong.version + 1, ..by_two };
        let transition = leyden_domain::refund::RefundTransition {
            refund: mended,
            from_version: wrong.version,
            from: wrong.state.kind(),
            event: "mended",
        };
        let commit = RefundCommit { transition, order: None, transfer: None, note: None };
        kit.store.commit_refund(commit).await.unwrap().unwrap();
    }
}

pub(crate) async fn what_was_read_late_is_known(kit: &Kit) {
    let late =
        BlockCommit { behind: Span::from_hours(2), ..block(1, 0, vec![payment(1, 1_000)], Vec::new()) };
    kit.store.record_blocks(vec![late], head(1, 0), slot(1)).await.unwrap();
    assert!(kit.route(payment(1, 0).id, LOST).await);
    kit.block(2, 0, vec![payment(2, 1_000)]).await;
    assert!(kit.route(payment(2, 0).id, LOST).await);
    let subjects = kit.store.unrefunded(Height::new(2), None, 10).await.unwrap();
    let behind: Vec<_> = subjects.iter().map(|subject| subject.read_behind).collect();
    assert_eq!(behind, [Span::from_hours(2), Span::ZERO]);
}

/// An order for three transfers; payment 1 has brought two of them, solid, and its refund waits. The order.
async fn too_little(kit: &Kit) -> (Order, Refund) {
    let made = kit.create(Order { count: CountRule::Fixed { count: 3 }, ..order(1) }).await;
    let first = made.amount_due(2).unwrap().get();
    solid(kit, 1, vec![payment(1, first)], Vec::new()).await;
    assert!(kit.route(payment(1, 0).id, PaymentState::Under { order: made.id }).await);
    let paid = kit.payment(payment(1, 0).id).await;
    let subject = Subject {
        payment: paid.clone(),
        order: Some(made.clone()),
        delivered_for_good: false,
        read_behind: Span::ZERO,
    };
    let now = slot(1);
    let owed = terms_of(&subject, paid.from, Height::new(1), now, &policy()).unwrap();
    assert!(matches!(owed.state, RefundState::Waiting { .. }), "{owed:?}");
    let refund = open(refund_id(1), &paid, &owed, now);
    let refund = begin(kit, RefundDraft { refund, payment: paid }).await;
    (made, refund)
}

pub(crate) async fn two_payments_pay_for_one_order(kit: &Kit) {
    let (made, refund) = too_little(kit).await;
    let mut rest = payment(2, PRICE.get());
    rest.from = kit.payment(payment(1, 0).id).await.from;
    kit.block(2, 0, vec![rest.clone()]).await;
    let unrouted = kit.store.unrouted_payments(10).await.unwrap();
    let begun = unrouted[0].candidates.iter().find_map(|candidate| candidate.begun).unwrap();
    assert_eq!((begun.paid, begun.is_ready), (made.amount_due(2).unwrap(), true));
    let settles = PaymentState::Settles { order: made.id, count: 3, excess: Sun::ZERO };
    // As long as somebody is about to complete it the order does not expire.
    assert!(
        !kit.route(rest.id, PaymentState::Settles { order: made.id, count: 3, excess: Sun::new(1) }).await
    );
    assert!(kit.route(rest.id, settles).await);
    assert!(!kit.route(rest.id, settles).await, "once");
    assert_eq!(kit.payment(payment(1, 0).id).await.state, PaymentState::Part { order: made.id });
    assert_eq!(kit.store.refund(refund.id).await.unwrap().unwrap().state, RefundState::Withdrawn);
    assert!(
        kit.store.refund_work(slot(100_000), None, 10).await.unwrap().is_empty(),
        "nobody looks at it again"
    );
    assert!(kit.store.unrefunded(Height::new(2), None, 10).await.unwrap().is_empty());
    let detail = kit.store.order_detail(made.id).await.unwrap().unwrap();
    assert_eq!(detail.payment.unwrap().id, rest.id);
    solid(kit, 3, Vec::new(), Vec::new()).await;
    let violations = leyden_domain::invariants::check_all(&kit.store.book().await.unwrap());
    assert!(violations.is_empty(), "{violations:?}");
}

pub(crate) async fn parts_go_back_with_their_order(kit: &Kit) {
    let (made, refund) = too_little(kit).await;
    // Of another sender it completes nothing; of one whose refund a person holds neither.
    let mut rest = payment(2, PRICE.get());
    kit.block(2, 0, vec![rest.clone()]).await;
    let settles = PaymentState::Settles { order: made.id, count: 3, excess: Sun::ZERO };
    assert_ne!(rest.from, kit.payment(payment(1, 0).id).await.from);
    assert!(!kit.route(rest.id, settles).await);
    assert!(kit.route(rest.id, LOST).await);
    rest = Payment { from: kit.payment(payment(1, 0).id).await.from, ..payment(3, PRICE.get()) };
    kit.block(3, 0, vec![rest.clone()]).await;
    let target = RefundTarget::Refund(refund.id);
    let held = kit.store.wish(wish(target, OperatorAction::Hold, 1, &policy())).await.unwrap().refund;
    assert!(!kit.route(rest.id, settles).await);
    // Let go, it is on its way: too late.
    let waiting = Refund { state: refund.state.clone(), version: held.version + 1, ..held.clone() };
    let transition = leyden_domain::refund::RefundTransition {
        refund: waiting,
        from_version: held.version,
        from: RefundStateKind::Held,
        event: "released",
    };
    let commit = RefundCommit { transition, order: None, transfer: None, note: None };
    kit.store.commit_refund(commit).await.unwrap().unwrap();
    assert!(kit.route(rest.id, settles).await);
    assert_eq!(kit.payment(payment(1, 0).id).await.state, PaymentState::Part { order: made.id });
    // The block of the rest leaves, and the order gives it up: what came before waits for its refund again.
    kit.store.rewind(head(2, 0).block, slot(3)).await.unwrap();
    let other = Payment { from: address(4_711), ..payment(4, made.amount_due(3).unwrap().get()) };
    let next = BlockCommit { parent: block_id(2, 0), ..block(3, 1, vec![other.clone()], Vec::new()) };
    kit.store.record_blocks(vec![next], head(2, 0), slot(3)).await.unwrap();
    assert!(kit.route(other.id, settles).await);
    assert_eq!(kit.payment(payment(1, 0).id).await.state, PaymentState::Under { order: made.id });
    let work = kit.store.refund_work(slot(4), None, 10).await.unwrap();
    assert_eq!(work.iter().map(|work| work.refund.id).collect::<Vec<_>>(), [refund.id]);
}
