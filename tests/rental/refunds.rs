//! Money that bought nothing goes back: each kind of wrong payment end to end, with the chain as the judge; once, and to
//! the right address.

use crate::world::{PATIENCE, PRICE, REFUND_FEE, World, payment_address, refund_address};
use leyden_domain::{
    Address, ApiKeyId, Asset, Height, Span, Sun, Timestamp, UsdtMicro,
    halt::{HaltCause, Lift},
    order::{CountRule, OrderStateKind as S},
    payment::PaymentState,
    refund::{KeptBy, Operator, OperatorAction, Refund, RefundHold, RefundState, RefundStateKind as K},
};
use leyden_ports::{
    ChainReader, SignError,
    store::{RefundFilter, RefundTarget, WishError, WriteOff},
};
use leyden_sim::{ForkPlan, keys};

/// To be of the refund as it is.
pub(crate) const APPROVE: OperatorAction = OperatorAction::Approve { version: 0 };

pub(crate) fn operator(n: u8) -> Operator {
    Operator { key: ApiKeyId::new(Timestamp::from_ms(1), [n; 10]), reason: format!("because of {n}") }
}

impl World {
    pub(crate) async fn refunds(&self) -> Vec<Refund> {
        let page = leyden_ports::store::Page { after: None, limit: 100 };
        self.ports.store.list_refunds(&RefundFilter::default(), &page).await.unwrap()
    }

    /// The only refund.
    pub(crate) async fn refund(&self) -> Refund {
        let refunds = self.refunds().await;
        assert_eq!(refunds.len(), 1, "{refunds:#?}");
        refunds.into_iter().next().unwrap()
    }

    /// Mines until the only refund is in this state.
    pub(crate) async fn mine_until_refund(&self, state: K) -> Refund {
        for _ in 0..300 {
            if self.refunds().await.first().is_some_and(|refund| refund.state.kind() == state) {
                return self.refund().await;
            }
            self.block().await;
        }
        let halts = self.ports.store.open_halts().await.unwrap();
        panic!("the refund never became {}: {:#?} {halts:#?}", state.name(), self.refunds().await);
    }

    /// What the chain says the refund account has sent to an address: each transfer's amount.
    pub(crate) async fn sent_to(&self, to: Address, asset: Asset) -> Vec<i64> {
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

    /// A person says what the transfers were that are not ours, and lifts what they have stopped; not before they have:
    /// whoever has just read of them would stop money a moment later, and nobody would lift that.
    pub(crate) async fn explain_all(&self) {
        crate::halts::until_halted(self, HaltCause::BrokenInvariant).await;
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

    pub(crate) async fn wish(&self, action: OperatorAction, by: u8) -> Result<Refund, WishError> {
        let target = RefundTarget::Refund(self.refund().await.id);
        let action = match action {
            // Whoever approves has looked.
            APPROVE => OperatorAction::Approve { version: self.refund().await.version },
            other => other,
        };
        self.handles().refund_wish(target, action, operator(by)).await.map(|answer| answer.refund)
    }

    /// A world whose rules of refunds are changed before its actors start.
    pub(crate) async fn refunding(change: impl FnOnce(&mut leyden_actors::settings::RefundSettings)) -> Self {
        let mut world = Self::new().await;
        change(&mut world.settings.refunds);
        world.start(None).await;
        world
    }
}

/// A node that does no constant calls says of no account how many tokens it holds: TRX goes back all the same, and tokens
/// wait until a node can say that they are there.
#[actix_rt::test]
async fn trx_goes_back_where_no_node_does_constant_calls() {
    let mut world = World::new().await;
    world.node.faults().without_constant_calls = true;
    world.start(None).await;
    world.pay(0, Sun::from_trx(5));
    world.mine_until_refund(K::Refunded).await;
    world.node.transfer_usdt(&keys::test_key(1), payment_address(), 7_000_000).unwrap();
    world
        .mine_while("the tokens are held", async |world| {
            let held =
                |refund: &Refund| matches!(refund.state, RefundState::Held { why: RefundHold::Balance, .. });
            !world.refunds().await.iter().any(held)
        })
        .await;
    world.node.faults().without_constant_calls = false;
    world
        .mine_while("the tokens go back", async |world| {
            !world.refunds().await.iter().all(|refund| refund.state.kind() == K::Refunded)
        })
        .await;
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
    let world = World::sold_out(|settings| settings.solid_above = Sun::ZERO).await;
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

/// Two customers' USDT, which nobody asked for, in one block: what goes back to each.
fn two_pay_usdt(world: &World) -> [(Address, i64); 2] {
    [(3, 5_000_000_i64), (4, 6_000_000)].map(|(n, amount)| {
        world.node.stake_energy(keys::test_address(n), Sun::from_trx(20_000).get()).unwrap();
        world.node.transfer_usdt(&keys::test_key(n), payment_address(), amount).unwrap();
        (keys::test_address(n), amount - REFUND_FEE.get())
    })
}

/// Mines until both have their money back; whether both transfers were ever under way at once.
async fn both_paid_back(world: &World) -> bool {
    let mut together = false;
    world
        .mine_while("both go back", async |world| {
            let states: Vec<_> = world.refunds().await.iter().map(|refund| refund.state.kind()).collect();
            together |= states == [K::Sending, K::Sending];
            states != [K::Refunded, K::Refunded]
        })
        .await;
    together
}

#[actix_rt::test]
async fn two_usdt_refunds_go_at_once_each_once() {
    let world = World::running().await;
    let owed = two_pay_usdt(&world);
    assert!(both_paid_back(&world).await, "neither waits for the other");
    for _ in 0..30 {
        world.block().await;
    }
    for (to, amount) in owed {
        assert_eq!(world.sent_to(to, Asset::Usdt).await, [amount]);
    }
    world.assert_books().await;
}

#[actix_rt::test]
async fn two_usdt_refunds_go_one_after_the_other_where_there_is_a_fee_for_one() {
    let world = World::running().await;
    let holds = ChainReader::account(&world.node, refund_address()).await.unwrap().unwrap().balance;
    // More than one may burn, and less than two.
    let left = world.settings.refunds.fee_limit.plus(Sun::from_trx(25)).unwrap();
    let key = keys::test_key(keys::TEST_ACCOUNTS - 2);
    world.node.transfer(&key, keys::test_address(5), holds.minus(left).unwrap().get()).unwrap();
    for _ in 0..3 {
        world.block().await;
    }
    world.explain_all().await;
    let owed = two_pay_usdt(&world);
    assert!(!both_paid_back(&world).await, "what the first may burn is not there for the second");
    for (to, amount) in owed {
        assert_eq!(world.sent_to(to, Asset::Usdt).await, [amount]);
    }
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

/// As a second generation of the account's agent would ask, whose first one was quicker.
#[actix_rt::test]
async fn what_is_signed_already_is_not_signed_again_and_speaks_against_no_key() {
    use leyden_domain::{
        chain::{ChainAction, TransactionIntent},
        operation::OperationState,
    };
    let world = World::running().await;
    world.pay(1, Sun::new(7_777_777));
    let refund = world.mine_until_refund(K::Sending).await;
    let account = world.ports.store.refund_accounts().await.unwrap()[0].id;
    while world.ports.store.account_work(account, 10).await.unwrap()[0].operation.state
        == OperationState::Intended
    {
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    let head = ChainReader::head(&world.node).await.unwrap();
    let (owner, to, amount) = (refund_address(), refund.to, Sun::new(refund.amount()));
    let again = TransactionIntent {
        action: ChainAction::Transfer { owner, to, amount },
        permission_id: None,
        reference: head.block,
        timestamp: head.timestamp,
        expiration: head.timestamp.plus(Span::from_secs(60)),
    };
    let refused = world.ports.signer.sign(&again).await;
    assert!(matches!(refused, Err(SignError::Unavailable(_))), "{refused:?}");
    world.mine_until_refund(K::Refunded).await;
    assert_eq!(world.sent_to(to, Asset::Trx).await, [amount.get()]);
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
