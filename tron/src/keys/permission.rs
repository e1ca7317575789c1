//! What a permission of an account allows on the chain: one bit per contract type, lowest bit of each byte first
//! (java-tron `WalletUtil.checkPermissionOperations`).

use leyden_domain::chain::ContractKind;

/// How many bytes the bits take.
pub const OPERATIONS_LEN: usize = 32;

/// The bits for these kinds of contract.
pub fn operations(kinds: impl IntoIterator<Item = ContractKind>) -> [u8; OPERATIONS_LEN] {
    let mut bits = [0_u8; OPERATIONS_LEN];
    for kind in kinds {
        if let Some((index, mask)) = place(kind)
            && let Some(byte) = bits.get_mut(index)
        {
            *byte |= mask;
        }
    }
    bits
}

/// Whether the bits allow this kind of contract.
pub fn allows(operations: &[u8], kind: ContractKind) -> bool {
    place(kind).is_some_and(|(index, mask)| operations.get(index).is_some_and(|byte| byte & mask != 0))
}

/// The kinds that the bits allow beyond these: what a hot key can do that it need not.
pub fn beyond(operations: &[u8], needed: &[ContractKind]) -> Vec<ContractKind> {
    (0..256)
        .map(ContractKind::from_number)
        .filter(|kind| allows(operations, *kind) && !needed.contains(kind))
        .collect()
}

/// The byte and the bit of a kind.
fn place(kind: ContractKind) -> Option<(usize, u8)> {
    let number = u8::try_from(kind.number()).ok()?;
    Some((usize::from(number >> 3), 1_u8.checked_shl(u32::from(number & 7))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ContractKind::{DelegateResourceContract, TransferContract, UnDelegateResourceContract};

    #[test]
    fn delegating_and_taking_back_are_bits_57_and_58() {
        let pair = [DelegateResourceContract, UnDelegateResourceContract];
        let bits = operations(pair);
        assert_eq!(hex::encode(bits), "0000000000000006000000000000000000000000000000000000000000000000");
        assert!(pair.iter().all(|kind| allows(&bits, *kind)));
        assert!(!allows(&bits, TransferContract));
        assert!(beyond(&bits, &pair).is_empty());
        assert_eq!(beyond(&operations([TransferContract]), &pair), [TransferContract]);
        assert!(!allows(&[], TransferContract));
    }
}
