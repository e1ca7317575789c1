//! Every fault that a node can have, against a pool of two nodes: with one of them faulty, and with both for a while.
//! Whatever happens, every payment is found once and none is found that was not made, and who lies is found out.
//!
//! The table that this makes is docs/reference/node-faults.md; `LEYDEN_WRITE_TABLES=1` writes it anew.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test, and its table")]

mod follower;

use follower::{Follower, Paid, us};
use futures_util::{StreamExt as _, stream};
use leyden_domain::{
    BlockRef, Sun, Timestamp, TxId,
    chain::{BroadcastAnswer, SignedTransaction},
};
use leyden_ports::{ChainError, ChainWriter as _};
use leyden_sim::{
    ChainConfig, Lie, SimNode, WireFault,
    build::Options,
    config::TRX,
    http::{self, Face},
    keys,
};
use leyden_tron::{
    crypto,
    node::{
        NodePool, NodeSettings, PoolSettings,
        pool::{Agreement, PooledNode},
    },
    wire::proto::TransferContract,
};
use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

/// Which nodes are faulty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// The one that is asked first.
    One,
    /// Both, for a while; two that lie do so in different ways.
    Both,
}

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Wire(&'static str, WireFault),
    /// The first node follows a fork of its own, on which there are payments of its own.
    OtherFork,
}

impl Trouble {
    fn name(self) -> &'static str {
        match self {
            Self::Wire(name, _) => name,
            Self::OtherFork => "another fork",
        }
    }

    fn is_lie(self) -> bool {
        matches!(self, Self::Wire(_, WireFault::Lie(_)))
    }
}

fn troubles() -> Vec<Trouble> {
    use WireFault as F;
    let to = us();
    let sun = 777 * TRX;
    [
        ("429", F::TooManyRequests { retry_after: None }),
        ("429 with Retry-After", F::TooManyRequests { retry_after: Some(1) }),
        ("403", F::Forbidden),
        ("502", F::ServerError),
        ("connection reset", F::Reset),
        ("hang", F::Hang),
        ("half a body", F::HalfBody),
        ("HTML with status 200", F::Html),
        ("malformed JSON", F::Malformed),
        ("wrong content type", F::WrongContentType),
        ("`{}` for a full block", F::EmptyObject),
        ("`[]` for a full block", F::EmptyArray),
        ("gzip bomb", F::GzipBomb),
        ("endless body", F::Endless),
        ("huge numbers", F::HugeNumbers),
        ("stale by 20 blocks", F::Stale { blocks: 20 }),
        ("flapping", F::Flapping),
        ("duplicate storm on broadcast", F::DuplicateStorm),
        ("lie: forged transaction", F::Lie(Lie::ForgedTransfer { to, sun })),
        ("lie: changed amount", F::Lie(Lie::ChangedAmount { by: 5 * TRX })),
        ("lie: hidden transaction", F::Lie(Lie::HiddenTransfer { to })),
        ("lie: broken parent", F::Lie(Lie::BrokenParent)),
        ("lie: wrong Merkle root", F::Lie(Lie::WrongRoot)),
        ("lie: wrong witness signature", F::Lie(Lie::WrongWitness)),
        ("lie: a block of its own witness", F::Lie(Lie::ForgedBlock { to, sun })),
        ("lie: forged token payment in a receipt", F::Lie(Lie::ForgedLog { to })),
        ("lie: token payment left out of a receipt", F::Lie(Lie::HiddenLog)),
    ]
    .into_iter()
    .map(|(name, fault)| Trouble::Wire(name, fault))
    .chain([Trouble::OtherFork])
    .collect()
}

/// What the second node does where both are faulty: the same, but that no two lies are alike.
fn second_fault(first: WireFault) -> WireFault {
    let (to, sun) = (us(), 888 * TRX);
    match first {
        WireFault::Lie(Lie::ForgedTransfer { .. } | Lie::HiddenTransfer { .. }) => {
            WireFault::Lie(Lie::ChangedAmount { by: TRX })
        }
        WireFault::Lie(Lie::ChangedAmount { .. }) => WireFault::Lie(Lie::ForgedTransfer { to, sun }),
        WireFault::Lie(Lie::ForgedBlock { .. }) => WireFault::Lie(Lie::ForgedBlock { to, sun }),
        WireFault::Lie(Lie::ForgedLog { .. }) => WireFault::Lie(Lie::HiddenLog),
        WireFault::Lie(Lie::HiddenLog) => WireFault::Lie(Lie::ForgedLog { to }),
        same => same,
    }
}

fn serve(node: &SimNode, face: &Face) -> String {
    let (server, address) =
        http::serve_face(node.clone(), face.clone(), "127.0.0.1:0".parse().unwrap()).unwrap();
    actix_web::rt::System::current().arbiter().spawn(async move {
        server.await.unwrap();
    });
    format!("http://{address}")
}

fn pool(urls: [String; 2], quarantine: Duration) -> NodePool {
    let nodes = urls
        .into_iter()
        .zip(["first", "second"])
        .zip([1, 2])
        .map(|((url, name), priority)| PooledNode {
            node: NodeSettings {
                name: name.to_owned(),
                timeout_ms: 1_000,
                max_body_bytes: 4 * 1024 * 1024,
                ..NodeSettings::new(url)
            },
            priority,
            broadcast: true,
        })
        .collect();
    NodePool::new(PoolSettings {
        agreement_above: Sun::from_trx(100),
        agreement: Agreement::WhenPossible,
        stale_after: 3,
        probe_every: Duration::from_millis(50),
        quarantine,
        // The chain here runs faster than its own clock.
        paced: false,
        ..PoolSettings::new(nodes, [us()].into())
    })
    .unwrap()
}

/// Pays us in every way, from the customers of the chain.
fn pay(chain: &SimNode, truth: &mut BTreeMap<TxId, i64>) {
    let key = keys::test_key(0);
    for (offer, amount) in [
        (chain.transfer(&key, us(), 500 * TRX).unwrap(), 500 * TRX),
        (chain.transfer(&key, us(), 5 * TRX).unwrap(), 5 * TRX),
        (chain.transfer_usdt(&key, us(), 7_000_000).unwrap(), 7_000_000),
    ] {
        assert_eq!(offer.message, "");
        truth.insert(offer.tx_id, amount);
    }
}

/// A transaction that the pool is to send.
fn to_send(chain: &SimNode) -> SignedTransaction {
    let message = TransferContract {
        owner_address: keys::test_address(1).to_bytes().to_vec(),
        to_address: keys::test_address(2).to_bytes().to_vec(),
        amount: 3,
    };
    let bytes = chain.signed(&keys::test_key(1), &message, Options::default());
    let signed = leyden_sim::tx::SignedTx::decode(&bytes).unwrap();
    SignedTransaction {
        tx_id: crypto::tx_id(&signed.raw_bytes),
        bytes,
        reference: BlockRef::new(chain.chain().head().id),
        expiration: Timestamp::from_ms(signed.raw.expiration),
    }
}

/// How one of them went.
struct Row {
    trouble: Trouble,
    who: Who,
    blocks: usize,
    made: usize,
    found: usize,
    missed: usize,
    invented: usize,
    went_on: bool,
    caught_up: bool,
    delivered: bool,
    became: &'static str,
    calls: u64,
    failed_polls: u32,
}

/// What became of the faulty node while it was faulty.
fn became(trouble: Trouble, pool: &NodePool) -> &'static str {
    let status = pool.status();
    let first = status.first().unwrap();
    let fails = !matches!(trouble, Trouble::OtherFork | Trouble::Wire(_, WireFault::Stale { .. }));
    match (first.lies, first.standing, first.errors) {
        (1.., ..) => "quarantined",
        // Whoever does not answer is behind soon as well.
        (_, _, 1..) if fails => "passed over",
        (_, "behind", _) => "set aside: behind",
        (_, "other_fork", _) => "set aside: other fork",
        _ => "in use",
    }
}

async fn run(trouble: Trouble, who: Who) -> Row {
    let chain = SimNode::new(ChainConfig::default());
    let fork = SimNode::new(ChainConfig::default());
    let faces = [Face::new(), Face::new()];
    let first = if trouble == Trouble::OtherFork { &fork } else { &chain };
    let urls = [serve(first, &faces[0]), serve(&chain, &faces[1])];
    let quarantine = match who {
        Who::One => Duration::from_mins(1),
        Who::Both => Duration::from_millis(300),
    };
    let mut follower = Follower::new(pool(urls, quarantine));
    let mut truth = BTreeMap::new();

    // All is well: long enough to know all witnesses.
    for step in 0..30 {
        if step % 5 == 4 {
            pay(&chain, &mut truth);
            pay(&fork, &mut BTreeMap::new());
        }
        chain.mine().unwrap();
        fork.mine().unwrap();
    }
    assert!(follower.catch_up(&chain).await, "{}: the beginning", trouble.name());

    if let Trouble::Wire(_, fault) = trouble {
        faces[0].set(Some(fault));
        if who == Who::Both {
            faces[1].set(Some(second_fault(fault)));
        }
    }
    let transaction = to_send(&chain);
    let mut answers = vec![follower.pool.broadcast(&transaction).await];
    for step in 0..8 {
        pay(&chain, &mut truth);
        chain.mine().unwrap();
        if trouble == Trouble::OtherFork && step % 2 == 0 {
            // A branch that the network does not follow grows more slowly.
            fork.transfer(&keys::test_key(3), us(), 666 * TRX).unwrap();
            fork.mine().unwrap();
        }
        follower.try_once().await;
        follower.try_once().await;
    }
    // With one honest node the service goes on while the other is faulty.
    let went_on = who == Who::One && follower.catch_up(&chain).await;
    let became = became(trouble, &follower.pool);
    for face in &faces {
        face.set(None);
    }
    pay(&chain, &mut truth);
    answers.push(follower.pool.broadcast(&transaction).await);
    chain.mine().unwrap();
    chain.mine().unwrap();
    let caught_up = follower.catch_up(&chain).await;

    let found: Vec<Paid> = follower.blocks.iter().flat_map(|(_, paid)| paid.iter().copied()).collect();
    let is_true = |paid: &&Paid| truth.get(&paid.0) == Some(&paid.2);
    let true_ones: std::collections::BTreeSet<TxId> =
        found.iter().filter(is_true).map(|(tx_id, ..)| *tx_id).collect();
    let delivered = chain.chain().transaction(&transaction.tx_id).is_some();
    let says_so = |answer: &Result<BroadcastAnswer, ChainError>| {
        matches!(answer, Ok(BroadcastAnswer::Accepted | BroadcastAnswer::Duplicate))
    };
    assert!(answers.iter().any(says_so), "{}: {answers:?}", trouble.name());
    Row {
        trouble,
        who,
        blocks: follower.blocks.len(),
        made: truth.len(),
        found: true_ones.len(),
        missed: truth.len() - true_ones.len(),
        // A payment found twice is invented the second time.
        invented: found.len() - true_ones.len(),
        went_on,
        caught_up,
        delivered,
        became,
        calls: faces.iter().map(Face::total_calls).sum(),
        failed_polls: follower.failed_polls,
    }
}

/// The columns that do not depend on how fast the machine is.
fn steady(row: &Row) -> String {
    let who = match (row.who, row.trouble.is_lie()) {
        (Who::One, _) => "one of two",
        (Who::Both, false) => "both for a while",
        (Who::Both, true) => "both, differently",
    };
    let went_on = match row.who {
        Who::One if row.went_on => "yes",
        Who::One => "NO",
        Who::Both => "waits",
    };
    format!(
        "| {} | {who} | {} | {}/{} | {} | {} | {went_on} | {} |",
        row.trouble.name(),
        row.blocks,
        row.found,
        row.made,
        row.missed,
        row.invented,
        match row.who {
            Who::One => row.became,
            Who::Both if row.trouble.is_lie() => "not believed",
            Who::Both => "asked again",
        },
    )
}

fn table(rows: &[Row]) -> String {
    let mut text = "# What a faulty node does to the service\n\n\
        Two nodes; the one that is asked first is faulty for eight blocks, or both are. In every block there are two\n\
        payments of TRX, one of them large, and one of USDT. Made by `tron/tests/fault_matrix.rs`, which fails where a\n\
        payment is missed, one is invented, a liar is not found out, or the service does not go on with the other node.\n\
        The last column depends on the machine: calls of both nodes together, polls that had to be repeated.\n\n\
        | fault | who | blocks followed | payments found | missed | invented | goes on meanwhile | the faulty node is | calls, failed polls |\n\
        |---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for row in rows {
        writeln!(text, "{} {}, {} |", steady(row), row.calls, row.failed_polls).unwrap();
    }
    text
}

#[expect(clippy::disallowed_methods, reason = "a test that is asked to write its table")]
fn writes_tables() -> bool {
    std::env::var_os("LEYDEN_WRITE_TABLES").is_some()
}

#[actix_web::test]
async fn whatever_a_node_does_no_payment_is_missed_and_none_is_invented() {
    let cases: Vec<(Trouble, Who)> = troubles()
        .into_iter()
        .flat_map(|trouble| [(trouble, Who::One), (trouble, Who::Both)])
        // Where both nodes are on the fork, it is the chain.
        .filter(|case| *case != (Trouble::OtherFork, Who::Both))
        .collect();
    let rows: Vec<Row> =
        stream::iter(cases).map(|(trouble, who)| run(trouble, who)).buffered(16).collect().await;
    let text = table(&rows);
    println!("{text}");
    let mut wrong = Vec::new();
    for row in &rows {
        let mut check = |holds: bool, what: &str| {
            if !holds {
                wrong.push(format!("{} ({:?}): {what}", row.trouble.name(), row.who));
            }
        };
        check(row.missed == 0, "a payment is missed");
        check(row.invented == 0, "a payment is invented");
        check(row.caught_up, "the end is not reached");
        check(row.delivered, "what was sent is not on the chain");
        check(row.who == Who::Both || row.went_on, "the service does not go on with the honest node");
        let found_out = row.became == "quarantined";
        // Of two that lie in different ways neither can be convicted by the other; neither is believed.
        check(!row.trouble.is_lie() || row.who == Who::Both || found_out, "the liar is not found out");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/node-faults.md");
    if writes_tables() {
        std::fs::write(path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap();
    for row in &rows {
        assert!(kept.contains(&steady(row)), "docs/reference/node-faults.md is old: {}", steady(row));
    }
}
