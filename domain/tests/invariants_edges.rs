//! Where each invariant begins to be broken: just right is silent, and one sun, one slot or one state further is not.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "each test uses a part of the kit")]
mod kit;

use kit::{
    PRICE, address,
    books::{
        ACTIVE, AWAITING, COMPLETED, FUNDED, books, delegation, reclaim, resettle, row, row_mut, settling,
        suspense,
    },
    operation_id, order_id, slot,
};
use leyden_domain::{
    Asset, Energy, PaymentId, Span, Sun,
    book::Book,
    invariants::{NAMES, Violation, check_all, check_held, check_part},
    operation::OperationState,
    order::{CountRule, Funding, HoldReason, Order, OrderState, OrderStateKind, RefundReason},
    payment::{Payment, PaymentState, SuspenseReason},
    refund::{KeptBy, Refund, RefundCause, RefundHold, RefundState},
};
use std::{collections::BTreeMap, sync::LazyLock};

static SOUND: LazyLock<Book> = LazyLock::new(books);

/// What a check says of sound books with this change.
fn said(name: &str, change: impl FnOnce(&mut Book)) -> Vec<String> {
    let mut book = SOUND.clone();
    change(&mut book);
    check_all(&book).into_iter().filter(|v| v.invariant == name).map(|v| v.detail).collect()
}

/// Whether it finds fault.
fn finds(name: &str, change: impl FnOnce(&mut Book)) -> bool {
    !said(name, change).is_empty()
}

#[test]
fn a_finding_is_known_again_by_its_name() {
    let violation = |by| Violation {
        invariant: "held_is_the_sum",
        subject: "acc_1".to_owned(),
        detail: "says 5".to_owned(),
        by,
    };
    assert_eq!(violation(None).name(), "held_is_the_sum: acc_1");
    assert_eq!(violation(Some(-3)).name(), "held_is_the_sum: acc_1: by -3");
    assert_eq!(violation(None).to_string(), "held_is_the_sum: acc_1: says 5");
    assert!(Violation::is_name(&violation(None).name()) && Violation::is_name(&violation(Some(7)).name()));
    for name in NAMES {
        assert!(Violation::is_name(&format!("{name}: something")));
        assert!(!Violation::is_name(name), "a check is no finding");
        assert!(!Violation::is_name(&format!("x{name}: something")));
    }
    assert!(!Violation::is_name("delegation: something") && !Violation::is_name(""));
}

#[test]
fn a_part_of_the_books_is_asked_everything_but_the_sums() {
    let mut book = SOUND.clone();
    assert_eq!(check_part(&book), []);
    book.accounts[0].held = Sun::new(1);
    for account in &mut book.accounts {
        account.observed.as_mut().unwrap().staked = Sun::new(1);
    }
    let all: Vec<_> = check_all(&book).into_iter().map(|v| v.invariant).collect();
    assert!(all.contains(&"held_is_the_sum") && all.contains(&"capacity_is_kept"), "{all:?}");
    assert_eq!(check_part(&book), [], "of a part nobody knows the sums");
    book.accounts[0].held = SOUND.accounts[0].held;
    row_mut(&mut book, AWAITING).duration = Span::ZERO;
    let part: Vec<_> = check_part(&book).into_iter().map(|v| v.invariant).collect();
    assert_eq!(part, ["terms_are_sound"]);
}

#[test]
fn what_accounts_hold_is_compared_with_sums_to_the_sun() {
    let mut accounts = SOUND.accounts.clone();
    for (held, account) in [0, 500, 700].into_iter().zip(&mut accounts) {
        account.held = Sun::new(held);
    }
    let sum = |of: &[(usize, i64)]| -> BTreeMap<_, _> {
        of.iter().map(|(at, sum)| (accounts[*at].id, Sun::new(*sum))).collect()
    };
    assert_eq!(check_held(&accounts, &sum(&[(1, 500), (2, 700)])), [], "none is a sum of nothing");
    let found = check_held(&accounts, &sum(&[(0, 1), (1, 500), (2, 699)]));
    let told: Vec<_> = found.iter().map(|v| (v.subject.clone(), v.by)).collect();
    assert_eq!(told, [(accounts[0].id.to_string(), Some(-1)), (accounts[2].id.to_string(), Some(1))]);
    assert!(found.iter().all(|v| v.invariant == "held_is_the_sum"));
}

#[test]
fn terms_are_refused_one_by_one() {
    let not_positive = "price, energy, duration or count is not positive";
    let changes: [fn(&mut Order); 7] = [
        |order| (order.unit_price, order.tail) = (Sun::ZERO, Sun::ZERO),
        |order| order.unit_price = Sun::new(-1),
        |order| order.energy_per_transfer = Energy::ZERO,
        |order| order.energy_per_transfer = Energy::new(-1),
        |order| order.duration = Span::ZERO,
        |order| order.count = CountRule::Fixed { count: 0 },
        |order| order.count = CountRule::Open { max: 0 },
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let details = said("terms_are_sound", |b| change(row_mut(b, AWAITING)));
        assert!(details.iter().any(|detail| detail == not_positive), "{at}: {details:?}");
    }
    let tail = |tail| finds("terms_are_sound", |b| row_mut(b, AWAITING).tail = Sun::new(tail));
    assert_eq!([-1, 0, PRICE.get() - 1, PRICE.get()].map(tail), [true, false, false, true]);
    let spans = |created, expires, closes| {
        finds("terms_are_sound", |b| {
            let order = row_mut(b, AWAITING);
            (order.created_at, order.expires_at, order.closes_at) =
                (slot(created), slot(expires), slot(closes));
        })
    };
    assert!(!spans(5, 5, 5), "all at once is in order");
    assert!(spans(6, 5, 5) && spans(5, 5, 4));
}

#[test]
fn a_tail_is_taken_until_its_order_is_paid_or_closed() {
    let tail = Sun::new(77);
    let now = SOUND.blocks.last().unwrap().0.timestamp;
    let both = |tail, change: fn(&mut Order)| {
        finds("tails_are_unique", |b| {
            for order in [AWAITING, FUNDED] {
                let order = row_mut(b, order);
                (order.tail, order.closes_at) = (tail, now.plus(Span::from_ms(1)));
            }
            change(row_mut(b, FUNDED));
        })
    };
    assert!(both(tail, |_| {}), "one closes a millisecond from now");
    assert!(!both(Sun::ZERO, |_| {}), "no tail is no tail of anybody");
    assert!(!both(tail, |order| order.payment_address = address(1)), "other addresses, other tails");
    let closes = SOUND.blocks.last().unwrap().0.timestamp;
    let closing = |order: u64| {
        finds("tails_are_unique", |b| {
            for one in [AWAITING, FUNDED] {
                let one = row_mut(b, one);
                (one.tail, one.closes_at) = (tail, closes.plus(Span::from_ms(1)));
            }
            row_mut(b, order).closes_at = closes;
        })
    };
    assert!(!closing(FUNDED), "what is closed has given its tail back");
    assert!(closing(AWAITING), "what waits for its payment keeps it");
}

#[test]
fn what_an_order_bought_adds_up_to_the_sun() {
    let name = "settlement_adds_up";
    let buys = |order: u64, count: u32, excess: i64| {
        finds(name, |b| {
            let tail = row(b, order).tail.get();
            resettle(b, order, count, excess);
            settling(b, order).amount = PRICE.get() * i64::from(count) + tail + excess;
        })
    };
    let price = PRICE.get();
    // One of two: less than another transfer is a rest, and no more.
    assert_eq!([0, 1, price - 1].map(|excess| buys(ACTIVE, 1, excess)), [false; 3]);
    assert_eq!([-1, price, price + 1].map(|excess| buys(ACTIVE, 1, excess)), [true; 3]);
    // Two of two: whatever is over is over.
    assert_eq!([0, 1, price, 9 * price].map(|excess| buys(ACTIVE, 2, excess)), [false; 4]);
    assert!(buys(ACTIVE, 2, -1));
    assert!(buys(ACTIVE, 3, 0), "more than may be bought");
    let nothing = finds(name, |b| {
        row_mut(b, ACTIVE).count = CountRule::Fixed { count: 0 };
        let tail = row(b, ACTIVE).tail.get();
        resettle(b, ACTIVE, 0, 0);
        settling(b, ACTIVE).amount = tail;
    });
    assert!(nothing, "nothing was bought");
    assert!(finds(name, |b| settling(b, ACTIVE).asset = Asset::Usdt));
    // With the tail, or without: and where all goes back, less than all.
    let tail = row(&SOUND, ACTIVE).tail.get();
    let paid = |less: i64, goes_back: bool, is_held: bool| {
        finds(name, |b| {
            settling(b, ACTIVE).amount -= less;
            let funding = *row(b, ACTIVE).state.funding().unwrap();
            let order = row_mut(b, ACTIVE);
            if goes_back {
                order.state = OrderState::RefundDue { funding, why: RefundReason::NoCapacity };
            }
            if is_held {
                let from = Box::new(order.state.clone());
                order.state = OrderState::Held { why: HoldReason::Operator, from };
            }
        })
    };
    for is_held in [false, true] {
        assert_eq!(
            [-1, 0, 1, tail - 1, tail].map(|less| paid(less, false, is_held)),
            [true, false, true, true, false]
        );
        assert!(paid(tail + 1, false, is_held) && !paid(tail + 1, true, is_held));
        assert!(paid(-1, true, is_held), "more than it cost is not less");
    }
}

/// A third of what an order cost came before, from the same sender.
fn in_parts(book: &mut Book) -> PaymentId {
    let before = 1_000_000;
    settling(book, COMPLETED).amount -= before;
    let whole = settling(book, COMPLETED).clone();
    if let OrderState::Completed { funding, .. } = &mut row_mut(book, COMPLETED).state {
        funding.paid = Sun::new(whole.amount);
    }
    let id = PaymentId { index: 7, ..whole.id };
    let state = PaymentState::Part { order: order_id(COMPLETED) };
    book.payments.push(Payment { id, amount: before, state, ..whole });
    id
}

fn refund_of(book: &Book, payment: PaymentId, cause: RefundCause, state: RefundState) -> Refund {
    let payment = book.payments.iter().find(|p| p.id == payment).unwrap();
    Refund {
        id: kit::refund_id(9),
        payment: payment.id,
        cause,
        owed: payment.amount,
        fee: 0,
        to: payment.from,
        state,
        ..book.refunds[0].clone()
    }
}

#[test]
fn a_part_is_of_one_sender_and_solid_and_stays() {
    let name = "parts_make_a_whole";
    let mut sound = SOUND.clone();
    in_parts(&mut sound);
    assert_eq!(check_all(&sound), []);
    let with = |change: fn(&mut Book, PaymentId)| {
        finds(name, |b| {
            let part = in_parts(b);
            change(b, part);
        })
    };
    assert!(!with(|_, _| {}));
    assert!(with(|b, _| b.payments.last_mut().unwrap().from = address(1)), "somebody else's");
    assert!(with(|b, _| b.payments.last_mut().unwrap().block = None), "its block is gone");
    assert!(with(|b, _| settling(b, COMPLETED).state = PaymentState::Unrouted), "a part of nothing");
    let goes_back = |state: RefundState| {
        finds(name, |b| {
            let part = in_parts(b);
            let refund = refund_of(b, part, RefundCause::Under, state);
            b.refunds.push(refund);
        })
    };
    assert!(!goes_back(RefundState::Withdrawn), "it was to go back, until the rest came");
    assert!(goes_back(RefundState::Due) && goes_back(RefundState::Kept { rule: KeptBy::BelowMinimum }));
    // Of a block that is not final nothing is a part: the solid block is the one below.
    let height = sound.payments.last().unwrap().block.unwrap().block.height();
    for (solid, is_wrong) in [(height, false), (height.offset(-1), true)] {
        let wrong = finds(name, |b| {
            in_parts(b);
            b.solid = b.blocks.iter().map(|(head, _)| *head).find(|head| head.height() == solid);
        });
        assert_eq!(wrong, is_wrong);
    }
}

/// States in which an order may be while money of it moves.
fn states(funding: Funding) -> Vec<OrderState> {
    let (why, operation) = (RefundReason::NoCapacity, operation_id(31));
    vec![
        OrderState::Completed { funding, ends_at: slot(20) },
        OrderState::Reverted { funding },
        OrderState::RefundDue { funding, why },
        OrderState::Refunding { funding, why, operation },
        OrderState::Refunded { funding, why, operation },
        OrderState::Forfeited { funding, why },
    ]
}

#[test]
fn a_refund_and_its_order_go_together() {
    use OrderStateKind as K;
    let at = slot(30);
    let (ours, other) = (operation_id(31), operation_id(32));
    let refund_states = [
        RefundState::Waiting { until: at },
        RefundState::Due,
        RefundState::Held { why: RefundHold::Operator, retry_at: None },
        RefundState::Sending { operation: ours, at },
        RefundState::Sending { operation: other, at },
        RefundState::Refunded { operation: ours, at },
        RefundState::Refunded { operation: other, at },
        RefundState::Kept { rule: KeptBy::BelowMinimum },
        RefundState::Withdrawn,
    ];
    let causes = [
        RefundCause::Unservable { why: RefundReason::NoCapacity },
        RefundCause::Over,
        RefundCause::Reverted,
        RefundCause::Late,
        RefundCause::Suspense { reason: SuspenseReason::NoOrder },
    ];
    let funding = *row(&SOUND, COMPLETED).state.funding().unwrap();
    for state in states(funding) {
        for cause in causes {
            for refund in &refund_states {
                let moves = !matches!(refund.kind().name(), "waiting" | "due" | "held" | "withdrawn");
                let withdrawn = *refund == RefundState::Withdrawn;
                let kind = state.kind();
                let goes_back = matches!(kind, K::RefundDue | K::Refunding | K::Refunded | K::Forfeited);
                let may = match cause {
                    RefundCause::Unservable { .. } => goes_back || withdrawn,
                    RefundCause::Over => kind != K::RefundDue || withdrawn,
                    RefundCause::Reverted => kind == K::Reverted,
                    _ => !moves,
                };
                // The order says which transfer it rests on, or that the money is kept.
                let agrees = match kind {
                    K::Refunding | K::Refunded => refund.operation() != Some(other),
                    K::Forfeited => refund.kind().name() == "kept",
                    _ => true,
                };
                for is_held in [false, true] {
                    let found = finds("refund_moves_with_its_order", |b| {
                        resettle(b, COMPLETED, 2, 7);
                        let owed = Refund { owed: 7, ..refund_of(b, funding.payment, cause, refund.clone()) };
                        b.refunds.push(owed);
                        row_mut(b, COMPLETED).state = if is_held {
                            OrderState::Held { why: HoldReason::Operator, from: Box::new(state.clone()) }
                        } else {
                            state.clone()
                        };
                    });
                    assert_eq!(found, !(may && agrees), "{cause:?} {refund:?} {kind:?} {is_held}");
                }
            }
        }
    }
    // What is over is owed to the sun.
    for (owed, is_wrong) in [(6, true), (7, false), (8, true)] {
        let found = finds("refund_moves_with_its_order", |b| {
            resettle(b, COMPLETED, 2, 7);
            let over = refund_of(b, funding.payment, RefundCause::Over, RefundState::Due);
            b.refunds.push(Refund { owed, ..over });
        });
        assert_eq!(found, is_wrong, "{owed}");
    }
    // An order that is being refunded, or whose money is kept, without a refund.
    for state in states(funding) {
        let needs = matches!(state.kind(), K::Refunding | K::Refunded | K::Forfeited);
        let found = finds("refund_moves_with_its_order", |b| row_mut(b, COMPLETED).state = state.clone());
        assert_eq!(found, needs, "{state:?}");
    }
}

#[test]
fn a_refund_of_nothing_is_none() {
    let owes =
        |owed, fee| finds("refund_fits_its_payment", |b| (b.refunds[0].owed, b.refunds[0].fee) = (owed, fee));
    assert!(owes(0, 0) && !owes(1, 0) && !owes(1, 1));
    assert!(owes(1, -1) && owes(1, 2) && owes(-1, -1));
    let all = SOUND.refunds[0].owed;
    assert!(!owes(all, all) && owes(all + 1, 0));
}

#[test]
fn what_came_is_bought_or_owed_and_nothing_of_it_both() {
    let name = "every_sun_has_its_bucket";
    let owed = |state: PaymentState, cause, owed: i64| {
        finds(name, |b| {
            let payment = settling(b, COMPLETED);
            payment.state = state;
            let payment = payment.id;
            let refund = refund_of(b, payment, cause, RefundState::Due);
            b.refunds.push(Refund { owed, ..refund });
        })
    };
    let amount = SOUND.payments.iter().find(|p| p.state.order() == Some(order_id(COMPLETED))).unwrap().amount;
    let order = order_id(COMPLETED);
    let settles = |excess| PaymentState::Settles { order, count: 1, excess: Sun::new(excess) };
    let unservable = RefundCause::Unservable { why: RefundReason::NoCapacity };
    for (state, cause, right) in [
        (settles(700), RefundCause::Over, vec![0, 700]),
        (settles(700), unservable, vec![0, 700, amount]),
        (settles(700), RefundCause::Reverted, vec![0, 700, amount]),
        (settles(0), RefundCause::Over, vec![0]),
        (PaymentState::Part { order }, RefundCause::Under, vec![0]),
        (PaymentState::Late { order }, RefundCause::Late, vec![0, amount]),
    ] {
        for sum in [0, 1, 699, 700, 701, amount - 700, amount - 1, amount, amount + 1] {
            assert_eq!(owed(state, cause, sum), !right.contains(&sum), "{state:?} {cause:?} {sum}");
        }
    }
    // Neither what was bought nor what is over is less than nothing.
    let over = |excess| finds(name, |b| settling(b, COMPLETED).state = settles(excess));
    assert_eq!([-1, 0, amount, amount + 1].map(over), [true, false, false, true]);
    assert!(finds(name, |b| suspense(b).amount = -1));
}

#[test]
fn energy_is_whole_while_it_is_taken_back_unless_it_was_cut_short() {
    let name = "completed_is_whole";
    let funding = *row(&SOUND, COMPLETED).state.funding().unwrap();
    let ends_at = slot(20);
    let taking = |reverted, refund| OrderState::Reclaiming { funding, ends_at, reverted, refund };
    let why = RefundReason::NoCapacity;
    let cut_short = [taking(true, None), taking(false, Some(why)), taking(true, Some(why))];
    let with = |state: &OrderState, change: fn(&mut Book)| {
        finds(name, |b| {
            row_mut(b, COMPLETED).state = state.clone();
            change(b);
        })
    };
    let less: fn(&mut Book) = |b| delegation(b, COMPLETED).energy = Energy::new(1);
    let not_final: fn(&mut Book) = |b| delegation(b, COMPLETED).state = OperationState::Included;
    let not_back: fn(&mut Book) = |b| reclaim(b).state = OperationState::Signed;
    let whole = taking(false, None);
    assert!(
        with(&whole, less) && with(&whole, not_final) && !with(&whole, not_back) && !with(&whole, |_| {})
    );
    for state in cut_short {
        assert!(!with(&state, less) && with(&state, not_final) && !with(&state, not_back), "{state:?}");
    }
    let reverted = OrderState::Reverted { funding };
    assert!(!with(&reverted, less) && with(&reverted, not_final) && with(&reverted, not_back));
    let completed = OrderState::Completed { funding, ends_at };
    assert!(with(&completed, less) && with(&completed, not_final) && with(&completed, not_back));
}

#[test]
fn what_a_payment_buys_may_be_given_before_its_order_says_so() {
    let unpaid = |twice: bool| {
        finds("never_more_than_bought", |b| {
            row_mut(b, ACTIVE).state = OrderState::AwaitingPayment;
            if twice {
                let again = delegation(b, ACTIVE).clone();
                b.operations.push(again);
            }
        })
    };
    assert!(!unpaid(false), "the payment settles it");
    assert!(unpaid(true), "and buys no more than it did");
}
