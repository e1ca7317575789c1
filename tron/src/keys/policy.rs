//! What a key may sign. The chain limits a key by the operations of its permission; this limits it once more
//! here, so that a wrong intent is refused before it is bytes.

use leyden_domain::chain::ChainAction;
use serde::{Deserialize, Serialize};

/// Which kinds of action a key may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPolicy {
    /// Delegating and taking back: all that a pool account's hot key needs.
    Delegation,
    /// Moving money.
    Payments,
    /// Sending money back, and only where the books hold a refund that is exactly this: who signs asks for a warrant.
    Refunds,
    /// Staking and unstaking, besides delegating.
    Staking,
    /// Everything.
    Any,
}

impl KeyPolicy {
    /// Whether a key under this policy signs only what a warrant is given for.
    pub const fn needs_warrant(self) -> bool {
        matches!(self, Self::Refunds)
    }

    /// Whether a key under this policy may sign this action.
    pub const fn allows(self, action: &ChainAction) -> bool {
        let delegates = matches!(action, ChainAction::Delegate { .. } | ChainAction::Undelegate { .. });
        match self {
            Self::Any => true,
            Self::Delegation => delegates,
            Self::Payments => {
                matches!(
                    action,
                    ChainAction::Transfer { .. }
                        | ChainAction::TransferToken { .. }
                        | ChainAction::CallContract { .. }
                )
            }
            Self::Refunds => {
                matches!(action, ChainAction::Transfer { .. } | ChainAction::TransferToken { .. })
            }
            Self::Staking => {
                delegates
                    || matches!(
                        action,
                        ChainAction::Stake { .. }
                            | ChainAction::Unstake { .. }
                            | ChainAction::WithdrawUnstaked { .. }
                            | ChainAction::CancelUnstakes { .. }
                    )
            }
        }
    }
}
