//! TRX that contracts have sent: internal transactions, which no header proves and which not every honest node keeps
//! (java-tron `vm.saveInternalTx`, off as shipped). A node keeps all of a block that
//! move TRX, or none.

use super::{NodePool, agreement::Shown, endpoint::Internals};
use crate::node::reader::{Fetched, InternalsTold};
use leyden_domain::{
    Address,
    chain::{Evidence, Transfer},
    planted::{Fault, planted},
};

/// Where nobody has shown an internal transaction in so many blocks that were compared, perhaps nobody keeps them.
const COMPARED_IN_VAIN: u32 = 20;
/// From then on one of so many is compared.
const COMPARED_EVERY: u32 = 10;

/// What several nodes make of one block, who agree about all else.
pub(super) enum Told {
    /// Nobody shows more of what was sent to us than another, or two show the same.
    Alike(Box<Fetched>),
    /// One alone shows what was sent to us, and the others show no internal transaction at all.
    Alone {
        /// The block with it, as what one node shows.
        block: Box<Fetched>,
        /// Which one.
        by: usize,
    },
    /// Two keep internal transactions and show different ones.
    Contradicted,
}

/// Lays what they show over each other. `group` is not empty.
pub(super) fn merge(group: &[&Shown], is_ours: impl Fn(Address) -> bool) -> Told {
    let sent_to_us = |shown: &Fetched| -> Vec<Transfer> {
        let internal = |transfer: &&Transfer| transfer.evidence.is_internal() && is_ours(transfer.to);
        shown.block.transfers.iter().filter(internal).cloned().collect()
    };
    let mut keeping = group.iter().filter(|(_, shown)| shown.has_internals());
    let Some((by, shown)) = keeping.next() else {
        return group.first().map_or(Told::Contradicted, |(_, shown)| Told::Alike(Box::new(shown.clone())));
    };
    let ours = sent_to_us(shown);
    let (mut is_confirmed, mut is_denied) = (false, false);
    for (_, other) in keeping {
        if sent_to_us(other) == ours {
            is_confirmed = true;
        } else {
            is_denied = true;
        }
    }
    if is_denied {
        Told::Contradicted
    } else if is_confirmed || ours.is_empty() || group.len() == 1 {
        Told::Alike(Box::new(shown.clone()))
    } else {
        Told::Alone { block: Box::new(alone(shown.clone())), by: *by }
    }
}

/// The same block with its internal transactions as what one node alone shows.
pub(super) fn alone(mut shown: Fetched) -> Fetched {
    if planted(Fault::LoneReceiptDropped) {
        shown.block.transfers.retain(|transfer| !transfer.evidence.is_internal());
    }
    for transfer in &mut shown.block.transfers {
        if transfer.evidence == Evidence::Internal {
            transfer.evidence = Evidence::LoneReceipt;
        }
    }
    shown
}

impl NodePool {
    /// Whether the receipts of a block may lack what another node would show. Where one is known to keep internal
    /// transactions, or this one to lack them, always; where nobody is known to, until it seems that nobody does.
    pub(super) fn is_silent(&self, index: usize, shown: &Fetched) -> bool {
        let Some(endpoint) = self
            .endpoints
            .get(index)
            .filter(|_| shown.internals != InternalsTold::NoCalls && !self.is_alone())
        else {
            return false;
        };
        endpoint.showed_internals(shown.has_internals());
        if shown.has_internals() || matches!(endpoint.internals(), Internals::Kept { .. }) {
            return false;
        }
        let others = || self.endpoints.iter().enumerate().filter(|(other, _)| *other != index);
        if others().all(|(_, other)| other.internals() == Internals::Lacking) {
            return false;
        }
        endpoint.internals() == Internals::Lacking
            || others().any(|(_, other)| matches!(other.internals(), Internals::Kept { .. }))
            || self.memory().compares_internals(shown.block.height(), COMPARED_IN_VAIN, COMPARED_EVERY)
    }

    /// Remembers who keeps internal transactions, by what several show of the same block.
    pub(super) fn learn_internals(&self, group: &[&Shown]) {
        let somebody_keeps = group.iter().any(|(_, shown)| shown.has_internals());
        if somebody_keeps {
            self.memory().internals_were_shown();
        }
        for (index, shown) in group {
            let Ok(endpoint) = self.endpoint(*index) else { continue };
            if shown.has_internals() {
                endpoint.showed_internals(true);
            } else if somebody_keeps && shown.with_receipts {
                endpoint.lacks_internals();
            }
        }
    }

    /// What one node shows and the others do not, for people.
    pub(super) fn difference(&self, group: &[&Shown], by: usize) -> String {
        let name = |index: usize| self.endpoints.get(index).map_or("a node", |endpoint| endpoint.name());
        let others: Vec<_> =
            group.iter().filter(|(index, _)| *index != by).map(|(index, _)| name(*index)).collect();
        let sent: Vec<_> = group
            .iter()
            .filter(|(index, _)| *index == by)
            .flat_map(|(_, shown)| &shown.block.transfers)
            .filter(|transfer| transfer.evidence.is_internal() && self.is_ours(transfer.to))
            .map(|transfer| format!("{} sun to {} in {}", transfer.amount, transfer.to, transfer.tx_id))
            .collect();
        format!(
            "{} alone shows {}; {} shows no internal transactions",
            name(by),
            sent.join(", "),
            others.join(", ")
        )
    }
}
