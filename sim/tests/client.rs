//! The real client of nodes against this one: what it reads over HTTP and verifies is what the in-process ports
//! say, and what the node gets wrong it notices.
#![cfg(feature = "http")]
#![expect(clippy::unwrap_used, reason = "tests")]

use leyden_domain::{
    Address, Asset, BlockRef, Height, Timestamp, TxId,
    chain::{Block, BroadcastAnswer, RefusalCode, SignedTransaction},
};
use leyden_ports::{ChainError, ChainReader, ChainWriter};
use leyden_sim::{
    BroadcastFault, ChainConfig, ForkPlan, Offer, ReadFault, SimNode, build::Options, config::TRX, http, keys,
};
use leyden_tron::{
    crypto,
    node::{NodeClient, NodeSettings},
    wire::proto::{
        CancelAllUnfreezeV2Contract, ContractMessage, DelegateResourceContract, FreezeBalanceV2Contract,
        ResponseCode, TransferContract, UnDelegateResourceContract, UnfreezeBalanceV2Contract,
        WithdrawExpireUnfreezeContract,
    },
};

/// A node and a client that insists on every check.
fn start() -> (SimNode, NodeClient) {
    let node = SimNode::new(ChainConfig::default());
    let (server, address) = http::serve(node.clone(), "127.0.0.1:0".parse().unwrap()).unwrap();
    actix_web::rt::System::current().arbiter().spawn(async move {
        server.await.unwrap();
    });
    let settings = NodeSettings {
        require_merkle_root: true,
        attempts: 1,
        ..NodeSettings::new(format!("http://{address}"))
    };
    (node, NodeClient::new(settings).unwrap())
}

fn bytes(address: Address) -> Vec<u8> {
    address.to_bytes().to_vec()
}

fn stranger() -> Address {
    Address::from_evm([9; 20])
}

/// Everything that can be on the chain, some of it failed.
fn live(node: &SimNode) -> Vec<Offer> {
    let (pool, key) = (keys::pool_address(0), keys::pool_key(0));
    let (customer, customer_key) = (keys::test_address(0), keys::test_key(0));
    let mut offers = Vec::new();
    let mut send = |offer: Offer| {
        assert_eq!(offer.message, "");
        offers.push(offer);
    };
    let delegate = DelegateResourceContract {
        owner_address: bytes(pool),
        resource: 1,
        balance: 7_000 * TRX,
        receiver_address: bytes(customer),
        lock: false,
        lock_period: 0,
    };
    let locked = DelegateResourceContract {
        lock: true,
        lock_period: 100,
        receiver_address: bytes(keys::test_address(1)),
        ..delegate.clone()
    };
    let back = UnDelegateResourceContract {
        owner_address: bytes(pool),
        resource: 1,
        balance: 1_000 * TRX,
        receiver_address: bytes(customer),
    };
    let stake = FreezeBalanceV2Contract { owner_address: bytes(pool), frozen_balance: 50 * TRX, resource: 1 };
    let unstake =
        UnfreezeBalanceV2Contract { owner_address: bytes(pool), unfreeze_balance: 20 * TRX, resource: 0 };
    node.mine().unwrap();
    send(node.send(&key, &delegate, Options::default()).unwrap());
    send(node.send(&key, &locked, Options::default()).unwrap());
    node.mine().unwrap();
    send(node.send(&key, &back, Options::default()).unwrap());
    send(node.send(&key, &stake, Options::default()).unwrap());
    send(node.send(&key, &unstake, Options::default()).unwrap());
    send(node.transfer(&customer_key, stranger(), 1_500_037).unwrap());
    send(node.transfer_usdt(&customer_key, stranger(), 5).unwrap());
    send(node.transfer_usdt(&customer_key, stranger(), 900_000 * TRX).unwrap());
    send(node.transfer_by_contract(&customer_key, stranger(), 3 * TRX).unwrap());
    node.mine().unwrap();
    let cancel = CancelAllUnfreezeV2Contract { owner_address: bytes(pool) };
    send(node.send(&key, &cancel, Options::default()).unwrap());
    send(node.send(&key, &unstake, Options::default()).unwrap());
    let memo = Options { memo: b"memo".to_vec(), ..Options::default() };
    let transfer = TransferContract { owner_address: bytes(customer), to_address: bytes(pool), amount: 4 };
    send(node.send(&customer_key, &transfer, memo).unwrap());
    node.mine().unwrap();
    node.skip(15 * 86_400_000).unwrap();
    let withdraw = WithdrawExpireUnfreezeContract { owner_address: bytes(pool) };
    send(node.send(&key, &withdraw, Options::default()).unwrap());
    node.mine().unwrap();
    offers
}

/// Both readers say the same.
macro_rules! same {
    ($node:expr, $client:expr, $method:ident($($argument:expr),*)) => {
        assert_eq!($client.$method($($argument),*).await.unwrap(), $node.$method($($argument),*).await.unwrap())
    };
}

/// The first block is made from a configuration: its header has no time, and nobody is its witness.
#[actix_web::test]
async fn the_client_reads_the_first_block() {
    let (node, client) = start();
    let (read, here) = (client.block(Height::new(0)).await, node.block(Height::new(0)).await);
    let (read, here) = (read.unwrap().unwrap(), here.unwrap().unwrap());
    assert_eq!(read, Block { timestamp: Timestamp::from_ms(0), ..here });
    assert!(read.transfers.is_empty(), "it pays out of nothing, and that is no payment");
    assert_eq!(client.solid().await.unwrap().block, node.solid().await.unwrap().block);
}

#[actix_web::test]
async fn the_client_reads_what_the_ports_say() {
    let (node, client) = start();
    let offers = live(&node);
    for solid in [false, true] {
        if solid {
            node.mine_until_solid().unwrap();
        }
        same!(node, client, head());
        if solid {
            same!(node, client, solid());
        }
        let head = client.head().await.unwrap().height();
        for number in 1..=head.get() + 1 {
            same!(node, client, block(Height::new(number)));
        }
        same!(node, client, blocks(Height::new(1), 50));
        for address in [keys::pool_address(0), keys::test_address(0), stranger(), Address::from_evm([1; 20])]
        {
            same!(node, client, account(address));
            same!(node, client, holds_usdt(address));
            same!(node, client, delegated(keys::pool_address(0), address));
        }
        for n in 0..keys::POOL_ACCOUNTS {
            same!(node, client, pool_account(keys::pool_address(n)));
        }
        for offer in &offers {
            same!(node, client, sighting(offer.tx_id));
            same!(node, client, transaction(offer.tx_id));
            assert!(client.transaction(offer.tx_id).await.unwrap().unwrap().height.is_some());
            assert_eq!(client.sighting(offer.tx_id).await.unwrap().unwrap().solid, solid);
        }
        same!(node, client, sighting(TxId::new([3; 32])));
        same!(node, client, transaction(TxId::new([3; 32])));
    }
    let waits = node.transfer_usdt(&keys::test_key(0), keys::pool_address(0), 7).unwrap().tx_id;
    same!(node, client, transaction(waits));
    let report = client.transaction(waits).await.unwrap().unwrap();
    assert_eq!((report.height, report.failed, report.movements.len()), (None, false, 1));
    // What the customer paid, in each of the three ways.
    let block = client.block(Height::new(3)).await.unwrap().unwrap();
    let paid: Vec<(Asset, i64)> = block
        .transfers
        .iter()
        .filter(|one| one.to == stranger() && one.evidence.is_proof())
        .map(|one| (one.asset, one.amount))
        .collect();
    assert_eq!(paid, [(Asset::Trx, 1_500_037), (Asset::Usdt, 5), (Asset::Trx, 3 * TRX)]);
}

/// A transaction of the chain's own making, as the client sends it.
fn signed<M: ContractMessage>(node: &SimNode, message: &M) -> SignedTransaction {
    let bytes = node.signed(&keys::test_key(0), message, Options::default());
    let raw = leyden_sim::tx::SignedTx::decode(&bytes).unwrap();
    SignedTransaction {
        tx_id: crypto::tx_id(&raw.raw_bytes),
        bytes,
        reference: BlockRef::new(node.chain().head().id),
        expiration: Timestamp::from_ms(raw.raw.expiration),
    }
}

#[actix_web::test]
async fn the_client_understands_every_answer_to_a_broadcast() {
    let (node, client) = start();
    let transfer = |amount| TransferContract {
        owner_address: bytes(keys::test_address(0)),
        to_address: bytes(keys::test_address(1)),
        amount,
    };
    let transaction = signed(&node, &transfer(1));
    assert_eq!(client.broadcast(&transaction).await, Ok(BroadcastAnswer::Accepted));
    assert_eq!(client.broadcast(&transaction).await, Ok(BroadcastAnswer::Duplicate));
    let refused = client.broadcast(&signed(&node, &transfer(0))).await.unwrap();
    assert_eq!(
        refused,
        BroadcastAnswer::Refused {
            code: RefusalCode::ContractValidateError,
            message: "Contract validate error : Amount must be greater than 0.".to_owned(),
        }
    );
    node.faults().broadcasts.push_back(BroadcastFault::LostAnswer);
    let lost = signed(&node, &transfer(2));
    assert!(matches!(client.broadcast(&lost).await, Err(ChainError::Unavailable(_))));
    assert_eq!(client.broadcast(&lost).await, Ok(BroadcastAnswer::Duplicate));
    node.faults().broadcasts.push_back(BroadcastFault::refuse(ResponseCode::ServerBusy, "Server busy."));
    assert!(matches!(
        client.broadcast(&signed(&node, &transfer(3))).await,
        Ok(BroadcastAnswer::Refused { code: RefusalCode::Busy, .. })
    ));
    // Of two that exclude each other after a fork only the one bound to the chain that is left is taken.
    node.mine_many(2).unwrap();
    let bound = signed(&node, &transfer(4));
    node.fork(&ForkPlan::of_depth(1)).unwrap();
    assert!(matches!(
        client.broadcast(&bound).await,
        Ok(BroadcastAnswer::Refused { code: RefusalCode::TaposError, .. })
    ));
}

#[actix_web::test]
async fn the_client_notices_what_is_wrong() {
    let (node, client) = start();
    live(&node);
    let block = Height::new(3);
    node.faults().lie_about_amounts = 1;
    assert!(matches!(client.block(block).await, Err(ChainError::Unverified(_))));
    node.faults().lie_about_amounts = 0;
    node.faults().without_receipts = true;
    assert!(client.block(block).await.is_err(), "a token transfer without a receipt is no complete block");
    node.faults().without_receipts = false;
    client.block(block).await.unwrap();

    node.faults().reads.push_back(ReadFault::Unavailable);
    assert!(matches!(client.head().await, Err(ChainError::Unavailable(_))));
    node.faults().reads.push_back(ReadFault::RateLimited { seconds: 7 });
    let limited = client.head().await;
    assert!(
        matches!(limited, Err(ChainError::RateLimited { retry_after: Some(span) }) if span.ms() >= 7_000)
    );
    node.faults().stale_by = 2;
    let head = client.head().await.unwrap().height();
    assert_eq!(head.get(), node.chain().head().number() - 2);
    assert_eq!(client.block(head.next()).await.unwrap(), None);
}
