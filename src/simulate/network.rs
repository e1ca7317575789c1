//! The network: a block in most slots, none in some; forks of every depth that are undone again or not, in which
//! transactions come back at once, later or never.

use super::{
    dice::Dice,
    fleet::Fleet,
    nodes::{Mood, SimNodes},
    profile::Profile,
};
use leyden_domain::{Timestamp, TxId, chain::Block};
use leyden_sim::{ForkPlan, Keep, SimNode, view};
use std::{collections::BTreeSet, sync::Arc};

/// The deepest fork that respects solidity.
const DEEPEST: u64 = 18;

/// What happens between nodes.
#[derive(Debug)]
pub(super) struct Network {
    node: SimNode,
    profile: Profile,
    dice: Dice,
    faulty: bool,
    /// Slots so far.
    slot: u64,
    /// Blocks that were made, those of other branches included.
    pub(super) blocks: u64,
    pub(super) forks: u64,
    /// In which slot the last fork may turn back.
    flips_at: Option<u64>,
    /// Transactions that come back, and when.
    returning: Vec<(u64, Vec<u8>)>,
    /// Until when nodes are in a mood.
    mood_until: u64,
    /// The branch that was left last.
    left: Arc<Vec<Block>>,
    /// The branch that some node is still on, be it that or one that was left before it.
    stayed_on: Option<Arc<Vec<Block>>>,
    /// In which slot a fork goes below the solid block.
    breaks_at: Option<u64>,
    /// The machines that the service reaches, where they are several.
    pub(super) fleet: Option<Fleet>,
}

/// What happened in a slot.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) lines: Vec<String>,
    /// Blocks were undone.
    pub(super) forked: bool,
}

impl Network {
    pub(super) fn new(
        node: SimNode,
        profile: Profile,
        dice: Dice,
        knob: &Dice,
        fleet: Option<Fleet>,
    ) -> Self {
        let breaks_at = knob.happens(profile.below_solid).then(|| knob.between(20, 120));
        Self {
            node,
            profile,
            dice,
            faulty: false,
            slot: 0,
            blocks: 0,
            forks: 0,
            flips_at: None,
            returning: Vec::new(),
            mood_until: 0,
            left: Arc::default(),
            stayed_on: None,
            breaks_at,
            fleet,
        }
    }

    pub(super) fn set_faulty(&mut self, faulty: bool) {
        self.faulty = faulty;
        self.flips_at = None;
        if let Some(fleet) = &mut self.fleet {
            fleet.set_faulty(faulty);
        }
        if !faulty {
            for (slot, _) in &mut self.returning {
                *slot = 0;
            }
        }
    }

    /// Whether the chain was turned below a solid block.
    pub(super) fn is_broken(&self) -> bool {
        self.breaks_at.is_some_and(|slot| self.slot >= slot)
    }

    /// One slot.
    pub(super) fn slot(&mut self, now: Timestamp, nodes: &SimNodes) -> News {
        self.slot += 1;
        let mut news = News::default();
        if let Some(fleet) = &mut self.fleet {
            fleet.slot(now, &mut news);
        }
        self.bring_back(&mut news);
        if self.faulty {
            self.moods(nodes, &mut news);
            if self.breaks_at == Some(self.slot) {
                self.below_solid(&mut news);
                return news;
            }
            if self.flips_at == Some(self.slot) {
                self.flips_at = None;
                let undone = self.branch(DEEPEST);
                if let Ok(report) = self.node.flip_back(&Keep::All) {
                    self.left =
                        Arc::new(undone.into_iter().filter(|b| b.height().get() > report.common).collect());
                    news.forked = true;
                    news.lines
                        .push(format!("the chain turns back to {} and on to {}", report.common, report.head));
                    return news;
                }
            }
            if self.dice.happens(self.profile.forks) {
                self.fork(&mut news);
                return news;
            }
        }
        if self.dice.happens(self.profile.missed) {
            news.lines.push("no block".to_owned());
            return news;
        }
        let slot_time = now.ms() - now.ms().rem_euclid(3_000);
        if slot_time > self.node.chain().head().timestamp()
            && let Ok(block) = self.node.mine_at(slot_time)
        {
            self.blocks += 1;
            if !block.transactions.is_empty() {
                news.lines.push(format!("block {} holds {}", block.number(), block.transactions.len()));
            }
        }
        news
    }

    /// The newest blocks, oldest first.
    fn branch(&self, depth: u64) -> Vec<Block> {
        let chain = self.node.chain();
        let head = chain.head().number();
        let from = (head - i64::try_from(depth).unwrap_or(0)).max(0) + 1;
        let usdt = chain.config().usdt;
        (from..=head).filter_map(|n| chain.block(n)).map(|block| view::block(block, usdt)).collect()
    }

    fn fork(&mut self, news: &mut News) {
        let room = {
            let chain = self.node.chain();
            u64::try_from(chain.head().number() - chain.solid_number()).unwrap_or(0)
        };
        // Most forks are short; every depth occurs.
        let depth = match self.dice.below(3) {
            0 => self.dice.between(1, 3),
            1 => self.dice.between(1, DEEPEST),
            _ => self.dice.between(1, 8),
        }
        .min(room);
        if depth == 0 {
            return;
        }
        let undone = self.branch(depth);
        let keep = self.keep(&undone);
        let mut plan = ForkPlan::of_depth(u32::try_from(depth).unwrap_or(1)).keeping(keep);
        plan.empty_first = u32::try_from(self.dice.below(depth + 1)).unwrap_or(0);
        let before = self.fleet.as_ref().and_then(Fleet::before_fork);
        if let Ok(report) = self.node.fork(&plan) {
            self.forks += 1;
            self.blocks += depth + 1;
            news.forked = true;
            news.lines.push(format!("a fork of depth {depth} from {} to {}", report.common, report.head));
            if let (Some(fleet), Some(before)) = (&self.fleet, before) {
                fleet.after_fork(&before, report.common, news);
            }
            self.left = Arc::new(undone);
            if self.dice.happens(self.profile.flips) {
                self.flips_at = Some(self.slot + self.dice.between(1, 6));
            }
        }
    }

    /// Which transactions of the undone blocks wait again at once; others come back later, or never.
    fn keep(&mut self, undone: &[Block]) -> Keep {
        if !self.dice.happens(self.profile.vanishing) {
            return Keep::All;
        }
        let mut lost = BTreeSet::new();
        let chain = self.node.chain();
        for block in undone {
            let Some(stored) = chain.block(block.height().get()) else { continue };
            for one in &stored.transactions {
                match self.dice.below(3) {
                    0 => {}
                    1 => {
                        lost.insert(one.tx.id);
                    }
                    _ => {
                        lost.insert(one.tx.id);
                        let slot = self.slot + self.dice.between(1, 20);
                        self.returning.push((slot, one.tx.encode(None)));
                    }
                }
            }
        }
        Keep::Except(lost)
    }

    /// A fork that must not be possible.
    fn below_solid(&mut self, news: &mut News) {
        let depth = self.dice.between(DEEPEST + 1, DEEPEST + 4);
        let mut plan = ForkPlan::of_depth(u32::try_from(depth).unwrap_or(20));
        plan.force = true;
        plan.keep = if self.dice.happens(5_000) { Keep::All } else { Keep::Nothing };
        if let Ok(report) = self.node.fork(&plan) {
            self.forks += 1;
            self.blocks += depth + 1;
            news.forked = true;
            news.lines.push(format!("a fork below the solid block, to {}", report.common));
        }
    }

    /// Offers again what was lost for a while.
    fn bring_back(&mut self, news: &mut News) {
        let (now, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.returning).into_iter().partition(|(slot, _)| *slot <= self.slot);
        self.returning = later;
        for (_, bytes) in now {
            if let Ok(offer) = self.node.offer(&bytes) {
                news.lines.push(format!("{} is back: {:?}", short(offer.tx_id), offer.code));
            }
        }
    }

    /// Whether a branch that was left cannot win any more.
    fn is_lost(&self, branch: &[Block]) -> bool {
        let solid = self.node.chain().solid_number();
        branch.first().is_none_or(|first| first.height().get() <= solid + 1)
    }

    fn moods(&mut self, nodes: &SimNodes, news: &mut News) {
        if self.stayed_on.as_ref().is_some_and(|branch| self.is_lost(branch)) {
            // No node stays on a branch that is below what it knows to be solid.
            self.stayed_on = None;
            self.mood_until = self.slot;
            nodes.set_mood(Mood::Fine);
        }
        if self.slot < self.mood_until {
            return;
        }
        if self.dice.happens(self.profile.node_moods) {
            self.mood_until = self.slot + self.dice.between(2, 15);
            let mood = match self.dice.below(4) {
                0 => Mood::Down,
                1 if !self.is_lost(&self.left) => Mood::OtherFork(Arc::clone(&self.left)),
                _ => Mood::Stale(u32::try_from(self.dice.between(1, 30)).unwrap_or(1)),
            };
            news.lines.push(match &mood {
                Mood::Fine => String::new(),
                Mood::Down => "the nodes are silent".to_owned(),
                Mood::Stale(by) => format!("a node is {by} blocks behind"),
                Mood::OtherFork(branch) => format!("a node is on a fork of {} blocks", branch.len()),
            });
            self.stayed_on = match &mood {
                Mood::OtherFork(branch) => Some(Arc::clone(branch)),
                Mood::Fine | Mood::Down | Mood::Stale(_) => None,
            };
            nodes.set_mood(mood);
        } else if self.mood_until == self.slot {
            nodes.set_mood(Mood::Fine);
        }
    }
}

/// The beginning of an id.
pub(super) fn short(id: TxId) -> String {
    id.to_string().chars().take(12).collect()
}
