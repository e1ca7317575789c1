//! How actors and requests raise halts, lift them, and know of those that are open. The books decide; the board saves
//! asking them.

use crate::{handles::Handles, messages::Look, shared::Shared};
use leyden_domain::{
    HaltId,
    halt::{Halt, HaltCause, Lift, MoneyAct, stopped_by},
    planted::{Fault, planted},
};
use leyden_ports::{
    StoreError,
    store::{LiftRefusal, NewHalt, Raised},
};

/// The halts that are open, as last read.
#[derive(Debug, Clone, Default)]
pub struct HaltStatus {
    /// Oldest first.
    pub open: Vec<Halt>,
}

impl HaltStatus {
    /// The cause that stops an act, if one does.
    pub fn stops(&self, act: MoneyAct) -> Option<HaltCause> {
        stopped_by(self.open.iter().map(|halt| halt.cause), act)
    }
}

impl Shared {
    /// Whether an act may be begun, as far as is known here. The books have the last word.
    pub(crate) fn may(&self, act: MoneyAct) -> bool {
        // What a fork contradicts is doubted from the moment it is seen, whether or not the books could be told yet.
        let doubted = self.boards.chain.read().below_solid.is_some();
        let fork = doubted.then_some(HaltCause::ForkBelowSolid);
        !self.settings.observe_only
            && stopped_by(fork, act).is_none()
            && (self.boards.halts.read().stops(act).is_none() || planted(Fault::HaltIgnored))
    }

    /// Reads the open halts and shows them.
    pub(crate) async fn read_halts(&self) -> Result<(), StoreError> {
        let open = self.ports.store.open_halts().await?;
        self.boards.halts.post(HaltStatus { open });
        Ok(())
    }

    /// Raises a halt, or tells the one that is open. What is known to be said already is not written again: whoever
    /// finds something finds it at every look.
    pub(crate) async fn halt(
        &self,
        cause: HaltCause,
        detail: String,
        evidence: Vec<String>,
        by: &str,
    ) -> Result<(), StoreError> {
        let known = self.boards.halts.read().open.iter().find(|halt| halt.cause == cause).cloned();
        if known.is_some_and(|mut halt| !halt.tell(&detail, &evidence, by)) {
            return Ok(());
        }
        self.raise(cause, detail, evidence, by).await.map(drop)
    }

    async fn raise(
        &self,
        cause: HaltCause,
        detail: String,
        evidence: Vec<String>,
        by: &str,
    ) -> Result<Raised, StoreError> {
        let at = self.ports.clock.now();
        let id = HaltId::new(at, self.ports.entropy.for_id());
        let new = NewHalt { id, cause, detail, evidence, at, by: by.to_owned() };
        let raised = self.ports.store.raise_halt(new).await?;
        if let Raised::Fresh(halt) = &raised {
            say(halt);
        }
        self.read_halts().await?;
        Ok(raised)
    }

    /// Tells everybody whose work may have waited.
    pub(crate) fn hint_all(&self) {
        self.hint_router();
        self.hint_allocator();
        self.hint_clerk();
        self.hint_all_agents();
    }

    /// Tells the reconciler to look.
    pub(crate) fn hint_reconciler(&self) {
        if let Some(reconciler) = self.wires.reconciler.get() {
            reconciler.cast(Look);
        }
    }
}

/// Says that a halt is open, once.
pub(crate) fn say(halt: &Halt) {
    let Halt { id, cause, detail, raised_by, .. } = halt;
    metrics::counter!("leyden_halts_total", "cause" => cause.name()).increment(1);
    tracing::error!(halt = %id, cause = cause.name(), detail, by = raised_by, "money stands still");
}

impl Handles {
    /// Hint: a comparison is wanted, or a repair was decided.
    pub fn hint_reconciler(&self) {
        self.shared.hint_reconciler();
    }

    /// Stops all money, because a person says so.
    pub async fn stop_money(&self, detail: String, by: &str) -> Result<Raised, StoreError> {
        self.shared.raise(HaltCause::Operator, detail, Vec::new(), by).await
    }

    /// Lifts a halt: a person has looked at it and says why money may move again.
    pub async fn lift_halt(&self, id: HaltId, by: &str, reason: &str) -> Result<Halt, LiftRefusal> {
        let at = self.shared.ports.clock.now();
        let lift = Lift { at, by: by.to_owned(), reason: reason.to_owned() };
        let halt = self.shared.ports.store.lift_halt(id, lift).await?;
        tracing::warn!(halt = %halt.id, cause = halt.cause.name(), by, reason, "a halt is lifted");
        // First of all who finds out whether the chain still contradicts ours: until it has read a block that continues
        // what we took for final, nobody moves money on what it says.
        self.shared.hint_listener();
        self.shared.read_halts().await?;
        self.shared.hint_all();
        Ok(halt)
    }
}
