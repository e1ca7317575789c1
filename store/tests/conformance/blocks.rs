//! The recorded chain: gapless, and undone block by block.

use crate::kit::{Kit, block, block_id, delivery, head, order, payment, slot, tx_id};
use leyden_domain::{
    BlockRef, Height, Sun,
    chain::{Resource, ResourceAction, ResourceEvent},
    order::OrderEvent,
    payment::PaymentState,
};
use leyden_ports::store::{BlockCommit, StoreError};

const CHAIN: StoreError = StoreError::Conflict("chain");

pub(crate) async fn the_first_block_is_free(kit: &Kit) {
    assert_eq!(kit.store.chain_position().await, Ok(None));
    assert_eq!(kit.store.record_blocks(Vec::new(), head(1, 0), slot(1)).await, Err(CHAIN));
    let first = BlockCommit { parent: block_id(499, 9), ..block(500, 0, Vec::new(), Vec::new()) };
    let at = kit.store.record_blocks(vec![first], head(480, 0), slot(1)).await.unwrap();
    assert_eq!((at.first, at.view.head, at.view.solid), (Height::new(500), head(500, 0), head(480, 0)));
    assert_eq!(at.window, [head(500, 0).block]);
    assert_eq!(kit.store.chain_position().await, Ok(Some(at)));
    assert_eq!(kit.store.is_canonical(head(500, 0).block).await, Ok(true));
    assert_eq!(kit.store.is_canonical(head(500, 1).block).await, Ok(false));
    assert_eq!(kit.store.is_canonical(head(480, 0).block).await, Ok(false));
}

pub(crate) async fn each_block_has_its_parent(kit: &Kit) {
    kit.blocks(1..=2).await;
    let record = async |blocks: Vec<BlockCommit>| kit.store.record_blocks(blocks, head(0, 0), slot(3)).await;
    let empty = |height, fork| block(height, fork, Vec::new(), Vec::new());
    assert_eq!(record(vec![BlockCommit { parent: block_id(2, 7), ..empty(3, 0) }]).await, Err(CHAIN));
    assert_eq!(record(vec![empty(2, 0)]).await, Err(CHAIN));
    assert_eq!(record(vec![BlockCommit { parent: block_id(2, 0), ..empty(4, 0) }]).await, Err(CHAIN));
    // One that does not fit takes the others of its commit with it.
    assert_eq!(record(vec![empty(3, 0), empty(5, 0)]).await, Err(CHAIN));
    assert_eq!(kit.store.chain_position().await.unwrap().unwrap().view.head, head(2, 0));
    record(vec![empty(3, 0), empty(4, 0)]).await.unwrap();
    assert_eq!(kit.store.book().await.unwrap().blocks.len(), 4);
}

pub(crate) async fn solid_is_cut_and_stays(kit: &Kit) {
    let blocks = (1..=3).map(|height| block(height, 0, Vec::new(), Vec::new())).collect();
    let at = kit.store.record_blocks(blocks, head(9, 0), slot(3)).await.unwrap();
    assert_eq!(at.view.solid, head(3, 0));
    let at = kit.store.record_blocks(Vec::new(), head(1, 0), slot(3)).await.unwrap();
    assert_eq!(at.view.solid, head(3, 0));
    kit.blocks(4..=8).await;
    let at = kit.store.record_blocks(Vec::new(), head(5, 0), slot(3)).await.unwrap();
    assert_eq!(at.view.solid, head(5, 0));
    let window: Vec<_> = (5..=8).map(|height| head(height, 0).block).collect();
    assert_eq!(at.window, window);
}

pub(crate) async fn a_foreign_solid_block_is_not_believed(kit: &Kit) {
    kit.blocks(1..=4).await;
    let at = kit.store.record_blocks(Vec::new(), head(3, 1), slot(3)).await.unwrap();
    assert_eq!(at.view.solid, head(0, 0));
    assert!(kit.store.rewind(head(1, 0).block, slot(3)).await.is_ok());
}

pub(crate) async fn rewind_undoes(kit: &Kit) {
    let made = kit.create(order(1)).await;
    kit.blocks(1..=2).await;
    let event = ResourceEvent {
        tx_id: tx_id(50),
        owner: crate::kit::address(5_001),
        action: ResourceAction::Stake { resource: Resource::Energy, balance: Sun::TRX },
    };
    let full = block(3, 0, vec![payment(1, 3_000_101), payment(2, 9)], vec![event]);
    kit.store.record_blocks(vec![full], head(0, 0), slot(3)).await.unwrap();
    kit.blocks(4..=4).await;
    assert!(kit.settle(payment(1, 0).id, made.id).await);

    let report = kit.store.rewind(head(2, 0).block, slot(5)).await.unwrap();
    assert_eq!((report.blocks, report.orders), (2, vec![made.id]));
    let book = kit.store.book().await.unwrap();
    assert_eq!((book.blocks.len(), book.events.len()), (2, 0));
    assert!(book.payments.iter().all(|payment| payment.block.is_none()));
    assert_eq!(kit.store.chain_position().await.unwrap().unwrap().view.head, head(2, 0));
    // Done again it undoes nothing.
    let again = kit.store.rewind(head(2, 0).block, slot(5)).await.unwrap();
    assert_eq!((again.blocks, again.orders.len()), (0, 0));
}

pub(crate) async fn rewind_refuses(kit: &Kit) {
    assert_eq!(kit.store.rewind(head(1, 0).block, slot(1)).await, Err(CHAIN));
    kit.blocks(1..=4).await;
    kit.store.record_blocks(Vec::new(), head(3, 0), slot(3)).await.unwrap();
    for to in [head(2, 0), head(3, 1), head(9, 0)] {
        assert_eq!(kit.store.rewind(to.block, slot(5)).await, Err(CHAIN), "{to:?}");
    }
    assert_eq!(kit.store.rewind(head(3, 0).block, slot(5)).await.unwrap().blocks, 1);
}

pub(crate) async fn a_payment_comes_back(kit: &Kit) {
    let (order, old) = kit.paid(1).await;
    kit.blocks(2..=2).await;
    let paid = payment(1, 3_000_101);
    // The chain turns below the payment twice, and it lands elsewhere each time.
    let below = BlockRef::new(block_id(1, 0));
    assert_eq!(kit.store.rewind(below, slot(3)).await.unwrap().blocks, 1);
    assert_eq!(kit.payment(paid.id).await.block, Some(delivery(1, 0)));
    kit.block(2, 0, Vec::new()).await;
    kit.block(3, 0, vec![payment(2, 3_000_000)]).await;
    kit.store.rewind(head(2, 0).block, slot(3)).await.unwrap();
    let other = block(3, 1, vec![payment(2, 3_000_000)], Vec::new());
    kit.store.record_blocks(vec![other], head(0, 0), slot(4)).await.unwrap();
    assert_eq!(kit.payment(payment(2, 0).id).await.block, Some(delivery(3, 1)));
    assert_eq!(kit.payment(payment(2, 0).id).await.state, PaymentState::Unrouted);
    // The settled one kept its bucket and its block throughout.
    let now = kit.payment(paid.id).await;
    assert_eq!(now.state, PaymentState::Settles { order: order.id, count: 1, excess: Sun::ZERO });
    assert_eq!(now.block, Some(old.block));
    assert!(kit.step(order.id, OrderEvent::PaymentMoved(delivery(1, 0))).await.is_ok());
}
