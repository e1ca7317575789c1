//! Books with an order in each interesting state, made by the rules themselves, for whoever asks what notices a change of
//! them.

use super::{account_id, address, operation_id, order_id, payment, slot, tx_id, world::World};
use leyden_domain::{
    Asset, Energy, Span, Sun,
    book::Book,
    chain::{Delivery, SentTransfer},
    operation::{Attempt, Operation, OperationKind, OperationState},
    order::{Order, OrderStateKind},
    payment::{Payment, PaymentState, SuspenseReason},
    pool::Reservation,
    refund::{Decider, Refund, RefundAccount, RefundCause, RefundState},
};

/// The order that is over.
pub(crate) const COMPLETED: u64 = 1;
/// The order whose rental lasts.
pub(crate) const ACTIVE: u64 = 2;
/// The order whose delegation is signed.
pub(crate) const DELEGATING: u64 = 3;
/// The order that nobody has paid.
pub(crate) const AWAITING: u64 = 4;
/// The order that is paid and not planned.
pub(crate) const FUNDED: u64 = 5;
/// The order that nobody paid in time.
pub(crate) const EXPIRED: u64 = 6;

/// Books with an order in each interesting state, made by the rules themselves.
pub(crate) fn books() -> Book {
    let mut world = World::new(6);
    world.solid_above = Sun::from_trx(1_000);
    for order in &mut world.book.orders {
        order.expires_at = slot(180);
    }
    row_mut(&mut world.book, EXPIRED).expires_at = slot(8);
    row_mut(&mut world.book, ACTIVE).duration = Span::from_hours(1);
    let serve = |world: &mut World, order: u64, count: u32, until: OrderStateKind| {
        let due = row(&world.book, order).amount_due(count).unwrap();
        world.pay(due);
        for _ in 0..100 {
            if row(&world.book, order).state.kind() == until {
                return;
            }
            world.quiet_round().unwrap();
        }
        panic!("order {order} never became {}", until.name());
    };
    serve(&mut world, COMPLETED, 2, OrderStateKind::Completed);
    serve(&mut world, ACTIVE, 1, OrderStateKind::Active);
    for _ in 0..6 {
        world.quiet_round().unwrap();
    }
    serve(&mut world, DELEGATING, 1, OrderStateKind::Delegating);
    world.pay(Sun::new(4_444_444));
    // The last one is cut off in the middle of its work.
    world.pay(row(&world.book, FUNDED).amount_due(1).unwrap());
    world.produce(1, true);
    world.route();
    let index = world.book.orders.iter().position(|o| o.id == order_id(FUNDED)).unwrap();
    world.watch(index).unwrap();
    refunded(&mut world.book);
    world.book
}

/// A payment that matched nothing and went back.
fn refunded(book: &mut Book) {
    let at = |n: usize| Delivery { block: book.blocks[n].0.block, timestamp: book.blocks[n].0.timestamp };
    let (paid_at, sent_at) = (at(3), at(6));
    let mut odd = payment(7_777, 5_555_555, 1);
    odd.block = Some(paid_at);
    odd.state = PaymentState::Suspense { reason: SuspenseReason::NoOrder };
    let account = RefundAccount {
        id: account_id(77),
        address: address(77_777),
        permission_id: None,
        observed: None,
        unfit: None,
        is_active: true,
    };
    let (id, operation) = (super::refund_id(1), operation_id(7_777));
    let refund = Refund {
        id,
        payment: odd.id,
        order: None,
        cause: RefundCause::Suspense { reason: SuspenseReason::NoOrder },
        asset: Asset::Trx,
        owed: odd.amount,
        fee: 55_555,
        to: odd.from,
        address_set_by: None,
        address_approved_by: None,
        checks_waived: false,
        decided_by: Decider::Rule,
        approved_by: None,
        guard_waived: false,
        proposal: None,
        state: RefundState::Refunded { operation, at: paid_at.timestamp },
        created_at: paid_at.timestamp,
        updated_at: sent_at.timestamp,
        version: 4,
    };
    let sent = SentTransfer {
        tx_id: tx_id(77_777),
        asset: Asset::Trx,
        from: account.address,
        to: odd.from,
        amount: refund.amount(),
        succeeded: true,
    };
    book.operations.push(Operation {
        id: operation,
        order: None,
        account: account.id,
        owner: account.address,
        receiver: odd.from,
        balance: Sun::new(refund.amount()),
        energy: Energy::ZERO,
        kind: OperationKind::Refund { refund: id, asset: Asset::Trx },
        state: OperationState::Solid,
        attempts: 1,
        delivery: Some(sent_at),
        failure: None,
        version: 3,
        created_at: paid_at.timestamp,
    });
    book.attempts.push(Attempt {
        tx_id: sent.tx_id,
        operation,
        number: 1,
        bytes: vec![1],
        reference: paid_at.block,
        expiration: slot(100),
        signed_at: paid_at.timestamp,
        refusal: None,
        dead: false,
    });
    book.sent.push((book.blocks[6].0, sent));
    book.refund_accounts.push(account);
    book.refunds.push(refund);
    book.payments.push(odd);
}

/// The refund's transfer.
pub(crate) fn transfer(book: &mut Book) -> &mut Operation {
    book.operations.iter_mut().find(|o| matches!(o.kind, OperationKind::Refund { .. })).unwrap()
}

/// An order.
pub(crate) fn row(book: &Book, order: u64) -> &Order {
    book.orders.iter().find(|o| o.id == order_id(order)).unwrap()
}

/// An order, to be changed.
pub(crate) fn row_mut(book: &mut Book, order: u64) -> &mut Order {
    book.orders.iter_mut().find(|o| o.id == order_id(order)).unwrap()
}

/// The payment that matched nothing.
pub(crate) fn suspense(book: &mut Book) -> &mut Payment {
    book.payments.iter_mut().find(|p| matches!(p.state, PaymentState::Suspense { .. })).unwrap()
}

/// The payment of an order.
pub(crate) fn settling(book: &mut Book, order: u64) -> &mut Payment {
    book.payments.iter_mut().find(|p| p.state.order() == Some(order_id(order))).unwrap()
}

/// What a payment buys is changed.
pub(crate) fn resettle(book: &mut Book, order: u64, count: u32, excess: i64) {
    settling(book, order).state =
        PaymentState::Settles { order: order_id(order), count, excess: Sun::new(excess) };
}

/// An order's delegation.
pub(crate) fn delegation(book: &mut Book, order: u64) -> &mut Operation {
    let id = order_id(order);
    book.operations
        .iter_mut()
        .find(|o| o.order == Some(id) && matches!(o.kind, OperationKind::Delegate { .. }))
        .unwrap()
}

/// An operation that takes energy back.
pub(crate) fn reclaim(book: &mut Book) -> &mut Operation {
    book.operations.iter_mut().find(|o| matches!(o.kind, OperationKind::Undelegate { .. })).unwrap()
}

/// An order's reservation.
pub(crate) fn reservation(book: &mut Book, order: u64) -> &mut Reservation {
    book.reservations.iter_mut().find(|r| r.order == order_id(order)).unwrap()
}
