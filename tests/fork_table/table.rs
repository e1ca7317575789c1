//! Runs every depth and writes the table.

use crate::{
    judge::judge,
    play::{turns, turns_back},
    rows::{DEEPEST, Fate, Row},
    stage::Stage,
    world::World,
};
use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    sync::Mutex,
};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/fork-table.md");

/// How the orders of each row and fate ended, by depth.
type Found = BTreeMap<(Row, Fate), BTreeMap<u32, String>>;

/// One world.
#[derive(Clone, Copy, Debug)]
struct Round {
    depth: u32,
    turns_back: bool,
}

async fn play(round: Round, found: &Mutex<Found>) {
    let Round { depth, turns_back: back } = round;
    let fates = Fate::ALL.into_iter().filter(|fate| (*fate == Fate::FlipsBack) == back).collect::<Vec<_>>();
    let mut stage = Stage::set(World::new().await, depth, &fates).await;
    if back {
        turns_back(&stage, depth).await;
    } else {
        turns(&stage, depth).await;
    }
    let ends = judge(&stage, depth).await;
    for (case, end) in stage.cases.iter().zip(ends) {
        found.lock().unwrap().entry((case.row, case.fate)).or_default().insert(depth, end);
    }
    stage.world.stop().await;
    stage.world.store.close().await;
}

/// Every world, as many at a time as there are processors.
fn play_all() -> Found {
    let found = Mutex::new(Found::new());
    let rounds: VecDeque<Round> =
        (1..=DEEPEST).flat_map(|depth| [false, true].map(|turns_back| Round { depth, turns_back })).collect();
    let rounds = Mutex::new(rounds);
    let next = || rounds.lock().unwrap().pop_front();
    std::thread::scope(|scope| {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..processors.min(4) {
            scope.spawn(|| {
                while let Some(round) = next() {
                    actix_rt::System::new().block_on(play(round, &found));
                }
            });
        }
    });
    found.into_inner().unwrap()
}

/// Depths as people write them: `2–18`.
fn ranges(depths: &[u32]) -> String {
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for depth in depths {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == *depth => *last = *depth,
            _ => parts.push((*depth, *depth)),
        }
    }
    let parts = parts.into_iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}–{b}") });
    parts.collect::<Vec<_>>().join(", ")
}

fn written(found: &Found) -> String {
    let mut text = String::from(
        "# Forks\n\nWhat a fork does to an order, for every depth that the network allows (1 to 18 blocks; a block on which 18 \
         others stand is solid) and every state that an order can be in with its payment or its effects inside the fork. \
         Made by `LEYDEN_WRITE_TABLES=1 cargo test --test fork_table`, which plays every cell on the real actors and \
         the real store, asks the chain itself how it ended, and compares that with the rules in \
         [tests/fork_table/rows.rs](../../tests/fork_table/rows.rs).\n\n\
         *At once*: the other branch holds the payment too. *Later*: it is in neither branch for some blocks, then sent \
         again. *Never*: the network has forgotten it. *Flips back*: the service reads the other branch, then the chain \
         turns back. Where the payment is not in the fork, this happens to what we signed: *never* then means that these \
         bytes reach nobody any more, and another transaction is signed once they are proven dead.\n\n",
    );
    let heads = Fate::ALL.map(Fate::name).join(" | ");
    let rules = Fate::ALL.map(|_| "---").join(" | ");
    writeln!(text, "| state | inside the fork | {heads} |\n|---|---|{rules}|").unwrap();
    for row in Row::ALL {
        let cells = Fate::ALL.map(|fate| {
            let mut ends: BTreeMap<&String, Vec<u32>> = BTreeMap::new();
            for (depth, end) in &found[&(row, fate)] {
                ends.entry(end).or_default().push(*depth);
            }
            let cells = ends.into_iter().map(|(end, depths)| format!("{end} ({})", ranges(&depths)));
            cells.collect::<Vec<_>>().join("; ")
        });
        writeln!(text, "| {} | {} | {} |", row.state().name(), row.inside(), cells.join(" | ")).unwrap();
    }
    text.push_str(
        "\nThe numbers in parentheses are depths. At depth 1 nobody is active with payment and delegation inside: a \
         delegation is never in the block of its payment. `reverted` is not in the table: no fork of these leads there \
         (a delegation that is solid rests on a payment that is solid).\n",
    );
    text
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whether to write is asked of whoever runs the test")]
fn every_depth_and_every_state_ends_as_the_rules_say() {
    let text = written(&play_all());
    if std::env::var_os("LEYDEN_WRITE_TABLES").is_some() {
        std::fs::write(PATH, &text).unwrap();
    }
    let documented = std::fs::read_to_string(PATH).unwrap_or_default();
    assert_eq!(text, documented, "LEYDEN_WRITE_TABLES=1 writes the table anew");
}
