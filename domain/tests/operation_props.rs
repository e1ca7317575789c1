//! When is a transaction dead? Checked on a tree of blocks with missed slots, forks and flips back, where anybody
//! may put the transaction into any block that the chain's rules let it into.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "each test uses a part of the kit")]
mod kit;

use kit::{block_id, delivery, head, operation_id, order_id, slot, tx_id};
use leyden_domain::{
    BlockRef, Energy, Span, Sun, Timestamp,
    chain::{Delivery, Head, RefusalCode},
    operation::{
        Attempt, ChainView, Death, NextAct, Operation, OperationKind, OperationPolicy, OperationState,
        OperationWork, Refusal, RefusalMeaning, TrackedAttempt, death_of, may_resign, meaning_of, next_act,
    },
};
use proptest::prelude::*;

/// How far solidity is behind.
const LAG: i64 = 18;

/// A block of the tree.
#[derive(Debug, Clone)]
struct Node {
    parent: Option<usize>,
    head: Head,
    includes: bool,
}

/// All blocks anybody ever produced, the branch we follow, and one transaction.
#[derive(Debug)]
struct Tree {
    nodes: Vec<Node>,
    tip: usize,
    solid: usize,
    attempt: Attempt,
}

impl Tree {
    /// The ancestors of a block, itself first.
    fn line(&self, from: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(from), |at| self.nodes[*at].parent)
    }

    /// Whether the chain's rules let a block on top of this one include the transaction.
    fn may_include(&self, parent: usize) -> bool {
        self.attempt.expiration > self.nodes[parent].head.timestamp
            && self.line(parent).any(|at| self.nodes[at].head.block == self.attempt.reference)
            && !self.line(parent).any(|at| self.nodes[at].includes)
    }

    /// Adds a block; it includes the transaction if somebody wants to and the rules allow it.
    fn add(&mut self, parent: usize, slots: i64, wants: bool) -> usize {
        let includes = wants && self.may_include(parent);
        let before = self.nodes[parent].head;
        let salt = u64::try_from(self.nodes.len()).unwrap();
        let new = Head {
            block: BlockRef::new(block_id(before.height().get() + 1, salt)),
            timestamp: before.timestamp.plus(Span::from_ms(slots * 3_000)),
        };
        self.nodes.push(Node { parent: Some(parent), head: new, includes });
        self.nodes.len() - 1
    }

    /// Follows this branch from now on; solidity grows with it and never goes back.
    fn follow(&mut self, tip: usize) {
        self.tip = tip;
        let height = self.nodes[tip].head.height().get() - LAG;
        let found = self.line(tip).find(|at| self.nodes[*at].head.height().get() == height);
        if let Some(solid) = found
            && self.nodes[solid].head.height() > self.nodes[self.solid].head.height()
        {
            self.solid = solid;
        }
    }

    /// The blocks that the chain we follow may still stand on: the solid one and all above it.
    fn possible(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|at| self.line(*at).any(|below| below == self.solid)).collect()
    }

    fn view(&self) -> ChainView {
        ChainView { head: self.nodes[self.tip].head, solid: self.nodes[self.solid].head }
    }

    /// The transaction as the branch we follow has it.
    fn tracked(&self) -> TrackedAttempt {
        let included = self.line(self.tip).find(|at| self.nodes[*at].includes).map(|at| {
            let head = self.nodes[at].head;
            Delivery { block: head.block, timestamp: head.timestamp }
        });
        TrackedAttempt {
            failed: None,
            attempt: self.attempt.clone(),
            included,
            reference_canonical: self
                .line(self.tip)
                .any(|at| self.nodes[at].head.block == self.attempt.reference),
        }
    }
}

#[derive(Debug, Clone)]
enum Move {
    Extend { slots: i64, wants: bool },
    Fork { depth: usize, slots: i64, wants: bool },
    Flip { to: usize },
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        6 => (1..4_i64, prop::bool::weighted(0.1)).prop_map(|(slots, wants)| Move::Extend { slots, wants }),
        2 => (1..18_usize, 1..6_i64, any::<bool>()).prop_map(|(depth, slots, wants)| Move::Fork { depth, slots, wants }),
        2 => any::<usize>().prop_map(|to| Move::Flip { to }),
    ]
}

fn attempt(reference: BlockRef, expiration: Timestamp) -> Attempt {
    Attempt {
        tx_id: tx_id(1),
        operation: operation_id(1),
        number: 1,
        bytes: vec![1],
        reference,
        expiration,
        signed_at: slot(0),
        refusal: None,
        dead: false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: kit::cases(400), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_dead_stays_dead(
        before in prop::collection::vec(moves(), 0..40),
        reference in 0..12_usize,
        lifetime in 1..80_i64,
        after in prop::collection::vec(moves(), 1..90),
    ) {
        let root = Node { parent: None, head: head(0), includes: false };
        let nobody = attempt(BlockRef::new(block_id(-1, 0)), slot(0));
        let mut tree = Tree { nodes: vec![root], tip: 0, solid: 0, attempt: nobody };
        let mut dead = None;
        let signed_after = before.len();
        for (count, happens) in before.into_iter().chain(after).enumerate() {
            if count == signed_after {
                let at = tree.line(tree.tip).take(reference + 1).last().unwrap();
                let expiration = tree.nodes[tree.tip].head.timestamp.plus(Span::from_ms(lifetime * 1_000));
                tree.attempt = attempt(tree.nodes[at].head.block, expiration);
            }
            let possible = tree.possible();
            let tip = match happens {
                Move::Extend { slots, wants } => tree.add(tree.tip, slots, wants),
                Move::Fork { depth, slots, wants } => {
                    let from = tree.line(tree.tip).take(depth + 1).filter(|at| possible.contains(at)).last().unwrap();
                    tree.add(from, slots, wants)
                }
                Move::Flip { to } => possible[to % possible.len()],
            };
            tree.follow(tip);
            if count < signed_after {
                continue;
            }

            let tracked = tree.tracked();
            let death = death_of(&tracked, tree.view());
            // Blocks yet unborn have a parent among these or above them, and are later still.
            let possible = tree.possible();
            let includable = possible.iter().any(|at| tree.may_include(*at));
            let included = possible.iter().any(|at| tree.line(*at).any(|below| tree.nodes[below].includes));
            if death.is_some() {
                prop_assert!(!includable, "{death:?}, but a block may still include it");
                prop_assert!(!included, "{death:?}, but it is or may be on the chain");
            }
            prop_assert_eq!(may_resign(Some(&tracked), tree.view()), death.is_some());
            prop_assert!(dead.is_none() || death.is_some(), "{:?}, then alive again", dead);
            dead = death;
            // And the rule is not idle: what is long expired and nowhere is dead.
            let solid = tree.view().solid.timestamp;
            prop_assert!(tracked.included.is_some() || solid < tree.attempt.expiration || death.is_some());
        }
    }
}

/// Every chain of up to five blocks with every pattern of missed slots: the rule says dead exactly when no
/// block on top of the solid one could include the transaction.
#[test]
fn the_death_rule_is_exact_on_a_chain_without_forks() {
    for pattern in 0..4_u32.pow(5) {
        let mut timestamps = vec![slot(0)];
        let mut rest = pattern;
        for _ in 0..5 {
            let last = *timestamps.last().unwrap();
            timestamps.push(last.plus(Span::from_ms(3_000 * i64::from(rest % 4 + 1))));
            rest /= 4;
        }
        for expiration in (0..70).map(|seconds| slot(0).plus(Span::from_secs(seconds))) {
            for (solid, timestamp) in (0..).zip(&timestamps) {
                let tracked = TrackedAttempt {
                    failed: None,
                    attempt: attempt(head(0).block, expiration),
                    included: None,
                    reference_canonical: true,
                };
                let solid = Head { block: head(solid).block, timestamp: *timestamp };
                let view = ChainView { head: solid, solid };
                let could_be_included = expiration > *timestamp;
                let expected = (!could_be_included).then_some(Death::Expired);
                assert_eq!(death_of(&tracked, view), expected);
            }
        }
    }
}

fn operation(state: OperationState, delegates: bool, attempts: u32) -> Operation {
    Operation {
        id: operation_id(1),
        order: Some(order_id(1)),
        account: kit::account_id(1),
        owner: kit::address(5_001),
        receiver: kit::address(1_001),
        balance: Sun::TRX,
        energy: Energy::new(9),
        kind: if delegates {
            OperationKind::Delegate { reservation: kit::reservation_id(1), lock: None }
        } else {
            OperationKind::Undelegate { delegation: operation_id(9) }
        },
        state,
        attempts,
        delivery: (state == OperationState::Included).then(|| delivery(90)),
        failure: None,
        version: 1,
        created_at: slot(0),
    }
}

/// The chain read to block 100, solid to block 82.
fn view() -> ChainView {
    ChainView { head: head(100), solid: head(82) }
}

fn work(state: OperationState, newest: Option<TrackedAttempt>) -> OperationWork {
    OperationWork {
        operation: operation(state, true, newest.as_ref().map_or(0, |newest| newest.attempt.number)),
        newest,
        payment_block: Some(delivery(95)),
        sibling_live: false,
    }
}

fn tracked(included: Option<i64>, expiration: i64) -> TrackedAttempt {
    TrackedAttempt {
        failed: None,
        attempt: attempt(head(80).block, slot(expiration)),
        included: included.map(delivery),
        reference_canonical: true,
    }
}

fn act(work: &OperationWork) -> NextAct {
    next_act(work, view(), OperationPolicy::default())
}

#[test]
fn a_delegation_is_bound_to_its_payment() {
    let expiration = slot(120);
    let bound_to = |height| NextAct::Sign { reference: head(height).block, expiration };
    let intended = work(OperationState::Intended, None);
    assert_eq!(act(&intended), bound_to(95));
    let solid = OperationWork { payment_block: Some(delivery(50)), ..intended.clone() };
    assert_eq!(act(&solid), bound_to(82));
    assert_eq!(act(&OperationWork { payment_block: None, ..intended.clone() }), NextAct::Wait);
    let reclaim = OperationWork { operation: operation(OperationState::Intended, false, 0), ..intended };
    assert_eq!(act(&reclaim), bound_to(82));
    assert_eq!(act(&OperationWork { sibling_live: true, ..reclaim }), NextAct::Wait);
}

#[test]
fn inclusion_is_recorded_before_solidity() {
    let found = work(OperationState::Signed, Some(tracked(Some(90), 110)));
    assert_eq!(act(&found), NextAct::Include(delivery(90)));
    // Solid before anybody looked: still one step at a time.
    let deep = work(OperationState::Signed, Some(tracked(Some(70), 110)));
    assert_eq!(act(&deep), NextAct::Include(delivery(70)));
    let mut recorded = work(OperationState::Included, Some(tracked(Some(70), 110)));
    recorded.operation.delivery = Some(delivery(70));
    assert_eq!(act(&recorded), NextAct::Solidify(delivery(70)));
}

#[test]
fn a_fork_that_moves_a_delegation_is_noticed() {
    // Recorded in block 90; another branch has it in block 91, or solid in block 70.
    for height in [91, 70] {
        assert_eq!(act(&work(OperationState::Included, Some(tracked(Some(height), 110)))), NextAct::Exclude);
    }
    assert_eq!(act(&work(OperationState::Included, Some(tracked(Some(90), 110)))), NextAct::Wait);
    assert_eq!(act(&work(OperationState::Included, Some(tracked(None, 110)))), NextAct::Exclude);
}

#[test]
fn what_is_alive_is_sent_again_and_never_replaced() {
    assert_eq!(act(&work(OperationState::Signed, Some(tracked(None, 110)))), NextAct::Send);
    assert_eq!(act(&work(OperationState::Signed, Some(tracked(None, 101)))), NextAct::Send);
    assert_eq!(act(&work(OperationState::Signed, Some(tracked(None, 83)))), NextAct::Wait);
    assert_eq!(act(&work(OperationState::Signed, Some(tracked(None, 82)))), NextAct::Bury);
    assert_eq!(act(&work(OperationState::Intended, Some(tracked(None, 83)))), NextAct::Wait);
    let forked_out = TrackedAttempt { reference_canonical: false, ..tracked(None, 110) };
    assert_eq!(act(&work(OperationState::Signed, Some(forked_out))), NextAct::Bury);
}

#[test]
fn a_refusal_counts_only_once_its_transaction_is_dead() {
    let refused = |message: &str, expiration| {
        let mut tracked = tracked(None, expiration);
        let message = message.to_owned();
        tracked.attempt.refusal = Some(Refusal { code: RefusalCode::ContractValidateError, message });
        act(&work(OperationState::Signed, Some(tracked)))
    };
    let gone = "delegateBalance must be less than or equal to available FreezeEnergyV2 balance";
    assert_eq!(refused(gone, 110), NextAct::Send);
    assert_eq!(refused(gone, 80), NextAct::Fail(RefusalMeaning::CapacityGone));
    assert_eq!(refused("something else", 80), NextAct::Bury);
}

#[test]
fn a_delegation_that_died_too_often_is_planned_anew_and_a_reclaim_never_gives_up() {
    let mut tired = work(OperationState::Intended, None);
    tired.operation.attempts = 8;
    assert_eq!(act(&tired), NextAct::Fail(RefusalMeaning::TryAgain));
    let mut dying = work(OperationState::Signed, Some(tracked(None, 80)));
    dying.operation.attempts = 8;
    assert_eq!(act(&dying), NextAct::Bury, "dead first, then given up");
    dying.payment_block = None;
    assert_eq!(act(&dying), NextAct::Cancel);
    tired.operation.kind = OperationKind::Undelegate { delegation: tired.operation.id };
    assert!(matches!(act(&tired), NextAct::Sign { .. }));
}

#[test]
fn an_expired_transaction_is_not_sent_again() {
    // Alive, because no solid block is as late as its expiration, but no node would take it.
    let expired = work(OperationState::Signed, Some(tracked(None, 100)));
    assert_eq!(act(&expired), NextAct::Wait);
}

#[test]
fn refusals_mean_what_java_tron_means_by_them() {
    use RefusalCode as C;
    use RefusalMeaning as M;
    let table = [
        (C::BandwithError, "Account resource insufficient error.", M::AccountBroke),
        (C::SigError, "Validate signature error: permission denied", M::KeyUnfit),
        (
            C::ContractValidateError,
            "Contract validate error : delegateBalance must be less than or equal to available FreezeEnergyV2 balance",
            M::CapacityGone,
        ),
        (
            C::ContractValidateError,
            "Contract validate error : Do not allow delegate resources to contract addresses",
            M::ReceiverUnusable,
        ),
        (
            C::ContractValidateError,
            "Contract validate error : delegated Resource does not exist",
            M::NothingToReclaim,
        ),
        (C::ContractValidateError, "Contract validate error : never heard of", M::TryAgain),
        (C::TaposError, "Tapos check error.", M::TryAgain),
        (C::Busy, "Server busy.", M::TryAgain),
        (C::OtherError, "available FreezeEnergyV2 balance", M::TryAgain),
    ];
    for (code, message, meaning) in table {
        assert_eq!(meaning_of(&Refusal { code, message: message.to_owned() }), meaning, "{message}");
        assert_eq!(meaning.name().parse(), Ok(meaning));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: kit::cases(2_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_signed_while_something_lives(
        state in 0..6_usize,
        delegates: bool,
        included in prop::option::of(60..101_i64),
        expiration in 60..130_i64,
        reference in 60..101_i64,
        canonical: bool,
        dead: bool,
        paid in prop::option::of(60..101_i64),
        sibling_live: bool,
    ) {
        let state = OperationState::ALL[state];
        let mut newest = tracked(included, expiration);
        newest.attempt.reference = head(reference).block;
        newest.attempt.dead = dead;
        newest.reference_canonical = canonical;
        let work = OperationWork {
            operation: operation(state, delegates, 1),
            newest: Some(newest.clone()),
            payment_block: paid.map(delivery),
            sibling_live,
        };
        let alive = !dead && death_of(&newest, view()).is_none();
        match act(&work) {
            NextAct::Sign { expiration, .. } => {
                prop_assert!(!alive && state == OperationState::Intended);
                prop_assert!(expiration > view().head.timestamp);
                prop_assert!(!delegates || paid.is_some());
            }
            NextAct::Bury | NextAct::Fail(_) | NextAct::Cancel => {
                let tired = state == OperationState::Intended;
                prop_assert!(tired || death_of(&newest, view()).is_some());
            }
            NextAct::Solidify(at) => prop_assert!(at.block.height() <= view().solid.height()),
            NextAct::Send => prop_assert!(state == OperationState::Signed && included.is_none()),
            NextAct::Include(_) => prop_assert_eq!(state, OperationState::Signed),
            NextAct::Exclude => prop_assert_eq!(state, OperationState::Included),
            NextAct::Wait => {}
        }
        if matches!(state, OperationState::Solid | OperationState::Failed | OperationState::Cancelled) {
            prop_assert_eq!(act(&work), NextAct::Wait);
        }
    }
}
