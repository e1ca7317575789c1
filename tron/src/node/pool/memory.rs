//! What a pool remembers of the chain that it handed out: the newest blocks, who may produce blocks, how often blocks
//! come, and what it may say again without asking.

use crate::decode::RawBlock;
use leyden_domain::{
    Address, BlockId, BlockRef, Height, Timestamp,
    chain::{Block, Head},
    planted::{Fault, planted},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};
use tokio::time::Instant;

/// For so many heights it is remembered how often they were waited for.
const HEIGHTS_WAITED_FOR: usize = 32;
/// How many blocks are remembered.
const WINDOW: usize = 256;
/// How many arrivals tell the rhythm.
const ARRIVALS: usize = 16;
/// Fewer gaps between blocks tell nothing.
const FEWEST_GAPS: usize = 4;
/// The network's slot: blocks never come faster there, and a slower chain is not waited for longer.
const SLOT_MS: i64 = 3_000;
/// A head is asked for so long before the block is expected.
const EARLY_MS: i64 = 400;
/// Node calls that a new block allows for.
const CALLS_PER_BLOCK: i64 = 2;
/// Calls beyond that are owed, but not for ever.
const MOST_OWED: i64 = 8;
/// The solid block is asked for at least this often, in blocks, whatever else there was to ask.
const SOLID_AT_LEAST_EVERY: u32 = 4;

/// So many witnesses must have produced a block at or after a solid one: 19 of 27 (java-tron
/// `DposService.updateSolidBlock`: the ninth lowest of their newest blocks).
const WITNESSES_PAST_SOLID: usize = 19;
/// How many witnesses make blocks on the main network.
const ACTIVE_WITNESSES: usize = 27;
/// After so many blocks every witness had its turn twice, and a network of fewer witnesses is known to be one.
const BLOCKS_THAT_TELL: usize = 64;

/// A block that was handed out.
#[derive(Debug, Clone, Copy)]
struct Shown {
    id: BlockId,
    timestamp: Timestamp,
    witness: Address,
}

/// How often something was seen at each of a few heights. Where the chain is compared with what was read, several are
/// asked for by turns, and none of them may begin anew for the others.
#[derive(Debug, Default)]
struct Times(BTreeMap<Height, u32>);

impl Times {
    /// It is seen once more; how often it was.
    fn seen(&mut self, height: Height) -> u32 {
        if planted(Fault::WaitsBeginAnew) {
            self.0.retain(|known, _| *known == height);
        }
        if self.0.len() >= HEIGHTS_WAITED_FOR && !self.0.contains_key(&height) {
            self.0.pop_first();
        }
        let times = self.0.entry(height).or_default();
        *times = times.saturating_add(1);
        *times
    }
}

/// What a pool remembers.
#[derive(Debug)]
pub(super) struct Memory {
    began: Instant,
    window: BTreeMap<Height, Shown>,
    witnesses: BTreeSet<Address>,
    /// Blocks since the last witness that was new.
    since_new_witness: usize,
    /// The newest head that was believed, and since when.
    head: Option<(Head, Instant)>,
    /// How late blocks arrived against their own time, on a scale of no meaning.
    lateness: VecDeque<i64>,
    /// Times between consecutive blocks.
    gaps: VecDeque<i64>,
    last_time: Option<(Height, i64)>,
    solid: Option<Head>,
    blocks_since_solid: u32,
    /// Calls that may still be made for the blocks so far.
    allowance: i64,
    /// The newest block, whole, from the node with this number.
    ahead: Option<(usize, RawBlock)>,
    pub(super) last_probe: Option<Instant>,
    pub(super) nobody_since: Option<Instant>,
    /// How often a second node was waited for in vain since there last was one.
    waits: u32,
    /// Heights that another node answered not to have yet, and how often.
    not_there: Times,
    /// Heights at which one node alone shows something, and how often that was seen.
    again: Times,
    /// Blocks with calls of contracts since somebody showed an internal transaction.
    without_internals: u32,
    /// Where that was last counted.
    compared_at: Option<Height>,
    hinted: bool,
}

fn keep<T>(values: &mut VecDeque<T>, value: T) {
    if values.len() >= ARRIVALS {
        values.pop_front();
    }
    values.push_back(value);
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            window: BTreeMap::new(),
            witnesses: BTreeSet::new(),
            since_new_witness: 0,
            head: None,
            lateness: VecDeque::new(),
            gaps: VecDeque::new(),
            last_time: None,
            solid: None,
            blocks_since_solid: 0,
            allowance: 0,
            ahead: None,
            last_probe: None,
            nobody_since: None,
            waits: 0,
            not_there: Times::default(),
            again: Times::default(),
            without_internals: 0,
            compared_at: None,
            hinted: false,
        }
    }

    /// The id that was handed out at this height; `None` where none is remembered.
    pub(super) fn at(&self, height: Height) -> Option<BlockId> {
        self.window.get(&height).map(|shown| shown.id)
    }

    /// The newest block that was handed out.
    pub(super) fn tip(&self) -> Option<Height> {
        self.window.last_key_value().map(|(height, _)| *height)
    }

    /// Whether a block continues what was handed out.
    pub(super) fn continues(&self, block: &Block) -> bool {
        self.at(block.height().offset(-1)).is_none_or(|parent| parent == block.parent)
    }

    pub(super) fn knows_witness(&self, witness: Address) -> bool {
        self.witnesses.contains(&witness)
    }

    /// Whether the witnesses are known: as many as make blocks at a time (java-tron `MAX_ACTIVE_WITNESS_NUM`), or, on a
    /// network of fewer, all that made as many blocks as there are of them.
    pub(super) fn knows_most_witnesses(&self) -> bool {
        let known = self.witnesses.len();
        known >= ACTIVE_WITNESSES || (known > 0 && self.since_new_witness >= known)
    }

    /// A block is handed out.
    pub(super) fn handed_out(&mut self, block: &Block) {
        let (height, time) = (block.height(), block.timestamp.ms());
        let is_new = self.tip().is_none_or(|tip| height > tip);
        if self.window.len() >= WINDOW
            && self.window.first_key_value().is_some_and(|(first, _)| height < *first)
        {
            return;
        }
        if self.at(height).is_some_and(|known| known != block.id) {
            // The chain has turned: what stood above is of another branch.
            self.window.retain(|known, _| *known < height);
        }
        let (id, timestamp, witness) = (block.id, block.timestamp, block.witness);
        self.window.insert(height, Shown { id, timestamp, witness });
        while self.window.len() > WINDOW {
            self.window.pop_first();
        }
        if self.witnesses.insert(block.witness) {
            self.since_new_witness = 0;
        } else {
            self.since_new_witness = self.since_new_witness.saturating_add(1);
        }
        if let Some((last, last_time)) = self.last_time
            && last.next() == height
        {
            keep(&mut self.gaps, time.saturating_sub(last_time));
        }
        self.last_time = Some((height, time));
        if is_new {
            self.blocks_since_solid = self.blocks_since_solid.saturating_add(1);
            self.allowance = self.allowance.saturating_add(CALLS_PER_BLOCK).min(CALLS_PER_BLOCK);
        }
    }

    /// A call was made that counts against what a block allows.
    pub(super) fn spent(&mut self, calls: i64) {
        self.allowance = self.allowance.saturating_sub(calls).max(-MOST_OWED);
    }

    /// A head was told of.
    pub(super) fn saw_head(&mut self, head: Head, now: Instant) {
        let is_new = self.head.is_none_or(|(known, _)| known.block != head.block);
        if is_new {
            let arrived = millis(now.duration_since(self.began));
            keep(&mut self.lateness, arrived.saturating_sub(head.timestamp.ms()));
            self.head = Some((head, now));
        }
        self.hinted = false;
    }

    /// The newest head, and for how long it has been that.
    pub(super) fn head(&self, now: Instant) -> Option<(Head, Duration)> {
        self.head.map(|(head, since)| (head, now.duration_since(since)))
    }

    /// The newest head, where the next block cannot be there yet.
    pub(super) fn head_until_next(&self, now: Instant) -> Option<Head> {
        if self.hinted || self.gaps.len() < FEWEST_GAPS {
            return None;
        }
        let (head, _) = self.head?;
        // Where the tip was not read yet there is work to do anyway.
        if self.tip()? < head.height() {
            return None;
        }
        let slot = self.gaps.iter().min()?.min(&SLOT_MS);
        let expected = head.timestamp.ms().saturating_add(*slot).saturating_add(*self.lateness.iter().min()?);
        (millis(now.duration_since(self.began)).saturating_add(EARLY_MS) < expected).then_some(head)
    }

    /// Somebody says that there is a new block.
    pub(super) const fn hint(&mut self) {
        self.hinted = true;
    }

    /// The solid block that was last told of, where it need not be asked for.
    pub(super) fn solid_until_next(&self) -> Option<Head> {
        let due = self.blocks_since_solid >= SOLID_AT_LEAST_EVERY
            || (self.blocks_since_solid > 0 && self.allowance > 0);
        self.solid.filter(|_| !due)
    }

    /// What of a claim about the solid block the blocks that were handed out bear out. A node can name any block solid; what
    /// makes one solid is that enough witnesses built on it, and their signatures were checked. A claim about what lies
    /// before the blocks that are remembered stays as it is; one beyond what they prove becomes what they prove.
    pub(super) fn borne_out(&self, claim: Head) -> Head {
        let Some((first, _)) = self.window.first_key_value() else { return claim };
        if claim.height() < *first {
            return claim;
        }
        let head = |shown: &Shown| Head { block: BlockRef::new(shown.id), timestamp: shown.timestamp };
        let mut needed = WITNESSES_PAST_SOLID;
        if self.window.len() >= BLOCKS_THAT_TELL {
            let all = self.window.values().map(|shown| shown.witness).collect::<BTreeSet<_>>().len();
            needed = needed.min(all.saturating_sub(all.saturating_mul(3) / 10));
        }
        let mut builders = BTreeSet::new();
        for (height, shown) in self.window.iter().rev() {
            builders.insert(shown.witness);
            if builders.len() >= needed {
                return if *height < claim.height() { head(shown) } else { claim };
            }
        }
        // Nothing is proven yet: what was known before is what is known.
        self.solid.filter(|known| known.height() < claim.height()).unwrap_or(claim)
    }

    pub(super) const fn saw_solid(&mut self, solid: Head) {
        self.solid = Some(solid);
        self.blocks_since_solid = 0;
    }

    /// Keeps the newest block, whole.
    pub(super) fn keep_ahead(&mut self, endpoint: usize, raw: RawBlock) {
        self.ahead = Some((endpoint, raw));
    }

    /// The block that was kept, if it is at this height.
    pub(super) fn take_ahead(&mut self, height: Height) -> Option<(usize, RawBlock)> {
        self.ahead.take_if(|(_, raw)| raw.header.height() == height)
    }

    /// A second node is waited for; whether that was done long enough. Once it was, nobody waits again before there has
    /// been a second node: else every block of a long outage would be late.
    pub(super) const fn waited(&mut self, patience: u32) -> bool {
        self.waits = self.waits.saturating_add(1);
        self.waits > patience
    }

    /// Another node is there and has no such block yet; whether it has said so of this very block long enough. It counts for
    /// this block alone: a node that is a moment behind is not one that is gone.
    pub(super) fn waited_for(&mut self, height: Height, patience: u32) -> bool {
        self.not_there.seen(height) > patience
    }

    /// One node alone shows something at this height; whether the others were asked for it often enough.
    pub(super) fn asked_again(&mut self, height: Height, times: u32) -> bool {
        self.again.seen(height) > times
    }

    /// Whether what nodes show of internal transactions is to be compared at this block: always at first, and where that
    /// was in vain so often, one time of so many.
    /// The same block is judged once, however often it is asked for.
    pub(super) fn compares_internals(&mut self, height: Height, in_vain: u32, every: u32) -> bool {
        if self.compared_at != Some(height) {
            self.compared_at = Some(height);
            self.without_internals = self.without_internals.saturating_add(1);
        }
        self.without_internals <= in_vain || self.without_internals.is_multiple_of(every)
    }

    /// Somebody has shown an internal transaction.
    pub(super) const fn internals_were_shown(&mut self) {
        self.without_internals = 0;
    }

    /// Two nodes agreed about a block.
    pub(super) const fn had_a_second(&mut self) {
        self.waits = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leyden_domain::{BlockRef, Timestamp};

    fn block(number: i64, time: i64) -> Block {
        let mut id = [7; 32];
        for (byte, value) in id.iter_mut().zip(number.to_be_bytes()) {
            *byte = value;
        }
        Block {
            id: BlockId::new(id),
            parent: BlockId::new([0; 32]),
            timestamp: Timestamp::from_ms(time),
            witness: Address::from_evm([1; 20]),
            transactions: BTreeMap::new(),
            transfers: Vec::new(),
            resource_events: Vec::new(),
            token_calls: Vec::new(),
        }
    }

    /// Polls every 1.5 s, as the listener does, a chain with a block every 3 s that arrives this late. How many polls
    /// asked, and how long the latest block had been there.
    async fn polls(late_ms: u64, slots_missed_at: i64) -> (u32, u64) {
        let mut memory = Memory::new();
        let (began, mut asked, mut oldest) = (Instant::now(), 0, 0);
        for tick in 0..200_u64 {
            let now_ms = tick * 1_500 + 3_700;
            tokio::time::advance(Duration::from_millis(1_500)).await;
            let arrived = i64::try_from(now_ms.saturating_sub(late_ms) / 3_000).expect("small");
            let number = if arrived >= slots_missed_at && arrived < slots_missed_at + 3 {
                slots_missed_at - 1
            } else {
                arrived
            };
            let newest = block(number, number * 3_000);
            if memory.head_until_next(Instant::now()).is_some() {
                continue;
            }
            asked += 1;
            let is_new = memory.tip() != Some(newest.height());
            memory.saw_head(
                Head { block: BlockRef::new(newest.id), timestamp: newest.timestamp },
                Instant::now(),
            );
            memory.handed_out(&newest);
            if is_new && number > 10 && number < slots_missed_at {
                oldest = oldest.max(now_ms - late_ms - u64::try_from(number).expect("small") * 3_000);
            }
        }
        assert_eq!(began.elapsed(), Duration::from_mins(5));
        (asked, oldest)
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_is_asked_for_once_a_block_and_no_later_for_it() {
        for late in [0, 100, 800, 1_400, 2_300] {
            let (asked, oldest) = polls(late, 1_000).await;
            // A hundred blocks, and the beginning, when the rhythm is not known.
            assert!(asked <= 106, "{late} ms late: {asked} questions");
            assert!(oldest < 1_500, "{late} ms late: seen after {oldest} ms");
        }
        let (asked, _) = polls(300, 50).await;
        assert!(asked <= 112, "missed slots are asked for a few times: {asked}");
    }

    #[tokio::test(start_paused = true)]
    async fn heights_that_are_asked_for_by_turns_do_not_begin_anew() {
        let mut memory = Memory::new();
        let mut both = || [7, 8].map(|height| memory.asked_again(Height::new(height), 2));
        assert_eq!([both(), both(), both()], [[false, false], [false, false], [true, true]]);
        let mut both = || [7, 8].map(|height| memory.waited_for(Height::new(height), 1));
        assert_eq!([both(), both()], [[false, false], [true, true]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_block_that_is_asked_for_again_is_compared_again() {
        let mut memory = Memory::new();
        let mut compares = |number| memory.compares_internals(Height::new(number), 2, 5);
        let told: Vec<_> = (1..=10).map(|number| [compares(number), compares(number)]).collect();
        let wanted: Vec<_> = (1..=10).map(|number| [number <= 2 || number % 5 == 0; 2]).collect();
        assert_eq!(told, wanted);
    }

    #[tokio::test(start_paused = true)]
    async fn the_solid_block_is_asked_for_with_what_is_left() {
        let mut memory = Memory::new();
        let asks = |memory: &mut Memory, calls: i64| {
            let mut asked = 0;
            for number in 1..=40 {
                memory.spent(calls);
                memory.handed_out(&block(number, number * 3_000));
                if memory.solid_until_next().is_none() {
                    memory.saw_solid(block(number, 0).head());
                    memory.spent(1);
                    asked += 1;
                }
            }
            asked
        };
        assert_eq!(asks(&mut memory, 1), 40, "once a block where a block is one call");
        let mut memory = Memory::new();
        assert_eq!(asks(&mut memory, 2), 10, "every fourth where receipts take the other");
    }
}
