//! What a transaction must be before anybody looks at what it does: in time, bound to this chain, new, not too
//! large. java-tron `Manager.validateTapos`, `validateCommon`, `validateDup`; the texts of
//! `Wallet.broadcastTransaction`.

use crate::{
    chain::Chain,
    exec::Refusal,
    permission,
    tx::{MAX_SIZE, SignedTx},
};
use leyden_tron::wire::proto::ResponseCode;

/// How far ahead of the head an expiration may lie: java-tron `Constant.MAXIMUM_TIME_UNTIL_EXPIRATION`.
pub const MAX_LIFE_MS: i64 = 86_400_000;

/// How many blocks back a reference may lie: its two bytes name no more.
pub const REFERENCE_WINDOW: i64 = 65_536;

/// The checks on a transaction that is offered to the node.
pub(crate) fn offered(chain: &Chain, tx: &SignedTx) -> Result<(), Refusal> {
    if tx.raw.expiration < chain.head().timestamp() + chain.config().block_time_ms {
        return Err(expired());
    }
    permission::check(chain.world.account(&tx.owner), tx).map_err(|text| Refusal::signature(&text))?;
    at_head(chain, tx)?;
    if chain.pool.contains(&tx.id) {
        return Err(duplicate());
    }
    Ok(())
}

/// The checks on a transaction that the next block is to hold.
pub(crate) fn at_head(chain: &Chain, tx: &SignedTx) -> Result<(), Refusal> {
    if !is_bound(chain, tx) {
        return Err(Refusal::new(ResponseCode::TaposError, "Tapos check error."));
    }
    let size = tx.encode(None).len();
    if size > MAX_SIZE {
        return Err(Refusal::new(
            ResponseCode::TooBigTransactionError,
            format!("Too big transaction, TxId {}, the size is {size} bytes, maxTxSize {MAX_SIZE}", tx.id),
        ));
    }
    let head = chain.head().timestamp();
    if tx.raw.expiration <= head || tx.raw.expiration > head + MAX_LIFE_MS {
        return Err(expired());
    }
    if chain.included.contains_key(&tx.id) {
        return Err(duplicate());
    }
    Ok(())
}

fn expired() -> Refusal {
    Refusal::new(ResponseCode::TransactionExpirationError, "Transaction expired")
}

fn duplicate() -> Refusal {
    Refusal::new(ResponseCode::DupTransactionError, "Dup transaction.")
}

/// Whether the block that a transaction refers to is on this chain (TAPOS): the two bytes are the low ones of its
/// number, the eight are from the middle of its id.
fn is_bound(chain: &Chain, tx: &SignedTx) -> bool {
    let Ok(low) = <[u8; 2]>::try_from(tx.raw.ref_block_bytes.as_slice()) else { return false };
    let head = chain.head().number();
    let back = (head - i64::from(u16::from_be_bytes(low))).rem_euclid(REFERENCE_WINDOW);
    chain
        .block(head - back)
        .is_some_and(|block| block.id.bytes().get(8..16) == Some(tx.raw.ref_block_hash.as_slice()))
}
