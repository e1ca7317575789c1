//! What the tests share: a store on each backend, small rows with sensible values, and an order brought to any
//! point of its life through the port alone.

use leyden_domain::{
    AccountId, Address, ApiKeyId, Asset, Bandwidth, BlockId, BlockRef, Energy, EnergyRatio, Height,
    OperationId, OrderId, PaymentId, ReservationId, Span, Sun, Timestamp, TxId,
    chain::{Delivery, Evidence, Head, Resource, ResourceAction, ResourceEvent},
    invariants, journal,
    operation::{Attempt, Operation, OperationKind, OperationState},
    order::{Channel, Confirmation, CountRule, Funding, Order, OrderEvent, OrderState, Transition, step},
    payment::{Payment, PaymentState},
    pool::{Observed, Reservation, ReservationState},
};
use leyden_ports::{
    Clock, Store,
    store::{
        AttemptCommit, BlockCommit, ChainPosition, Created, Durability, NewOrder, NewPoolAccount,
        OperationChange, OperationCommit, OrderCommit, ReserveCommit, Routing, StoreError,
    },
};
use leyden_store::{OpenOptions, SqlStore};
use std::sync::Arc;
use tempfile::TempDir;

/// Price of one transfer.
pub(crate) const PRICE: Sun = Sun::new(3_000_000);
/// Energy of one transfer.
pub(crate) const ENERGY: Energy = Energy::new(65_000);
/// Stake behind it.
pub(crate) const STAKE: Sun = Sun::new(7_000_000_000);
const GENESIS_MS: i64 = 1_700_000_000_000;
const RATIO: EnergyRatio = EnergyRatio { total_limit: 180_000_000_000, total_weight_trx: 19_125_511_029 };

/// A clock that stands still.
#[derive(Debug)]
pub(crate) struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        slot(1)
    }
}

/// A store under test.
pub(crate) struct Kit {
    pub(crate) store: Arc<dyn Store>,
    _dir: Option<TempDir>,
}

/// Opens a database.
pub(crate) async fn open(url: &str) -> SqlStore {
    SqlStore::open(url, Arc::new(Still), OpenOptions::default()).await.unwrap()
}

/// The URL of a database in a folder.
pub(crate) fn url_in(dir: &TempDir) -> String {
    format!("sqlite:{}", dir.path().join("books.db").display())
}

impl Kit {
    /// In a file.
    pub(crate) async fn file() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(open(&url_in(&dir)).await);
        Self { store, _dir: Some(dir) }
    }

    /// In memory.
    pub(crate) async fn memory() -> Self {
        Self { store: Arc::new(open("sqlite::memory:").await), _dir: None }
    }

    /// On PostgreSQL, in a database of its own.
    pub(crate) async fn postgres() -> Self {
        Self { store: Arc::new(open(&crate::pg::fresh().await).await), _dir: None }
    }

    /// Around a store that is already open.
    pub(crate) fn on(store: Arc<dyn Store>) -> Self {
        Self { store, _dir: None }
    }

    /// All invariants on all books, and whether the journal tells the same.
    pub(crate) async fn check(&self) {
        let found = invariants::check_all(&self.store.book().await.unwrap());
        assert!(found.is_empty(), "{found:#?}");
        if let Err(difference) = self.store.verify(journal::Head::genesis()).await {
            panic!("{difference}");
        }
    }

    /// Makes an order as it stands, with its own tail.
    pub(crate) async fn create(&self, order: Order) -> Order {
        match self.store.create_order(new(order)).await.unwrap() {
            Created::Fresh(order) => order,
            Created::Replayed(order) => panic!("{} was made before", order.id),
        }
    }

    /// The order as it is now.
    pub(crate) async fn order(&self, id: OrderId) -> Order {
        self.store.order(id).await.unwrap().unwrap()
    }

    /// The payment as it is now.
    pub(crate) async fn payment(&self, id: PaymentId) -> Payment {
        self.store.payment(id).await.unwrap().unwrap()
    }

    /// Steps an order and commits.
    pub(crate) async fn step(&self, id: OrderId, event: OrderEvent) -> Result<(), StoreError> {
        let order = self.order(id).await;
        self.store.commit_order(commit(vec![next(&order, &event)])).await
    }

    /// Records an empty block, or one with these payments.
    pub(crate) async fn block(&self, height: i64, fork: u64, payments: Vec<Payment>) -> ChainPosition {
        let block = block(height, fork, payments, Vec::new());
        self.store.record_blocks(vec![block], head(0, 0), slot(height)).await.unwrap()
    }

    /// Records empty blocks.
    pub(crate) async fn blocks(&self, heights: std::ops::RangeInclusive<i64>) {
        for height in heights {
            self.block(height, 0, Vec::new()).await;
        }
    }

    /// Records a block with these events.
    pub(crate) async fn events(&self, height: i64, events: Vec<ResourceEvent>, solid: i64) {
        let block = block(height, 0, Vec::new(), events);
        self.store.record_blocks(vec![block], head(solid, 0), slot(height)).await.unwrap();
    }

    /// Says that a payment settles an order.
    pub(crate) async fn settle(&self, payment: PaymentId, order: OrderId) -> bool {
        self.route(payment, PaymentState::Settles { order, count: 1, excess: Sun::ZERO }).await
    }

    /// Puts a payment into a bucket.
    pub(crate) async fn route(&self, payment: PaymentId, state: PaymentState) -> bool {
        let routing = Routing { payment, state, new_order: None };
        !self.store.route_payments(vec![routing], slot(1)).await.unwrap().is_empty()
    }

    /// An order, paid in block 1 of a fresh chain, and its funding.
    pub(crate) async fn paid(&self, n: u64) -> (Order, Funding) {
        let order = self.create(order(n)).await;
        let payment = payment(n, order.amount_due(1).unwrap().get());
        let at = match self.store.chain_position().await.unwrap() {
            None => 1,
            Some(position) => position.view.head.height().next().get(),
        };
        self.block(at, 0, vec![payment.clone()]).await;
        assert!(self.settle(payment.id, order.id).await);
        let funding = funding(&payment, at);
        self.step(order.id, OrderEvent::PaymentMatched(funding)).await.unwrap();
        (self.order(order.id).await, funding)
    }

    /// A paid order that may be served.
    pub(crate) async fn funded(&self, n: u64) -> (Order, Funding) {
        let (order, funding) = self.paid(n).await;
        let event = OrderEvent::PaymentConfirmed(Confirmation::ForkBound { block: funding.block.block });
        self.step(order.id, event).await.unwrap();
        (self.order(order.id).await, funding)
    }

    /// A pool account with stake for `transfers` transfers, seen at block 0.
    pub(crate) async fn account(&self, n: u64, transfers: i64) -> AccountId {
        let new = NewPoolAccount { id: account_id(n), address: address(5_000 + n), permission_id: Some(2) };
        let account = self.store.upsert_pool_account(new, slot(0)).await.unwrap();
        let staked = STAKE.times(transfers).unwrap();
        self.store.observe_account(account.id, observed(staked, 0)).await.unwrap();
        account.id
    }

    /// Holds capacity for a funded order.
    pub(crate) async fn reserve(&self, n: u64, order: &Order, account: u64) -> Result<(), StoreError> {
        let mut answers = self.store.reserve(vec![reserve(n, order, account)]).await.unwrap();
        answers.pop().unwrap()
    }

    /// An order with capacity held on account 1, which has room for ten.
    pub(crate) async fn reserved(&self, n: u64) -> Order {
        let (order, _) = self.funded(n).await;
        self.account(1, 10).await;
        self.reserve(n, &order, 1).await.unwrap();
        self.order(order.id).await
    }

    /// Stores a signed transaction of an operation.
    pub(crate) async fn sign(&self, attempt: Attempt, version: i64) -> Result<(), StoreError> {
        let commit = AttemptCommit { operation_version: version, attempt };
        self.store.record_attempts(vec![commit]).await.unwrap().pop().unwrap()
    }

    /// Changes an operation.
    pub(crate) async fn change(
        &self,
        operation: OperationId,
        version: i64,
        change: OperationChange,
    ) -> Result<(), StoreError> {
        let commit = OperationCommit { operation, version, change, order: None };
        self.store.commit_operations(vec![commit], slot(2)).await.unwrap().pop().unwrap()
    }

    /// The operations of an order: delegations, then reclaims.
    pub(crate) async fn operations(&self, order: OrderId) -> Vec<Operation> {
        let detail = self.store.order_detail(order).await.unwrap().unwrap();
        detail.delegations.into_iter().chain(detail.reclaims).collect()
    }

    /// An operation as it is now.
    pub(crate) async fn operation(&self, order: OrderId, id: OperationId) -> Operation {
        self.operations(order).await.into_iter().find(|operation| operation.id == id).unwrap()
    }
}

/// A wish for an order as it stands.
pub(crate) fn new(order: Order) -> NewOrder {
    NewOrder { order, tails: Vec::new(), largest_tail: Sun::new(9_999), max_open: 1_000, idempotency: None }
}

/// A transition that must be possible.
pub(crate) fn next(order: &Order, event: &OrderEvent) -> Transition {
    step(order, event, slot(2)).unwrap()
}

/// Transitions without reclaims or a note.
pub(crate) fn commit(transitions: Vec<Transition>) -> OrderCommit {
    OrderCommit { transitions, reclaims: Vec::new(), note: None, durability: Durability::Strict }
}

fn entropy(n: u64) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&n.to_be_bytes());
    bytes
}

pub(crate) fn order_id(n: u64) -> OrderId {
    OrderId::standard(slot(0), entropy(n))
}

pub(crate) fn operation_id(n: u64) -> OperationId {
    OperationId::new(slot(0), entropy(n))
}

pub(crate) fn reservation_id(n: u64) -> ReservationId {
    ReservationId::new(slot(0), entropy(n))
}

pub(crate) fn account_id(n: u64) -> AccountId {
    AccountId::new(slot(0), entropy(n))
}

pub(crate) fn key_id(n: u64) -> ApiKeyId {
    ApiKeyId::new(slot(0), entropy(n))
}

pub(crate) fn address(n: u64) -> Address {
    let mut bytes = [0; 20];
    bytes[12..].copy_from_slice(&n.to_be_bytes());
    Address::from_evm(bytes)
}

/// The address that is paid at.
pub(crate) fn till() -> Address {
    address(9_000)
}

pub(crate) fn tx_id(n: u64) -> TxId {
    let mut bytes = [7; 32];
    bytes[24..].copy_from_slice(&n.to_be_bytes());
    TxId::new(bytes)
}

pub(crate) fn block_id(height: i64, fork: u64) -> BlockId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&height.to_be_bytes());
    bytes[24..].copy_from_slice(&fork.to_be_bytes());
    BlockId::new(bytes)
}

/// The moment of a block.
pub(crate) fn slot(height: i64) -> Timestamp {
    Timestamp::from_ms(GENESIS_MS + height * 3_000)
}

pub(crate) fn head(height: i64, fork: u64) -> Head {
    Head { block: BlockRef::new(block_id(height, fork)), timestamp: slot(height) }
}

pub(crate) fn delivery(height: i64, fork: u64) -> Delivery {
    Delivery { block: head(height, fork).block, timestamp: slot(height) }
}

/// A block behind the one of branch 0.
pub(crate) fn block(
    height: i64,
    fork: u64,
    payments: Vec<Payment>,
    resource_events: Vec<ResourceEvent>,
) -> BlockCommit {
    BlockCommit {
        head: head(height, fork),
        parent: block_id(height - 1, 0),
        payments,
        resource_events,
        sent: Vec::new(),
        dust: Vec::new(),
        transactions: 1,
        behind: Span::ZERO,
    }
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
        created_at: slot(0).plus(Span::from_ms(i64::try_from(n).unwrap())),
        expires_at: slot(40),
        closes_at: slot(200),
        state: OrderState::AwaitingPayment,
        version: 1,
        updated_at: slot(0),
    }
}

/// A payment that was just seen; `paid_in` gives it a block.
pub(crate) fn payment(n: u64, amount: i64) -> Payment {
    Payment {
        id: PaymentId { tx_id: tx_id(n), index: 0 },
        asset: Asset::Trx,
        from: address(2_000 + n),
        to: till(),
        amount,
        evidence: Evidence::Contract,
        block: None,
        state: PaymentState::Unrouted,
    }
}

/// What a payment of one transfer in that block gives.
pub(crate) fn funding(payment: &Payment, height: i64) -> Funding {
    Funding {
        payment: payment.id,
        paid: Sun::new(payment.amount),
        count: 1,
        excess: Sun::ZERO,
        payer: payment.from,
        block: delivery(height, 0),
    }
}

/// What the chain says of an account that delegated nothing yet.
pub(crate) fn observed(staked: Sun, height: i64) -> Observed {
    Observed {
        at: Height::new(height),
        asked_at: slot(height),
        staked,
        delegated: Sun::ZERO,
        delegatable: staked,
        balance: Sun::from_trx(100),
        bandwidth: Bandwidth::new(600),
        recovering: Energy::ZERO,
        ratio: RATIO,
    }
}

/// Capacity for one transfer of a funded order on an account.
pub(crate) fn reserve(n: u64, order: &Order, account: u64) -> ReserveCommit {
    let reservation = Reservation {
        id: reservation_id(n),
        order: order.id,
        account: account_id(account),
        balance: STAKE,
        energy: ENERGY,
        state: ReservationState::Pending,
        created_at: slot(2),
    };
    let operation = Operation {
        id: operation_id(n),
        order: Some(order.id),
        account: account_id(account),
        owner: address(5_000 + account),
        receiver: order.recipient,
        balance: STAKE,
        energy: ENERGY,
        kind: OperationKind::Delegate { reservation: reservation.id, lock: None },
        state: OperationState::Intended,
        attempts: 0,
        delivery: None,
        failure: None,
        version: 1,
        created_at: slot(2),
    };
    ReserveCommit {
        order: commit(vec![next(order, &OrderEvent::CapacityHeld)]),
        reservations: vec![reservation],
        operations: vec![operation],
        limits: Vec::new(),
    }
}

/// The `number`th transaction of an operation, bound to block 1.
pub(crate) fn attempt(operation: u64, number: u32) -> Attempt {
    Attempt {
        tx_id: tx_id(100_000 + operation * 100 + u64::from(number)),
        operation: operation_id(operation),
        number,
        bytes: vec![1, 2, 3],
        reference: head(1, 0).block,
        expiration: slot(30),
        signed_at: slot(2),
        refusal: None,
        dead: false,
    }
}

/// What an attempt of a delegation does on the chain.
pub(crate) fn delegated(attempt: &Attempt, order: &Order, account: u64) -> ResourceEvent {
    ResourceEvent {
        tx_id: attempt.tx_id,
        owner: address(5_000 + account),
        action: ResourceAction::Delegate {
            receiver: order.recipient,
            resource: Resource::Energy,
            balance: STAKE,
            lock: None,
        },
    }
}

/// What an attempt of an undelegation does on the chain.
pub(crate) fn undelegated(attempt: &Attempt, order: &Order, account: u64) -> ResourceEvent {
    ResourceEvent {
        tx_id: attempt.tx_id,
        owner: address(5_000 + account),
        action: ResourceAction::Undelegate {
            receiver: order.recipient,
            resource: Resource::Energy,
            balance: STAKE,
        },
    }
}
