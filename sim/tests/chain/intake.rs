//! What a node takes and what it does not: binding, life time, duplicates, size, signatures; and what can go wrong
//! with a node.

use crate::common::{bytes, offer, trx};
use leyden_domain::chain::BroadcastAnswer;
use leyden_ports::{ChainError, ChainReader, ChainWriter};
use leyden_sim::{
    BroadcastFault, Offer, OfferError, ReadFault, SimNode,
    build::{self, Options},
    keys,
};
use leyden_tron::wire::proto::{ResponseCode, TransferContract};

fn transfer(amount: i64) -> TransferContract {
    TransferContract {
        owner_address: bytes(keys::test_address(0)),
        to_address: bytes(keys::test_address(1)),
        amount,
    }
}

fn sent(node: &SimNode, options: Options) -> Offer {
    node.send(&keys::test_key(0), &transfer(1), options).unwrap()
}

fn answer(offer: &Offer) -> (ResponseCode, &str) {
    (offer.code, offer.message.as_str())
}

#[test]
fn life_time() {
    let node = crate::common::node();
    node.mine().unwrap();
    let head = node.chain().head().timestamp();
    let until = |expiration| Options { expiration, ..Options::default() };
    let expired = (ResponseCode::TransactionExpirationError, "Transaction expired");
    assert_eq!(answer(&sent(&node, until(head))), expired);
    // It must live until the next slot, and no longer than a day.
    assert_eq!(answer(&sent(&node, until(head + 2_999))), expired);
    assert_eq!(answer(&sent(&node, until(head + 86_400_001))), expired);
    let last = sent(&node, until(head + 3_000));
    assert_eq!(answer(&last), (ResponseCode::Success, ""));
    // The block after the head may hold it although the block's own time is already the expiration.
    node.mine().unwrap();
    assert!(node.chain().transaction(&last.tx_id).is_some());
}

#[test]
fn an_expired_transaction_is_dropped() {
    let node = crate::common::node();
    let head = node.chain().head().timestamp();
    let late = sent(&node, Options { expiration: head + 5_000, ..Options::default() });
    assert_eq!(late.code, ResponseCode::Success);
    // No block was made for too long: it waited more than a minute.
    node.mine_at(head + 61_000).unwrap();
    assert!(node.chain().transaction(&late.tx_id).is_none());
    assert_eq!(node.chain().pending().count(), 0);
}

#[test]
fn binding() {
    let node = crate::common::node();
    let other = SimNode::new(leyden_sim::ChainConfig {
        genesis_time: crate::common::START + 3_000,
        ..leyden_sim::ChainConfig::default()
    });
    let foreign = other.signed(&keys::test_key(0), &transfer(1), Options::default());
    assert_eq!(answer(&node.offer(&foreign).unwrap()), (ResponseCode::TaposError, "Tapos check error."));
    // A block 65,535 back still counts, as far as two bytes reach.
    let genesis = node.chain().block(0).unwrap().clone();
    node.mine_many(40).unwrap();
    let options =
        Options { timestamp: 1, expiration: node.chain().head().timestamp() + 60_000, ..Options::default() };
    let bound = build::sign(&build::raw(&transfer(1), &genesis, &options), &[&keys::test_key(0)]);
    assert_eq!(answer(&node.offer(&bound).unwrap()), (ResponseCode::Success, ""));
}

#[test]
fn duplicates() {
    let node = crate::common::node();
    let bytes = node.signed(&keys::test_key(0), &transfer(1), Options::default());
    let duplicate = (ResponseCode::DupTransactionError, "Dup transaction.");
    assert_eq!(node.offer(&bytes).unwrap().code, ResponseCode::Success);
    assert_eq!(answer(&node.offer(&bytes).unwrap()), duplicate, "waiting");
    node.mine().unwrap();
    assert_eq!(answer(&node.offer(&bytes).unwrap()), duplicate, "in a block");
    assert_eq!(node.chain().head().transactions.len(), 1);
}

#[test]
fn signatures() {
    let node = crate::common::node();
    let wrong = node.send(&keys::test_key(1), &transfer(1), Options::default()).unwrap();
    assert_eq!(wrong.code, ResponseCode::Sigerror);
    let head = node.chain().head().clone();
    let options = Options { expiration: head.timestamp() + 60_000, ..Options::default() };
    let raw = build::raw(&transfer(1), &head, &options);
    let unsigned = node.offer(&build::sign(&raw, &[])).unwrap();
    assert_eq!(answer(&unsigned), (ResponseCode::Sigerror, "Validate signature error: miss sig or contract"));
    let twice = node.offer(&build::sign(&raw, &[&keys::test_key(0), &keys::test_key(0)])).unwrap();
    assert_eq!(
        answer(&twice),
        (
            ResponseCode::Sigerror,
            "Validate signature error: Signature count is 2 more than key counts of permission : 1"
        )
    );
    assert!(matches!(node.offer(b"nonsense"), Err(OfferError::Unreadable(_))));
}

#[test]
fn size() {
    let node = crate::common::node();
    let options = Options { memo: vec![b'x'; 512_001], ..Options::default() };
    let offer = sent(&node, options);
    assert_eq!(offer.code, ResponseCode::TooBigTransactionError);
    assert!(offer.message.starts_with(&format!("Too big transaction, TxId {}, the size is ", offer.tx_id)));
    let node = crate::common::node();
    let message = TransferContract { to_address: bytes(crate::common::stranger(9)), ..transfer(trx(1)) };
    let long = Options { memo: vec![b'x'; 1_000], ..Options::default() };
    let offer = node.send(&keys::test_key(0), &message, long).unwrap();
    assert_eq!(offer.code, ResponseCode::TooBigTransactionError);
}

#[tokio::test]
async fn faults_of_broadcasts() {
    let node = crate::common::node();
    node.faults().broadcasts.extend([
        BroadcastFault::LostAnswer,
        BroadcastFault::LostRequest,
        BroadcastFault::FalseDuplicate,
        BroadcastFault::Forgotten,
        BroadcastFault::refuse(ResponseCode::ServerBusy, "Server busy."),
    ]);
    let send = |n: i64| node.send(&keys::test_key(0), &transfer(n), Options::default());
    assert_eq!(send(1), Err(OfferError::Lost));
    assert_eq!(send(2), Err(OfferError::Lost));
    assert_eq!(send(3).unwrap().code, ResponseCode::DupTransactionError);
    assert_eq!(send(4).unwrap().code, ResponseCode::Success);
    assert_eq!(send(5).unwrap().message, "Server busy.");
    node.mine().unwrap();
    assert_eq!(node.chain().head().transactions.len(), 1, "only the first was taken");
}

#[tokio::test]
async fn the_ports() {
    let node = crate::common::node();
    let (key, pool, receiver) = crate::common::pool();
    crate::common::done(&node, &key, &crate::common::delegate(pool, receiver, trx(10)));
    let paid = node.transfer(&keys::test_key(0), keys::test_address(1), 77).unwrap();
    let token = node.transfer_usdt(&keys::test_key(0), keys::test_address(1), 5).unwrap();
    let inner = node.transfer_by_contract(&keys::test_key(0), keys::test_address(1), 9).unwrap();
    node.mine().unwrap();

    let head = node.head().await.unwrap();
    assert_eq!(head.height().get(), 2);
    let block = node.block(head.height()).await.unwrap().unwrap();
    let seen: Vec<_> = block.transfers.iter().map(|one| (one.tx_id, one.index, one.amount)).collect();
    assert_eq!(seen, [(paid.tx_id, 0, 77), (token.tx_id, 0, 5), (inner.tx_id, 1_000_000, 9)]);
    assert!(block.transfers.iter().all(|one| one.evidence.is_proof()));
    assert_eq!(node.blocks(head.height().offset(-1), 5).await.unwrap().len(), 2);
    assert_eq!(node.block(head.height().next()).await.unwrap(), None);

    let state = node.pool_account(pool).await.unwrap();
    assert_eq!((state.staked.get(), state.delegated.get()), (trx(10_000_000), trx(10)));
    assert_eq!(state.delegatable.get(), trx(10_000_000 - 10));
    assert_eq!(node.delegated(pool, receiver).await.unwrap().get(), trx(10));
    assert!(node.holds_usdt(keys::test_address(1)).await.unwrap());
    assert_eq!(node.account(crate::common::stranger(1)).await.unwrap(), None);
    assert!(!node.sighting(paid.tx_id).await.unwrap().unwrap().solid);
    node.mine_until_solid().unwrap();
    assert!(node.sighting(paid.tx_id).await.unwrap().unwrap().solid);

    node.faults().stale_by = 19;
    assert_eq!(node.head().await.unwrap().height().get(), 1);
    assert_eq!(node.sighting(paid.tx_id).await.unwrap(), None);
    node.faults().stale_by = 0;
    node.faults().lie_about_amounts = 1;
    assert!(matches!(node.block(head.height()).await, Err(ChainError::Unverified(_))));
    node.faults().lie_about_amounts = 0;
    node.faults().reads.push_back(ReadFault::Unavailable);
    assert!(node.head().await.unwrap_err().is_retryable());
    node.head().await.unwrap();
}

#[tokio::test]
async fn the_writer() {
    let node = crate::common::node();
    let bytes = node.signed(&keys::test_key(0), &transfer(1), Options::default());
    let head = node.head().await.unwrap();
    let transaction = leyden_domain::chain::SignedTransaction {
        tx_id: leyden_domain::TxId::new([0; 32]),
        bytes,
        reference: head.block,
        expiration: head.timestamp,
    };
    assert_eq!(node.broadcast(&transaction).await, Ok(BroadcastAnswer::Accepted));
    assert_eq!(node.broadcast(&transaction).await, Ok(BroadcastAnswer::Duplicate));
    let refused = offer(&node, &keys::test_key(0), &transfer(0));
    assert_eq!(refused.message, "Contract validate error : Amount must be greater than 0.");
}
