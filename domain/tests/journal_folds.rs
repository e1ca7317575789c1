//! Of tables that only grow a replay keeps the newest rows and one hash: the same as the table's own, or none.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "each test uses a part of the kit")]
mod kit;

use leyden_domain::{
    Timestamp,
    journal::{
        Digest, Draft, Folded, Head, Image, Key, Replay, Row, RowChange, fold_in, key_of, nothing_folded,
        row_kind,
    },
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Entries about a table of blocks, and what it is in the end.
#[derive(Default)]
struct Log {
    replay: Option<Replay>,
    rows: BTreeMap<Key, (String, Image)>,
}

impl Log {
    fn new() -> Self {
        Self { replay: Some(Replay::folding(["blocks"])), rows: BTreeMap::new() }
    }

    fn say(&mut self, change: RowChange, subject: &str, image: &Image) {
        let draft =
            Draft { kind: row_kind("blocks", change), subject: subject.to_owned(), body: image.encode() };
        let entry = Head::genesis().append(Timestamp::from_ms(0), draft);
        self.replay.as_mut().unwrap().apply(&entry).unwrap();
        let key = key_of(subject).unwrap();
        if change == RowChange::Gone {
            self.rows.remove(&key);
        } else {
            self.rows.insert(key, (subject.to_owned(), image.clone()));
        }
    }

    fn made(&mut self, height: i64, fork: i64) {
        let image = Image::default().with("height", height).with("fork", fork);
        self.say(RowChange::New, &height.to_string(), &image);
    }

    fn gone(&mut self, height: i64) {
        self.say(RowChange::Gone, &height.to_string(), &Image::default());
    }

    fn replay(&self) -> &Replay {
        self.replay.as_ref().unwrap()
    }

    /// The hash of the table's rows up to one.
    fn hash(&self, up_to: Key) -> Digest {
        self.rows.range(..=up_to).fold(nothing_folded(), |digest, (_, (id, image))| {
            fold_in(digest, id, &image.clone().dense().encode())
        })
    }
}

#[test]
fn what_only_grows_is_folded_whatever_forks_did() {
    let mut log = Log::new();
    for height in 1..=5_000 {
        log.made(height, 0);
        if height % 700 == 0 {
            for undone in (height - 17..=height).rev() {
                log.gone(undone);
            }
            for again in height - 17..=height {
                log.made(again, height);
            }
        }
    }
    let Folded::UpTo(key, digest) = log.replay().folded("blocks") else {
        panic!("{:?}", log.replay().folded("blocks"))
    };
    assert_eq!((key, digest), ((2_999, 0), log.hash((2_999, 0))));
    assert_eq!(log.replay().len(), 2_001, "it keeps no more than the newest");
    let other = fold_in(nothing_folded(), "1", "{}");
    assert_ne!(digest, other);
}

#[test]
fn what_comes_late_or_twice_is_not_folded() {
    for change in [RowChange::New, RowChange::Gone, RowChange::Accepted, RowChange::Opened] {
        let mut log = Log::new();
        (1..=3_000).for_each(|height| log.made(height, 0));
        assert!(matches!(log.replay().folded("blocks"), Folded::UpTo(..)));
        log.say(change, "10", &Image::default().with("height", 10_i64));
        log.made(3_001, 0);
        assert_eq!(log.replay().folded("blocks"), Folded::Disordered, "{change:?}");
        assert_eq!(log.replay().len(), 0);
    }
    // One that is made twice while it is kept is not folded either: somebody must be told of it.
    let mut log = Log::new();
    (1..=100).for_each(|height| log.made(height, 0));
    log.made(50, 1);
    assert_eq!(log.replay().suspects().count(), 1);
    (101..=3_000).for_each(|height| log.made(height, 0));
    assert_eq!(log.replay().folded("blocks"), Folded::Disordered);
}

#[test]
fn the_newest_row_that_is_folded_is_late_already() {
    let mut log = Log::new();
    (1..=3_000).for_each(|height| log.made(height, 0));
    let Folded::UpTo(key, _) = log.replay().folded("blocks") else { panic!("not folded") };
    log.made(key.0 + 1, 0);
    assert!(matches!(log.replay().folded("blocks"), Folded::UpTo(..)), "the next one is kept still");
    let mut log = Log::new();
    (1..=3_000).for_each(|height| log.made(height, 0));
    log.made(key.0, 0);
    assert_eq!(log.replay().folded("blocks"), Folded::Disordered);
}

#[test]
fn what_is_gone_for_good_is_not_missed() {
    let mut log = Log::new();
    (1..=50).for_each(|height| log.made(height, 0));
    log.gone(50);
    (51..=3_000).for_each(|height| log.made(height, 0));
    let Folded::UpTo(key, digest) = log.replay().folded("blocks") else { panic!("not folded") };
    assert_eq!(digest, log.hash(key));
}

#[test]
fn a_suspect_elsewhere_keeps_nothing_from_being_folded() {
    let image = Image::default().with("one", 1_i64);
    let mut log = Log::new();
    let twice = |log: &mut Log| {
        for _ in 0..2 {
            let kind = row_kind("orders", RowChange::New);
            let draft = Draft { kind, subject: "ord_1".to_owned(), body: image.encode() };
            let entry = Head::genesis().append(Timestamp::from_ms(0), draft);
            log.replay.as_mut().unwrap().apply(&entry).unwrap();
        }
    };
    twice(&mut log);
    (1..=3_000).for_each(|height| log.made(height, 0));
    let Folded::UpTo(key, digest) = log.replay().folded("blocks") else { panic!("not folded") };
    assert_eq!(digest, log.hash(key));
    // Whoever gives up one table forgets who was suspected of it, and nobody else.
    log.made(2_999, 1);
    assert_eq!(log.replay().suspects().count(), 2);
    log.made(1, 0);
    let left: Vec<_> = log.replay().suspects().map(|(table, subject, _)| (table, subject)).collect();
    assert_eq!(left, [("orders", "ord_1")]);
}

#[test]
fn other_tables_are_kept_whole_and_a_part_is_a_part() {
    let image = Image::default().with("one", 1_i64);
    let about = |table: &str, id: &str| {
        let draft =
            Draft { kind: row_kind(table, RowChange::New), subject: id.to_owned(), body: image.encode() };
        Head::genesis().append(Timestamp::from_ms(0), draft)
    };
    let mut replay = Replay::folding(["blocks"]);
    replay.apply(&about("orders", "ord_1")).unwrap();
    assert_eq!(replay.tables().count(), 1, "nobody speaks of blocks");
    replay.apply(&about("blocks", "1")).unwrap();
    assert_eq!(replay.tables().collect::<Vec<_>>(), ["blocks", "orders"]);
    assert_eq!(replay.folded("orders"), Folded::No);
    assert_eq!(replay.take("orders", "ord_1"), Some(Row::Whole(image.clone())));
    let mut part = Replay::part("blocks", Some((3, 0)), Some((5, 0)));
    for height in 1..=9 {
        part.apply(&about("blocks", &height.to_string())).unwrap();
        part.apply(&about("orders", &height.to_string())).unwrap();
    }
    assert_eq!(part.subjects("blocks").collect::<Vec<_>>(), ["4", "5"]);
    assert_eq!(part.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: kit::cases(16), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_other_row_is_another_hash(height in 1_i64..900, fork in 1_i64..9) {
        let mut log = Log::new();
        (1..=3_000).for_each(|height| log.made(height, 0));
        let Folded::UpTo(key, digest) = log.replay().folded("blocks") else { panic!("not folded") };
        prop_assert_eq!(digest, log.hash(key));
        let (id, image) = log.rows[&(height, 0)].clone();
        log.rows.insert((height, 0), (id, image.with("fork", fork)));
        prop_assert_ne!(digest, log.hash(key));
        log.rows.remove(&(height, 0));
        prop_assert_ne!(digest, log.hash(key));
    }
}
