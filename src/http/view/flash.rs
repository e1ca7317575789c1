//! An order as the `energy-flash` routes show it.

use super::{AmountView, amounts, failure_text};
use crate::http::{number::Number, recipient::Notice, sale::Placed, time::iso};
use leyden_domain::{
    Energy, Sun,
    operation::{Operation, OperationState},
    order::Order,
};
use leyden_ports::store::OrderDetail;
use serde::Serialize;
use utoipa::ToSchema;

/// The terms of an order, as requirement 001 names them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PriceConfigView {
    /// TRX for one transfer.
    #[schema(example = 1.5)]
    single_price: Number,
    /// Most transfers.
    #[schema(example = 10)]
    max_transactions: u32,
    /// Hours that the energy stays.
    #[schema(example = 1)]
    expiry_hours: Number,
}

impl PriceConfigView {
    fn of_order(order: &Order) -> Self {
        Self {
            single_price: Number::trx(order.unit_price),
            max_transactions: order.count.most(),
            expiry_hours: Number::hours(order.duration),
        }
    }
}

/// An order just made over the `energy-flash` routes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FlashOrderView {
    /// Its id.
    #[schema(example = "FLASH_1704067200000_abc123def")]
    order_id: String,
    /// Where to pay.
    payment_address: String,
    /// Its terms.
    price_config: PriceConfigView,
    /// Until when a payment is in time.
    #[schema(example = "2024-01-01T12:30:00.000Z")]
    expires_at: String,
    /// The sun on top of the price that make the amount this order's own.
    tail_sun: i64,
    /// Every amount that the order accepts; how much is paid chooses the count.
    amounts: Vec<AmountView>,
    /// Energy of one transfer.
    energy_per_transaction: i64,
    /// `first_transfer_assumed`: no node could say whether the recipient holds the token, so each transfer gets the energy of
    /// a first one. Only where the order was just made, and absent where there is nothing to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<Notice>,
}

impl FlashOrderView {
    pub(crate) fn new(Placed { order, notice, .. }: &Placed) -> Self {
        Self {
            order_id: order.id.to_string(),
            payment_address: order.payment_address.to_string(),
            price_config: PriceConfigView::of_order(order),
            expires_at: iso(order.expires_at),
            tail_sun: order.tail.get(),
            amounts: amounts(order),
            energy_per_transaction: order.energy_per_transfer.get(),
            notice: *notice,
        }
    }
}

/// The delegation of one paid transfer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DelegationResultView {
    /// Counts the paid transfers from 1.
    transaction_index: u32,
    /// Whose stake it is.
    pool_account: String,
    /// Energy of this transfer.
    energy_amount: i64,
    /// The delegation; transfers that share an account share it.
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_hash: Option<String>,
    /// Whether the chain has it.
    success: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

/// An order over the `energy-flash` routes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FlashStatusView {
    /// Its id.
    order_id: String,
    /// `pending`, `paid`, `processing`, `completed`, `expired`, `cancelled`, `failed` or `refunded`.
    #[schema(example = "completed")]
    status: &'static str,
    /// TRX that came.
    #[schema(example = 15.000_137)]
    paid_amount: Number,
    /// The same in sun.
    paid_amount_sun: i64,
    /// Transfers bought.
    transaction_count: u32,
    /// One entry for each transfer bought, once its delegation is decided.
    delegation_result: Vec<DelegationResultView>,
    /// The exact state, as `/api/v1/orders` has it.
    state: &'static str,
    /// Until when a payment is in time.
    expires_at: String,
    /// Until when the energy stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
}

impl FlashStatusView {
    pub(crate) fn new(detail: &OrderDetail) -> Self {
        let order = &detail.order;
        let funding = order.state.funding();
        let kind = order.state.kind();
        let paid = funding.map_or(Sun::ZERO, |funding| funding.paid);
        Self {
            order_id: order.id.to_string(),
            status: kind.status(),
            paid_amount: Number::trx(paid),
            paid_amount_sun: paid.get(),
            transaction_count: funding.map_or(0, |funding| funding.count),
            delegation_result: delegation_results(detail),
            state: kind.name(),
            expires_at: iso(order.expires_at),
            ends_at: order.state.ends_at().map(iso),
        }
    }
}

/// One entry for each paid transfer. A delegation carries the energy of several; those that failed and were planned
/// again elsewhere are shown only where nothing took their place.
fn delegation_results(detail: &OrderDetail) -> Vec<DelegationResultView> {
    let Some(funding) = detail.order.state.funding() else { return Vec::new() };
    let standing = |operation: &&Operation| {
        !matches!(operation.state, OperationState::Failed | OperationState::Cancelled)
    };
    let mut shown: Vec<&Operation> = detail.delegations.iter().filter(standing).collect();
    if shown.is_empty() {
        shown = detail.delegations.iter().collect();
    }
    let per_transfer = detail.order.energy_per_transfer;
    (1..=funding.count)
        .filter_map(|index| {
            let begins = per_transfer.times(i64::from(index.saturating_sub(1))).ok()?;
            let operation = carrier(&shown, begins)?;
            Some(DelegationResultView {
                transaction_index: index,
                pool_account: operation.owner.to_string(),
                energy_amount: per_transfer.get(),
                tx_hash: detail.tx_of(operation.id).map(|id| id.to_string()),
                success: operation.state.took_effect(),
                error: operation.failure.map(failure_text),
            })
        })
        .collect()
}

/// The operation that carries the energy beginning at `begins`, counted over all of them in their order.
fn carrier<'a>(operations: &[&'a Operation], begins: Energy) -> Option<&'a Operation> {
    let mut end = Energy::ZERO;
    for operation in operations {
        end = end.plus(operation.energy).ok()?;
        if begins < end {
            return Some(operation);
        }
    }
    operations.last().copied()
}

#[cfg(test)]
mod tests {
    use super::carrier;
    use leyden_domain::{
        AccountId, Address, Energy, OperationId, OrderId, ReservationId, Sun, Timestamp,
        operation::{Operation, OperationKind, OperationState},
    };

    fn delegation(number: u8, energy: i64) -> Operation {
        let at = Timestamp::from_ms(1);
        let bytes = [number; 10];
        Operation {
            id: OperationId::new(at, bytes),
            order: Some(OrderId::standard(at, bytes)),
            account: AccountId::new(at, bytes),
            owner: Address::from_evm([number; 20]),
            receiver: Address::from_evm([0; 20]),
            balance: Sun::TRX,
            energy: Energy::new(energy),
            kind: OperationKind::Delegate { reservation: ReservationId::new(at, bytes), lock: None },
            state: OperationState::Included,
            attempts: 1,
            delivery: None,
            failure: None,
            version: 0,
            created_at: at,
        }
    }

    #[test]
    fn a_transfer_is_shown_with_the_account_that_carries_its_first_unit() {
        let (first, second) = (delegation(1, 100), delegation(2, 30));
        let at = |begins| carrier(&[&first, &second], Energy::new(begins)).map(|operation| operation.id);
        assert_eq!(at(0), Some(first.id));
        assert_eq!(at(99), Some(first.id));
        assert_eq!(at(100), Some(second.id));
        assert_eq!(at(500), Some(second.id), "rounding leaves nothing without an account");
        assert_eq!(carrier(&[], Energy::ZERO), None);
    }
}
