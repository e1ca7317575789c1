//! Brings one order of each row and fate to where it shall be when the fork comes: all in one world, their payments in
//! the first block that the fork will undo.

use crate::{
    gates::Gates,
    rows::{Fate, Row},
    world::{ENERGY, PATIENCE, PRICE, World, payment_address},
};
use leyden_domain::{
    Address, Energy, OrderId, Span, Sun, Timestamp, TxId,
    order::{
        Channel, CountRule, HoldReason, Order, OrderEvent, OrderState, OrderStateKind as S, Party,
        RefundReason,
    },
    payment::{TailPolicy, random_tails},
};
use leyden_ports::{
    ChainReader,
    store::{Created, NewOrder},
};
use leyden_sim::{
    build::{self, Options},
    keys,
    tx::SignedTx,
};
use leyden_tron::{crypto::SecretKey, wire::proto::TransferContract};
use std::{fmt::Write as _, sync::Arc, time::Duration};

/// Payments above this wait until they are solid.
const SOLID_ABOVE: Sun = Sun::from_trx(5);
/// What the pool cannot serve before somebody stakes more.
const MUCH: Energy = Energy::new(340_000_000);
/// What somebody stakes then, for each account.
const MORE: Sun = Sun::from_trx(10_000_000);
/// How long a rental lasts here.
const RENTAL: Span = Span::from_secs(15);

/// An order, its payment, and what shall happen to it.
pub(crate) struct Case {
    pub(crate) row: Row,
    pub(crate) fate: Fate,
    pub(crate) order: Order,
    /// Who pays.
    pub(crate) payer: SecretKey,
    /// The payment's id and bytes, where it was paid.
    pub(crate) payment: Option<(TxId, Vec<u8>)>,
}

impl Case {
    pub(crate) fn id(&self) -> OrderId {
        self.order.id
    }

    /// For whom what we sign for it is: who gets the energy, or the money back.
    pub(crate) fn receiver(&self) -> Address {
        match self.row {
            Row::Refunding => self.payer.address(),
            _ => self.order.recipient,
        }
    }

    /// How many transfers' energy is ordered.
    pub(crate) fn count(&self) -> u32 {
        let CountRule::Fixed { count } = self.order.count else { unreachable!("all counts are fixed here") };
        count
    }

    pub(crate) fn name(&self) -> String {
        format!("{:?}, {}", self.row, self.fate.name())
    }

    /// Whether this is the fate of its payment, or of what we signed for it.
    pub(crate) fn has_effect_with(&self, fate: Fate) -> bool {
        self.row.effect_inside() && self.fate == fate
    }
}

/// A world with all its cases.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) gates: Arc<Gates>,
    pub(crate) cases: Vec<Case>,
}

impl Stage {
    /// All rows with these fates, each at its place; the next `depth` blocks from the top hold what shall be undone.
    pub(crate) async fn set(mut world: World, depth: u32, fates: &[Fate]) -> Self {
        world.settings.solid_above = SOLID_ABOVE;
        world.settings.capacity_patience = Span::from_secs(900);
        // Every block is a hint to everybody; on a slow machine sweeps would only be in the way.
        world.settings.sweep_interval = Duration::from_millis(200);
        let gates = Gates::new(Arc::clone(&world.ports.signer), world.node.clone());
        world.ports.signer = Arc::clone(&gates) as _;
        world.ports.writer = Arc::clone(&gates) as _;
        world.start(None).await;
        world.until_observed().await;

        let mut stage = Self { world, gates, cases: Vec::new() };
        for (n, row) in Row::ALL.into_iter().enumerate() {
            for (m, fate) in fates.iter().copied().enumerate() {
                if depth >= row.least_depth() {
                    let number = u8::try_from(n * 10 + m + 1).unwrap();
                    stage.add(row, fate, number).await;
                }
            }
        }
        stage.world.block().await;
        stage.before().await;
        stage.inside(depth).await;
        stage.check().await;
        stage
    }

    /// Makes an order for a receiver of its own.
    async fn add(&mut self, row: Row, fate: Fate, number: u8) {
        let recipient = Address::from_evm([number; 20]);
        self.world.node.fund(recipient, 1_000_000).unwrap();
        let payer = SecretKey::from_bytes(&[number; 32]).unwrap();
        self.world.node.fund(payer.address(), 20_000_000).unwrap();
        let head = ChainReader::head(&self.world.node).await.unwrap();
        let patience = if row == Row::Expired { Span::from_secs(3) } else { PATIENCE };
        let expires_at = head.timestamp.plus(patience);
        let is_large = matches!(row, Row::Paid | Row::Held);
        let is_too_much = matches!(row, Row::Funded | Row::RefundDue | Row::Refunding | Row::Refunded);
        let now = self.world.ports.clock.now();
        let policy = TailPolicy { max: Sun::new(9_999) };
        let order = Order {
            id: OrderId::standard(now, self.world.ports.entropy.for_id()),
            channel: Channel::Standard,
            owner: None,
            chat_id: None,
            user_id: None,
            recipient,
            payment_address: payment_address(),
            unit_price: PRICE,
            tail: Sun::ZERO,
            count: CountRule::Fixed { count: if is_large { 4 } else { 1 } },
            energy_per_transfer: if is_too_much { MUCH } else { ENERGY },
            duration: RENTAL,
            bound_sender: None,
            created_at: head.timestamp,
            expires_at,
            closes_at: expires_at.plus(Span::from_hours(24)),
            state: OrderState::AwaitingPayment,
            version: 0,
            updated_at: now,
        };
        let tails = random_tails(policy, PRICE, self.world.ports.entropy.u64(), 16);
        let largest_tail = policy.largest_for(PRICE);
        let new = NewOrder { order, tails, largest_tail, max_open: 1_000, idempotency: None };
        let (Created::Fresh(order) | Created::Replayed(order)) =
            self.world.ports.store.create_order(new).await.unwrap();
        self.world.handles().watch_order(order.id);
        self.cases.push(Case { row, fate, order, payer, payment: None });
    }

    /// Everything that happens before the fork's first block.
    async fn before(&mut self) {
        for case in self.of(Row::Reclaiming) {
            self.pay(case);
        }
        for row in [Row::Completed, Row::Refunding, Row::Refunded] {
            for case in self.of(row) {
                self.pay(case);
            }
        }
        for case in self.of(Row::Cancelled) {
            self.world.handles().cancel_order(self.cases[case].id(), Party::Customer).await.unwrap();
        }
        self.mine_until("delivered", &[Row::Reclaiming, Row::Completed], S::Active).await;
        self.mine_until("funded", &[Row::Refunding, Row::Refunded], S::Funded).await;
        for row in [Row::Reclaiming, Row::Refunding] {
            for case in self.of(row) {
                self.gates.silence(self.cases[case].receiver());
            }
        }
        for row in [Row::Refunding, Row::Refunded] {
            for case in self.of(row) {
                self.give_up(case).await;
            }
        }
        self.mine_until("over", &[Row::Completed], S::Completed).await;
        self.mine_until("over", &[Row::Refunded], S::Refunded).await;
        self.mine_until("over", &[Row::Reclaiming], S::Reclaiming).await;
        self.mine_until("out of time", &[Row::Expired], S::Expired).await;
        // Paid in the last block below the fork; what is signed for it waits for the first one in it.
        for case in self.of(Row::Delivered) {
            self.gates.keep_back(self.cases[case].receiver());
            self.pay(case);
        }
        self.world.block().await;
        self.wait_until(&[Row::Delivered], S::Delegating).await;
    }

    /// The blocks that the fork will undo.
    async fn inside(&mut self, depth: u32) {
        for row in [Row::Reserved, Row::Delegating] {
            for case in self.of(row) {
                let receiver = self.cases[case].receiver();
                if row == Row::Reserved {
                    self.gates.silence(receiver);
                } else {
                    self.gates.keep_back(receiver);
                }
            }
        }
        for row in Row::ALL.into_iter().filter(|row| row.paid_inside()) {
            for case in self.of(row) {
                self.pay(case);
            }
        }
        for case in self.of(Row::Delivered) {
            self.gates.hand_over(self.cases[case].receiver());
        }
        for row in [Row::Reclaiming, Row::Refunding] {
            for case in self.of(row) {
                self.gates.speak(self.cases[case].receiver());
            }
        }
        for row in [Row::Delivered, Row::Reclaiming, Row::Refunding] {
            self.until_offered(row).await;
        }
        self.world.block().await;
        for row in [Row::Paid, Row::Held] {
            self.wait_until(&[row], S::Paid).await;
        }
        self.wait_until(&[Row::Funded, Row::RefundDue], S::Funded).await;
        self.wait_until(&[Row::Reserved], S::Reserved).await;
        self.wait_until(&[Row::Delegating, Row::Active], S::Delegating).await;
        self.wait_until(&[Row::Delivered], S::Active).await;
        for case in self.of(Row::Held) {
            self.world.decide(self.cases[case].id(), &OrderEvent::Hold(HoldReason::Operator)).await;
        }
        for case in self.of(Row::RefundDue) {
            self.give_up(case).await;
        }
        if depth >= 2 {
            self.until_offered(Row::Active).await;
            self.world.block().await;
            self.wait_until(&[Row::Active], S::Active).await;
        }
        for _ in 2..depth {
            self.world.block().await;
        }
    }

    /// Every order is where its row says, and each of its transactions is in the block where it should be.
    async fn check(&self) {
        for case in &self.cases {
            let state = self.world.state(case.id()).await;
            assert_eq!(state, case.row.state(), "{} before the fork", case.name());
        }
    }

    /// Somebody decides that an order cannot be served.
    async fn give_up(&self, case: usize) {
        let unservable = OrderEvent::Unservable(RefundReason::NoCapacity);
        self.world.decide(self.cases[case].id(), &unservable).await;
    }

    /// Where the cases of a row are.
    pub(crate) fn of(&self, row: Row) -> Vec<usize> {
        (0..self.cases.len()).filter(|n| self.cases[*n].row == row).collect()
    }

    /// The order's customer pays what is due, with a transaction that is valid on any branch.
    fn pay(&mut self, n: usize) {
        let case = &self.cases[n];
        let payer = &case.payer;
        let message = TransferContract {
            owner_address: payer.address().to_bytes().to_vec(),
            to_address: case.order.payment_address.to_bytes().to_vec(),
            amount: case.order.amount_due(case.count()).unwrap().get(),
        };
        let bytes = {
            let chain = self.world.node.chain();
            let (head, reference) = (chain.head().timestamp(), Arc::clone(chain.solid()));
            let expiration = Timestamp::from_ms(head).plus(Span::from_hours(20)).ms();
            let options = Options { timestamp: head, expiration, ..Options::default() };
            build::sign(&build::raw(&message, &reference, &options), &[payer])
        };
        let tx_id = SignedTx::decode(&bytes).unwrap().id;
        self.cases[n].payment = Some((tx_id, bytes));
        self.offer_payment(n);
    }

    /// Sends an order's payment to the network, again if need be.
    pub(crate) fn offer_payment(&self, n: usize) {
        let (_, bytes) = self.cases[n].payment.as_ref().unwrap();
        let offer = self.world.node.offer(bytes).unwrap();
        assert_eq!(offer.message, "", "{}", self.cases[n].name());
    }

    /// Somebody stakes, so that the pool can serve everything.
    pub(crate) fn stake_more(&self) {
        for n in 0..keys::POOL_ACCOUNTS {
            self.world.node.stake_energy(keys::pool_address(n), MORE.get()).unwrap();
        }
    }

    /// Waits until what was signed last for each case of a row waits at the node.
    async fn until_offered(&self, row: Row) {
        for case in self.of(row) {
            let receiver = self.cases[case].receiver();
            let what = format!("offered: {}", self.cases[case].name());
            self.world
                .wait_for(&what, |world| {
                    let newest = self.gates.newest_for(receiver);
                    newest.is_some_and(|tx_id| world.node.chain().pending().any(|tx| tx.id == tx_id))
                })
                .await;
        }
    }

    async fn all_are(&self, rows: &[Row], state: S) -> bool {
        for case in self.cases.iter().filter(|case| rows.contains(&case.row)) {
            if self.world.state(case.id()).await != state {
                return false;
            }
        }
        true
    }

    /// Waits, without mining, until the orders of these rows are in this state.
    async fn wait_until(&self, rows: &[Row], state: S) {
        for _ in 0..2_500 {
            if self.all_are(rows, state).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("{rows:?} never became {}: {}", state.name(), self.states().await);
    }

    /// Mines until the orders of these rows are in this state.
    async fn mine_until(&self, what: &str, rows: &[Row], state: S) {
        for _ in 0..120 {
            if self.all_are(rows, state).await {
                return;
            }
            self.world.block().await;
        }
        panic!("{rows:?} never {what}: {}", self.states().await);
    }

    /// Where everybody is, for people.
    pub(crate) async fn states(&self) -> String {
        let mut text = String::new();
        for case in &self.cases {
            let state = self.world.state(case.id()).await;
            write!(text, "\n  {}: {}", case.name(), state.name()).unwrap();
        }
        for payment in self.world.payments().await {
            write!(
                text,
                "\n  {} of {} from {}: {:?}",
                payment.id, payment.amount, payment.from, payment.state
            )
            .unwrap();
        }
        text
    }
}
