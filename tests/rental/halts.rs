//! Money stands still: whatever raises a halt, what goes on meanwhile, and that nothing gets past it.

use crate::world::{PRICE, World};
use leyden_domain::{
    Asset, HaltId, Span, Sun,
    halt::{HaltCause, Limit, Meter},
    order::{CountRule, OrderStateKind as S},
    refund::RefundState,
};
use leyden_ports::{
    Clock, Store, StoreError,
    store::{CreateRefusal, LiftRefusal, NewHalt, Raised},
};
use leyden_sim::{ForkPlan, keys};

/// Puts a halt into the books, as another instance or the command line would.
async fn raise(store: &dyn Store, clock: &dyn Clock, cause: HaltCause) -> HaltId {
    let at = clock.now();
    let id = HaltId::new(at, [u8::try_from(at.ms() % 250).unwrap_or(7); 10]);
    let new =
        NewHalt { id, cause, detail: "test".to_owned(), evidence: Vec::new(), at, by: "test".to_owned() };
    match store.raise_halt(new).await.unwrap() {
        Raised::Fresh(halt) | Raised::Open(halt) => halt.id,
    }
}

async fn open(world: &World) -> Vec<HaltCause> {
    world.ports.store.open_halts().await.unwrap().iter().map(|halt| halt.cause).collect()
}

/// Mines until a halt is open.
pub(crate) async fn until_halted(world: &World, cause: HaltCause) -> HaltId {
    let what = format!("no halt for {}", cause.name());
    world.mine_while(&what, async |world| !open(world).await.contains(&cause)).await;
    let halts = world.ports.store.open_halts().await.unwrap();
    halts.iter().find(|halt| halt.cause == cause).unwrap().id
}

#[actix_rt::test]
async fn a_paid_order_waits_while_money_stands_still_and_is_served_afterwards() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    let stopped = world.handles().stop_money("a look at the accounts".to_owned(), "key_1").await.unwrap();
    let Raised::Fresh(halt) = stopped else { panic!("{stopped:?}") };
    world.pay(0, order.amount_due(1).unwrap());
    // A sale without an order is recorded too, and made into an order only afterwards.
    world.pay(1, PRICE);
    // Longer than an order's patience with the pool.
    for _ in 0..60 {
        world.block().await;
    }
    assert_eq!(world.state(order.id).await, S::Funded);
    assert_eq!(world.payments().await.len(), 2, "payments are recorded");
    assert_eq!(world.delegations_to(order.recipient).await.delegations, 0);
    assert_eq!(world.delegations_to(keys::test_address(1)).await.delegations, 0);
    let lifted = world.handles().lift_halt(halt.id, "key_2", "all is well").await.unwrap();
    assert_eq!(
        lifted.lifted.map(|lift| (lift.by, lift.reason)),
        Some(("key_2".into(), "all is well".into()))
    );
    world.mine_until(order.id, S::Completed).await;
    world.assert_served_once(0).await;
    world
        .mine_while("the sale without an order", async |world| {
            world.delegations_to(keys::test_address(1)).await.undelegations == 0
        })
        .await;
    world.assert_served_once(1).await;
    let again = world.handles().lift_halt(halt.id, "key_2", "again").await;
    assert!(matches!(again, Err(LiftRefusal::NotOpen(_))), "{again:?}");
}

#[actix_rt::test]
async fn no_order_is_made_while_money_stands_still() {
    let world = World::new().await;
    let halt = raise(world.store.as_ref(), world.ports.clock.as_ref(), HaltCause::Operator).await;
    let refused = world.order_with(0, |_| {}).await.unwrap_err();
    assert_eq!(refused, CreateRefusal::Store(StoreError::Halted(HaltCause::Operator)));
    assert_eq!(raise(world.store.as_ref(), world.ports.clock.as_ref(), HaltCause::Operator).await, halt);
}

#[actix_rt::test]
async fn energy_above_the_limit_stops_money_and_counts_anew_after_the_lift() {
    let mut world = World::new().await;
    let (meter, cause) = (Meter::Energy, HaltCause::EnergyPerHour);
    world.settings.guard.limits = vec![Limit { meter, cause, window: Span::from_hours(1), most: 100_000 }];
    world.start(None).await;
    let mut orders = Vec::new();
    for customer in 0..2 {
        let order = world.order(customer, CountRule::Fixed { count: 1 }).await;
        world.pay(customer, order.amount_due(1).unwrap());
        if customer == 0 {
            world.mine_until(order.id, S::Active).await;
        }
        orders.push(order);
    }
    let halt = until_halted(&world, cause).await;
    let refused = world.order_with(2, |_| {}).await.unwrap_err();
    assert_eq!(refused, CreateRefusal::Store(StoreError::Halted(cause)), "no order is taken");
    // What was rented out comes back when its time is over all the same; what would be beyond the limit waits.
    world.mine_until(orders[0].id, S::Completed).await;
    assert_eq!(world.state(orders[1].id).await, S::Funded);
    assert_eq!(world.delegations_to(orders[1].recipient).await.delegations, 0, "not a sun beyond the limit");
    world.handles().lift_halt(halt, "key_1", "a good day").await.unwrap();
    world.mine_until(orders[1].id, S::Completed).await;
    assert!(open(&world).await.is_empty(), "counted from the lift on");
    world.assert_served_once(1).await;
}

#[actix_rt::test]
async fn refunds_above_the_limit_stop_money_until_it_is_lifted() {
    for (cause, hours) in [(HaltCause::RefundsPerHour, 1), (HaltCause::RefundsPerDay, 24)] {
        let mut world = World::new().await;
        let limit =
            Limit { meter: Meter::RefundsTrx, cause, window: Span::from_hours(hours), most: 5_000_000 };
        world.settings.guard.limits = vec![limit];
        world.start(None).await;
        world.pay(1, Sun::new(7_777_777));
        // It counts when it is intended: whether it is signed before that stops money is a matter of moments.
        let halt = until_halted(&world, cause).await;
        world.pay(2, Sun::new(3_333_333));
        for _ in 0..40 {
            world.block().await;
        }
        let owed = world.payments().await.into_iter().find(|one| one.from == keys::test_address(2)).unwrap();
        let refund = world.ports.store.refund_of(owed.id).await.unwrap().unwrap();
        assert_eq!(refund.state, RefundState::Due, "it is owed, and stays so");
        assert!(world.sent_to(keys::test_address(2), Asset::Trx).await.is_empty());
        world.handles().lift_halt(halt, "key_1", "they are right").await.unwrap();
        world
            .mine_while("both are not sent", async |world| {
                let sent = async |n| world.sent_to(keys::test_address(n), Asset::Trx).await;
                (sent(1).await, sent(2).await) != (vec![7_677_777], vec![3_233_333])
            })
            .await;
        world.assert_books().await;
    }
}

#[actix_rt::test]
async fn trx_that_leaves_a_pool_account_stops_money() {
    let mut world = World::new().await;
    let (meter, cause) = (Meter::Burnt, HaltCause::BurntPerDay);
    world.settings.guard.limits = vec![Limit { meter, cause, window: Span::from_hours(24), most: 5_000_000 }];
    world.start(None).await;
    world.until_observed().await;
    world.node.transfer(&keys::pool_key(0), keys::test_address(5), 10_000_000).unwrap();
    until_halted(&world, cause).await;
    let halts = world.ports.store.open_halts().await.unwrap();
    assert!(halts[0].detail.contains("10"), "{halts:?}");
}

#[actix_rt::test]
async fn a_broken_invariant_stops_money_and_reclaims_and_is_raised_once() {
    let world = World::running().await;
    let order = world.order(0, CountRule::Fixed { count: 1 }).await;
    world.pay(0, order.amount_due(1).unwrap());
    world.mine_until(order.id, S::Active).await;
    // Nobody makes such an order: its energy ends before it begins.
    let broken = world.order_with(2, |order| order.duration = Span::from_ms(-1)).await.unwrap();
    let halt = until_halted(&world, HaltCause::BrokenInvariant).await;
    let detail = world.ports.store.open_halts().await.unwrap()[0].detail.clone();
    assert!(detail.starts_with(&format!("terms_are_sound: {}", broken.id)), "{detail}");
    for _ in 0..120 {
        world.block().await;
    }
    assert_eq!(world.delegations_to(order.recipient).await.undelegations, 0, "nothing is taken back either");
    // Seen and lifted: the same finding does not stop money again.
    world.handles().lift_halt(halt, "key_1", "one order, looked at").await.unwrap();
    world.mine_until(order.id, S::Completed).await;
    assert!(open(&world).await.is_empty());
}

#[actix_rt::test]
async fn a_fork_below_a_solid_block_is_a_halt_that_outlives_restarts_and_early_lifts() {
    let mut world = World::running().await;
    for _ in 0..5 {
        world.block().await;
    }
    world.node.fork(&ForkPlan { force: true, ..ForkPlan::of_depth(22) }).unwrap();
    let halt = until_halted(&world, HaltCause::ForkBelowSolid).await;
    world.stop().await;
    world.start(None).await;
    assert_eq!(world.handles().boards().halts.read().open.len(), 1, "known before anybody does anything");
    world.handles().lift_halt(halt, "key_1", "too early").await.unwrap();
    let again = until_halted(&world, HaltCause::ForkBelowSolid).await;
    assert_ne!(again, halt, "the node still contradicts what we took for final");
}

#[actix_rt::test]
async fn a_halt_of_another_life_holds_until_it_is_lifted() {
    let mut world = World::new().await;
    let halt = raise(world.store.as_ref(), world.ports.clock.as_ref(), HaltCause::ForkBelowSolid).await;
    world.start(None).await;
    world.pay(1, PRICE);
    for _ in 0..30 {
        world.block().await;
    }
    assert_eq!(world.delegations_to(keys::test_address(1)).await.delegations, 0);
    world.handles().lift_halt(halt, "key_1", "the nodes were changed").await.unwrap();
    world
        .mine_while("the sale without an order", async |world| {
            world.delegations_to(keys::test_address(1)).await.undelegations == 0
        })
        .await;
    world.assert_served_once(1).await;
}

/// Changes rows past the service.
pub(crate) async fn past_the_service(url: &str, sql: String) {
    use sqlx::Connection as _;
    let mut conn = sqlx::SqliteConnection::connect(url).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
}

async fn evidence(world: &World) -> String {
    let halts = world.ports.store.open_halts().await.unwrap();
    halts.into_iter().flat_map(|halt| halt.evidence).collect::<Vec<_>>().join("; ")
}

#[actix_rt::test]
async fn a_row_that_cannot_be_read_does_not_hide_the_others_once_it_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (mut world, url) = World::in_file(&dir).await;
    world.start(None).await;
    world.until_observed().await;
    let unreadable = world.order(0, CountRule::Fixed { count: 1 }).await;
    past_the_service(&url, format!("UPDATE orders SET state_json = '{{}}' WHERE id = '{}'", unreadable.id))
        .await;
    let halt = until_halted(&world, HaltCause::BrokenInvariant).await;
    assert!(evidence(&world).await.starts_with("row: "), "{}", evidence(&world).await);
    world.handles().lift_halt(halt, "key_1", "that one is known").await.unwrap();
    // Something else, beside it, is news.
    let broken = world.order_with(2, |order| order.duration = Span::from_ms(-1)).await.unwrap();
    until_halted(&world, HaltCause::BrokenInvariant).await;
    let found = evidence(&world).await;
    assert!(found.contains(&format!("terms_are_sound: {}", broken.id)), "{found}");
}

#[actix_rt::test]
async fn what_a_person_has_seen_is_known_by_how_much_and_until_it_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (mut world, url) = World::in_file(&dir).await;
    world.start(None).await;
    world.until_observed().await;
    let account = world.ports.store.pool_accounts().await.unwrap()[0].id;
    let off_by = async |more: i64| {
        let sql = format!("UPDATE energy_pools SET held = held + {more} WHERE account_id = '{account}'");
        past_the_service(&url, sql).await;
    };
    let name = |by: i64| format!("held_is_the_sum: {account}: by {by}");
    off_by(5).await;
    let halt = until_halted(&world, HaltCause::BrokenInvariant).await;
    assert_eq!(evidence(&world).await, name(5));
    world.handles().lift_halt(halt, "key_1", "five are known").await.unwrap();
    // Another difference of the same account is not the one that was seen.
    off_by(7).await;
    let halt = until_halted(&world, HaltCause::BrokenInvariant).await;
    assert_eq!(evidence(&world).await, name(12));
    world.handles().lift_halt(halt, "key_1", "twelve are known").await.unwrap();
    off_by(-12).await;
    let seen = async || world.ports.store.lifted_evidence(HaltCause::BrokenInvariant, 50).await.unwrap();
    while !seen().await.is_empty() {
        world.block().await;
    }
    assert!(open(&world).await.is_empty());
    // It was mended, and has come again.
    off_by(12).await;
    until_halted(&world, HaltCause::BrokenInvariant).await;
    assert_eq!(evidence(&world).await, name(12));
}

#[actix_rt::test]
async fn a_second_reason_is_told_to_the_open_halt() {
    let world = World::running().await;
    let one = world.order_with(2, |order| order.duration = Span::from_ms(-1)).await.unwrap();
    until_halted(&world, HaltCause::BrokenInvariant).await;
    let second = "held_is_the_sum: somebody: by 5".to_owned();
    let new = NewHalt {
        id: HaltId::new(world.ports.clock.now(), [9; 10]),
        cause: HaltCause::BrokenInvariant,
        detail: "another".to_owned(),
        evidence: vec![second.clone()],
        at: world.ports.clock.now(),
        by: "test".to_owned(),
    };
    world.ports.store.raise_halt(new).await.unwrap();
    let halts = world.ports.store.open_halts().await.unwrap();
    assert_eq!(halts.len(), 1);
    assert_eq!(halts[0].evidence, [format!("terms_are_sound: {}", one.id), second]);
    assert!(halts[0].detail.ends_with("another"), "{halts:?}");
    let verified = world.ports.store.verify(leyden_domain::journal::Head::genesis()).await;
    let told = verified.map(|_| ()).unwrap_err().to_string();
    assert!(
        told.contains("terms_are_sound"),
        "the journal has both reasons; only the rule is broken: {told}"
    );
}
