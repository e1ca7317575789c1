//! What stands between the service and its keys and nodes: a signer that does not answer for some receivers, and a
//! post that keeps some letters back or loses them. Both say nothing wrong; they are late.

use async_trait::async_trait;
use leyden_domain::{
    Address, TxId,
    chain::{BroadcastAnswer, ChainAction, SignedTransaction, TransactionIntent},
};
use leyden_ports::{ChainError, ChainWriter, SignError, Signer};
use leyden_sim::SimNode;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

/// The signer and the way to the nodes, both with gates.
pub(crate) struct Gates {
    signer: Arc<dyn Signer>,
    node: SimNode,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Nothing is signed for these receivers.
    silent: BTreeSet<Address>,
    /// What is sent for these receivers waits.
    kept_back: BTreeSet<Address>,
    /// These transactions reach nobody.
    lost: BTreeSet<TxId>,
    letters: BTreeMap<TxId, (Address, Vec<u8>)>,
    /// For whom each transaction is, oldest first.
    signed: Vec<(TxId, Address)>,
    broadcasts: u64,
}

impl Gates {
    pub(crate) fn new(signer: Arc<dyn Signer>, node: SimNode) -> Arc<Self> {
        Arc::new(Self { signer, node, inner: Mutex::default() })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Signs nothing more for a receiver.
    pub(crate) fn silence(&self, receiver: Address) {
        self.inner().silent.insert(receiver);
    }

    /// Signs for a receiver again.
    pub(crate) fn speak(&self, receiver: Address) {
        self.inner().silent.remove(&receiver);
    }

    /// Keeps back what is sent for a receiver.
    pub(crate) fn keep_back(&self, receiver: Address) {
        self.inner().kept_back.insert(receiver);
    }

    /// Hands over what was kept back for a receiver, and keeps nothing more back.
    pub(crate) fn hand_over(&self, receiver: Address) {
        let letters: Vec<Vec<u8>> = {
            let mut inner = self.inner();
            inner.kept_back.remove(&receiver);
            let (now, later) =
                std::mem::take(&mut inner.letters).into_iter().partition(|(_, letter)| letter.0 == receiver);
            let now: BTreeMap<TxId, (Address, Vec<u8>)> = now;
            inner.letters = later;
            now.into_values().map(|(_, bytes)| bytes).collect()
        };
        for bytes in letters {
            // A refusal is an answer too: the service finds out by itself.
            let answered = self.node.offer(&bytes);
            assert!(answered.is_ok(), "{answered:?}");
        }
    }

    /// A transaction reaches nobody any more.
    pub(crate) fn lose(&self, tx_id: TxId) {
        self.inner().lost.insert(tx_id);
    }

    /// The newest transaction that was signed for a receiver.
    pub(crate) fn newest_for(&self, receiver: Address) -> Option<TxId> {
        self.inner().signed.iter().rev().find(|(_, to)| *to == receiver).map(|(tx_id, _)| *tx_id)
    }

    /// How much was signed and how much was sent until now.
    pub(crate) fn activity(&self) -> (usize, u64) {
        let inner = self.inner();
        (inner.signed.len(), inner.broadcasts)
    }
}

#[async_trait]
impl Signer for Gates {
    async fn sign(&self, intent: &TransactionIntent) -> Result<SignedTransaction, SignError> {
        let receiver = match intent.action {
            ChainAction::Delegate { receiver, .. } | ChainAction::Undelegate { receiver, .. } => {
                Some(receiver)
            }
            ChainAction::Transfer { to, .. } => Some(to),
            _ => None,
        };
        if receiver.is_some_and(|receiver| self.inner().silent.contains(&receiver)) {
            return Err(SignError::Unavailable("the test says so".to_owned()));
        }
        let signed = self.signer.sign(intent).await?;
        self.inner().signed.extend(receiver.map(|receiver| (signed.tx_id, receiver)));
        Ok(signed)
    }
}

#[async_trait]
impl ChainWriter for Gates {
    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<BroadcastAnswer, ChainError> {
        {
            let mut inner = self.inner();
            inner.broadcasts += 1;
            if inner.lost.contains(&transaction.tx_id) {
                return Ok(BroadcastAnswer::Accepted);
            }
            let receiver =
                inner.signed.iter().find(|(tx_id, _)| *tx_id == transaction.tx_id).map(|(_, to)| *to);
            if let Some(receiver) = receiver.filter(|receiver| inner.kept_back.contains(receiver)) {
                inner.letters.insert(transaction.tx_id, (receiver, transaction.bytes.clone()));
                return Ok(BroadcastAnswer::Accepted);
            }
        }
        ChainWriter::broadcast(&self.node, transaction).await
    }
}
