//! What the tests of this crate share: small rows with sensible values, and a world to run the rules in.

pub(crate) mod books;
pub(crate) mod world;

use leyden_domain::{
    AccountId, Address, Asset, Bandwidth, BlockId, BlockRef, Energy, EnergyRatio, Height, OperationId,
    OrderId, PaymentId, RefundId, ReservationId, Span, Sun, Timestamp, TxId,
    chain::{Delivery, Evidence, Head},
    operation::{Operation, OperationKind, OperationState, RefusalMeaning},
    order::{Channel, CountRule, Funding, Order, OrderState},
    payment::{Payment, PaymentState},
    pool::{AccountState, Observed, PoolAccount},
};

/// The exchange rate of a day in December 2025.
pub(crate) const RATIO: EnergyRatio =
    EnergyRatio { total_limit: 180_000_000_000, total_weight_trx: 19_125_511_029 };
/// Price of one transfer's energy in the tests.
pub(crate) const PRICE: Sun = Sun::new(3_000_000);
/// Energy of one transfer in the tests.
pub(crate) const ENERGY: Energy = Energy::new(65_000);
/// Slot time of block 0.
pub(crate) const GENESIS_MS: i64 = 1_700_000_000_000;

/// How many cases a property is tried on: an eighth where the tests are run a thousand times (`make domain-mutants`).
pub(crate) const fn cases(full: u32) -> u32 {
    if option_env!("LEYDEN_FEWER_CASES").is_some() { full.div_ceil(8) } else { full }
}

/// How often a failure is made smaller before it is shown: not at all where nobody reads it.
pub(crate) const fn shrinks(full: u32) -> u32 {
    if option_env!("LEYDEN_FEWER_CASES").is_some() { 0 } else { full }
}

/// Ten bytes that differ for each number.
fn entropy(n: u64) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&n.to_be_bytes());
    bytes
}

/// The `n`th order id.
pub(crate) fn order_id(n: u64) -> OrderId {
    OrderId::standard(Timestamp::from_ms(GENESIS_MS), entropy(n))
}

/// The `n`th operation id.
pub(crate) fn operation_id(n: u64) -> OperationId {
    OperationId::new(Timestamp::from_ms(GENESIS_MS), entropy(n))
}

/// The `n`th refund id.
pub(crate) fn refund_id(n: u64) -> RefundId {
    RefundId::new(Timestamp::from_ms(0), entropy(n))
}

/// The `n`th reservation id.
pub(crate) fn reservation_id(n: u64) -> ReservationId {
    ReservationId::new(Timestamp::from_ms(GENESIS_MS), entropy(n))
}

/// The `n`th account id.
pub(crate) fn account_id(n: u64) -> AccountId {
    AccountId::new(Timestamp::from_ms(GENESIS_MS), entropy(n))
}

/// The `n`th address.
pub(crate) fn address(n: u64) -> Address {
    let mut bytes = [0; 20];
    bytes[12..].copy_from_slice(&n.to_be_bytes());
    Address::from_evm(bytes)
}

/// The address that the tests are paid at.
pub(crate) fn till() -> Address {
    address(9_000)
}

/// The `n`th transaction id.
pub(crate) fn tx_id(n: u64) -> TxId {
    let mut bytes = [7; 32];
    bytes[24..].copy_from_slice(&n.to_be_bytes());
    TxId::new(bytes)
}

/// The block of this height on the branch `salt`.
pub(crate) fn block_id(height: i64, salt: u64) -> BlockId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&height.to_be_bytes());
    bytes[24..].copy_from_slice(&salt.to_be_bytes());
    BlockId::new(bytes)
}

/// The moment of a block without missed slots before it.
pub(crate) fn slot(height: i64) -> Timestamp {
    Timestamp::from_ms(GENESIS_MS + height * 3_000)
}

/// The head at a height without missed slots.
pub(crate) fn head(height: i64) -> Head {
    Head { block: BlockRef::new(block_id(height, 0)), timestamp: slot(height) }
}

/// A place in the block of that height.
pub(crate) fn delivery(height: i64) -> Delivery {
    Delivery { block: head(height).block, timestamp: slot(height) }
}

/// An order that awaits its payment; tail `100 + n`, recipient `address(1_000 + n)`.
pub(crate) fn order(n: u64) -> Order {
    Order {
        id: order_id(n),
        channel: Channel::Standard,
        owner: None,
        chat_id: None,
        user_id: None,
        recipient: address(1_000 + n),
        payment_address: till(),
        unit_price: PRICE,
        tail: Sun::new(100 + i64::try_from(n).unwrap()),
        count: CountRule::Open { max: 2 },
        energy_per_transfer: ENERGY,
        duration: Span::from_secs(30),
        bound_sender: None,
        created_at: slot(0),
        expires_at: slot(40),
        closes_at: slot(200),
        state: OrderState::AwaitingPayment,
        version: 1,
        updated_at: slot(0),
    }
}

/// An unrouted payment in the block of that height.
pub(crate) fn payment(n: u64, amount: i64, height: i64) -> Payment {
    Payment {
        id: PaymentId { tx_id: tx_id(n), index: 0 },
        asset: Asset::Trx,
        from: address(2_000 + n),
        to: till(),
        amount,
        evidence: Evidence::Contract,
        block: Some(delivery(height)),
        state: PaymentState::Unrouted,
    }
}

/// What a payment of one transfer gives an order of tail 100.
pub(crate) fn funding(n: u64, height: i64) -> Funding {
    Funding {
        payment: PaymentId { tx_id: tx_id(n), index: 0 },
        paid: Sun::new(3_000_100),
        count: 1,
        excess: Sun::ZERO,
        payer: address(2_000 + n),
        block: delivery(height),
    }
}

/// A pool account with this much stake, none of it delegated.
pub(crate) fn account(n: u64, staked: Sun) -> PoolAccount {
    PoolAccount {
        id: account_id(n),
        number: i64::try_from(n).unwrap(),
        address: address(5_000 + n),
        permission_id: Some(2),
        state: AccountState::Ready,
        observed: Some(Observed {
            at: Height::new(0),
            asked_at: slot(0),
            staked,
            delegated: Sun::ZERO,
            delegatable: staked,
            balance: Sun::from_trx(100),
            bandwidth: Bandwidth::new(600),
            recovering: Energy::ZERO,
            ratio: RATIO,
        }),
        held: Sun::ZERO,
        unseen: Sun::ZERO,
        version: 1,
    }
}

/// A delegation of this much energy for order 0, in this state; where it took effect, in block 11.
pub(crate) fn delegation(n: u64, energy: Energy, state: OperationState) -> Operation {
    Operation {
        id: operation_id(n),
        order: Some(order_id(0)),
        account: account_id(1),
        owner: address(5_001),
        receiver: address(1_000),
        balance: Sun::from_trx(7_000),
        energy,
        kind: OperationKind::Delegate { reservation: reservation_id(n), lock: None },
        state,
        attempts: 1,
        delivery: state.took_effect().then(|| delivery(11)),
        failure: (state == OperationState::Failed).then_some(RefusalMeaning::CapacityGone),
        version: 1,
        created_at: slot(10),
    }
}
