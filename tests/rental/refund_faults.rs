//! Everything that goes wrong on purpose while money goes back: the clerk, the agent or the whole process dead after each
//! of their steps, blocks with the transfer undone (and come back, or not, or on the other branch after all), answers lost,
//! transactions forgotten, false duplicates. Each time it goes back once, to whoever paid, and the books are in order.

use crate::{
    killed::Reaper,
    world::{World, refund_address},
};
use leyden_domain::{
    Height, Sun,
    order::{CountRule, OrderStateKind as S},
    refund::RefundStateKind as K,
};
use leyden_ports::{
    ChainReader,
    store::{Page, RefundFilter},
};
use leyden_sim::{BroadcastFault, ForkPlan, Keep, keys};
use std::sync::Arc;

const PAID: Sun = Sun::new(7_777_777);
const BACK: i64 = 7_677_777;
/// Steps recur with every block; the first few times are where something new happens.
const TIMES: u32 = 2;

async fn state(world: &World) -> Option<K> {
    let page = Page { after: None, limit: 10 };
    let refunds = world.ports.store.list_refunds(&RefundFilter::default(), &page).await.ok()?;
    assert!(refunds.len() <= 1, "{refunds:#?}");
    refunds.first().map(|refund| refund.state.kind())
}

/// What the chain says has left the refund account for a test account.
async fn sent_to(world: &World, customer: u32) -> Vec<i64> {
    let head = ChainReader::head(&world.node).await.unwrap();
    let mut sent = Vec::new();
    for height in 1..=head.height().get() {
        let Some(block) = world.node.block(Height::new(height)).await.unwrap() else { continue };
        let to = keys::test_address(customer);
        let ours = block.transfers.iter().filter(|t| t.from == refund_address() && t.to == to);
        sent.extend(ours.map(|transfer| transfer.amount));
    }
    sent
}

async fn mine_until(world: &World, wanted: K) {
    for _ in 0..400 {
        if state(world).await == Some(wanted) {
            return;
        }
        world.block().await;
    }
    panic!("the refund never became {}: {:#?}", wanted.name(), world.handles().tree());
}

/// It is back, once, and stays so.
async fn assert_back_once(world: &World, amount: i64) {
    mine_until(world, K::Refunded).await;
    for _ in 0..25 {
        world.block().await;
    }
    assert_eq!(sent_to(world, 1).await, [amount]);
    world.assert_books().await;
}

/// One refund under a reaper; restarts the actors where the power was cut.
async fn refund(reaper: Arc<Reaper>) -> Arc<Reaper> {
    let mut world = World::new().await;
    world.start(Some(reaper.hook())).await;
    world.pay(1, PAID);
    if reaper.power_cut {
        for _ in 0..200 {
            if reaper.struck() || state(&world).await == Some(K::Refunded) {
                break;
            }
            world.block().await;
        }
        world.stop().await;
        world.start(None).await;
    }
    assert_back_once(&world, BACK).await;
    world.stop().await;
    world.store.close().await;
    reaper
}

/// Strikes after each step that has to do with money going back.
async fn strike_everywhere(power_cut: bool) {
    let seen = refund(Arc::new(Reaper::default())).await.seen.lock().unwrap().clone();
    let of_refunds = |step: &&str| {
        ["clerk.", "agent.", "listener.recorded", "listener.rewound"]
            .iter()
            .any(|part| step.starts_with(part))
    };
    let steps: Vec<_> = seen.iter().filter(|(step, _)| of_refunds(step)).collect();
    for needed in
        ["clerk.began", "clerk.opened", "clerk.intended", "clerk.concluded", "agent.signed", "agent.sent"]
    {
        assert!(steps.iter().any(|(step, _)| **step == needed), "{needed} is not among {steps:?}");
    }
    let mut struck = 0;
    for (step, times) in steps {
        for n in 1..=TIMES.min(crate::killed::times()).min(*times) {
            let reaper = Reaper { victim: Some((step, n)), power_cut, ..Reaper::default() };
            struck += u32::from(refund(Arc::new(reaper)).await.struck());
        }
    }
    assert!(struck >= 12, "only {struck} strikes");
}

#[actix_rt::test]
async fn money_goes_back_once_whoever_dies_after_whichever_step() {
    strike_everywhere(false).await;
}

#[actix_rt::test]
async fn money_goes_back_once_when_the_whole_process_dies_after_whichever_step() {
    strike_everywhere(true).await;
}

#[actix_rt::test]
async fn blocks_with_the_transfer_leave_and_it_lands_once_whatever_the_depth() {
    for (depth, keep) in [
        (1, Keep::All),
        (1, Keep::Nothing),
        (4, Keep::All),
        (4, Keep::Nothing),
        (12, Keep::All),
        (12, Keep::Nothing),
        (17, Keep::Nothing),
    ] {
        let world = World::running().await;
        world.pay(1, PAID);
        mine_until(&world, K::Sending).await;
        world.mine_while("it is not sent", async |world| sent_to(world, 1).await.is_empty()).await;
        for _ in 1..depth {
            world.block().await;
        }
        world.node.fork(&ForkPlan::of_depth(depth).keeping(keep)).unwrap();
        world.caught_up().await;
        assert_back_once(&world, BACK).await;
    }
}

#[actix_rt::test]
async fn the_branch_with_the_transfer_wins_after_all() {
    let world = World::running().await;
    world.pay(1, PAID);
    mine_until(&world, K::Sending).await;
    world.mine_while("it is not sent", async |world| sent_to(world, 1).await.is_empty()).await;
    world.block().await;
    world.node.fork(&ForkPlan::of_depth(3).keeping(Keep::Nothing)).unwrap();
    world.caught_up().await;
    for _ in 0..2 {
        world.block().await;
    }
    world.node.flip_back(&Keep::All).unwrap();
    world.caught_up().await;
    assert_back_once(&world, BACK).await;
}

#[actix_rt::test]
async fn answers_are_lost_and_lie_and_it_lands_once() {
    use BroadcastFault as B;
    let busy = || B::refuse(leyden_tron::wire::proto::ResponseCode::ServerBusy, "busy");
    for faults in [
        vec![B::LostAnswer],
        vec![B::LostAnswer, B::LostAnswer, B::LostAnswer],
        vec![B::LostRequest, B::LostAnswer],
        vec![B::Forgotten, B::LostRequest],
        vec![B::FalseDuplicate, B::Forgotten, B::FalseDuplicate],
        vec![busy(), B::LostAnswer, busy()],
        // So long that the first transaction dies and a second is signed.
        vec![B::Forgotten; 15],
    ] {
        let world = World::running().await;
        world.pay(1, PAID);
        world.node.faults().broadcasts.extend(faults);
        assert_back_once(&world, BACK).await;
    }
}

#[actix_rt::test]
async fn an_order_and_its_refund_end_together_whoever_dies() {
    for (step, n) in [
        ("clerk.intended", 1),
        ("clerk.committed", 1),
        ("clerk.concluded", 1),
        ("agent.signed", 1),
        ("agent.recorded", 1),
        ("agent.sent", 1),
    ] {
        let reaper = Arc::new(Reaper { victim: Some((step, n)), ..Reaper::default() });
        let mut world = World::new().await;
        world.settings.solid_above = Sun::ZERO;
        world.start(Some(reaper.hook())).await;
        for pool in 0..keys::POOL_ACCOUNTS {
            world.lend_all_but(pool, 10_000).await;
        }
        world.until_observed().await;
        let order = world.order(1, CountRule::Fixed { count: 1 }).await;
        let paid = order.amount_due(1).unwrap();
        world.pay(1, paid);
        world.mine_until(order.id, S::Refunded).await;
        // What a step has committed is seen a moment before whoever took it dies.
        world.wait_for(&format!("{step} {n}"), |_| reaper.struck()).await;
        assert_back_once(&world, paid.get()).await;
        assert_eq!(world.state(order.id).await, S::Refunded);
        world.stop().await;
        world.store.close().await;
    }
}

#[actix_rt::test]
async fn an_order_whose_payment_is_gone_for_good_is_not_due_for_ever() {
    let world = World::sold_out(|settings| settings.refunds.policy.enabled = false).await;
    let order = world.order(1, CountRule::Fixed { count: 1 }).await;
    world.pay(1, order.amount_due(1).unwrap());
    world.mine_until(order.id, S::Funded).await;
    let reason = leyden_domain::order::RefundReason::Operator;
    world.decide(order.id, &leyden_domain::order::OrderEvent::Unservable(reason)).await;
    let paid = world.detail(order.id).await.payment.unwrap().block.unwrap();
    let fork = world.fork_off(paid.block.height()).await;
    world.node.fork(&fork.keeping(Keep::Nothing)).unwrap();
    world.caught_up().await;
    // Until its time is over the payment may come back.
    for _ in 0..30 {
        world.block().await;
    }
    assert_eq!(world.state(order.id).await, S::RefundDue);
    world.node.skip(order.expires_at.since(order.created_at).ms()).unwrap();
    world.mine_until(order.id, S::Expired).await;
    assert!(sent_to(&world, 1).await.is_empty());
    world.assert_books().await;
}
