//! Money that bought nothing goes back: each kind of wrong payment end to end, with the chain as the judge, through
//! guards, holds, second persons, forks and kills; once, and to the right address.

use crate::world::{PATIENCE, PRICE, REFUND_FEE, World, payment_address, refund_address};
use leyden_domain::{
    Address, ApiKeyId, Asset, Height, Span, Sun, Timestamp, UsdtMicro,
    halt::{HaltCause, Lift},
    order::{CountRule, OrderEvent, OrderState, OrderStateKind as S, RefundReason},
    payment::PaymentState,
    refund::{
        Amounts, KeptBy, Operator, OperatorAction, OperatorRefusal, Refund, RefundHold, RefundState,
        RefundStateKind as K, SpendGuard,
    },
};
use leyden_ports::{
    ChainReader, SignError,
    store::{RefundFilter, RefundTarget, WishError, WriteOff},
};
use leyden_sim::{ForkPlan, keys};

/// To be of the refund as it is.
const APPROVE: OperatorAction = OperatorAction::Approve { version: 0 };

fn operator(n: u8) -> Operator {
    Operator { key: ApiKeyId::new(Timestamp::from_ms(1), [n; 10]), reason: format!("because of {n}") }
}

impl World {
    async fn refunds(&self) -> Vec<Refund> {
        let page = leyden_ports::store::Page { after: None, limit: 100 };
        self.ports.store.list_refunds(&RefundFilter::default(), &page).await.unwrap()
    }

    /// The only refund.
    async fn refund(&self) -> Refund {
        let refunds = self.refunds().await;
        assert_eq!(refunds.len(), 1, "{refunds:#?}");
        refunds.into_iter().next().unwrap()
    }

    /// Mines until the only refund is in this state.
    async fn mine_until_refund(&self, state: K) -> Refund {
        for _ in 0..300 {
            if self.refunds().await.first().is_some_and(|refund| refund.state.kind() == state) {
                return self.refund().await;
            }
            self.block().await;
        }
        panic!("the refund never became {}: {:#?}", state.name(), self.refunds().await);
    }

    /// What the chain says the refund account has sent to an address: each transfer's amount.
    async fn sent_to(&self, to: Address, asset: Asset) -> Vec<i64> {
        let head = ChainReader::head(&self.node).await.unwrap();
        let mut sent = Vec::new();
        for height in 1..=head.height().get() {
            let Some(block) = self.node.block(Height::new(height)).await.unwrap() else { continue };
            let ours = block
                .transfers
                .iter()
                .filter(|t| t.from == refund_address() && t.to == to && t.asset == asset)
                .map(|t| t.amount);
            sent.extend(ours);
        }
        sent
    }

    /// A person says what the transfers were that are not ours, and lifts what they have stopped.
    async fn explain_all(&self) {
        for strange in self.ports.store.strange_transfers(10).await.unwrap() {
            let tx_id = strange.sent.tx_id;
            assert!(self.ports.store.write_off(WriteOff { tx_id, operator: operator(9) }).await.unwrap());
        }
        for halt in self.ports.store.open_halts().await.unwrap() {
            let lift =
                Lift { at: Timestamp::from_ms(1), by: "a person".to_owned(), reason: "seen".to_owned() };
            self.ports.store.lift_halt(halt.id, lift).await.unwrap();
        }
    }

    async fn wish(&self, action: OperatorAction, by: u8) -> Result<Refund, WishError> {
        let target = RefundTarget::Refund(self.refund().await.id);
        let action = match action {
            // Whoever approves has looked.
            APPROVE => OperatorAction::Approve { version: self.refund().await.version },
            other => other,
        };
        self.handles().refund_wish(target, action, operator(by)).await.map(|answer| answer.refund)
    }

    /// A world whose rules of refunds are changed before its actors start.
    async fn refunding(change: impl FnOnce(&mut leyden_actors::settings::RefundSettings)) -> Self {
        let mut world = Self::new().await;
        change(&mut world.settings.refunds);
        world.start(None).await;
        world
    }
}

#[actix_rt::test]
async fn too_little_goes_back_less_the_fee_when_the_order_has_expired() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 3 }).await;
    let paid = order.amount_due(2).unwrap();
    world.pay(0, paid);
    let waiting = world.mine_until_refund(K::Waiting).await;
    assert_eq!(waiting.state, RefundState::Waiting { until: order.expires_at });
    assert!(world.sent_to(keys::test_address(0), Asset::Trx).await.is_empty());
    world.node.skip(PATIENCE.ms()).unwrap();
    world.mine_until_refund(K::Refunded).await;
    let back = paid.minus(REFUND_FEE).unwrap();
    assert_eq!(world.sent_to(keys::test_address(0), Asset::Trx).await, [back.get()]);
    assert_eq!(world.state(order.id).await, S::Expired);
    world.assert_books().await;
}

#[actix_rt::test]
async fn what_is_over_goes_back_once_the_rest_is_delivered_for_good() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Open { max: 4 }).await;
    world.pay(0, order.amount_due(6).unwrap());
    world.mine_until(order.id, S::Active).await;
    assert!(world.refunds().await.is_empty(), "the delivery may still be undone");
    let refund = world.mine_until_refund(K::Refunded).await;
    assert_eq!(world.state(order.id).await, S::Active, "not only when the rental is over");
    let excess = PRICE.times(2).unwrap();
    assert_eq!((refund.owed, refund.fee), (excess.get(), REFUND_FEE.get()));
    world.mine_until(order.id, S::Completed).await;
    assert_eq!(world.sent_to(keys::test_address(0), Asset::Trx).await, [refund.amount()]);
    world.assert_served_once(0).await;
}

#[actix_rt::test]
async fn a_second_payment_goes_back_and_the_first_is_served() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Open { max: 4 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.mine_until(order.id, S::Active).await;
    let second = order.amount_due(2).unwrap();
    world.pay(1, second);
    world.mine_until_refund(K::Refunded).await;
    let back = second.minus(REFUND_FEE).unwrap().get();
    assert_eq!(world.sent_to(keys::test_address(1), Asset::Trx).await, [back]);
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(0).await;
}

#[actix_rt::test]
async fn a_late_payment_goes_back() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.block().await;
    world.node.skip(PATIENCE.ms() + 3_000).unwrap();
    world.mine_until(order.id, S::Expired).await;
    let paid = order.amount_due(1).unwrap();
    world.pay(0, paid);
    world.mine_until_refund(K::Refunded).await;
    let back = paid.minus(REFUND_FEE).unwrap().get();
    assert_eq!(world.sent_to(keys::test_address(0), Asset::Trx).await, [back]);
    world.assert_books().await;
}

#[actix_rt::test]
async fn what_matches_nothing_goes_back_after_its_delay_and_only_once_solid() {
    let world = World::running().await;
    world.pay(1, Sun::new(777_777));
    world.block().await;
    world.block().await;
    assert!(world.refunds().await.is_empty(), "it is not solid");
    world.mine_until_refund(K::Refunded).await;
    assert_eq!(world.sent_to(keys::test_address(1), Asset::Trx).await, [677_777]);
    for _ in 0..30 {
        world.block().await;
    }
    assert_eq!(world.sent_to(keys::test_address(1), Asset::Trx).await.len(), 1);
    world.assert_books().await;
}

#[actix_rt::test]
async fn an_order_that_cannot_be_served_is_refunded_whole() {
    let mut world = World::new().await;
    world.settings.solid_above = Sun::ZERO;
    world.start(None).await;
    for n in 0..keys::POOL_ACCOUNTS {
        world.lend_all_but(n, 10_000).await;
    }
    world.until_observed().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    let paid = order.amount_due(1).unwrap();
    world.pay(0, paid);
    world.mine_until(order.id, S::Refunding).await;
    world.mine_until(order.id, S::Refunded).await;
    let refund = world.refund().await;
    assert_eq!((refund.fee, refund.owed), (0, paid.get()));
    assert_eq!(world.sent_to(keys::test_address(0), Asset::Trx).await, [paid.get()]);
    world.assert_books().await;
}

#[actix_rt::test]
async fn below_the_minimum_is_kept_by_a_rule_with_a_name() {
    let world = World::running().await;
    world.pay(1, Sun::new(300_000));
    let refund = world.mine_until_refund(K::Kept).await;
    assert_eq!(refund.state, RefundState::Kept { rule: KeptBy::BelowMinimum });
    assert!(world.sent_to(keys::test_address(1), Asset::Trx).await.is_empty());
    world.assert_books().await;
}

#[actix_rt::test]
async fn usdt_goes_back_as_usdt_by_its_contract() {
    let world = World::running().await;
    world.node.stake_energy(keys::test_address(3), Sun::from_trx(20_000).get()).unwrap();
    world.node.transfer_usdt(&keys::test_key(3), payment_address(), 5_000_000).unwrap();
    let refund = world.mine_until_refund(K::Refunded).await;
    assert_eq!(refund.asset, Asset::Usdt);
    let back = 5_000_000 - REFUND_FEE.get();
    assert_eq!(world.sent_to(keys::test_address(3), Asset::Usdt).await, [back]);
    world.assert_books().await;
}

#[actix_rt::test]
async fn a_call_that_fails_on_the_chain_is_not_repeated_and_a_person_looks() {
    // Energy for which nobody pays: the call is in a block, and had no effect.
    let world = World::refunding(|refunds| refunds.fee_limit = Sun::new(1)).await;
    world.node.stake_energy(keys::test_address(3), Sun::from_trx(20_000).get()).unwrap();
    world.node.transfer_usdt(&keys::test_key(3), payment_address(), 5_000_000).unwrap();
    world.mine_until_refund(K::Sending).await;
    let held = world.mine_until_refund(K::Held).await;
    let why = match held.state {
        RefundState::Held { why, retry_at: None } => why.name(),
        other => panic!("{other:?}"),
    };
    assert_eq!(why, "refused");
    let detail = world.ports.store.refund_detail(held.id).await.unwrap().unwrap();
    assert_eq!(detail.transfers.len(), 1);
    assert_eq!(detail.transfers[0].0.attempts, 1, "one fee is lost, and no second one");
    world.assert_books().await;
}

#[actix_rt::test]
async fn the_guard_holds_what_is_too_much_until_an_operator_lets_it_go() {
    let world = World::refunding(|refunds| {
        let most = Amounts { trx: Sun::from_trx(10), usdt: UsdtMicro::ZERO };
        refunds.policy.guard = SpendGuard { per_hour: most, ..SpendGuard::default() };
    })
    .await;
    world.pay(1, Sun::new(7_777_777));
    world.mine_until_refund(K::Refunded).await;
    world.pay(2, Sun::new(6_666_666));
    world
        .mine_while("the guard does not trip", async |world| {
            !world.refunds().await.iter().any(|r| r.state.kind() == K::Held)
        })
        .await;
    let held = world.refunds().await.into_iter().find(|r| r.state.kind() == K::Held).unwrap();
    assert!(matches!(held.state, RefundState::Held { why: RefundHold::Guard { .. }, retry_at: None }));
    for _ in 0..10 {
        world.block().await;
    }
    assert!(world.sent_to(keys::test_address(2), Asset::Trx).await.is_empty());
    let target = RefundTarget::Refund(held.id);
    let asked = world.handles().refund_wish(target, OperatorAction::Release, operator(1)).await.unwrap();
    assert!(!asked.refund.guard_waived && asked.is_proposed, "one person alone waives no guard");
    let approve = OperatorAction::Approve { version: asked.refund.version };
    let released = world.handles().refund_wish(target, approve, operator(2)).await.unwrap();
    assert!(released.refund.guard_waived && !released.is_proposed);
    world
        .mine_while("it is not sent", async |world| {
            world.sent_to(keys::test_address(2), Asset::Trx).await.is_empty()
        })
        .await;
    assert_eq!(world.sent_to(keys::test_address(2), Asset::Trx).await, [6_566_666]);
    world.assert_books().await;
}

#[actix_rt::test]
async fn a_denied_payer_waits_for_an_operator_who_sets_an_address() {
    let mut world = World::new().await;
    world.settings.refunds.policy.denied.insert(keys::test_address(1));
    world.settings.matching.denied_senders.insert(keys::test_address(1));
    world.start(None).await;
    world.pay(1, Sun::new(7_777_777));
    let held = world.mine_until_refund(K::Held).await;
    assert!(matches!(held.state, RefundState::Held { why: RefundHold::DeniedAddress, .. }));
    let ours = OperatorAction::SetAddress { to: payment_address() };
    assert_eq!(world.wish(ours, 1).await, Err(WishError::Refused(OperatorRefusal::Address)));
    let to = keys::test_address(2);
    let asked = world.wish(OperatorAction::SetAddress { to }, 1).await.unwrap();
    assert_eq!((asked.to, asked.proposal.is_some()), (keys::test_address(1), true), "however little it is");
    for _ in 0..10 {
        world.block().await;
    }
    assert!(world.sent_to(to, Asset::Trx).await.is_empty());
    let set = world.wish(APPROVE, 2).await.unwrap();
    assert_eq!((set.to, set.state), (to, RefundState::Due));
    world.mine_until_refund(K::Refunded).await;
    assert_eq!(world.sent_to(to, Asset::Trx).await, [7_677_777]);
    assert!(world.sent_to(keys::test_address(1), Asset::Trx).await.is_empty());
    world.assert_books().await;
}

#[actix_rt::test]
async fn a_large_one_needs_two_people_and_nobody_is_both() {
    let world = World::refunding(|refunds| {
        refunds.policy.four_eyes_above = Amounts { trx: Sun::from_trx(5), usdt: UsdtMicro::ZERO };
    })
    .await;
    world.pay(1, Sun::new(7_777_777));
    let held = world.mine_until_refund(K::Held).await;
    assert!(matches!(held.state, RefundState::Held { why: RefundHold::NeedsApproval, .. }));
    let to = keys::test_address(2);
    let proposed = world.wish(OperatorAction::SetAddress { to }, 1).await.unwrap();
    assert!(proposed.proposal.is_some() && proposed.to == keys::test_address(1));
    assert_eq!(world.wish(APPROVE, 1).await, Err(WishError::Refused(OperatorRefusal::Own)));
    let release = world.wish(OperatorAction::Release, 2).await;
    assert_eq!(release, Err(WishError::Refused(OperatorRefusal::AlreadyProposed)));
    world.wish(APPROVE, 2).await.unwrap();
    // They have seen where it goes and how much it is.
    world.mine_until_refund(K::Refunded).await;
    assert_eq!(world.sent_to(to, Asset::Trx).await, [7_677_777]);
    world.assert_books().await;
}

#[actix_rt::test]
async fn an_operator_assigns_what_matched_nothing_to_an_order_that_waits() {
    let world = World::refunding(|refunds| refunds.policy.suspense_delay = Span::from_secs(600)).await;
    let order = world.order(0, CountRule::Open { max: 3 }).await;
    world.pay(1, Sun::new(3_777_777));
    world.mine_until_refund(K::Waiting).await;
    world.wish(OperatorAction::Assign { order: order.id }, 1).await.unwrap();
    world.mine_until(order.id, S::Completed).await;
    let payment = &world.payments().await[0];
    assert_eq!(payment.state, PaymentState::Settles { order: order.id, count: 2, excess: Sun::new(777_777) });
    // What is less than one more transfer goes back after all.
    world.mine_until_refund(K::Refunded).await;
    assert_eq!(world.sent_to(keys::test_address(1), Asset::Trx).await, [677_777]);
    world.assert_served_once(0).await;
}

#[actix_rt::test]
async fn an_operator_orders_the_refund_of_an_order_that_is_not_served() {
    let mut world = World::new().await;
    world.settings.capacity_patience = Span::from_hours(10);
    world.start(None).await;
    for n in 0..keys::POOL_ACCOUNTS {
        world.lend_all_but(n, 10_000).await;
    }
    world.until_observed().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    let refused = world.handles().refund_order(order.id, &operator(1)).await;
    assert!(matches!(refused, Err(leyden_actors::RefundOrderError::NotPaid(_))), "{refused:?}");
    world.pay(0, order.amount_due(1).unwrap());
    world.mine_until(order.id, S::Funded).await;
    world.handles().refund_order(order.id, &operator(1)).await.unwrap();
    world.handles().refund_order(order.id, &operator(1)).await.unwrap();
    world.mine_until(order.id, S::Refunded).await;
    let why = match world.detail(order.id).await.order.state {
        OrderState::Refunded { why, .. } => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(why, RefundReason::OperatorKey { key: operator(1).key });
    assert_eq!(world.sent_to(keys::test_address(0), Asset::Trx).await.len(), 1);
    world.assert_books().await;
}

#[actix_rt::test]
async fn a_fork_takes_a_refund_back_and_it_lands_once() {
    let world = World::running().await;
    world.pay(1, Sun::new(7_777_777));
    world.mine_until_refund(K::Sending).await;
    world
        .mine_while("it is not sent", async |world| {
            world.sent_to(keys::test_address(1), Asset::Trx).await.is_empty()
        })
        .await;
    world.node.fork(&ForkPlan::of_depth(2)).unwrap();
    world.caught_up().await;
    world.mine_until_refund(K::Refunded).await;
    assert_eq!(world.sent_to(keys::test_address(1), Asset::Trx).await, [7_677_777]);
    world.assert_books().await;
}

#[actix_rt::test]
async fn the_refund_account_fills_up_and_what_was_held_goes_by_itself() {
    let world = World::running().await;
    // All but a few TRX leave the account by its owner's own hand.
    let all = Sun::from_trx(1_000_000 - 3);
    world.node.transfer(&keys::test_key(keys::TEST_ACCOUNTS - 2), keys::test_address(5), all.get()).unwrap();
    for _ in 0..3 {
        world.block().await;
    }
    world.explain_all().await;
    world.pay(1, Sun::new(7_777_777));
    let held = world.mine_until_refund(K::Held).await;
    assert!(
        matches!(held.state, RefundState::Held { why: RefundHold::Balance, retry_at: Some(_) }),
        "{held:?}"
    );
    world.node.fund(refund_address(), Sun::from_trx(100).get()).unwrap();
    world.mine_until_refund(K::Refunded).await;
    assert_eq!(world.sent_to(keys::test_address(1), Asset::Trx).await, [7_677_777]);
    world.assert_books().await;
}

#[actix_rt::test]
async fn the_key_signs_what_the_books_say_and_nothing_else() {
    use leyden_domain::chain::{ChainAction, TransactionIntent};
    let world = World::new().await;
    let head = ChainReader::head(&world.node).await.unwrap();
    let intent = |action| TransactionIntent {
        action,
        permission_id: None,
        reference: head.block,
        timestamp: head.timestamp,
        expiration: head.timestamp.plus(Span::from_secs(60)),
    };
    let (owner, to) = (refund_address(), keys::test_address(1));
    for action in [
        ChainAction::Transfer { owner, to, amount: Sun::TRX },
        ChainAction::WithdrawUnstaked { owner },
        ChainAction::TransferToken {
            owner,
            contract: world.settings.refunds.usdt_contract,
            to,
            amount: UsdtMicro::new(1),
            fee_limit: Sun::TRX,
        },
    ] {
        let refused = world.ports.signer.sign(&intent(action)).await;
        assert!(matches!(refused, Err(SignError::Refused(_))), "{refused:?}");
    }
}

#[actix_rt::test]
async fn an_order_held_while_its_money_is_due_waits_for_its_release() {
    let mut world = World::new().await;
    world.settings.refunds.policy.enabled = false;
    world.start(None).await;
    for n in 0..keys::POOL_ACCOUNTS {
        world.lend_all_but(n, 10_000).await;
    }
    world.until_observed().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.mine_until(order.id, S::RefundDue).await;
    let held = world.mine_until_refund(K::Held).await;
    assert!(matches!(held.state, RefundState::Held { why: RefundHold::NoKey, retry_at: Some(_) }));
    world.decide(order.id, &OrderEvent::Hold(leyden_domain::order::HoldReason::Operator)).await;
    world.stop().await;
    world.settings.refunds.policy.enabled = true;
    world.start(None).await;
    for _ in 0..40 {
        world.block().await;
    }
    assert!(world.sent_to(keys::test_address(0), Asset::Trx).await.is_empty());
    world.handles().release_order(order.id, "looked at").await.unwrap();
    world.mine_until(order.id, S::Refunded).await;
    world.assert_books().await;
}

#[actix_rt::test]
async fn what_came_late_is_served_at_todays_price_where_there_is_capacity() {
    let world = World::refunding(|refunds| refunds.serve_late = true).await;
    world.until_observed().await;
    let order = world.order(0, CountRule::Fixed { count: 2 }).await;
    world.block().await;
    world.node.skip(PATIENCE.ms() + 3_000).unwrap();
    world.mine_until(order.id, S::Expired).await;
    world.pay(1, order.amount_due(2).unwrap());
    world
        .mine_while("it is not routed", async |world| {
            world.payments().await.first().is_none_or(|p| p.state == PaymentState::Unrouted)
        })
        .await;
    let payment = world.payments().await[0].clone();
    let PaymentState::Settles { order: new, count: 2, excess } = payment.state else {
        panic!("{:?}", payment.state)
    };
    assert_eq!(excess, order.tail);
    world.mine_until(new, S::Completed).await;
    assert_eq!(world.detail(new).await.order.recipient, order.recipient);
    assert_eq!(world.state(order.id).await, S::Expired);
    world.assert_served_once(0).await;
}

#[actix_rt::test]
async fn what_a_lost_service_has_paid_back_is_not_paid_again() {
    // A copy of the books is restored: they owe what a service that went on without them has paid.
    let mut world = World::new().await;
    world.settings.refunds.policy.enabled = false;
    world.start(None).await;
    world.pay(1, Sun::new(7_777_777));
    world.mine_until_refund(K::Held).await;
    let key = keys::test_key(keys::TEST_ACCOUNTS - 2);
    world.node.transfer(&key, keys::test_address(1), 7_677_777).unwrap();
    for _ in 0..3 {
        world.block().await;
    }
    world.stop().await;
    world.settings.refunds.policy.enabled = true;
    world.start(None).await;
    for _ in 0..60 {
        world.block().await;
    }
    assert_eq!(world.sent_to(keys::test_address(1), Asset::Trx).await, [7_677_777], "once, by the lost one");
    assert_ne!(world.refund().await.state.kind(), K::Refunded);
    let causes: Vec<_> =
        world.ports.store.open_halts().await.unwrap().iter().map(|halt| halt.cause).collect();
    assert_eq!(causes, [HaltCause::BrokenInvariant], "and somebody is told");
    // A person finds out that it is paid, says so, and nothing more goes.
    world.wish(OperatorAction::Forfeit, 1).await.unwrap();
    world.explain_all().await;
    for _ in 0..30 {
        world.block().await;
    }
    assert_eq!(world.sent_to(keys::test_address(1), Asset::Trx).await, [7_677_777]);
    assert!(world.ports.store.open_halts().await.unwrap().is_empty());
    world.assert_books().await;
}

#[actix_rt::test]
async fn what_is_read_while_nothing_may_be_signed_waits_for_a_person() {
    let mut world = World::new().await;
    world.settings.observe_only = true;
    world.start(None).await;
    world.pay(1, Sun::new(7_777_777));
    let held = world.mine_until_refund(K::Held).await;
    assert!(
        matches!(held.state, RefundState::Held { why: RefundHold::ReadLate, retry_at: None }),
        "{held:?}"
    );
    world.stop().await;
    world.settings.observe_only = false;
    world.start(None).await;
    for _ in 0..60 {
        world.block().await;
    }
    assert!(world.sent_to(keys::test_address(1), Asset::Trx).await.is_empty());
    world.wish(OperatorAction::Release, 1).await.unwrap();
    world.mine_until_refund(K::Refunded).await;
    assert_eq!(world.sent_to(keys::test_address(1), Asset::Trx).await, [7_677_777]);
    world.assert_books().await;
}

#[actix_rt::test]
async fn an_address_that_is_set_is_looked_at_as_the_payers_is() {
    let mut world = World::new().await;
    world.settings.refunds.policy.denied.insert(keys::test_address(1));
    world.settings.matching.denied_senders.insert(keys::test_address(1));
    world.start(None).await;
    world.pay(1, Sun::new(7_777_777));
    world.mine_until_refund(K::Held).await;
    // Nobody has ever sent anything there.
    let to = Address::from_evm([0x77; 20]);
    world.wish(OperatorAction::SetAddress { to }, 1).await.unwrap();
    world.wish(APPROVE, 2).await.unwrap();
    let held = world.mine_until_refund(K::Held).await;
    assert!(matches!(held.state, RefundState::Held { why: RefundHold::InactiveAddress, .. }), "{held:?}");
    // A pool account that only the books know, and the token's own contract, are ours as well.
    for to in [keys::pool_address(0), world.settings.refunds.usdt_contract] {
        let refused = world.wish(OperatorAction::SetAddress { to }, 1).await;
        assert_eq!(refused, Err(WishError::Refused(OperatorRefusal::Address)));
    }
    world.wish(OperatorAction::Release, 1).await.unwrap();
    world.mine_until_refund(K::Refunded).await;
    assert_eq!(world.sent_to(to, Asset::Trx).await, [7_677_777]);
    world.assert_books().await;
}

#[actix_rt::test]
async fn the_rest_of_what_was_too_little_completes_it() {
    let world = World::running().await;
    world.until_observed().await;
    let order = world.order(0, CountRule::Fixed { count: 3 }).await;
    let first = order.amount_due(2).unwrap();
    world.pay(0, first);
    world.mine_until_refund(K::Waiting).await;
    // A stranger's payment of the same amount completes nothing.
    let rest = PRICE.plus(Sun::new(600_000)).unwrap();
    world.pay(1, rest);
    world.block().await;
    assert_eq!(world.state(order.id).await, S::AwaitingPayment);
    world.pay(0, rest);
    world.mine_until(order.id, S::Completed).await;
    let payments = world.payments().await;
    let part = payments.iter().find(|payment| payment.amount == first.get()).unwrap();
    assert_eq!(part.state, PaymentState::Part { order: order.id });
    let whole =
        payments.iter().find(|payment| matches!(payment.state, PaymentState::Settles { .. })).unwrap();
    let excess = Sun::new(600_000);
    assert_eq!(whole.state, PaymentState::Settles { order: order.id, count: 3, excess });
    for _ in 0..60 {
        world.block().await;
    }
    // What is over goes back, less the fee, and what a stranger paid; the first payment does not.
    assert_eq!(world.sent_to(keys::test_address(0), Asset::Trx).await, [500_000]);
    let strangers = rest.minus(REFUND_FEE).unwrap().get();
    assert_eq!(world.sent_to(keys::test_address(1), Asset::Trx).await, [strangers]);
    world.assert_served_once(0).await;
}

#[actix_rt::test]
async fn both_halves_go_back_whole_where_the_order_cannot_be_served() {
    let mut world = World::new().await;
    world.settings.solid_above = Sun::ZERO;
    world.start(None).await;
    for n in 0..keys::POOL_ACCOUNTS {
        world.lend_all_but(n, 10_000).await;
    }
    world.until_observed().await;
    let order = world.order(0, CountRule::Fixed { count: 2 }).await;
    let first = order.amount_due(1).unwrap();
    world.pay(0, first);
    world.mine_until_refund(K::Waiting).await;
    world.pay(0, PRICE);
    world.mine_until(order.id, S::Refunded).await;
    world
        .mine_while("the first half does not go back", async |world| {
            world.sent_to(keys::test_address(0), Asset::Trx).await.len() < 2
        })
        .await;
    for _ in 0..40 {
        world.block().await;
    }
    let mut back = world.sent_to(keys::test_address(0), Asset::Trx).await;
    back.sort_unstable();
    assert_eq!(back, [PRICE.get(), first.get()], "whole, each once");
    world.assert_books().await;
}

#[actix_rt::test]
async fn a_fork_that_takes_the_rest_away_leaves_the_first_to_be_refunded() {
    let world = World::running().await;
    world.until_observed().await;
    let order = world.order(0, CountRule::Fixed { count: 2 }).await;
    let first = order.amount_due(1).unwrap();
    world.pay(0, first);
    world.mine_until_refund(K::Waiting).await;
    let before = world.height().await;
    world.pay(0, PRICE);
    world.mine_until(order.id, S::Active).await;
    // How many blocks the rental took is the machine's affair: all of them go, and the first payment stays.
    let depth = u32::try_from(world.height().await - before).unwrap();
    world.node.fork(&ForkPlan::of_depth(depth).keeping(leyden_sim::Keep::Nothing)).unwrap();
    world.caught_up().await;
    world.mine_until_late(order.id, S::Expired).await;
    world.mine_until_refund(K::Refunded).await;
    let back = first.minus(REFUND_FEE).unwrap().get();
    assert_eq!(world.sent_to(keys::test_address(0), Asset::Trx).await, [back]);
    let audit = world.delegations_to(keys::test_address(0)).await;
    assert_eq!((audit.delegations, audit.undelegations), (0, 0));
    world.assert_books().await;
}
