//! Tables and properties of what differences are called.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use leyden_domain::{
    Address, Height, ReconciliationId, RepairId, Timestamp,
    reconcile::{
        Class, Decision, Difference, Matter, OpenDifference, Outgoings, Pair, Repair, RepairKind,
        RepairState, Say, SayRefusal, Till, Verdict, choices, classify, classify_outgoings, classify_stake,
        classify_till, plan,
    },
};
use proptest::prelude::*;

fn known(pair: Pair) -> Verdict {
    classify(&Pair { is_known: true, ..pair })
}

#[test]
fn what_each_difference_is_called() {
    use Class as C;
    use Verdict::{Agrees, Differs, InFlight};
    let table = [
        ("nothing at all", Pair::default(), Agrees),
        ("delivered", Pair { ours: 5, theirs: 5, ..Pair::default() }, Agrees),
        ("in a block, not noted yet", Pair { in_flight: 5, theirs: 5, ..Pair::default() }, InFlight),
        ("taken back, not noted yet", Pair { ours: 5, in_flight: -5, ..Pair::default() }, InFlight),
        ("given above the block asked at", Pair { ours: 5, later: 5, ..Pair::default() }, InFlight),
        ("taken back above it", Pair { ours: 0, later: -5, theirs: 5, ..Pair::default() }, InFlight),
        ("given twice", Pair { ours: 5, doubled: 5, theirs: 10, ..Pair::default() }, Differs(C::Duplicate)),
        (
            "taken back twice",
            Pair { ours: 5, doubled: -5, theirs: 0, ..Pair::default() },
            Differs(C::Duplicate),
        ),
        ("its block is gone", Pair { ours: 5, undone: 5, theirs: 0, ..Pair::default() }, Differs(C::Fork)),
        (
            "lent by its owner",
            Pair { foreign: 7, theirs: 7, ..Pair::default() },
            Differs(C::ExternalMovement),
        ),
        (
            "and ours beside it",
            Pair { ours: 5, foreign: 7, theirs: 12, ..Pair::default() },
            Differs(C::ExternalMovement),
        ),
        (
            "taken back by its owner",
            Pair { ours: 5, foreign: -5, theirs: 0, ..Pair::default() },
            Differs(C::ExternalMovement),
        ),
        ("written off", Pair { ours: 5, foreign: 7, written_off: 7, theirs: 12, ..Pair::default() }, Agrees),
        (
            "more after that",
            Pair { foreign: 9, written_off: 7, theirs: 9, ..Pair::default() },
            Differs(C::ExternalMovement),
        ),
        (
            "both at once",
            Pair { ours: 5, doubled: 5, foreign: 7, theirs: 17, ..Pair::default() },
            Differs(C::Duplicate),
        ),
        ("nobody saw it given", Pair { ours: 5, theirs: 8, ..Pair::default() }, Differs(C::MissedEvent)),
        ("nobody saw it taken back", Pair { ours: 5, theirs: 0, ..Pair::default() }, Differs(C::MissedEvent)),
        (
            "the rows contradict the blocks",
            Pair { in_flight: 9, theirs: 4, ..Pair::default() },
            Differs(C::OurBug),
        ),
        (
            "a stranger gave some, and more than that is gone",
            Pair { ours: 9, foreign: 2, theirs: 4, ..Pair::default() },
            Differs(C::MissedEvent),
        ),
        (
            "its owner took back what was older than the books, and ours with it",
            Pair { ours: 5, foreign: -8, theirs: 0, ..Pair::default() },
            Differs(C::ExternalMovement),
        ),
    ];
    for (what, pair, verdict) in table {
        assert_eq!(known(pair), verdict, "{what}");
    }
    let unseen = Pair { theirs: 4, ..Pair::default() };
    assert_eq!(known(unseen), Differs(C::MissedEvent), "given to somebody who is known, and nobody saw it");
    let before_us = Pair { theirs: 3, ..Pair::default() };
    assert_eq!(classify(&before_us), Differs(C::ExternalMovement), "from before the books");
}

#[test]
fn what_the_payment_addresses_hold() {
    let till = |before, now, came, left| classify_till(&Till { before, now, came, left });
    assert_eq!(till(10, 15, 5, 0), Verdict::Agrees);
    assert_eq!(till(10, 16, 5, 0), Verdict::Differs(Class::MissedEvent));
    assert_eq!(till(10, 2, 5, 0), Verdict::Differs(Class::ExternalMovement));
    assert_eq!(till(10, 2, 5, 13), Verdict::Differs(Class::ExternalMovement));
    assert_eq!(till(10, 1, 5, 13), Verdict::Differs(Class::ExternalMovement), "a fee was paid too");
    assert_eq!(till(10, 3, 5, 13), Verdict::Differs(Class::MissedEvent), "what its owner took hides nothing");
    assert_eq!(classify_stake(5, 5), Verdict::Agrees);
    assert_eq!(classify_stake(5, 4), Verdict::Differs(Class::ExternalMovement));
}

fn a_difference(matter: Matter, class: Class, theirs: i64) -> Difference {
    Difference {
        matter,
        class,
        account: None,
        receiver: None,
        ours: 1,
        theirs,
        height: Height::new(1),
        evidence: String::new(),
    }
}

#[test]
fn what_may_be_chosen_for_each_difference() {
    use RepairKind as K;
    // (more on the chain than in the books, read again in vain)
    let chosen = |matter, class, theirs, in_vain| choices(&a_difference(matter, class, theirs), in_vain);
    for matter in Matter::ALL {
        let is_stake = matches!(matter, Matter::Stake | Matter::Capacity);
        let is_delegation = *matter == Matter::Delegation;
        // More than there should be is no difference of these.
        let is_balance = matches!(matter, Matter::RefundAccount | Matter::PoolBalance);
        for (theirs, is_more) in [(2, true), (1, false), (0, false)] {
            for in_vain in [false, true] {
                let of = |class| chosen(*matter, class, theirs, in_vain).to_vec();
                let missed = match (is_stake || is_balance, is_delegation, in_vain, is_more) {
                    (true, ..) => vec![],
                    (_, _, false, _) => vec![K::RereadBlocks],
                    (_, true, true, true) => vec![K::Retake, K::WriteOff],
                    (_, true, true, false) => vec![K::Release, K::WriteOff],
                    (_, false, true, _) => vec![K::WriteOff, K::RereadBlocks],
                };
                assert_eq!(of(Class::MissedEvent), missed, "{matter:?} {theirs} {in_vain}");
                let foreign = match (is_stake, is_delegation, is_more) {
                    (true, ..) => vec![K::ObserveAccount],
                    (_, true, true) => vec![K::WriteOff, K::Retake],
                    (_, true, false) => vec![K::Release, K::WriteOff],
                    (_, false, _) => vec![K::WriteOff],
                };
                assert_eq!(of(Class::ExternalMovement), foreign, "{matter:?} {theirs} {in_vain}");
                let doubled = if is_delegation && is_more { vec![K::Retake] } else { vec![] };
                assert_eq!(of(Class::Duplicate), doubled, "{matter:?} {theirs}");
                assert_eq!((of(Class::Fork), of(Class::OurBug)), (vec![], vec![]));
            }
        }
    }
    let effects: std::collections::BTreeSet<_> = K::ALL.iter().map(|kind| kind.effect()).collect();
    assert_eq!(effects.len(), K::ALL.len());
    for kind in K::ALL {
        assert_eq!(kind.effect().contains("two persons must approve"), kind.needs_two(), "{kind:?}");
    }
}

#[test]
fn a_difference_is_known_again_by_its_name() {
    let mut difference = a_difference(Matter::Delegation, Class::Fork, 9);
    assert_eq!((difference.subject().as_str(), difference.excess()), ("delegation", 8));
    let (account, receiver) = (Address::from_evm([1; 20]), Address::from_evm([2; 20]));
    (difference.account, difference.receiver) = (Some(account), Some(receiver));
    difference.evidence = "seen".to_owned();
    let subject = format!("delegation:{account}:{receiver}");
    assert_eq!((difference.subject(), difference.name()), (subject.clone(), format!("{subject}: 8")));
    let said = format!("{subject}: fork: 1 in the books, 9 on the chain at 1; seen");
    assert_eq!(difference.to_string(), said);
    for matter in Matter::ALL {
        assert!(Difference::is_name(&a_difference(*matter, Class::Fork, 2).name()), "{matter:?}");
    }
    assert!(Difference::is_name(&difference.name()));
    for other in ["", "held_is_the_sum: acc_1", "xdelegation: 8"] {
        assert!(!Difference::is_name(other), "{other}");
    }
    let doubts: Vec<_> = Class::ALL.iter().filter(|class| class.doubts_the_books()).collect();
    assert_eq!(doubts, [&Class::Duplicate, &Class::Fork, &Class::OurBug]);
}

/// What is found on an account stays a difference; what is found later wants a repair of its own.
#[test]
fn money_that_differs_twice_is_two_matters() {
    for matter in Matter::ALL {
        let first = a_difference(*matter, Class::ExternalMovement, 9);
        let later = Difference { height: first.height.next(), ..first.clone() };
        let is_balance = matches!(matter, Matter::Payments | Matter::RefundAccount | Matter::PoolBalance);
        assert_eq!((first.subject() != later.subject(), matter.stays_open()), (is_balance, is_balance));
        assert!(Difference::is_name(&later.name()));
    }
}

#[test]
fn what_is_open_is_what_the_books_do_not_explain() {
    let found = |theirs| OpenDifference {
        difference: Difference { ours: 100, theirs, ..a_difference(Matter::Payments, Class::MissedEvent, 0) },
        accounts: Vec::new(),
        since: Height::new(1),
        recorded: 7,
        found_at: Timestamp::from_ms(1),
    };
    let left = |theirs, recorded| found(theirs).left(recorded).map(|left| left.excess());
    assert_eq!((left(105, 7), left(105, 10), left(105, 12), left(105, 90)), (Some(5), Some(2), None, None));
    assert_eq!((left(96, 7), left(96, 9), left(96, 3), left(96, 0)), (Some(-4), Some(-6), None, None));
    assert_eq!(found(105).left(10).unwrap().subject(), found(105).difference.subject(), "it keeps its name");
}

#[test]
fn fees_are_the_dearest_that_may_have_been() {
    let fees = |coins, works, calls, limit| Outgoings { gone: 0, coins, works, calls }.dearest_fees(limit);
    assert_eq!(fees(0, 0, 0, 30_000_000), 0);
    assert_eq!(fees(1, 0, 0, 30_000_000), 1_400_000);
    assert_eq!(fees(0, 1, 0, 30_000_000), 400_000, "it makes no account");
    assert_eq!(fees(0, 0, 1, 30_000_000), 31_400_000);
    assert_eq!(fees(2, 10, 3, 30_000_000), 101_000_000);
    assert_eq!(fees(u32::MAX, u32::MAX, u32::MAX, i64::MAX), i64::MAX);
}

#[test]
fn nothing_is_moved_or_given_up_without_a_person() {
    for matter in Matter::ALL {
        for class in Class::ALL {
            for (theirs, in_vain) in [(2, false), (2, true), (0, false), (0, true)] {
                let difference = a_difference(*matter, *class, theirs);
                let Some(plan) = plan(&difference, in_vain) else {
                    let is_read_again = matches!(matter, Matter::Delegation | Matter::Payments);
                    assert!(class.doubts_the_books() || (*class == Class::MissedEvent && !is_read_again));
                    continue;
                };
                let harmless = matches!(plan.kind, RepairKind::RereadBlocks | RepairKind::ObserveAccount);
                assert_eq!(plan.is_automatic, harmless, "{matter:?} {class:?}");
                let acts = choices(&difference, in_vain).iter().filter(|kind| kind.needs_two());
                for kind in acts {
                    assert_eq!(*matter, Matter::Delegation);
                    assert_eq!(
                        *kind == RepairKind::Retake,
                        theirs > 1,
                        "what is not there cannot be taken back"
                    );
                }
            }
        }
    }
}

fn a_word(by: &str) -> Decision {
    Decision { at: Timestamp::from_ms(1), by: by.to_owned(), reason: "so".to_owned() }
}

/// A repair that is proposed for a difference.
fn a_repair(kind: RepairKind, difference: Difference) -> Repair {
    Repair {
        id: RepairId::new(Timestamp::from_ms(1), [1; 10]),
        reconciliation: ReconciliationId::new(Timestamp::from_ms(1), [1; 10]),
        kind,
        blocks: None,
        effect: String::new(),
        state: RepairState::Proposed,
        proposed_at: Timestamp::from_ms(1),
        asked: None,
        decision: None,
        outcome: None,
        difference,
    }
}

#[test]
fn what_acts_on_the_chain_two_persons_must_want() {
    let difference = a_difference(Matter::Delegation, Class::ExternalMovement, 9);
    let proposed = a_repair(RepairKind::WriteOff, difference);
    let approved = proposed.decide(Say::Approve(None), a_word("a")).unwrap();
    assert_eq!((approved.state, approved.kind), (RepairState::Approved, RepairKind::WriteOff));
    assert_eq!(approved.decide(Say::Reject, a_word("b")), Err(SayRefusal::NotProposed));
    let asked = proposed.decide(Say::Approve(Some(RepairKind::Retake)), a_word("a")).unwrap();
    assert_eq!((asked.state, asked.kind), (RepairState::Proposed, RepairKind::Retake));
    assert_eq!(asked.decide(Say::Approve(None), a_word("a")), Err(SayRefusal::SamePerson));
    let by_name = asked.decide(Say::Approve(Some(RepairKind::Retake)), a_word("a"));
    assert_eq!(by_name, Err(SayRefusal::SamePerson), "not by naming it either");
    // Who has looked before it became this agrees to something else.
    let unseen = asked.decide(Say::Approve(None), a_word("b"));
    assert_eq!(unseen, Err(SayRefusal::Unnamed(RepairKind::Retake)));
    let agreed = asked.decide(Say::Approve(Some(RepairKind::Retake)), a_word("b")).unwrap();
    assert_eq!(agreed.state, RepairState::Approved);
    assert_eq!((agreed.asked, agreed.decision), (Some(a_word("a")), Some(a_word("b"))));
    // The second wants something else: that is another wish, and the first person's does not count for it.
    let other = asked.decide(Say::Approve(Some(RepairKind::WriteOff)), a_word("b")).unwrap();
    assert_eq!((other.state, other.asked.clone()), (RepairState::Approved, None));
    assert_eq!(asked.decide(Say::Reject, a_word("b")).unwrap().state, RepairState::Rejected);
    let wrong = proposed.decide(Say::Approve(Some(RepairKind::Release)), a_word("a"));
    assert_eq!(wrong, Err(SayRefusal::NotAChoice(RepairKind::Release)));
}

#[test]
fn what_left_an_account_of_ours() {
    let least = Outgoings { gone: 30, coins: 1, works: 1, calls: 1 }.least(10_000_000, 2_000_000);
    assert_eq!(least, 10_000_000 - 30 - 1_400_000 - 400_000 - 3_400_000 - 1_400_000, "the last for a vote");
    let of = |now| classify_outgoings(least, now);
    assert_eq!((of(10_000_000), of(least)), (Verdict::Agrees, Verdict::Agrees));
    assert_eq!(of(least - 1), Verdict::Differs(Class::ExternalMovement));
    assert_eq!(of(100_000_000), Verdict::Agrees, "its owner fills it up");
    assert_eq!(Outgoings::default().least(2_000_000, 30_000_000), 600_000, "but for a vote all is there");
}

#[test]
fn a_repair_ends_once() {
    for from in RepairState::ALL {
        for to in RepairState::ALL {
            assert!(!(from.is_final() && from.may_become(*to)), "{from:?} {to:?}");
        }
        assert_eq!(from.name().parse(), Ok(*from));
        assert_eq!(from.is_final(), RepairState::ALL.iter().all(|to| !from.may_become(*to)), "{from:?}");
    }
    assert!(RepairState::Proposed.may_become(RepairState::Approved));
    assert!(!RepairState::Proposed.may_become(RepairState::Applied));
}

proptest! {
    /// One person alone, whatever they say and in whatever order, has nothing done that two must want.
    #[test]
    fn one_person_alone_is_never_two(
        more in any::<bool>(), class in 0..Class::ALL.len(), words in prop::collection::vec(0..=RepairKind::ALL.len(), 1..12),
    ) {
        let difference = a_difference(Matter::Delegation, Class::ALL[class], if more { 9 } else { 0 });
        let Some(first) = choices(&difference, true).first().copied() else { return Ok(()) };
        let mut repair = a_repair(first, difference);
        for word in words {
            if let Ok(next) = repair.decide(Say::Approve(RepairKind::ALL.get(word).copied()), a_word("a")) {
                repair = next;
            }
            prop_assert!(repair.state == RepairState::Proposed || !repair.kind.needs_two(), "{repair:?}");
        }
    }

    /// Whatever is under way, what agrees without it agrees with it, and never is called a difference.
    #[test]
    fn what_is_under_way_is_no_difference(ours in 0_i64..1_000, moving in -500_i64..500, later in -500_i64..500, off in -500_i64..500) {
        let theirs = ours + moving + off - later;
        let pair = Pair { ours, in_flight: moving, later, written_off: off, theirs, is_known: true, ..Pair::default() };
        prop_assert!(!matches!(classify(&pair), Verdict::Differs(_)));
    }

    /// A difference is a difference, by whatever name.
    #[test]
    fn no_difference_is_overlooked(
        ours in 0_i64..1_000, doubled in -50_i64..50, undone in 0_i64..50, foreign in -50_i64..50, by in 1_i64..100, known in any::<bool>(),
    ) {
        for theirs in [ours + by, ours - by] {
            let pair = Pair { ours, doubled, undone, foreign, theirs, is_known: known, ..Pair::default() };
            prop_assert!(matches!(classify(&pair), Verdict::Differs(_)));
        }
    }

    /// One cause alone is named for what it is.
    #[test]
    fn one_cause_is_named(ours in 100_i64..1_000, by in 1_i64..100) {
        let base = Pair { ours, is_known: true, ..Pair::default() };
        prop_assert_eq!(classify(&Pair { doubled: by, theirs: ours + by, ..base }), Verdict::Differs(Class::Duplicate));
        prop_assert_eq!(classify(&Pair { undone: by, theirs: ours - by, ..base }), Verdict::Differs(Class::Fork));
        prop_assert_eq!(classify(&Pair { foreign: by, theirs: ours + by, ..base }), Verdict::Differs(Class::ExternalMovement));
        prop_assert_eq!(classify(&Pair { theirs: ours + by, ..base }), Verdict::Differs(Class::MissedEvent));
    }
}
