//! The journal's own promises: a row has one text, an entry one hash, and what is replayed is what was written.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use leyden_domain::{
    Timestamp,
    journal::{
        ChainFault, Digest, Draft, Entry, Field, Head, Image, Replay, ReplayFault, Row, RowChange, row_kind,
        row_of,
    },
};
use proptest::{collection::vec, prelude::*};
use std::collections::BTreeMap;

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![Just(Field::Null), any::<i64>().prop_map(Field::Int), any::<String>().prop_map(Field::Text)]
}

fn image() -> impl Strategy<Value = Image> {
    vec(("[a-d]{1,2}", field()), 0..6).prop_map(|fields| {
        fields.into_iter().fold(Image::default(), |image, (name, value)| image.with(&name, value))
    })
}

fn draft() -> impl Strategy<Value = Draft> {
    (any::<String>(), any::<String>(), any::<String>()).prop_map(|(kind, subject, body)| Draft {
        kind,
        subject,
        body,
    })
}

fn chain(drafts: Vec<(i64, Draft)>) -> Vec<Entry> {
    let mut head = Head::genesis();
    drafts.into_iter().map(|(at, draft)| head.append(Timestamp::from_ms(at), draft)).collect()
}

fn follow(entries: &[Entry]) -> Result<Head, ChainFault> {
    let mut head = Head::genesis();
    for entry in entries {
        head.follow(entry)?;
    }
    Ok(head)
}

/// Changes one bit of one part of an entry.
fn forge(entry: &mut Entry, part: usize, place: usize, bit: u32) {
    let text = |text: &mut String| {
        let mut bytes = text.clone().into_bytes();
        match bytes.len() {
            0 => text.push('x'),
            length => {
                bytes[place % length] ^= 1 << (bit % 7);
                *text = String::from_utf8(bytes).unwrap_or_else(|_| format!("{text}x"));
            }
        }
    };
    match part % 5 {
        0 => text(&mut entry.kind),
        1 => text(&mut entry.subject),
        2 => text(&mut entry.body),
        3 => entry.at = Timestamp::from_ms(entry.at.ms() ^ (1 << (bit % 63))),
        _ => {
            let mut bytes = *entry.hash.bytes();
            bytes[place % 32] ^= 1 << (bit % 8);
            entry.hash = hex::encode(bytes).parse().unwrap();
        }
    }
}

proptest! {
    #[test]
    fn an_image_reads_back(image in image()) {
        let text = image.encode();
        let read = Image::decode(&text).unwrap();
        prop_assert_eq!(&read, &image);
        prop_assert_eq!(read.encode(), text);
        prop_assert_eq!(image.first_difference(&image.clone().dense()), None);
    }

    #[test]
    fn any_text_may_be_a_body(text in any::<String>()) {
        drop(Image::decode(&text));
        drop(Image::from_columns(&text));
        prop_assert!(row_of(&text).is_none_or(|(table, _)| text.starts_with(table)));
        drop(text.parse::<Digest>());
    }

    #[test]
    fn an_untouched_chain_holds(drafts in vec((any::<i64>(), draft()), 0..20)) {
        let entries = chain(drafts);
        let head = follow(&entries).unwrap();
        prop_assert_eq!(head.seq, i64::try_from(entries.len()).unwrap());
        let rest = entries.len() / 2;
        let mut half = follow(&entries[..rest]).unwrap();
        for entry in &entries[rest..] {
            half.follow(entry).unwrap();
        }
        prop_assert_eq!(half, head);
    }

    #[test]
    fn one_bit_breaks_it(
        drafts in vec((any::<i64>(), draft()), 1..12),
        which in any::<usize>(), part in any::<usize>(), place in any::<usize>(), bit in any::<u32>(),
    ) {
        let mut entries = chain(drafts);
        let which = which % entries.len();
        forge(&mut entries[which], part, place, bit);
        prop_assert!(follow(&entries).is_err());
    }

    #[test]
    fn neither_order_nor_number_may_change(drafts in vec((any::<i64>(), draft()), 2..12), which in any::<usize>()) {
        let entries = chain(drafts);
        let which = which % (entries.len() - 1);
        let mut swapped = entries.clone();
        swapped.swap(which, which + 1);
        prop_assert!(follow(&swapped).is_err());
        let mut shorter = entries.clone();
        shorter.remove(which);
        prop_assert!(follow(&shorter).is_err());
        let mut longer = entries.clone();
        longer.insert(which, entries[which].clone());
        prop_assert!(follow(&longer).is_err());
        // Two entries that say the same in other places are not the same.
        prop_assert!(entries[0].hash != entries[1].hash);
    }

    /// Rows that come, change and go, and a replay from the beginning or from anywhere.
    #[test]
    fn what_is_replayed_is_what_was_written(
        steps in vec((0_u8..4, "[a-c]", image()), 1..60),
        from in any::<usize>(),
    ) {
        let mut rows: BTreeMap<String, Image> = BTreeMap::new();
        let mut head = Head::genesis();
        let mut entries = Vec::new();
        let mut states = vec![rows.clone()];
        for (step, subject, image) in steps {
            let (change, body) = match (step, rows.get_mut(&subject)) {
                (0, Some(_)) => {
                    rows.remove(&subject);
                    (RowChange::Gone, Image::default())
                }
                (_, Some(row)) => {
                    row.overlay(image.clone());
                    *row = row.clone().dense();
                    (RowChange::Changed, image)
                }
                (_, None) => {
                    rows.insert(subject.clone(), image.clone().dense());
                    (RowChange::New, image.dense())
                }
            };
            let draft = Draft { kind: row_kind("things", change), subject, body: body.encode() };
            entries.push(head.append(Timestamp::from_ms(0), draft));
            states.push(rows.clone());
        }
        let mut replay = Replay::from(0);
        for entry in &entries {
            replay.apply(entry).unwrap();
        }
        prop_assert_eq!(replay.len(), rows.len());
        for (subject, row) in &rows {
            prop_assert_eq!(replay.take("things", subject), Some(Row::Whole(row.clone())));
        }
        prop_assert!(replay.is_empty());

        let from = from % states.len();
        let mut replay = Replay::from(i64::try_from(from).unwrap());
        if from > 0 {
            for entry in &entries[from..] {
                replay.apply(entry).unwrap();
            }
            let subjects: Vec<String> = replay.subjects("things").map(str::to_owned).collect();
            for subject in subjects {
                match (replay.take("things", &subject).unwrap(), rows.get(&subject)) {
                    (Row::Gone, row) => prop_assert_eq!(row, None),
                    (Row::Whole(image), row) => prop_assert_eq!(Some(&image), row),
                    (Row::Part(image), Some(row)) => {
                        let mut seen = row.clone();
                        seen.retain(|column, _| image.get(column).is_some());
                        prop_assert_eq!(image.first_difference(&seen), None);
                    }
                    (Row::Part(_), None) => prop_assert!(false, "a row that is not there"),
                }
            }
        }
    }
}

fn about(change: RowChange, image: &Image) -> Entry {
    let draft = Draft { kind: row_kind("things", change), subject: "a".to_owned(), body: image.encode() };
    Head::genesis().append(Timestamp::from_ms(0), draft)
}

#[test]
fn entries_that_cannot_follow_make_their_row_a_suspect() {
    fn fault(replay: &Replay) -> Option<ReplayFault> {
        replay.suspects().next().map(|(_, _, suspect)| suspect.fault.clone())
    }
    let image = Image::default().with("one", 1_i64);
    let mut replay = Replay::from(0);
    replay.apply(&about(RowChange::Changed, &image)).unwrap();
    assert_eq!(fault(&replay), Some(ReplayFault::Unmade));
    // The first fault is the one that counts, until the row is gone or taken for right.
    replay.apply(&about(RowChange::New, &image)).unwrap();
    assert_eq!(fault(&replay), Some(ReplayFault::Unmade));
    replay.apply(&about(RowChange::Gone, &Image::default())).unwrap();
    replay.apply(&about(RowChange::New, &image)).unwrap();
    assert_eq!(fault(&replay), None);
    replay.apply(&about(RowChange::New, &image)).unwrap();
    assert_eq!(fault(&replay), Some(ReplayFault::MadeTwice));
    replay.apply(&about(RowChange::Accepted, &image)).unwrap();
    assert_eq!(fault(&replay), None);
    let wider = image.clone().with("two", "x");
    replay.apply(&about(RowChange::Opened, &wider)).unwrap();
    assert_eq!(fault(&replay), None);
    let other = wider.with("one", 2_i64);
    replay.apply(&about(RowChange::Opened, &other)).unwrap();
    assert!(matches!(fault(&replay), Some(ReplayFault::Reopened { .. })));
    let mut unreadable = about(RowChange::Changed, &image);
    for body in
        ["", "{}", "{\"v\":2,\"row\":{}}", "{\"v\":1,\"row\":{\"one\":1.5}}", "{\"v\":1,\"row\":{},\"x\":1}"]
    {
        body.clone_into(&mut unreadable.body);
        assert_eq!(replay.apply(&unreadable), Err(ReplayFault::Unreadable), "{body}");
    }
    // Remarks change nothing.
    let draft = Draft { kind: "note.order".to_owned(), subject: "a".to_owned(), body: "{}".to_owned() };
    replay.apply(&Head::genesis().append(Timestamp::from_ms(0), draft)).unwrap();
    assert_eq!(replay.len(), 1);
}

#[test]
fn who_began_later_knows_less_and_suspects_less() {
    let image = Image::default().with("one", 1_i64);
    for (mut replay, is_whole) in
        [(Replay::from(0), true), (Replay::folding(["others"]), true), (Replay::from(1), false)]
    {
        assert_eq!(replay.is_whole(), is_whole);
        assert!(replay.is_empty());
        replay.apply(&about(RowChange::Changed, &image)).unwrap();
        assert!(!replay.is_empty());
        assert_eq!(replay.suspects().count(), usize::from(is_whole), "it was made before");
    }
    // But what it has seen go cannot change.
    let mut replay = Replay::from(1);
    replay.apply(&about(RowChange::Gone, &Image::default())).unwrap();
    assert_eq!(replay.suspects().count(), 0);
    replay.apply(&about(RowChange::Changed, &image)).unwrap();
    let faults: Vec<_> = replay.suspects().map(|(_, _, suspect)| suspect.fault.clone()).collect();
    assert_eq!(faults, [ReplayFault::Unmade]);
}

#[test]
fn rows_are_read_as_a_database_says_them_and_told_apart_by_column() {
    let row = Image::from_columns(r#"{"b":"x","a":1,"c":null}"#).unwrap();
    assert_eq!(row, Image::default().with("a", 1_i64).with("b", "x").with("c", Field::Null));
    for wrong in ["", "[]", r#"{"a":1.5}"#, r#"{"a":{}}"#, r#"{"a":1"#] {
        assert_eq!(Image::from_columns(wrong), None, "{wrong}");
    }
    let other = row.clone().with("b", "y").with("d", 4_i64);
    let differs = |column: &str, here: Field, there: Field| Some((column.to_owned(), here, there));
    assert_eq!(row.first_difference(&other), differs("b", Field::from("x"), Field::from("y")));
    assert_eq!(row.first_difference(&row.clone().with("d", 4_i64)), differs("d", Field::Null, Field::Int(4)));
    assert_eq!(row.clone().with("d", 4_i64).first_difference(&row), differs("d", Field::Int(4), Field::Null));
    assert_eq!(row.first_difference(&row.clone().dense()), None, "what is not there is NULL");
    let said: Vec<_> = row.columns().map(|(column, value)| format!("{column} {value}")).collect();
    assert_eq!(said, ["a 1", "b \"x\"", "c NULL"]);
}

#[test]
fn a_head_is_written_as_its_number_and_its_hash() {
    let head = Head::genesis();
    let hash = head.hash.to_string();
    assert_eq!(head.to_string(), format!("0 {hash}"));
    assert_eq!(hash.parse(), Ok(head.hash));
    assert!(hash.to_uppercase().parse::<Digest>().is_err(), "one hash has one text");
    let shorter: String = hash.chars().skip(1).collect();
    assert!(shorter.parse::<Digest>().is_err() && format!("{hash}0").parse::<Digest>().is_err());
}

/// A hash that was published must stay the hash of that entry, whatever version reads it.
#[test]
fn the_form_of_the_hash_does_not_change() {
    let draft = Draft { kind: "orders.new".to_owned(), subject: "ord_1".to_owned(), body: "{}".to_owned() };
    let entry = Head::genesis().append(Timestamp::from_ms(1_700_000_000_000), draft);
    assert_eq!(entry.hash.to_string(), "92b5126f513af557e4c0d4646c50f8ee7dfd6c97bde39952fd11dbeaa7aa6df2");
}
