//! What becomes of operations, counted for those who watch the service: how many delegations came to nothing is the
//! first thing that an operator must hear of. config/alerts.yml reads it.

use leyden_domain::operation::OperationKind;
use leyden_ports::store::OperationChange;

/// One change of an operation, as it is counted once it is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    kind: &'static str,
    outcome: &'static str,
}

impl Outcome {
    /// Of a change.
    pub(crate) const fn of(kind: OperationKind, change: &OperationChange) -> Self {
        let kind = kind.name();
        let outcome = match change {
            OperationChange::Include(_) => "included",
            OperationChange::Exclude => "excluded",
            OperationChange::Solidify(_) => "solid",
            OperationChange::Bury => "buried",
            OperationChange::Fail(_) => "failed",
            OperationChange::Cancel => "cancelled",
        };
        Self { kind, outcome }
    }

    /// It is in the books.
    pub(crate) fn count(self) {
        metrics::counter!("leyden_operations_total", "kind" => self.kind, "outcome" => self.outcome)
            .increment(1);
    }
}
