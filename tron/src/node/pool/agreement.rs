//! When one node's word is enough, and what is done where it is not.
//!
//! A block whose Merkle root is reproduced under the signature of a known witness proves its transactions by itself,
//! whoever sent it. Everything else wants a second node that shows the same block with the same content: a root that
//! cannot be reproduced from JSON, a witness that nobody else has shown yet, what only a receipt proves (token
//! payments, TRX sent by contracts), and payments above the configured amount. Where two nodes contradict each other,
//! what is proven beats what is not, and who contradicted it has lied.

use super::{Agreement, Endpoint, NodePool, Standing};
use crate::node::reader::Fetched;
use leyden_domain::{Address, Asset, BlockId, Height, chain::Evidence};
use leyden_ports::ChainError;
use metrics::counter;

/// A block whose root nobody could prove is waited for longer: what one node shows there could be anything.
const UNPROVEN_PATIENCE: u32 = 10;

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
}

impl Doubt {
    const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Witness => "witness",
            Self::Receipt => "receipt",
            Self::Payment => "payment",
            Self::Comparison => "comparison",
        }
    }
}

/// What one node showed.
type Shown = (usize, Fetched);

impl NodePool {
    fn is_ours(&self, address: Address) -> bool {
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

    fn endpoint(&self, index: usize) -> Result<&Endpoint, ChainError> {
        self.endpoints.get(index).ok_or_else(super::nobody)
    }

    /// The block as it is believed: what one node showed where that is enough, else what two agree about.
    pub(super) async fn agreed(&self, first: Shown) -> Result<Fetched, ChainError> {
        if self.doubt(&first.1).is_none() {
            return Ok(first.1);
        }
        let height = first.1.block.height();
        let mut asked = vec![first.0];
        let mut shown = vec![first];
        let mut somebody_has_none = false;
        for (index, endpoint) in self.order() {
            if asked.contains(&index) || (!endpoint.admits()) {
                continue;
            }
            asked.push(index);
            match self.ask_one(endpoint, Box::pin(endpoint.client.fetch(height))).await {
                Ok(Some(other)) => shown.push((index, other)),
                Ok(None) => somebody_has_none = true,
                Err(error) => tracing::debug!(node = endpoint.name(), %error, %height, "no second opinion"),
            }
            self.memory().spent(1);
            self.drop_disproven(&mut shown)?;
            if let Some(block) = self.settled(&mut shown) {
                return Ok(block);
            }
        }
        let mut left = shown.into_iter();
        match (left.next(), left.next()) {
            (Some(one), None) => self.alone(one, somebody_has_none),
            (Some(one), Some(other)) => self.contradiction(one, other, left.collect()),
            (None, _) => Err(super::nobody()),
        }
    }

    /// Takes out what the others prove to be a lie.
    fn drop_disproven(&self, shown: &mut Vec<Shown>) -> Result<(), ChainError> {
        let proven: Vec<Fetched> =
            shown.iter().filter(|(_, one)| one.proven).map(|(_, one)| one.clone()).collect();
        let memory = self.memory();
        let known: Vec<bool> = shown.iter().map(|(_, one)| memory.knows_witness(one.block.witness)).collect();
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
            } else if a_strangers {
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
    fn settled(&self, shown: &mut Vec<Shown>) -> Option<Fetched> {
        let agreed = shown.iter().enumerate().find_map(|(place, (_, one))| {
            let twice =
                shown.iter().skip(place.saturating_add(1)).any(|(_, other)| self.same_for_us(one, other));
            twice.then(|| one.clone())
        });
        if agreed.is_some() {
            self.memory().had_a_second();
        }
        let alone_is_enough = || match shown.as_slice() {
            [(_, one)] if self.doubt(one).is_none() => Some(one.clone()),
            _ => None,
        };
        let block = agreed.or_else(alone_is_enough)?;
        for (index, other) in shown.iter() {
            let Ok(endpoint) = self.endpoint(*index) else { continue };
            if other.block.id != block.block.id {
                endpoint.judge_fork(false);
            } else if !self.same_for_us(other, &block) {
                endpoint.accuse(&format!("block {}: its receipts are not the others'", block.block.height()));
            }
        }
        Some(block)
    }

    /// Whether two show the same block as far as it concerns us. What contracts did for others only receipts tell, and
    /// not every honest node tells all of it: internal transfers are there where `vm.saveInternalTx` is on.
    fn same_for_us(&self, one: &Fetched, other: &Fetched) -> bool {
        let ours = |shown: &Fetched| {
            let mut block = shown.block.clone();
            block.transfers.retain(|t| t.evidence == Evidence::Contract || self.is_ours(t.to));
            block
        };
        one.block == other.block || ours(one) == ours(other)
    }

    /// Nobody else could be asked, or nobody else has the block yet.
    fn alone(&self, (index, shown): Shown, somebody_has_none: bool) -> Result<Fetched, ChainError> {
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
        let why = doubt.name();
        if self.settings.agreement == Agreement::Required || !waited {
            return Err(ChainError::Unavailable(format!("block {height} waits for a second node ({why})")));
        }
        counter!("leyden_node_unconfirmed_blocks_total", "doubt" => why).increment(1);
        // With one node configured the doubt about payments is there with every payment, and the operator's choice.
        tracing::warn!(node = self.endpoint(index)?.name(), %height, doubt = why, "a block is believed on one node's word");
        Ok(shown)
    }

    /// Two show different things and neither is disproven.
    fn contradiction(&self, one: Shown, other: Shown, more: Vec<Shown>) -> Result<Fetched, ChainError> {
        let height = one.1.block.height();
        counter!("leyden_node_contradictions_total").increment(1);
        if one.1.block.id != other.1.block.id {
            let memory = self.memory();
            let (first, second) = (memory.continues(&one.1.block), memory.continues(&other.1.block));
            drop(memory);
            for (index, is_stray) in [(one.0, second && !first), (other.0, first && !second)] {
                let endpoint = self.endpoint(index)?;
                // A shorter chain that is not ours is the one that the network left.
                if is_stray || endpoint.standing() == Standing::Behind {
                    endpoint.judge_fork(false);
                }
            }
            return Err(ChainError::Unavailable(format!("block {height}: nodes are on different forks")));
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
        tracing::error!(%height, "nodes contradict each other about a block; it waits until they agree or a third node decides");
        Err(ChainError::Unavailable(format!("block {height}: nodes contradict each other")))
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
