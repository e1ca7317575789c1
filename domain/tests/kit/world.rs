//! A world in memory: a chain with forks and a mempool, customers who pay, and the books, changed by the rules of
//! this crate alone. Everything happens only when it is told to, so that a test can let it happen in any order.

use super::{account, address, block_id, operation_id, order, reservation_id, slot, tx_id};
use leyden_domain::{
    Asset, BlockRef, Energy, OperationId, OrderId, PaymentId, ReservationId, Span, Sun, Timestamp, TxId,
    book::Book,
    chain::{Delivery, Evidence, Head, RefusalCode, Resource, ResourceAction, ResourceEvent},
    operation::{
        Attempt, ChainView, NextAct, Operation, OperationKind, OperationPolicy, OperationState,
        OperationWork, Refusal, TrackedAttempt, next_act,
    },
    order::{
        Effect, Facts, Order, OrderEvent, OrderState, RefundReason, Transition, next_event, step, undelivered,
    },
    payment::{Match, MatchPolicy, Payment, PaymentState, match_payment},
    pool::{PlanPolicy, Reservation, ReservationState, plan},
};
use std::collections::BTreeSet;

/// How far the solid block is behind the newest.
pub(crate) const SOLID_LAG: usize = 4;
/// More steps than any look at an order may need.
const MOST_STEPS: usize = 12;

/// A transaction that waits for a block.
#[derive(Debug, Clone)]
pub(crate) enum Pending {
    /// A customer's transfer.
    Payment(Payment),
    /// One of our own.
    Ours(Attempt),
}

/// The world.
#[derive(Debug)]
pub(crate) struct World {
    /// The books.
    pub(crate) book: Book,
    /// Transactions that may enter the next block.
    pub(crate) mempool: Vec<Pending>,
    /// What our transactions do, by id.
    actions: Vec<(TxId, ResourceEvent)>,
    /// What the blocks of the chain hold, alongside `book.blocks`.
    contents: Vec<Vec<Pending>>,
    /// Payments above this wait until their block is solid.
    pub(crate) solid_above: Sun,
    /// The latest slot time ever seen: no transaction enters a block before it exists.
    latest: Timestamp,
    /// Counts everything that needs a number.
    counter: u64,
}

/// What matching may do here.
pub(crate) fn match_policy() -> MatchPolicy {
    MatchPolicy {
        dust_sun: Sun::new(1_000),
        completes_under: true,
        dust_usdt_micro: 1_000,
        orderless: None,
        lone_receipt_limit: Sun::from_trx(100),
        denied_senders: BTreeSet::new(),
    }
}

impl World {
    /// Orders `1..=orders`, and three accounts of which none can serve two transfers alone.
    pub(crate) fn new(orders: u64) -> Self {
        let mut world = Self {
            book: Book {
                orders: (1..=orders).map(order).collect(),
                accounts: vec![
                    account(1, Sun::from_trx(10_000)),
                    account(2, Sun::from_trx(8_000)),
                    account(3, Sun::from_trx(5_000)),
                ],
                ..Book::default()
            },
            mempool: Vec::new(),
            actions: Vec::new(),
            contents: Vec::new(),
            solid_above: Sun::from_trx(5),
            latest: slot(0),
            counter: 100,
        };
        for _ in 0..=SOLID_LAG {
            world.produce(1, false);
        }
        world
    }

    fn number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// The newest block.
    pub(crate) fn head(&self) -> Head {
        self.book.blocks.last().unwrap().0
    }

    /// The chain as read.
    pub(crate) fn view(&self) -> ChainView {
        ChainView { head: self.head(), solid: self.book.solid.unwrap() }
    }

    /// A customer pays this much; the transfer waits for a block.
    pub(crate) fn pay(&mut self, amount: Sun) -> PaymentId {
        let n = self.number();
        let id = PaymentId { tx_id: tx_id(n), index: 0 };
        self.mempool.push(Pending::Payment(Payment {
            id,
            asset: Asset::Trx,
            from: address(20_000 + n),
            to: super::till(),
            amount: amount.get(),
            evidence: Evidence::Contract,
            block: None,
            state: PaymentState::Unrouted,
        }));
        id
    }

    /// The next block, `slots` after the newest; it holds everything valid that waits, or nothing.
    pub(crate) fn produce(&mut self, slots: i64, full: bool) {
        let salt = self.number();
        let parent = self.book.blocks.last().map(|(head, _)| *head);
        let height = parent.map_or(0, |parent| parent.height().get() + 1);
        let timestamp = parent.map_or(slot(0), |parent| parent.timestamp.plus(Span::from_ms(slots * 3_000)));
        // After a fork the other branch's blocks may be older than what was seen; they hold nothing newer.
        let timestamp = if full { timestamp.max(self.latest) } else { timestamp };
        self.latest = self.latest.max(timestamp);
        let new = Head { block: BlockRef::new(block_id(height, salt)), timestamp };
        let place = Delivery { block: new.block, timestamp };

        let mut held = Vec::new();
        if full {
            let waiting = std::mem::take(&mut self.mempool);
            for pending in waiting {
                match &pending {
                    Pending::Payment(payment) => {
                        match self.book.payments.iter_mut().find(|p| p.id == payment.id) {
                            Some(known) => known.block = Some(place),
                            None => {
                                self.book.payments.push(Payment { block: Some(place), ..payment.clone() });
                            }
                        }
                        held.push(pending);
                    }
                    Pending::Ours(attempt) => {
                        let expired = parent.is_some_and(|parent| attempt.expiration <= parent.timestamp);
                        let bound = self.is_canonical(attempt.reference);
                        let known = self.book.events.iter().any(|(_, e)| e.tx_id == attempt.tx_id);
                        if expired || known {
                            continue;
                        }
                        if !bound {
                            self.mempool.push(pending);
                            continue;
                        }
                        let event = self.actions.iter().find(|(id, _)| *id == attempt.tx_id).unwrap();
                        self.book.events.push((new, event.1.clone()));
                        held.push(pending);
                    }
                }
            }
        }
        let parent_id = parent.map_or(block_id(-1, 0), |parent| *parent.block.id());
        self.book.blocks.push((new, parent_id));
        self.contents.push(held);
        if let Some(solid) = self.book.blocks.len().checked_sub(SOLID_LAG + 1) {
            let candidate = self.book.blocks[solid].0;
            if self.book.solid.is_none_or(|known| known.height() < candidate.height()) {
                self.book.solid = Some(candidate);
            }
        }
    }

    /// The newest blocks leave the chain, as many as are not solid and at most `depth`. What they held waits again.
    pub(crate) fn reorganise(&mut self, depth: usize) {
        let solid = self.book.solid.unwrap().height();
        for _ in 0..depth {
            let (newest, _) = *self.book.blocks.last().unwrap();
            if newest.height() <= solid {
                break;
            }
            self.book.blocks.pop();
            self.mempool.extend(self.contents.pop().unwrap());
            self.book.events.retain(|(at, _)| at.block != newest.block);
            for payment in &mut self.book.payments {
                if payment.block.is_some_and(|at| at.block == newest.block) {
                    payment.block = None;
                }
            }
        }
    }

    fn is_canonical(&self, block: BlockRef) -> bool {
        self.book.blocks.iter().any(|(head, _)| head.block == block)
    }

    /// The payment that settles an order.
    pub(crate) fn settling(&self, id: OrderId) -> Option<&Payment> {
        self.book
            .payments
            .iter()
            .find(|p| matches!(p.state, PaymentState::Settles { order, .. } if order == id))
    }

    /// Decides whose the unrouted payments are.
    pub(crate) fn route(&mut self) {
        let expectations: Vec<_> = self.book.orders.iter().map(Order::expectation).collect();
        for index in 0..self.book.payments.len() {
            let payment = self.book.payments[index].clone();
            let (PaymentState::Unrouted, Some(block)) = (payment.state, payment.block) else { continue };
            let state = match match_payment(&payment, block.timestamp, &expectations, &match_policy()) {
                Match::Settles { order, count, excess } => {
                    let awaits = self
                        .book
                        .orders
                        .iter()
                        .any(|o| o.id == order && o.state == OrderState::AwaitingPayment);
                    if !awaits || self.settling(order).is_some() {
                        continue;
                    }
                    PaymentState::Settles { order, count, excess }
                }
                Match::Under { order } => PaymentState::Under { order },
                Match::Late { order } => PaymentState::Late { order },
                Match::Second { order } => PaymentState::Second { order },
                Match::Suspense(reason) => PaymentState::Suspense { reason },
                Match::Dust | Match::Orderless { .. } | Match::Completes { .. } | Match::Wait => continue,
            };
            self.book.payments[index].state = state;
        }
    }

    fn operations_of(&self, id: OrderId) -> (Vec<Operation>, Vec<Operation>) {
        self.book
            .operations
            .iter()
            .filter(|o| o.order == Some(id))
            .cloned()
            .partition(|o| matches!(o.kind, OperationKind::Delegate { .. }))
    }

    /// The event that is due for an order.
    pub(crate) fn due(&self, index: usize) -> Option<OrderEvent> {
        let order = &self.book.orders[index];
        let (delegations, reclaims) = self.operations_of(order.id);
        next_event(
            order,
            &Facts {
                payment: self.settling(order.id),
                delegations: &delegations,
                reclaims: &reclaims,
                chain: self.view(),
                solid_above: self.solid_above,
            },
        )
    }

    /// Looks at an order until nothing is due any more. Fails if that takes too long or a due event is refused.
    pub(crate) fn watch(&mut self, index: usize) -> Result<usize, String> {
        for steps in 0..MOST_STEPS {
            let Some(event) = self.due(index) else { return Ok(steps) };
            self.apply(index, &event).map_err(|error| format!("{event:?} was due: {error}"))?;
        }
        Err(format!("no end: {:?} of {:?}", self.due(index), self.book.orders[index].state))
    }

    /// Commits an event and its effects.
    pub(crate) fn apply(&mut self, index: usize, event: &OrderEvent) -> Result<(), String> {
        let now = self.head().timestamp;
        let transition = step(&self.book.orders[index], event, now).map_err(|refusal| refusal.to_string())?;
        self.commit(index, transition, now)
    }

    fn commit(&mut self, index: usize, transition: Transition, now: Timestamp) -> Result<(), String> {
        let id = transition.order.id;
        for effect in &transition.effects {
            match effect {
                Effect::RequireUnpaid => {
                    if self.settling(id).is_some_and(|payment| payment.block.is_some()) {
                        return Err("it is paid".to_owned());
                    }
                    for payment in &mut self.book.payments {
                        if payment.state.order() == Some(id)
                            && matches!(payment.state, PaymentState::Settles { .. })
                        {
                            payment.state = PaymentState::Unrouted;
                        }
                    }
                }
                Effect::ReleaseCapacity => {
                    let (delegations, _) = self.operations_of(id);
                    if delegations.iter().any(|o| o.state == OperationState::Signed || o.state.took_effect())
                    {
                        return Err("a delegation of it was signed".to_owned());
                    }
                    let mut released = Vec::new();
                    for operation in &mut self.book.operations {
                        if let OperationKind::Delegate { reservation, .. } = operation.kind
                            && operation.order == Some(id)
                            && operation.state == OperationState::Intended
                        {
                            operation.state = OperationState::Cancelled;
                            released.push(reservation);
                        }
                    }
                    for reservation in released {
                        self.reservation_becomes(reservation, ReservationState::Voided);
                    }
                }
                Effect::IntendReclaims => {
                    let (delegations, _) = self.operations_of(id);
                    for delegation in delegations.iter().filter(|o| o.state.took_effect()) {
                        let n = self.number();
                        self.book.operations.push(Operation {
                            id: operation_id(n),
                            kind: OperationKind::Undelegate { delegation: delegation.id },
                            state: OperationState::Intended,
                            attempts: 0,
                            delivery: None,
                            failure: None,
                            version: 1,
                            created_at: now,
                            ..delegation.clone()
                        });
                    }
                }
            }
        }
        self.book.orders[index] = transition.order;
        self.count_holds();
        Ok(())
    }

    /// Holds capacity for an order that wants it. Where the pool cannot serve and `give_up`, its money goes back.
    pub(crate) fn allocate(&mut self, index: usize, give_up: bool) {
        let order = self.book.orders[index].clone();
        if !matches!(order.state, OrderState::Funded { .. }) {
            return;
        }
        let (delegations, _) = self.operations_of(order.id);
        let demand = undelivered(&order, &delegations);
        if demand == Energy::ZERO {
            return;
        }
        let now = self.head().timestamp;
        match plan(&self.book.accounts, demand, now, &PlanPolicy::default()) {
            Ok(allocation) => {
                for leg in allocation.legs {
                    let reservation = reservation_id(self.number());
                    let operation = operation_id(self.number());
                    let account = self.book.accounts.iter().find(|a| a.id == leg.account).unwrap();
                    self.book.operations.push(Operation {
                        id: operation,
                        order: Some(order.id),
                        account: leg.account,
                        owner: account.address,
                        receiver: order.recipient,
                        balance: leg.balance,
                        energy: leg.energy,
                        kind: OperationKind::Delegate { reservation, lock: None },
                        state: OperationState::Intended,
                        attempts: 0,
                        delivery: None,
                        failure: None,
                        version: 1,
                        created_at: now,
                    });
                    self.book.reservations.push(Reservation {
                        id: reservation,
                        order: order.id,
                        account: leg.account,
                        balance: leg.balance,
                        energy: leg.energy,
                        state: ReservationState::Pending,
                        created_at: now,
                    });
                }
                self.apply(index, &OrderEvent::CapacityHeld).unwrap();
            }
            Err(_) if give_up && delegations.iter().all(|o| !o.state.is_live() && !o.state.took_effect()) => {
                self.apply(index, &OrderEvent::Unservable(RefundReason::NoCapacity)).unwrap();
            }
            Err(_) => {}
        }
    }

    fn reservation_becomes(&mut self, id: ReservationId, to: ReservationState) {
        let reservation = self.book.reservations.iter_mut().find(|r| r.id == id).unwrap();
        reservation.state = reservation.state.become_state(to).unwrap();
    }

    fn count_holds(&mut self) {
        for account in &mut self.book.accounts {
            let held = Sun::sum(
                self.book
                    .reservations
                    .iter()
                    .filter(|r| r.account == account.id && r.state.holds_capacity())
                    .map(|r| r.balance),
            );
            account.held = held.unwrap();
            account.unseen = account.held;
        }
    }

    fn work_of(&self, operation: &Operation) -> OperationWork {
        let newest =
            self.book.attempts.iter().filter(|a| a.operation == operation.id).max_by_key(|a| a.number);
        let placed = |tx: TxId| {
            let found = self.book.events.iter().find(|(_, event)| event.tx_id == tx);
            found.map(|(head, _)| Delivery { block: head.block, timestamp: head.timestamp })
        };
        OperationWork {
            operation: operation.clone(),
            newest: newest.map(|attempt| TrackedAttempt {
                failed: None,
                attempt: attempt.clone(),
                included: placed(attempt.tx_id),
                reference_canonical: self.is_canonical(attempt.reference),
            }),
            payment_block: operation
                .order
                .and_then(|order| self.settling(order))
                .and_then(|payment| payment.block),
            sibling_live: self.book.operations.iter().any(|other| {
                other.id != operation.id
                    && other.account == operation.account
                    && other.receiver == operation.receiver
                    && other.state == OperationState::Signed
            }),
        }
    }

    /// Does with an operation what is to be done with it now, once.
    pub(crate) fn act(&mut self, index: usize) -> NextAct {
        let operation = self.book.operations[index].clone();
        let work = self.work_of(&operation);
        let policy = OperationPolicy { max_attempts: 1_000, ..OperationPolicy::default() };
        let act = next_act(&work, self.view(), policy);
        let reservation = match operation.kind {
            OperationKind::Delegate { reservation, .. } => Some(reservation),
            OperationKind::Undelegate { .. }
            | OperationKind::Retake { .. }
            | OperationKind::Refund { .. } => None,
        };
        let (state, becomes) = match act {
            NextAct::Wait => return act,
            NextAct::Sign { reference, expiration } => {
                self.sign(&operation, reference, expiration);
                (OperationState::Signed, None)
            }
            NextAct::Send => {
                self.send(work.newest.unwrap().attempt);
                return act;
            }
            NextAct::Include(_) => (OperationState::Included, Some(ReservationState::Posted)),
            NextAct::Exclude => (OperationState::Signed, Some(ReservationState::Pending)),
            NextAct::Solidify(_) => (OperationState::Solid, None),
            NextAct::Bury => (OperationState::Intended, None),
            NextAct::Fail(_) => (OperationState::Failed, Some(ReservationState::Voided)),
            NextAct::Cancel => (OperationState::Cancelled, Some(ReservationState::Voided)),
        };
        if matches!(act, NextAct::Bury | NextAct::Fail(_) | NextAct::Cancel) {
            for attempt in self.book.attempts.iter_mut().filter(|a| a.operation == operation.id) {
                attempt.dead = true;
            }
        }
        if let (Some(reservation), Some(to)) = (reservation, becomes) {
            self.reservation_becomes(reservation, to);
        }
        if let (NextAct::Solidify(_), OperationKind::Undelegate { delegation }) = (&act, operation.kind) {
            self.return_capacity(delegation);
        }
        let row = &mut self.book.operations[index];
        row.state = state;
        row.version += 1;
        match act {
            NextAct::Sign { .. } => row.attempts += 1,
            NextAct::Include(at) | NextAct::Solidify(at) => row.delivery = Some(at),
            NextAct::Exclude => row.delivery = None,
            NextAct::Fail(meaning) => row.failure = Some(meaning),
            _ => {}
        }
        self.count_holds();
        act
    }

    fn return_capacity(&mut self, delegation: OperationId) {
        let given = self.book.operations.iter().find(|o| o.id == delegation).unwrap();
        if let OperationKind::Delegate { reservation, .. } = given.kind {
            self.reservation_becomes(reservation, ReservationState::Returned);
        }
    }

    fn sign(&mut self, operation: &Operation, reference: BlockRef, expiration: Timestamp) {
        let id = tx_id(self.number());
        let (receiver, balance) = (operation.receiver, operation.balance);
        let action = match operation.kind {
            OperationKind::Delegate { lock, .. } => {
                ResourceAction::Delegate { receiver, resource: Resource::Energy, balance, lock }
            }
            OperationKind::Undelegate { .. } | OperationKind::Retake { .. } => {
                ResourceAction::Undelegate { receiver, resource: Resource::Energy, balance }
            }
            OperationKind::Refund { .. } => unreachable!("nothing is refunded here"),
        };
        self.actions.push((id, ResourceEvent { tx_id: id, owner: operation.owner, action }));
        self.book.attempts.push(Attempt {
            tx_id: id,
            operation: operation.id,
            number: operation.attempts + 1,
            bytes: vec![1],
            reference,
            expiration,
            signed_at: self.head().timestamp,
            refusal: None,
            dead: false,
        });
    }

    fn send(&mut self, attempt: Attempt) {
        let waits =
            self.mempool.iter().any(|p| matches!(p, Pending::Ours(other) if other.tx_id == attempt.tx_id));
        if !waits {
            self.mempool.push(Pending::Ours(attempt));
        }
    }

    /// A node refuses the live transaction of an operation with this text, and forgets it.
    pub(crate) fn refuse(&mut self, index: usize, message: &str) {
        let id = self.book.operations[index].id;
        let newest =
            self.book.attempts.iter_mut().filter(|a| a.operation == id && !a.dead).max_by_key(|a| a.number);
        if let Some(attempt) = newest {
            let message = message.to_owned();
            attempt.refusal = Some(Refusal { code: RefusalCode::ContractValidateError, message });
            let tx = attempt.tx_id;
            self.mempool.retain(|p| !matches!(p, Pending::Ours(other) if other.tx_id == tx));
        }
    }

    /// Transactions that wait are forgotten by every node: ours may be sent again, a customer's are gone.
    pub(crate) fn forget_mempool(&mut self) {
        self.mempool.clear();
    }

    /// One round in which everybody does their work and nothing goes wrong.
    pub(crate) fn quiet_round(&mut self) -> Result<(), String> {
        self.produce(1, true);
        self.route();
        for index in 0..self.book.orders.len() {
            self.watch(index)?;
            self.allocate(index, false);
        }
        for index in 0..self.book.operations.len() {
            self.act(index);
            self.act(index);
        }
        Ok(())
    }

    /// Quiet rounds until something is so, which takes fewer than a hundred.
    pub(crate) fn quiet_until(&mut self, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..100 {
            if is_so(self) {
                return;
            }
            self.quiet_round().unwrap();
        }
        panic!("it does not come: {:#?}", self.book.orders);
    }
}
