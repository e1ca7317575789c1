//! What the refund account's key may sign: a transfer that a refund in the books is exactly for, as long as the spend guard,
//! asked once more, agrees. Whatever an actor asks for, nothing else leaves.

use async_trait::async_trait;
use leyden_domain::{Address, Asset, Sun, chain::ChainAction, refund::SpendGuard};
use leyden_ports::{
    SignError, Store, Warrants,
    store::{Transfer, WarrantError},
};
use std::sync::Arc;

/// Warrants by the books.
#[derive(Debug)]
pub struct RefundWarrants {
    /// The books.
    pub store: Arc<dyn Store>,
    /// How much may leave.
    pub guard: SpendGuard,
    /// The only token that is sent.
    pub usdt_contract: Address,
    /// Most TRX that may be burnt for one transfer of it.
    pub fee_limit: Sun,
}

impl RefundWarrants {
    /// The transfer that an action is; `None` for any other action.
    fn transfer(&self, action: &ChainAction) -> Option<Transfer> {
        match action {
            ChainAction::Transfer { owner, to, amount } => {
                Some(Transfer { asset: Asset::Trx, from: *owner, to: *to, amount: amount.get() })
            }
            ChainAction::TransferToken { owner, contract, to, amount, fee_limit }
                if *contract == self.usdt_contract && *fee_limit <= self.fee_limit =>
            {
                Some(Transfer { asset: Asset::Usdt, from: *owner, to: *to, amount: amount.get() })
            }
            _ => None,
        }
    }
}

#[async_trait]
impl Warrants for RefundWarrants {
    async fn may_sign(&self, action: &ChainAction) -> Result<(), SignError> {
        let transfer =
            self.transfer(action).ok_or_else(|| SignError::Refused("this is no refund".to_owned()))?;
        match self.store.warrant(transfer, self.guard).await {
            Ok(_) => Ok(()),
            Err(WarrantError::Store(error)) => Err(SignError::Unavailable(error.to_string())),
            Err(error) => Err(SignError::Refused(error.to_string())),
        }
    }
}
