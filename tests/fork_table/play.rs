//! Lets the fork happen, and everything after it, until every order has ended.

use crate::{
    rows::{DEEPEST, Fate, Row, end},
    stage::{Case, Stage},
    world::PATIENCE,
};
use leyden_domain::{Sun, TxId, order::OrderStateKind as S};
use leyden_sim::{ForkPlan, Keep, View};
use std::collections::BTreeSet;

/// What is sent again later is sent this many blocks after the fork.
const LATER: u32 = 3;
/// Chain time is enough for everything: a transaction dies after 20 blocks and 18, and then it goes on.
const MOST_BLOCKS: u32 = 260;
/// When all has ended, this many blocks show that nothing more comes.
const QUIET: u32 = 8;

/// A fork after which what was undone comes at once, later, or never, as each case has it.
pub(crate) async fn turns(stage: &Stage, depth: u32) {
    let plan = ForkPlan {
        // What is kept need not be in a block of the same height.
        empty_first: depth % 3,
        ..ForkPlan::of_depth(depth).keeping(Keep::Except(forgotten(stage)))
    };
    for case in stage.cases.iter().filter(|case| case.has_effect_with(Fate::Later)) {
        stage.gates.keep_back(case.receiver());
    }
    for case in stage.cases.iter().filter(|case| case.has_effect_with(Fate::Never)) {
        stage.gates.lose(stage.gates.newest_for(case.receiver()).unwrap());
    }
    fork(stage, &plan).await;
    for _ in 0..LATER {
        stage.world.block().await;
    }
    for n in 0..stage.cases.len() {
        let case = &stage.cases[n];
        if case.fate == Fate::Later && case.row.paid_inside() {
            stage.offer_payment(n);
        }
    }
    for case in stage.cases.iter().filter(|case| case.has_effect_with(Fate::Later)) {
        stage.gates.hand_over(case.receiver());
    }
    go_on(stage, || {}).await;
}

/// A fork that the service reads, and that is undone itself.
pub(crate) async fn turns_back(stage: &Stage, depth: u32) {
    // The nodes keep what was undone, or have forgotten it.
    let keep = if depth.is_multiple_of(2) { Keep::All } else { Keep::Nothing };
    // A longer branch than the deepest would make its own first block solid: nobody turns back from there.
    let blocks = if depth == DEEPEST { depth } else { depth + 1 };
    fork(stage, &ForkPlan { blocks, ..ForkPlan::of_depth(depth).keeping(keep) }).await;
    for _ in 0..LATER.min((DEEPEST - 1).saturating_sub(depth)) {
        stage.world.block().await;
    }
    stage.world.node.flip_back(&Keep::All).unwrap();
    stage.world.caught_up().await;
    go_on(stage, || {}).await;
}

/// Whether the chain holds a transfer from our refund account to whoever paid.
fn refunded(stage: &Stage, case: &Case) -> bool {
    // Whoever paid had 20 TRX, pays one order, and gets nothing else from anybody.
    let chain = stage.world.node.chain();
    let has = chain.account(View::Head, &case.payer.address()).map_or(0, |account| account.balance);
    let paid = case.payment.as_ref().filter(|(tx_id, _)| chain.transaction(tx_id).is_some());
    let due = paid.map_or(0, |_| case.order.amount_due(case.count()).map_or(0, Sun::get));
    has > 20_000_000 - due
}

async fn fork(stage: &Stage, plan: &ForkPlan) {
    stage.world.node.fork(plan).unwrap();
    let head = stage.world.node.chain().head().id;
    stage
        .world
        .wait_for("the other branch is read", |world| {
            let read = world.handles().boards().chain.read().processed;
            read.is_some_and(|read| *read.block.id() == head)
        })
        .await;
}

/// What the network forgets: payments, or where none is in the fork, what we signed.
fn forgotten(stage: &Stage) -> BTreeSet<TxId> {
    let cases = stage.cases.iter().filter(|case| matches!(case.fate, Fate::Later | Fate::Never));
    cases
        .filter_map(|case| {
            if case.row.effect_inside() {
                return stage.gates.newest_for(case.receiver());
            }
            case.payment.as_ref().filter(|_| case.row.paid_inside()).map(|(tx_id, _)| *tx_id)
        })
        .collect()
}

/// What stood in the way of orders goes away, and time passes until all of them have ended.
pub(crate) async fn go_on(stage: &Stage, before_each_block: impl Fn()) {
    let world = &stage.world;
    stage.stake_more();
    for case in &stage.cases {
        match case.row {
            Row::Reserved => stage.gates.speak(case.receiver()),
            Row::Delegating => stage.gates.hand_over(case.receiver()),
            Row::Held => {
                world.handles().release_order(case.id(), "the test says so").await.unwrap();
            }
            _ => {}
        }
    }
    let mut waited = false;
    let mut open: Vec<&Case> = stage.cases.iter().collect();
    for _ in 0..MOST_BLOCKS {
        let mut still_open = Vec::new();
        for case in open {
            let ends = end(case.row, case.fate);
            let is_over =
                world.state(case.id()).await == ends.state && refunded(stage, case) == ends.refunded;
            if !is_over {
                still_open.push(case);
            }
        }
        open = still_open;
        if open.is_empty() {
            for _ in 0..QUIET {
                before_each_block();
                world.block().await;
            }
            return;
        }
        // All that is left is to run out of time.
        if !waited && open.iter().all(|case| end(case.row, case.fate).state == S::Expired) {
            world.node.skip(PATIENCE.ms()).unwrap();
            waited = true;
        }
        before_each_block();
        world.block().await;
    }
    panic!("not all orders ended: {}", stage.states().await);
}
