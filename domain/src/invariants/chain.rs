//! The chain as it was read: without a hole, and everything derived from it in the blocks that are on it. Old
//! blocks may have been dropped from the books; nothing is said of what lies below the oldest.

use super::{Findings, Violation};
use crate::{
    address::{BlockRef, Height},
    book::Book,
    time::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// The recorded blocks by height.
fn recorded(book: &Book) -> BTreeMap<Height, (BlockRef, Timestamp)> {
    book.blocks.iter().map(|(head, _)| (head.height(), (head.block, head.timestamp))).collect()
}

/// Whether a block with this time can be on the recorded chain: it is, or it lies below all that is still recorded.
fn can_be_there(
    recorded: &BTreeMap<Height, (BlockRef, Timestamp)>,
    block: BlockRef,
    timestamp: Timestamp,
) -> bool {
    match recorded.get(&block.height()) {
        Some(known) => *known == (block, timestamp),
        None => recorded.first_key_value().is_some_and(|(oldest, _)| block.height() < *oldest),
    }
}

/// Each block continues the one before it, a slot or more later (I16).
pub fn cursor_is_gapless(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("cursor_is_gapless");
    for ((before, _), (head, parent)) in book.blocks.iter().zip(book.blocks.iter().skip(1)) {
        let follows = head.height() == before.height().next() && parent == before.block.id();
        findings.expect(follows, head.height(), || {
            format!("{:?} behind {parent}, but {:?} stands there", head.block, before.block)
        });
        findings.expect(head.timestamp > before.timestamp, head.height(), || {
            format!("at {}, not after {}", head.timestamp.ms(), before.timestamp.ms())
        });
    }
    findings.done()
}

/// The solid block is one of the recorded ones.
pub fn solid_is_recorded(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("solid_is_recorded");
    if let Some(solid) = book.solid {
        let recorded = recorded(book);
        findings.expect(can_be_there(&recorded, solid.block, solid.timestamp), solid.height(), || {
            format!("{:?} is not on the recorded chain", solid.block)
        });
    }
    findings.done()
}

/// A payment's block is on the chain (I4).
pub fn payments_are_on_the_chain(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("payments_are_on_the_chain");
    let recorded = recorded(book);
    for payment in &book.payments {
        let Some(at) = payment.block else { continue };
        findings.expect(can_be_there(&recorded, at.block, at.timestamp), payment.id, || {
            format!("in {:?}, which is not on the chain", at.block)
        });
    }
    findings.done()
}

/// A resource event's block is on the chain, and no transaction is in two places.
pub fn events_are_on_the_chain(book: &Book) -> Vec<Violation> {
    let mut findings = Findings::of("events_are_on_the_chain");
    let recorded = recorded(book);
    let mut known = BTreeSet::new();
    for (head, event) in &book.events {
        findings.expect(known.insert(event.tx_id), event.tx_id, || "recorded twice".to_owned());
        findings.expect(can_be_there(&recorded, head.block, head.timestamp), event.tx_id, || {
            format!("in {:?}, which is not on the chain", head.block)
        });
    }
    findings.done()
}
