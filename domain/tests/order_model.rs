//! Orders in a world where everything goes wrong in any order: payments appear, vanish and come back elsewhere,
//! transactions are sent, refused, forgotten, included, excluded and die. Whatever happens, nobody gets more than
//! was bought, nothing is taken back early, what is over stays over, and once the faults stop every order ends.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "each test uses a part of the kit")]
mod kit;

use kit::{ENERGY, PRICE, delegation, delivery, funding, order, payment, slot, world::World};
use leyden_domain::{
    Energy, Span, Sun,
    chain::{Head, ResourceAction},
    invariants,
    operation::{ChainView, NextAct, Operation, OperationState},
    order::{
        Confirmation, Facts, HoldReason, Order, OrderEvent, OrderState, OrderStateKind, Party, next_event,
    },
    payment::PaymentState,
};
use proptest::prelude::*;

/// What may happen.
#[derive(Debug, Clone)]
enum Happening {
    Block { slots: i64, full: bool },
    Reorganise { depth: usize },
    Forget,
    Pay { order: usize, count: i64, bound: bool },
    Route,
    Watch { order: usize },
    LookOnce { order: usize },
    Race { order: usize, operation: usize },
    Allocate { order: usize, give_up: bool },
    Act { operation: usize },
    Refuse { operation: usize, text: usize },
    Cancel { order: usize },
    Hold { order: usize },
    Release { order: usize },
    Quiet,
}

const REFUSALS: [&str; 4] = [
    "Contract validate error : delegateBalance must be less than or equal to available FreezeEnergyV2 balance",
    "Contract validate error : Do not allow delegate resources to contract addresses",
    "Contract validate error : delegated Resource does not exist",
    "Contract validate error : something new",
];

fn happening() -> impl Strategy<Value = Happening> {
    use Happening as H;
    let order = 0..3_usize;
    prop_oneof![
        6 => (1..4_i64, prop::bool::weighted(0.8)).prop_map(|(slots, full)| H::Block { slots, full }),
        2 => (1..6_usize).prop_map(|depth| H::Reorganise { depth }),
        1 => Just(H::Forget),
        3 => (order.clone(), 1..4_i64, any::<bool>()).prop_map(|(order, count, bound)| H::Pay { order, count, bound }),
        4 => Just(H::Route),
        6 => order.clone().prop_map(|order| H::Watch { order }),
        4 => order.clone().prop_map(|order| H::LookOnce { order }),
        3 => (order.clone(), 0..12_usize).prop_map(|(order, operation)| H::Race { order, operation }),
        4 => (order.clone(), prop::bool::weighted(0.1)).prop_map(|(order, give_up)| H::Allocate { order, give_up }),
        12 => (0..12_usize).prop_map(|operation| H::Act { operation }),
        1 => (0..12_usize, 0..4_usize).prop_map(|(operation, text)| H::Refuse { operation, text }),
        1 => order.clone().prop_map(|order| H::Cancel { order }),
        1 => order.clone().prop_map(|order| H::Hold { order }),
        2 => order.prop_map(|order| H::Release { order }),
        4 => Just(H::Quiet),
    ]
}

fn happens(world: &mut World, happening: &Happening) -> Result<(), String> {
    use Happening as H;
    match *happening {
        H::Block { slots, full } => world.produce(slots, full),
        H::Reorganise { depth } => world.reorganise(depth),
        H::Forget => world.forget_mempool(),
        H::Pay { order, count, bound } => {
            let tail = if bound { world.book.orders[order].tail } else { Sun::ZERO };
            world.pay(PRICE.times(count).unwrap().plus(tail).unwrap());
        }
        H::Route => world.route(),
        H::Watch { order } => {
            world.watch(order)?;
        }
        H::LookOnce { order } => {
            if let Some(event) = world.due(order) {
                world.apply(order, &event)?;
            }
        }
        // Between deciding and committing the agent gets in; the commit may be refused, never go wrong.
        H::Race { order, operation } => {
            let event = world.due(order);
            let count = world.book.operations.len();
            if count > 0 {
                world.act(operation % count);
            }
            if let Some(event) = event {
                drop(world.apply(order, &event));
            }
        }
        H::Allocate { order, give_up } => world.allocate(order, give_up),
        H::Act { operation } => {
            let count = world.book.operations.len();
            if count > 0 {
                world.act(operation % count);
            }
        }
        H::Refuse { operation, text } => {
            let count = world.book.operations.len();
            if count > 0 {
                world.refuse(operation % count, REFUSALS[text]);
            }
        }
        // A refusal is the right answer where it cannot be called off, held or released.
        H::Cancel { order } => drop(world.apply(order, &OrderEvent::Cancelled(Party::Customer))),
        H::Hold { order } => drop(world.apply(order, &OrderEvent::Hold(HoldReason::Operator))),
        H::Release { order } => drop(world.apply(order, &OrderEvent::Release)),
        H::Quiet => world.quiet_round()?,
    }
    Ok(())
}

/// What the chain itself has given an order and taken back from it.
fn on_chain(world: &World, order: &Order) -> (Sun, Sun) {
    let mut given = Sun::ZERO;
    let mut taken = Sun::ZERO;
    for (head, event) in &world.book.events {
        match event.action {
            ResourceAction::Delegate { receiver, balance, .. } if receiver == order.recipient => {
                given = given.plus(balance).unwrap();
            }
            ResourceAction::Undelegate { receiver, balance, .. } if receiver == order.recipient => {
                taken = taken.plus(balance).unwrap();
                let ends_at = order.state.ends_at();
                assert!(
                    ends_at.is_some_and(|ends_at| head.timestamp >= ends_at)
                        || order.state.kind() == OrderStateKind::Reverted,
                    "taken back at {:?}, ends at {ends_at:?}",
                    head.timestamp
                );
            }
            _ => {}
        }
    }
    (given, taken)
}

fn check(world: &World, over: &mut Vec<Order>) {
    let violations = invariants::check_all(&world.book);
    assert!(violations.is_empty(), "{violations:#?}");
    for order in &world.book.orders {
        let (given, taken) = on_chain(world, order);
        assert!(taken <= given, "more was taken back than given");
        let count = world.settling(order.id).map_or(0, |payment| match payment.state {
            PaymentState::Settles { count, .. } => i64::from(count),
            _ => 0,
        });
        // Each leg may be rounded up by the sun that one unit of energy costs, and carries the margin.
        let bought = kit::RATIO.stake_for_with_margin(ENERGY.times(count).unwrap(), 100).unwrap();
        assert!(given.get() <= bought.get() + 3 * 110_000, "given {given}, bought {bought}");
    }
    for known in &*over {
        assert!(world.book.orders.contains(known), "{:?} was over and changed", known.id);
    }
    for order in world.book.orders.iter().filter(|o| o.state.kind().is_terminal()) {
        if !over.contains(order) {
            over.push(order.clone());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: kit::cases(48), max_shrink_iters: kit::shrinks(4_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_orders_stay_right_and_end(happenings in prop::collection::vec(happening(), 1..220)) {
        let mut world = World::new(3);
        let mut over = Vec::new();
        for happening in &happenings {
            if let Err(error) = happens(&mut world, happening) {
                // Calling off and holding are refused inside `happens`; nothing else may be.
                prop_assert!(false, "{happening:?}: {error}");
            }
            check(&world, &mut over);
        }

        // The faults stop: people decide what was held, blocks come, everybody works.
        for order in 0..3 {
            drop(world.apply(order, &OrderEvent::Release));
        }
        for _ in 0..120 {
            world.quiet_round().map_err(TestCaseError::fail)?;
            check(&world, &mut over);
        }
        for order in &world.book.orders {
            let kind = order.state.kind();
            let waits_for_a_person = kind == OrderStateKind::RefundDue;
            let cannot_be_taken_back = matches!(
                order.state,
                OrderState::Held { why: HoldReason::ReclaimImpossible, .. }
            );
            prop_assert!(
                kind.is_terminal() || waits_for_a_person || cannot_be_taken_back,
                "{:?} is stuck: {:#?}", order.state, world.book.operations
            );
        }
    }
}

#[test]
fn an_undisturbed_order_completes() {
    let mut world = World::new(1);
    world.pay(world.book.orders[0].amount_due(2).unwrap());
    let mut seen = vec![OrderStateKind::AwaitingPayment];
    for _ in 0..60 {
        world.quiet_round().unwrap();
        let kind = world.book.orders[0].state.kind();
        if seen.last() != Some(&kind) {
            seen.push(kind);
        }
    }
    assert_eq!(seen.last(), Some(&OrderStateKind::Completed), "{seen:?}");
    // Two transfers need two accounts; both delegations happened once and were taken back once.
    let (given, taken) = on_chain(&world, &world.book.orders[0]);
    assert_eq!(world.book.events.len(), 4);
    assert_eq!(given, taken);
}

/// What is due for order 0 in this state, with its payment of one transfer in block `paid_in`.
fn due(state: OrderState, paid_in: Option<i64>, delegations: &[Operation], at: i64) -> Option<OrderEvent> {
    let order = Order { state, ..order(0) };
    let mut payment = payment(1, 3_000_100, paid_in.unwrap_or(10));
    payment.state = PaymentState::Settles { order: order.id, count: 1, excess: Sun::ZERO };
    if paid_in.is_none() {
        payment.block = None;
    }
    let head = |height: i64| -> Head { kit::head(height) };
    next_event(
        &order,
        &Facts {
            payment: Some(&payment),
            delegations,
            reclaims: &[],
            chain: ChainView { head: head(at), solid: head(at - 18) },
            solid_above: Sun::from_trx(100),
        },
    )
}

fn fork_bound() -> Confirmation {
    Confirmation::ForkBound { block: delivery(10).block }
}

#[test]
fn a_delegation_that_failed_unseen_does_not_let_the_rental_run_out_undelivered() {
    let ends_at = slot(20).plus(Span::from_ms(1));
    let active = OrderState::Active { funding: funding(1, 10), delivered_at: slot(11), ends_at };
    // Excluded, dead and failed between two looks at the order.
    let failed = [delegation(1, ENERGY, OperationState::Failed)];
    assert_eq!(due(active.clone(), Some(10), &failed, 30), Some(OrderEvent::DeliveryUndone));
    let solid = [delegation(1, ENERGY, OperationState::Solid)];
    assert_eq!(due(active, Some(10), &solid, 40), Some(OrderEvent::RentalEnded));
}

#[test]
fn a_rental_ends_when_no_fork_can_undo_its_end() {
    let ends_at = slot(20);
    let active = OrderState::Active { funding: funding(1, 10), delivered_at: slot(11), ends_at };
    let solid = [delegation(1, ENERGY, OperationState::Solid)];
    // The newest block is past the end, but the solid one, 18 below it, is not yet.
    assert_eq!(due(active.clone(), Some(10), &solid, 37), None);
    assert_eq!(due(active, Some(10), &solid, 38), Some(OrderEvent::RentalEnded));
}

#[test]
fn a_part_of_what_was_bought_is_no_delivery() {
    let delegating = OrderState::Delegating { funding: funding(1, 10), confirmation: fork_bound() };
    let half = [delegation(1, Energy::new(30_000), OperationState::Included)];
    assert_eq!(due(delegating.clone(), None, &half, 12), None);
    assert_eq!(due(delegating, Some(10), &half, 12), Some(OrderEvent::DelegationFailed));
}

#[test]
fn a_funded_order_whose_energy_is_already_promised_moves_on() {
    // Its delegation was signed while the order was being taken back to `Paid`: nothing is left to plan.
    let funded = OrderState::Funded { funding: funding(1, 10), confirmation: fork_bound() };
    let signed = [delegation(1, ENERGY, OperationState::Signed)];
    assert_eq!(due(funded.clone(), Some(10), &signed, 12), Some(OrderEvent::CapacityHeld));
    assert_eq!(due(funded.clone(), Some(10), &[], 12), None);
    let half = [delegation(1, Energy::new(30_000), OperationState::Signed)];
    assert_eq!(due(funded, Some(10), &half, 12), None);
}

#[test]
fn a_signed_delegation_is_noticed_before_its_payment_is_looked_for() {
    let reserved = OrderState::Reserved { funding: funding(1, 10), confirmation: fork_bound() };
    let signed = [delegation(1, ENERGY, OperationState::Signed)];
    assert_eq!(due(reserved.clone(), Some(11), &signed, 12), Some(OrderEvent::DelegationSigned));
    let intended = [delegation(1, ENERGY, OperationState::Intended)];
    assert_eq!(due(reserved.clone(), Some(11), &intended, 12), Some(OrderEvent::PaymentMoved(delivery(11))));
    assert_eq!(due(reserved, None, &intended, 12), Some(OrderEvent::PaymentUndone));
}

#[test]
fn energy_that_arrived_without_its_payment_is_taken_back() {
    let mut world = World::new(1);
    world.solid_above = Sun::from_trx(1_000);
    world.pay(world.book.orders[0].amount_due(1).unwrap());
    world.quiet_until(|world| world.book.orders[0].state.kind() == OrderStateKind::Active);
    // The chain forbids this; the books are asked what they would do.
    for _ in 0..100 {
        if world.act(0) == NextAct::Wait && world.book.operations[0].state == OperationState::Solid {
            break;
        }
        world.produce(1, true);
    }
    assert_eq!(world.book.operations[0].state, OperationState::Solid);
    let index = world.book.payments.iter().position(|p| p.state.order().is_some()).unwrap();
    world.book.payments[index].block = None;
    assert_eq!(world.due(0), Some(OrderEvent::PaymentUndone));
    for _ in 0..20 {
        world.quiet_round().unwrap();
    }
    assert_eq!(world.book.orders[0].state.kind(), OrderStateKind::Reverted);
}
