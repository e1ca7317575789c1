//! The account that refunds are paid from: apart from the pool, with a key of its own.

use crate::{
    address::{Address, Height},
    amount::{Sun, UsdtMicro},
    energy::Bandwidth,
    id::AccountId,
    time::Timestamp,
};

/// The account that refunds are paid from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundAccount {
    /// Its id.
    pub id: AccountId,
    /// Its address.
    pub address: Address,
    /// Which permission our key signs with; `None` is the owner permission.
    pub permission_id: Option<u8>,
    /// What the chain last said of it; `None` before it was asked.
    pub observed: Option<RefundObserved>,
    /// Why nothing can be signed for it, where that is so.
    pub unfit: Option<String>,
    /// Whether refunds are paid from it now; one that was replaced only finishes what it began.
    pub is_active: bool,
}

/// What the chain said of a refund account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundObserved {
    /// The head before the questions were asked.
    pub at: Height,
    /// When it was asked, by the wall clock.
    pub asked_at: Timestamp,
    /// TRX on it.
    pub balance: Sun,
    /// USDT on it.
    pub usdt: UsdtMicro,
    /// Bandwidth left.
    pub bandwidth: Bandwidth,
}
