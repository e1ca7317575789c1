//! When one node's word is enough, and what is done where it is not.
//!
//! A block whose Merkle root is reproduced under the signature of a known witness proves its transactions by itself,
//! whoever sent it. Everything else wants a second node that shows the same block with the same content: a root that
//! cannot be reproduced from JSON, a witness that nobody else has shown yet, what only a receipt proves (token
//! payments, TRX sent by contracts), and payments above the configured amount. Where two nodes contradict each other,
//! what is proven beats what is not, and who contradicted it has lied.
//!
//! Internal transactions are the exception: a setting decides whether a node keeps them, so two honest nodes may differ.
//! What one alone shows of them is asked for again and then handed out as what it is (`internals`); no block waits
//! for it.

use super::{
    Agreement, Endpoint, LONGER_FORK, NodePool, Standing,
    endpoint::Internals,
    internals::{self, Told},
};
use crate::node::reader::Fetched;
use leyden_domain::{
    Address, Asset, BlockId, Height,
    chain::Evidence,
    planted::{Fault, planted},
};
use leyden_ports::ChainError;
use metrics::counter;

/// A block whose root nobody could prove is waited for longer: what one node shows there could be anything.
const UNPROVEN_PATIENCE: u32 = 10;
/// How often more what one node alone shows is asked for: a receipt that comes late is there by then.
const TIMES_AGAIN: u32 = 2;

/// Why one node's word is not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The header does not prove the transactions.
    Root,
    /// Nobody else has shown a block of this witness.
    Witness,
    /// A receipt shows a payment to us, or fails to show one that was asked for.
    Receipt,
    /// A large payment to us.
    Payment,
    /// The configuration wants receipts compared.
    Comparison,
    /// Its receipts show no internal transaction, and the node is not known to keep them.
    Silence,
}

impl Doubt {
    const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Witness => "witness",
            Self::Receipt => "receipt",
            Self::Payment => "payment",
            Self::Comparison => "comparison",
            Self::Silence => "silence",
        }
    }
}

/// What one node showed.
pub(super) type Shown = (usize, Fetched);

/// What comes of the opinions so far.
enum Outcome {
    /// They do not settle it.
    Open,
    /// This is the block.
    Block(Box<Fetched>),
    /// One node alone shows something; the others are asked for it again first.
    Again {
        /// What, and who does not show it.
        what: String,
        /// Whether the others are known not to keep such things, so that asking again is of no use.
        is_usual: bool,
    },
}

impl NodePool {
    pub(super) fn is_ours(&self, address: Address) -> bool {
        self.settings.watched.contains(&address)
    }

    /// Why this block is not believed on one node's word; `None` where it is.
    fn doubt(&self, shown: &Fetched) -> Option<Doubt> {
        if !shown.proven {
            return Some(Doubt::Root);
        }
        if !self.is_alone() && !self.memory().knows_witness(shown.block.witness) {
            return Some(Doubt::Witness);
        }
        let to_us = || shown.block.transfers.iter().filter(|transfer| self.is_ours(transfer.to));
        if to_us().any(|transfer| matches!(transfer.evidence, Evidence::Log | Evidence::Internal))
            || self.misses_a_log(shown)
        {
            return Some(Doubt::Receipt);
        }
        let large = self.settings.agreement_above.get();
        if to_us().any(|transfer| transfer.asset == Asset::Trx && transfer.amount > large) {
            return Some(Doubt::Payment);
        }
        (self.settings.cross_check_receipts && shown.with_receipts).then_some(Doubt::Comparison)
    }

    /// Whether a successful call asked for a token transfer to us of which no receipt tells.
    fn misses_a_log(&self, shown: &Fetched) -> bool {
        shown.with_receipts
            && shown.asked.iter().any(|(tx_id, to, amount)| {
                self.is_ours(*to)
                    && *amount > 0
                    && !shown.block.transfers.iter().any(|transfer| {
                        transfer.tx_id == *tx_id && transfer.to == *to && transfer.evidence == Evidence::Log
                    })
            })
    }

    /// Whether a receipt shows a token payment to us that its call did not ask for. It may be true (a contract that
    /// pays), but where two nodes contradict each other it is the less likely story.
    fn has_an_unasked_log(&self, shown: &Fetched) -> bool {
        shown.block.transfers.iter().any(|transfer| {
            transfer.evidence == Evidence::Log
                && self.is_ours(transfer.to)
                && !shown.asked.iter().any(|(tx_id, to, amount)| {
                    *tx_id == transfer.tx_id && *to == transfer.to && *amount == transfer.amount
                })
        })
    }

    pub(super) fn endpoint(&self, index: usize) -> Result<&Endpoint, ChainError> {
        self.endpoints.get(index).ok_or_else(super::nobody)
    }

    /// Who is asked for a second opinion, first to last: whoever has not lied. One that was on another fork may be back, and
    /// what it shows of this block says so.
    fn opinions(&self) -> Vec<(usize, &Endpoint)> {
        let mut order = self.order();
        if planted(Fault::StrayForEver) {
            return order;
        }
        let rest = self.endpoints.iter().enumerate().filter(|(index, endpoint)| {
            endpoint.standing() != Standing::Quarantined && !order.iter().any(|(known, _)| known == index)
        });
        let rest: Vec<_> = rest.collect();
        order.extend(rest);
        order
    }

    /// The block as it is believed: what one node showed where that is enough, else what two agree about.
    pub(super) async fn agreed(&self, first: Shown) -> Result<Fetched, ChainError> {
        let is_silent = self.is_silent(first.0, &first.1);
        let doubt = self.doubt(&first.1).or_else(|| is_silent.then_some(Doubt::Silence));
        let Some(doubt) = doubt else { return Ok(first.1) };
        let height = first.1.block.height();
        let mut asked = vec![first.0];
        let mut shown = vec![first];
        let mut others = Vec::new();
        let mut somebody_has_none = false;
        let mut again = None;
        for (index, endpoint) in self.opinions() {
            if asked.contains(&index) {
                continue;
            }
            if !endpoint.admits() {
                others.push(format!("{} rests after errors", endpoint.name()));
                continue;
            }
            asked.push(index);
            match self.ask_one(endpoint, Box::pin(endpoint.client.fetch(height))).await {
                Ok(Some(other)) => {
                    self.memory().spent(i64::from(other.with_receipts));
                    // Who is known to be on another fork is no second witness there, nor one against it; but where a
                    // stranger signs, anybody is one against him.
                    let is_astray = endpoint.standing() == Standing::OtherFork
                        && !shown.iter().any(|(_, one)| {
                            one.block.id == other.block.id || !self.memory().knows_witness(one.block.witness)
                        });
                    if is_astray {
                        others.push(format!("{} is on another fork", endpoint.name()));
                    } else {
                        shown.push((index, other));
                    }
                }
                Ok(None) => {
                    // One that is a moment behind is waited for; one that was set aside may be gone.
                    somebody_has_none |= endpoint.standing() == Standing::Good;
                    others.push(format!("{} does not have it yet", endpoint.name()));
                }
                Err(error) => {
                    tracing::debug!(node = endpoint.name(), %error, %height, "no second opinion");
                    others.push(format!("{}: {error}", endpoint.name()));
                }
            }
            self.memory().spent(1);
            self.drop_disproven(&mut shown)?;
            match self.settled(&shown, doubt)? {
                Outcome::Block(block) => return Ok(*block),
                Outcome::Again { what, is_usual } => again = Some((what, is_usual)),
                Outcome::Open => again = None,
            }
        }
        if let Some((what, is_usual)) = again {
            if !is_usual && !self.memory().asked_again(height, TIMES_AGAIN) {
                return Err(ChainError::Unavailable(format!(
                    "block {height}: {what}; it is asked for again"
                )));
            }
            tracing::warn!(%height, what, "nodes tell differently of internal transactions; the block goes on");
            counter!("leyden_node_differences_total").increment(1);
            if let Outcome::Block(block) = self.merged(&shown, true)? {
                return Ok(*block);
            }
        }
        // Who may keep internal transactions is waited for, so that a moment without it hides no payment: once, until there
        // has been a second node again, for else every block of a long outage would be late.
        let is_alone = doubt == Doubt::Silence && shown.len() == 1;
        let may_keep = |(index, other): (usize, &Endpoint)| {
            index != shown.first().map_or(usize::MAX, |(first, _)| *first)
                && other.internals() != Internals::Lacking
                && other.standing() != Standing::Quarantined
        };
        if is_alone
            && self.endpoints.iter().enumerate().any(may_keep)
            && !self.memory().waited(self.settings.patience)
        {
            return Err(ChainError::Unavailable(format!(
                "block {height} waits for who keeps internal transactions: {}",
                others.join("; ")
            )));
        }
        let mut left = shown.into_iter();
        match (left.next(), left.next()) {
            (Some(one), None) => self.alone(one, somebody_has_none, &others),
            (Some(one), Some(other)) => self.contradiction(one, other, left.collect()),
            (None, _) => Err(super::nobody()),
        }
    }

    /// A block with everything that any node shows of it: every node is asked, and nobody is waited for. `None` where it is
    /// not there, or where nodes contradict each other about it.
    pub(super) async fn told_by_all(&self, height: Height) -> Result<Option<Fetched>, ChainError> {
        let mut shown: Vec<Shown> = Vec::new();
        let mut trouble = None;
        for (index, endpoint) in self.opinions() {
            match self.ask_one(endpoint, Box::pin(endpoint.client.fetch(height))).await {
                Ok(Some(one)) => shown.push((index, one)),
                Ok(None) => {}
                Err(error) => trouble = Some(super::less_final(trouble, error)),
            }
        }
        self.drop_disproven(&mut shown)?;
        if shown.len() > 1 {
            return Ok(match self.merged(&shown, true)? {
                Outcome::Block(block) => Some(*block),
                Outcome::Open | Outcome::Again { .. } => None,
            });
        }
        match (shown.pop(), trouble) {
            (Some((_, one)), _) if self.is_alone() => Ok(Some(one)),
            (Some((_, one)), _) if !one.proven => Ok(None),
            // Of tokens no node's word is enough where a second one can be asked another time.
            (Some((_, mut one)), _) => {
                one.block.transfers.retain(|t| t.evidence != Evidence::Log || !self.is_ours(t.to));
                Ok(Some(internals::alone(one)))
            }
            (None, Some(error)) => Err(error),
            (None, None) => Ok(None),
        }
    }

    /// Takes out what the others prove to be a lie.
    fn drop_disproven(&self, shown: &mut Vec<Shown>) -> Result<(), ChainError> {
        let proven: Vec<Fetched> =
            shown.iter().filter(|(_, one)| one.proven).map(|(_, one)| one.clone()).collect();
        let memory = self.memory();
        let known: Vec<bool> = shown.iter().map(|(_, one)| memory.knows_witness(one.block.witness)).collect();
        // Before every witness had its turn, who is not known may be one all the same, and this a fork.
        let knows_most = memory.knows_most_witnesses();
        drop(memory);
        let ids: Vec<_> = shown.iter().map(|(_, one)| one.block.id).collect();
        let mut liars = Vec::new();
        for ((index, one), is_known) in shown.iter().zip(&known) {
            let other_content = !one.proven
                && proven
                    .iter()
                    .any(|proof| proof.block.id == one.block.id && !same_transactions(proof, one));
            // A stranger's block against a known witness's at the same height. Two known ones are a fork.
            let a_strangers = !is_known
                && ids.iter().zip(&known).any(|(id, other_is_known)| *other_is_known && *id != one.block.id);
            if other_content {
                liars.push((*index, "shows other transactions than the header proves"));
            } else if a_strangers && knows_most {
                liars.push((*index, "shows a block by a witness that nobody else knows"));
            }
        }
        for (index, what) in &liars {
            let height = ids.first().map_or(Height::new(0), BlockId::height);
            self.endpoint(*index)?.accuse(&format!("block {height}: {what}"));
        }
        shown.retain(|(index, _)| !liars.iter().any(|(liar, _)| liar == index));
        Ok(())
    }

    /// What two agree about, or what needs no agreement. Who says otherwise of the same block has lied; who shows
    /// another block is on another fork.
    fn settled(&self, shown: &[Shown], doubt: Doubt) -> Result<Outcome, ChainError> {
        match shown {
            // What another shows is what was asked for.
            [_] if doubt == Doubt::Silence => Ok(Outcome::Open),
            [(_, one)] if self.doubt(one).is_none() => Ok(Outcome::Block(Box::new(one.clone()))),
            _ => self.merged(shown, false),
        }
    }

    /// What those make of it who show the same but for internal transactions. What one of them alone shows of these is
    /// handed out where it `is_final`.
    fn merged(&self, shown: &[Shown], is_final: bool) -> Result<Outcome, ChainError> {
        let with = |one: &Fetched| shown.iter().filter(|(_, other)| self.same_for_us(one, other)).count();
        let Some((_, first)) = shown.iter().find(|(_, one)| with(one) >= 2) else { return Ok(Outcome::Open) };
        let group: Vec<&Shown> = shown.iter().filter(|(_, other)| self.same_for_us(first, other)).collect();
        let told = internals::merge(&group, |address| self.is_ours(address));
        let block = match told {
            Told::Alike(block) => block,
            Told::Contradicted => return Ok(Outcome::Open),
            Told::Alone { block, by } => {
                if planted(Fault::DifferenceWaits) {
                    return Ok(Outcome::Open);
                }
                if !is_final {
                    let lacks = |index| {
                        self.endpoint(index).is_ok_and(|other| other.internals() == Internals::Lacking)
                    };
                    let is_usual = group.iter().all(|(index, _)| *index == by || lacks(*index));
                    return Ok(Outcome::Again { what: self.difference(&group, by), is_usual });
                }
                block
            }
        };
        self.learn_internals(&group);
        self.memory().had_a_second();
        // Two forks are one below the block where they part: what was read long ago says nothing of where a node is now.
        let is_new = self.memory().tip().is_none_or(|tip| block.block.height() >= tip);
        for (index, other) in shown {
            let endpoint = self.endpoint(*index)?;
            if other.block.id == block.block.id {
                if is_new {
                    endpoint.agrees();
                }
                if !self.same_for_us(other, &block) {
                    endpoint
                        .accuse(&format!("block {}: its receipts are not the others'", block.block.height()));
                }
            } else if is_new {
                endpoint.strays(other.block.id);
            }
        }
        Ok(Outcome::Block(block))
    }

    /// Whether two show the same block as far as it concerns us, but for what contracts sent.
    fn same_for_us(&self, one: &Fetched, other: &Fetched) -> bool {
        let ours = |shown: &Fetched| {
            let mut block = shown.block.clone();
            block.transfers.retain(|t| {
                t.evidence == Evidence::Contract || (self.is_ours(t.to) && !t.evidence.is_internal())
            });
            block
        };
        one.block == other.block || ours(one) == ours(other)
    }

    /// Nobody else could be asked, or nobody else has the block yet.
    fn alone(
        &self,
        (index, shown): Shown,
        somebody_has_none: bool,
        others: &[String],
    ) -> Result<Fetched, ChainError> {
        // What is left may be another's than the one that was doubted.
        let Some(doubt) = self.doubt(&shown) else { return Ok(shown) };
        let height = shown.block.height();
        let patience = match doubt {
            Doubt::Root => self.settings.patience.saturating_mul(UNPROVEN_PATIENCE),
            _ => self.settings.patience,
        };
        let waited = if self.is_alone() {
            true
        } else if somebody_has_none {
            self.memory().waited_for(height, self.settings.patience.saturating_mul(UNPROVEN_PATIENCE))
        } else {
            self.memory().waited(patience)
        };
        let (why, node) = (doubt.name(), self.endpoint(index)?.name());
        if self.settings.agreement == Agreement::Required || !waited {
            let others = if others.is_empty() { String::new() } else { format!("; {}", others.join("; ")) };
            return Err(ChainError::Unavailable(format!(
                "block {height} waits for a second node ({why}): {node} shows it{others}"
            )));
        }
        counter!("leyden_node_unconfirmed_blocks_total", "doubt" => why).increment(1);
        // With one node configured the doubt about payments is there with every payment, and the operator's choice.
        tracing::warn!(node, %height, doubt = why, "a block is believed on one node's word");
        Ok(if self.is_alone() { shown } else { internals::alone(shown) })
    }

    /// Two show different blocks of one height. A block that does not continue what was read, where the other does, is a
    /// stray; and who is further behind than a moment explains is on the fork that the network left, unless the other's
    /// block is by a witness that was never seen.
    fn different_forks(&self, one: &Shown, other: &Shown) -> Result<ChainError, ChainError> {
        let height = one.1.block.height();
        let (continues, knows) = {
            let memory = self.memory();
            let knows = |shown: &Shown| memory.knows_witness(shown.1.block.witness);
            ((memory.continues(&one.1.block), memory.continues(&other.1.block)), (knows(one), knows(other)))
        };
        let (first, second) = (self.endpoint(one.0)?, self.endpoint(other.0)?);
        match continues {
            (true, false) => second.strays(other.1.block.id),
            (false, true) => first.strays(one.1.block.id),
            _ => {
                // A head may have been heard a while ago; each has just shown a block of this height.
                let head =
                    |endpoint: &Endpoint| endpoint.head().map_or(height, |head| head.height().max(height));
                let ahead = head(first).get().saturating_sub(head(second).get());
                if ahead >= LONGER_FORK && knows.0 {
                    second.is_left_behind(other.1.block.id);
                } else if ahead.saturating_neg() >= LONGER_FORK && knows.1 {
                    first.is_left_behind(one.1.block.id);
                }
            }
        }
        let (first, second) = (first.name(), second.name());
        Ok(ChainError::Unavailable(format!("block {height}: {first} and {second} are on different forks")))
    }

    /// Two show different things and neither is disproven.
    fn contradiction(&self, one: Shown, other: Shown, more: Vec<Shown>) -> Result<Fetched, ChainError> {
        let height = one.1.block.height();
        counter!("leyden_node_contradictions_total").increment(1);
        if one.1.block.id != other.1.block.id {
            return Err(self.different_forks(&one, &other)?);
        }
        let all: Vec<Shown> = [one, other].into_iter().chain(more).collect();
        let credible =
            |shown: &Fetched| shown.proven && !self.misses_a_log(shown) && !self.has_an_unasked_log(shown);
        let mut candidates = all.iter().filter(|(_, shown)| credible(shown));
        if let (Some((chosen, shown)), None) = (candidates.next(), candidates.next()) {
            for (index, _) in all.iter().filter(|(index, _)| index != chosen) {
                let what =
                    format!("block {height}: its receipts contradict the calls that the header proves");
                self.endpoint(*index)?.accuse(&what);
            }
            return Ok(shown.clone());
        }
        let names: Vec<_> =
            all.iter().map(|(index, _)| Ok(self.endpoint(*index)?.name())).collect::<Result<_, _>>()?;
        let names = names.join(", ");
        tracing::error!(%height, nodes = names, "nodes contradict each other about a block; it waits until they agree or a third node decides");
        Err(ChainError::Unavailable(format!(
            "block {height}: {names} contradict each other about its receipts"
        )))
    }
}

/// Whether two show the same transactions, leaving aside what only receipts tell.
fn same_transactions(one: &Fetched, other: &Fetched) -> bool {
    let own = |shown: &Fetched| {
        let transfers: Vec<_> = shown
            .block
            .transfers
            .iter()
            .filter(|transfer| transfer.evidence == Evidence::Contract)
            .cloned()
            .collect();
        (
            transfers,
            shown.asked.clone(),
            shown.block.resource_events.clone(),
            shown.block.token_calls.clone(),
            shown.block.transactions.clone(),
        )
    };
    own(one) == own(other)
}
