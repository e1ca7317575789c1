//! The follower against a chain that forks, lags and flips back: whatever it is shown, what it records is gapless,
//! nothing solid is undone, and once the chain settles it ends on it after few requests.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "each test uses a part of the kit")]
mod kit;

use kit::{block_id, head, slot};
use leyden_domain::{
    BlockId, BlockRef, Height,
    chain::{Follower, Head, Resolution},
};
use proptest::prelude::*;

/// How far solidity is behind.
const LAG: i64 = 18;

/// A branch: the ids of its blocks, by height from 0.
type Branch = Vec<BlockId>;

/// A node that may change its mind about the chain.
#[derive(Debug)]
struct Node {
    /// Every branch it was ever on.
    branches: Vec<Branch>,
    /// The one it is on.
    on: usize,
    /// How many of its newest blocks it does not show.
    behind: usize,
    /// The highest block it ever called solid; no branch without it is possible any more.
    solid: Height,
    salt: u64,
}

impl Node {
    fn new(length: i64) -> Self {
        let branch = (0..=length).map(|height| block_id(height, 0)).collect();
        Self { branches: vec![branch], on: 0, behind: 0, solid: Height::new((length - LAG).max(0)), salt: 0 }
    }

    fn branch(&self) -> &Branch {
        &self.branches[self.on]
    }

    fn shown(&self) -> &[BlockId] {
        let branch = self.branch();
        &branch[..branch.len().saturating_sub(self.behind).max(1)]
    }

    fn block(&self, height: Height) -> Option<(BlockId, BlockId)> {
        let at = usize::try_from(height.get()).ok()?;
        let id = *self.shown().get(at)?;
        Some((id, at.checked_sub(1).map_or(block_id(-1, 0), |below| self.shown()[below])))
    }

    fn head(&self) -> Head {
        Head { block: BlockRef::new(*self.shown().last().unwrap()), timestamp: slot(0) }
    }

    fn solid_shown(&self) -> Height {
        let newest = self.head().height().get();
        Height::new((newest - LAG).max(0))
    }

    fn extend(&mut self, blocks: usize) {
        for _ in 0..blocks {
            self.salt += 1;
            let height = i64::try_from(self.branch().len()).unwrap();
            let id = block_id(height, self.salt);
            self.branches[self.on].push(id);
        }
        let newest = i64::try_from(self.branch().len()).unwrap() - 1;
        self.solid = self.solid.max(Height::new(newest - LAG));
    }

    /// A branch that leaves the present one `depth` blocks below its tip, not below what is solid.
    fn fork(&mut self, depth: usize, blocks: usize) {
        let solid = usize::try_from(self.solid.get()).unwrap();
        let keep = self.branch().len().saturating_sub(depth).max(solid + 1);
        let branch = self.branch()[..keep].to_vec();
        self.branches.push(branch);
        self.on = self.branches.len() - 1;
        self.extend(blocks);
    }

    /// Back to a branch it was on, if that still holds what is solid.
    fn flip(&mut self, to: usize) {
        let solid = usize::try_from(self.solid.get()).unwrap();
        let to = to % self.branches.len();
        if self.branches[to].get(solid) == self.branch().get(solid) && self.branches[to].len() > solid {
            self.on = to;
        }
    }
}

/// The follower with what was recorded for it.
#[derive(Debug)]
struct Reader {
    follower: Follower,
    recorded: Vec<BlockId>,
    solid: Height,
}

impl Reader {
    fn new() -> Self {
        Self {
            follower: Follower::new(Height::new(0), [], Height::new(0)),
            recorded: Vec::new(),
            solid: Height::new(0),
        }
    }

    /// One request. `None` where the node had nothing to show.
    fn ask(&mut self, node: &Node) -> Option<Resolution> {
        let (id, parent) = node.block(self.follower.wanted())?;
        let resolution = self.follower.resolve(id, parent);
        match resolution {
            Resolution::Append => {
                if let Some(tip) = self.recorded.last() {
                    assert_eq!((id.height(), parent), (tip.height().next(), *tip), "a gap");
                }
                self.recorded.push(id);
                self.follower.appended(BlockRef::new(id));
                let solid = node.solid_shown().min(id.height());
                self.follower.solidified(solid);
                self.solid = self.solid.max(solid);
            }
            Resolution::Rewind { to } => {
                assert!(to.height() >= self.solid, "rewound below what is solid");
                let keep = usize::try_from(to.height().get()).unwrap() + 1;
                assert_eq!(self.recorded.get(keep - 1), Some(to.id()), "rewound to a stranger");
                assert!(keep < self.recorded.len(), "rewound nothing");
                // Only a block that stands where another of ours stands proves that ours has left the chain.
                let shown = node.shown();
                let proven = shown.get(keep).is_some_and(|theirs| *theirs != self.recorded[keep]);
                assert!(proven, "undid {} without a reason", self.recorded[keep]);
                self.recorded.truncate(keep);
                self.follower.rewound(to);
            }
            Resolution::Compare | Resolution::BelowSolid { .. } | Resolution::Unasked => {}
        }
        Some(resolution)
    }
}

impl Reader {
    /// Reads all that a node shows, which does not change its mind meanwhile.
    fn read_all(&mut self, node: &Node) {
        let answers = (0..=node.branch().len()).map(|_| self.ask(node)).take_while(Option::is_some).count();
        assert!(answers <= node.branch().len(), "{answers} answers and no end");
    }
}

#[derive(Debug, Clone)]
enum Move {
    Extend(usize),
    Fork { depth: usize, blocks: usize },
    Flip(usize),
    Lag(usize),
    Look,
    Ask(usize),
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        2 => (1..6_usize).prop_map(Move::Extend),
        2 => (1..19_usize, 0..20_usize).prop_map(|(depth, blocks)| Move::Fork { depth, blocks }),
        2 => any::<usize>().prop_map(Move::Flip),
        1 => (0..8_usize).prop_map(Move::Lag),
        3 => Just(Move::Look),
        6 => (1..12_usize).prop_map(Move::Ask),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: kit::cases(500), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ends_on_the_chain_and_undoes_nothing_without_a_reason(
        length in 0..30_i64,
        moves in prop::collection::vec(moves(), 0..80),
    ) {
        let mut node = Node::new(length);
        let mut reader = Reader::new();
        for happens in moves {
            match happens {
                Move::Extend(blocks) => node.extend(blocks),
                Move::Fork { depth, blocks } => node.fork(depth, blocks),
                Move::Flip(to) => node.flip(to),
                Move::Lag(behind) => node.behind = behind,
                Move::Look => reader.follower.note_head(node.head()),
                Move::Ask(times) => {
                    for _ in 0..times {
                        let resolution = reader.ask(&node);
                        let harmless = !matches!(resolution, Some(Resolution::BelowSolid { .. } | Resolution::Unasked));
                        prop_assert!(harmless, "{:?}", resolution);
                    }
                }
            }
        }

        // The chain settles on a branch that outgrows what was read.
        node.behind = 0;
        while node.branch().len() <= reader.recorded.len() {
            node.extend(1);
        }
        // Down at most to the solid block by comparing, and up again.
        let bound = 2 * node.branch().len() + 4;
        let mut requests = 0;
        while reader.recorded != *node.branch() {
            reader.follower.note_head(node.head());
            prop_assert!(reader.ask(&node).is_some(), "wants {:?}", reader.follower.wanted());
            requests += 1;
            prop_assert!(requests <= bound, "{requests} requests and no end");
        }
        prop_assert_eq!(reader.follower.tip().map(|tip| *tip.id()), node.branch().last().copied());
        prop_assert!(reader.ask(&node).is_none());
    }

    #[test]
    fn a_fork_below_the_solid_block_is_reported(read in 30..60_i64, below in 1..10_i64) {
        let node = Node::new(read);
        let mut reader = Reader::new();
        reader.read_all(&node);
        let solid = read - LAG;
        prop_assert_eq!(reader.solid, Height::new(solid));
        // Another chain that parts from ours below our solid block.
        let mut other = Node::new(read);
        other.branches[0].truncate(usize::try_from(solid - below + 1).unwrap());
        other.salt = 1_000;
        other.extend(usize::try_from(read + 5).unwrap());
        reader.follower.note_head(other.head());
        let recorded = reader.recorded.clone();
        let answers = (0..recorded.len()).map(|_| reader.ask(&other));
        let last = answers.into_iter().find(|answer| *answer != Some(Resolution::Compare)).flatten();
        let Some(Resolution::BelowSolid { at }) = last else {
            return Err(TestCaseError::fail(format!("{last:?}")));
        };
        prop_assert!(at <= Height::new(solid));
        prop_assert_eq!(reader.recorded, recorded);
    }
}

/// Blocks 0 to 12 recorded, solid to 2.
fn reader() -> (Node, Reader) {
    let node = Node::new(12);
    let mut reader = Reader::new();
    reader.read_all(&node);
    reader.follower.solidified(Height::new(2));
    (node, reader)
}

#[test]
fn a_flicker_undoes_nothing() {
    let (mut node, mut reader) = reader();
    // The node shows another block 10, and when asked for it shows ours again.
    let stranger = Head { block: BlockRef::new(block_id(10, 77)), timestamp: slot(10) };
    reader.follower.note_head(stranger);
    assert!(reader.follower.is_comparing());
    assert_eq!((reader.follower.wanted(), reader.follower.next()), (Height::new(10), Height::new(13)));
    assert_eq!(reader.ask(&node), Some(Resolution::Compare));
    assert!(!reader.follower.is_comparing());
    assert_eq!(reader.follower.wanted(), Height::new(13));
    node.extend(1);
    assert_eq!(reader.ask(&node), Some(Resolution::Append));
}

#[test]
fn a_shorter_branch_is_noticed_by_its_head() {
    let (mut node, mut reader) = reader();
    node.fork(3, 1);
    assert_eq!(reader.follower.wanted(), Height::new(13));
    assert_eq!(reader.ask(&node), None);
    reader.follower.note_head(node.head());
    assert_eq!(reader.ask(&node), Some(Resolution::Rewind { to: BlockRef::new(block_id(9, 0)) }));
    assert_eq!(reader.ask(&node), Some(Resolution::Append));
}

#[test]
fn it_says_what_it_remembers_of_a_block() {
    let (_, reader) = reader();
    let of = |height, salt| reader.follower.agrees_with(BlockRef::new(block_id(height, salt)));
    assert_eq!([of(2, 0), of(12, 0)], [Some(true); 2]);
    assert_eq!([of(2, 1), of(12, 1)], [Some(false); 2]);
    assert_eq!([of(1, 0), of(13, 0)], [None; 2], "forgotten, and not read yet");
}

#[test]
fn a_fork_right_at_the_solid_block_is_below_it() {
    let (_, mut reader) = reader();
    let stranger = Head { block: BlockRef::new(block_id(3, 77)), timestamp: slot(3) };
    // On our solid block another one may stand; on another solid block none.
    for (parent, expected) in [
        (block_id(2, 0), Resolution::Rewind { to: BlockRef::new(block_id(2, 0)) }),
        (block_id(2, 77), Resolution::BelowSolid { at: Height::new(2) }),
    ] {
        reader.follower.note_head(stranger);
        assert_eq!(reader.follower.wanted(), Height::new(3));
        assert_eq!(reader.follower.resolve(*stranger.block.id(), parent), expected);
        assert!(!reader.follower.is_comparing());
    }
}

#[test]
fn what_was_not_asked_for_is_not_taken() {
    let (_, mut reader) = reader();
    let unasked = reader.follower.resolve(block_id(15, 0), block_id(14, 0));
    assert_eq!(unasked, Resolution::Unasked);
}

#[test]
fn a_restart_goes_on_where_it_stopped() {
    let window = (5..=12).map(|height| head(height).block);
    let follower = Follower::new(Height::new(0), window, Height::new(5));
    assert_eq!(follower.tip(), Some(head(12).block));
    assert_eq!(follower.wanted(), Height::new(13));
}
