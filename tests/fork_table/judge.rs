//! Believes the chain alone: what reached each receiver, what came back, which payments are there.

use crate::{
    rows::end,
    stage::Stage,
    world::{REFUND_FEE, refund_address},
};
use leyden_domain::{Address, Height, PaymentId, Sun, chain::ResourceAction};
use leyden_ports::ChainReader;
use leyden_sim::keys;
use std::collections::BTreeMap;

/// What the chain says of one receiver, by the account that served it: in which blocks, and how much.
#[derive(Debug, Default)]
struct Seen {
    delegated: BTreeMap<Address, Vec<(i64, Sun)>>,
    undelegated: BTreeMap<Address, Vec<(i64, Sun)>>,
}

impl Seen {
    /// The stake of all delegations.
    fn stake(&self) -> Sun {
        Sun::sum(self.delegated.values().flatten().map(|(_, stake)| *stake)).unwrap()
    }
}

/// Every order ended as the rules say, on the chain as in the books. Returns how, for the table.
pub(crate) async fn judge(stage: &Stage, depth: u32) -> Vec<String> {
    let world = &stage.world;
    let head = ChainReader::head(&world.node).await.unwrap();
    let mut seen: BTreeMap<Address, Seen> = BTreeMap::new();
    let mut paid: BTreeMap<PaymentId, i64> = BTreeMap::new();
    let mut sent_back: BTreeMap<Address, Vec<(i64, i64)>> = BTreeMap::new();
    for height in 1..=head.height().get() {
        let block = ChainReader::block(&world.node, Height::new(height)).await.unwrap().unwrap();
        for transfer in &block.transfers {
            paid.insert(PaymentId { tx_id: transfer.tx_id, index: transfer.index }, height);
            if transfer.from == refund_address() {
                sent_back.entry(transfer.to).or_default().push((height, transfer.amount));
            }
        }
        for event in block.resource_events {
            match event.action {
                ResourceAction::Delegate { receiver, balance, .. } => {
                    let seen = seen.entry(receiver).or_default();
                    seen.delegated.entry(event.owner).or_default().push((height, balance));
                }
                ResourceAction::Undelegate { receiver, balance, .. } => {
                    let seen = seen.entry(receiver).or_default();
                    seen.undelegated.entry(event.owner).or_default().push((height, balance));
                }
                _ => {}
            }
        }
    }
    let books = world.payments().await;
    let ratio = world.ports.chain.pool_account(keys::pool_address(0)).await.unwrap().ratio;
    let mut found = Vec::new();
    for case in &stage.cases {
        let name = format!("{} at depth {depth}", case.name());
        let ends = end(case.row, case.fate);
        let on_chain = seen.remove(&case.receiver()).unwrap_or_default();
        let payment = case.payment.as_ref().map(|(tx_id, _)| PaymentId { tx_id: *tx_id, index: 0 });
        let paid_at = payment.and_then(|id| paid.get(&id).copied());

        // The chain: what was paid for and no more, never before its payment, and all of it came back.
        assert_eq!(!on_chain.delegated.is_empty(), ends.served, "{name}: {on_chain:?}");
        assert!(on_chain.delegated.keys().eq(on_chain.undelegated.keys()), "{name}: {on_chain:?}");
        for (out, back) in on_chain.delegated.values().zip(on_chain.undelegated.values()) {
            let ([(out_at, out)], [(back_at, back)]) = (out.as_slice(), back.as_slice()) else {
                panic!("{name}: an account did it twice: {on_chain:?}");
            };
            assert!(paid_at.is_some_and(|paid_at| paid_at < *out_at), "{name}: {paid_at:?}, {on_chain:?}");
            assert!(out_at < back_at && out == back, "{name}: {on_chain:?}");
        }
        let bought = case.order.energy_per_transfer.times(case.count().into()).unwrap();
        let dear = ratio.stake_for_with_margin(bought, 300).unwrap();
        assert!(on_chain.stake() <= dear, "{name}: more than was bought: {on_chain:?}");
        let back = sent_back.remove(&case.payer.address()).unwrap_or_default();
        assert_eq!(back.len(), usize::from(ends.refunded), "{name}: sent back {back:?}");
        for (at, sun) in back {
            let most = case.order.amount_due(case.count()).unwrap().get();
            assert!(sun <= most && sun >= most - REFUND_FEE.get(), "{name}: {sun} of {most} were sent back");
            assert!(paid_at.is_some_and(|paid_at| paid_at < at), "{name}: {paid_at:?}, sent back in {at}");
        }
        assert_eq!(paid_at.is_some(), ends.payment.is_some(), "{name}: is its payment on the chain?");

        // The books.
        let ended = world.state(case.id()).await;
        assert_eq!(ended, ends.state, "{name}");
        let row = payment.and_then(|id| books.iter().find(|row| row.id == id));
        let bucket = row.filter(|row| row.block.is_some()).map(|row| row.state.name());
        assert_eq!(bucket, ends.payment, "{name}: {row:?}");
        let at = row.and_then(|row| row.block).map(|at| at.block.height().get());
        assert_eq!(at, paid_at, "{name}: the block of its payment");

        let served = if ends.served { "delivered and taken back once" } else { "nothing delivered" };
        let back = if ends.refunded { ", sent back once" } else { "" };
        found.push(format!("{}: {served}{back}", ended.name()));
    }
    assert!(sent_back.is_empty(), "sent back to nobody who paid: {sent_back:?}");
    assert!(seen.is_empty(), "delegated to nobody's order: {seen:?}");
    let left = world.node.chain().delegations().count();
    assert_eq!(left, 0, "delegations are left on the chain");
    world.assert_books().await;
    found
}
