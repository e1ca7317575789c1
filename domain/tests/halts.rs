//! What each cause of a halt stops, when a limit is crossed, and what a halt that is open is told.

use leyden_domain::{
    HaltId, Span, Timestamp,
    halt::{Halt, HaltCause, Limit, Meter, MoneyAct, stopped_by},
};

/// Most names of findings that one halt keeps.
const MOST_EVIDENCE: usize = 500;
/// Most bytes of what one halt says.
const MOST_DETAIL: usize = 65_536;

#[test]
fn what_each_cause_stops() {
    for cause in HaltCause::ALL {
        for act in [MoneyAct::Sell, MoneyAct::Delegate, MoneyAct::Refund] {
            assert!(cause.stops(act), "{cause:?} {act:?}");
        }
        let doubts_the_books = matches!(cause, HaltCause::BrokenInvariant | HaltCause::ForkBelowSolid);
        assert_eq!(cause.stops(MoneyAct::Reclaim), doubts_the_books, "{cause:?}");
        assert_eq!(cause.name().parse(), Ok(cause));
    }
    assert_eq!(stopped_by([HaltCause::Operator], MoneyAct::Reclaim), None);
    let both = [HaltCause::Operator, HaltCause::ForkBelowSolid];
    assert_eq!(stopped_by(both, MoneyAct::Reclaim), Some(HaltCause::ForkBelowSolid));
    assert_eq!(stopped_by([], MoneyAct::Sell), None);
}

#[test]
fn a_limit_is_crossed_above_it_and_counts_anew_after_a_lift() {
    let (meter, cause) = (Meter::Energy, HaltCause::EnergyPerHour);
    let limit = Limit { meter, cause, window: Span::from_hours(1), most: 10 };
    assert_eq!(limit.crossed(10), None);
    let crossed = limit.crossed(11);
    assert_eq!(crossed.as_deref(), Some("11 energy delegated within 60 minutes; the limit is 10"));
    let now = Timestamp::from_ms(10_000_000);
    assert_eq!(limit.counts_from(now, None), Timestamp::from_ms(6_400_000));
    assert_eq!(limit.counts_from(now, Some(Timestamp::from_ms(1))), Timestamp::from_ms(6_400_000));
    let lifted = Timestamp::from_ms(9_000_000);
    assert_eq!(limit.counts_from(now, Some(lifted)), lifted);
    assert_eq!(limit.name(), "energy: more than 10 within 60 minutes");
}

fn halt() -> Halt {
    Halt {
        id: HaltId::new(Timestamp::from_ms(1), [1; 10]),
        cause: HaltCause::BrokenInvariant,
        detail: "one\ntwo".to_owned(),
        evidence: vec!["a".to_owned()],
        since: Timestamp::from_ms(1),
        raised_by: "guard".to_owned(),
        lifted: None,
    }
}

#[test]
fn another_reason_is_kept_and_the_same_one_is_not_said_twice() {
    let mut open = halt();
    assert!(!open.tell("one, with another figure", &["a".to_owned()], "guard"));
    assert_eq!(open, halt());
    assert!(open.tell("two\nthree", &["a".to_owned(), "b".to_owned()], "reconciler"));
    assert_eq!((open.detail.as_str(), open.raised_by.as_str()), ("one\ntwo\nthree", "guard, reconciler"));
    assert_eq!(open.evidence, ["a", "b"]);
    // A person says no names.
    assert!(open.tell("four", &[], "guard"));
    assert!(!open.tell("four", &[], "key_1"));
    assert_eq!(open.raised_by, "guard, reconciler");
}

#[test]
fn what_a_halt_is_told_has_an_end() {
    let mut open = halt();
    let many: Vec<String> = (0..MOST_EVIDENCE).map(|n| n.to_string()).collect();
    assert!(!open.tell("five", &many, "guard"));
    assert!(open.tell("five", &many[1..], "guard"));
    assert!(!open.tell("six", &["six".to_owned()], "guard"));
    // To the byte: each line takes one more than it is long.
    let room = MOST_DETAIL - halt().detail.len() - 1;
    assert!(!halt().tell(&"x".repeat(room + 1), &[], "key_1"));
    let mut open = halt();
    assert!(open.tell(&"x".repeat(room), &[], "key_1"));
    assert_eq!(open.detail.len(), MOST_DETAIL);
}
