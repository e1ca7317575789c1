//! Small things at their edges: ids from the far future, stakes of a sun, blocks with nothing in them.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "each test uses a part of the kit")]
mod kit;

use kit::{block_id, head, slot, world::World};
use leyden_domain::{
    Address, BlockRef, Energy, EnergyRatio, Height, OperationId, OrderId, ParseError, Span, Sun, Timestamp,
    UsdtMicro,
    book::Book,
    chain::{Block, ContractKind, Delivery, Head, ResourceAction},
    invariants::check_all,
    operation::{Operation, OperationKind, OperationState},
    order::{Confirmation, Funding, Order, OrderEvent, OrderState, PriceTerms, QuoteError, quote, step},
    payment::{TailPolicy, count_and_tail, random_tails},
};
use std::collections::{BTreeMap, BTreeSet};

/// The 128 bits of an id, read from its text.
fn bits(id: &OperationId) -> u128 {
    let text = id.to_string();
    u128::from_str_radix(text.rsplit('_').next().unwrap(), 16).unwrap()
}

#[test]
fn an_id_holds_its_moment_its_version_and_all_its_randomness() {
    let at = Timestamp::from_ms(0x0123_4567_89ab);
    let entropy = [0xfa, 0xbc, 0xde, 0xf0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbd];
    let id = bits(&OperationId::new(at, entropy));
    assert_eq!(id >> 80, 0x0123_4567_89ab, "the moment comes first");
    assert_eq!((id >> 76) & 0xf, 7, "version 7 of RFC 9562");
    assert_eq!((id >> 62) & 0b11, 0b10, "its variant");
    // Of 80 random bits six make room for those two; the other 74 are there, each in its place.
    assert_eq!((id >> 64) & 0xfff, 0xabc);
    assert_eq!(id & 0x3fff_ffff_ffff_ffff, 0x1ef0_1234_5678_9abd);
    // Every bit of the randomness that is kept makes another id.
    let ids: BTreeSet<_> = (0..80_u32)
        .map(|bit| {
            let mut other = entropy;
            other[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
            bits(&OperationId::new(at, other))
        })
        .collect();
    assert_eq!(ids.len(), 74 + 1, "74 bits make a difference, and six make none");
    // A moment beyond 48 bits keeps its place and spoils nothing else.
    let late = bits(&OperationId::new(Timestamp::from_ms((1 << 48) + 5), entropy));
    assert_eq!((late >> 80, late & 0xffff), (5, id & 0xffff));
}

#[test]
fn no_stake_and_debts_give_no_energy_and_one_sun_gives_what_the_ratio_says() {
    let rich = EnergyRatio { total_limit: 10_000_000, total_weight_trx: 1 };
    assert_eq!(rich.energy_of(Sun::new(1)), Energy::new(10));
    assert_eq!(rich.energy_of(Sun::ZERO), Energy::ZERO);
    assert_eq!(rich.energy_of(Sun::new(-5)), Energy::ZERO);
    for nobody in [0, -1] {
        let ratio = EnergyRatio { total_limit: 10_000_000, total_weight_trx: nobody };
        assert_eq!(ratio.energy_of(Sun::from_trx(5)), Energy::ZERO);
    }
    assert_eq!(rich.stake_for(Energy::new(10)), Some(Sun::new(1)));
    assert_eq!(rich.stake_for(Energy::new(11)), Some(Sun::new(2)));
    assert_eq!(rich.stake_for(Energy::ZERO), Some(Sun::ZERO));
    // A margin is rounded up, and none is none.
    let stake = |margin| kit::RATIO.stake_for_with_margin(Energy::new(65_000), margin).unwrap().get();
    let exact = kit::RATIO.stake_for(Energy::new(65_000)).unwrap().get();
    assert_eq!(stake(0), exact);
    assert_eq!(stake(10_000), exact * 2);
    assert_eq!(stake(100), (exact * 101).div_euclid(100) + i64::from(exact * 101 % 100 != 0));
}

#[test]
fn what_people_read_is_what_is_meant() {
    assert_eq!(Height::new(79_072_107).to_string(), "79072107");
    assert_eq!(Sun::new(15_000_137).to_string(), "15.000137");
    assert_eq!(UsdtMicro::new(-1).to_string(), "-0.000001");
    // A mistyped address is told apart from something that is no address.
    let mistyped: Result<Address, _> = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeD".parse();
    assert_eq!(mistyped, Err(ParseError::Address("checksum does not match")));
    let strange: Result<Address, _> = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5t0eC".parse();
    assert_eq!(strange, Err(ParseError::Address("not Base58")));
}

#[test]
fn tails_leave_room_for_the_price_and_are_spread() {
    let policy = TailPolicy { max: Sun::new(9_999) };
    assert_eq!(policy.largest_for(Sun::new(1_500_000)), Sun::new(9_999));
    assert_eq!(policy.largest_for(Sun::new(10)), Sun::new(9));
    assert_eq!(policy.largest_for(Sun::new(1)), Sun::ZERO);
    assert!(random_tails(policy, Sun::new(1), 7, 16).is_empty(), "no room for a tail");
    assert_eq!(random_tails(policy, Sun::new(2), 7, 3), [Sun::new(1); 3]);
    // Any seed, the simplest too, spreads evenly: no tenth of the range holds a fifth of the tails.
    for seed in [0, 1, 2, u64::MAX] {
        let tails = random_tails(policy, Sun::new(1_500_000), seed, 2_000);
        assert_eq!(tails.len(), 2_000);
        assert!(tails.iter().all(|tail| (1..=9_999).contains(&tail.get())));
        for tenth in 0..10_i64 {
            let there = tails.iter().filter(|tail| (tail.get() - 1) / 1_000 == tenth).count();
            assert!((100..400).contains(&there), "seed {seed}: {there} in the tenth {tenth}");
        }
        let distinct: BTreeSet<_> = tails.iter().collect();
        assert!(distinct.len() > 1_600, "seed {seed}: {}", distinct.len());
    }
    assert_eq!(count_and_tail(Sun::new(4_500_017), Sun::new(1_500_000)), Some((3, Sun::new(17))));
    assert_eq!(count_and_tail(Sun::new(4_500_017), Sun::ZERO), None);
}

/// The first outputs of SplitMix64 for two seeds, as its author's program gives them.
#[test]
fn tails_come_from_the_generator_that_is_named() {
    let policy = TailPolicy { max: Sun::new(i64::MAX) };
    let largest = i64::MAX.unsigned_abs() - 1;
    for (seed, output) in [(0_u64, 0xe220_a839_7b1d_cdaf_u64), (1_234_567, 6_457_827_717_110_365_317)] {
        let expected = i64::try_from(output % largest + 1).unwrap();
        assert_eq!(random_tails(policy, Sun::new(i64::MAX), seed, 1), [Sun::new(expected)]);
    }
}

#[test]
fn a_flash_id_is_its_moment_and_its_randomness_to_the_digit() {
    let at = Timestamp::from_ms(1_764_161_641_472);
    // 0x0102030405060708 modulo 36^9, in base 36, by another program.
    let id = OrderId::flash(at, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(id.to_string(), "FLASH_1764161641472_30clup820");
    assert_eq!(OrderId::flash(at, [1, 2, 3, 4, 5, 6, 7, 8, 0, 0]), id, "eight bytes are all it takes");
    let longest: OrderId = "FLASH_123456789012345_aaaaaaaaa".parse().unwrap();
    assert_eq!(longest.to_string(), "FLASH_123456789012345_aaaaaaaaa");
    let oldest: OrderId = "FLASH_0_000000000".parse().unwrap();
    assert_eq!(oldest, OrderId::Flash { ms: 0, tail: 0 });
    let digits = "0123456789abcdef0123456789abcdef";
    assert!(format!("op_{digits}").parse::<OperationId>().is_ok());
    let shorter: String = digits.chars().skip(1).collect();
    for wrong in [&shorter, &format!("0{digits}"), &digits.to_uppercase(), &digits.replace('0', "+")] {
        assert!(format!("op_{wrong}").parse::<OperationId>().is_err(), "{wrong}");
    }
}

/// Books that hold these blocks, the first solid.
fn chain(heights: std::ops::Range<i64>) -> Book {
    let blocks = heights.clone().map(|height| (head(height), block_id(height - 1, 0)));
    Book { blocks: blocks.collect(), solid: Some(head(heights.start)), ..Book::default() }
}

#[test]
fn blocks_that_are_no_longer_recorded_are_believed_and_others_are_not() {
    assert_eq!(check_all(&chain(10..20)), []);
    let solid = |height: i64, salt: u64, timestamp: Timestamp| {
        let mut book = chain(10..20);
        let block = BlockRef::new(block_id(height, salt));
        book.solid = Some(Head { block, timestamp });
        check_all(&book).into_iter().any(|violation| violation.invariant == "solid_is_recorded")
    };
    assert!(!solid(9, 0, slot(9)), "just below what is recorded");
    assert!(!solid(2, 5, slot(2)), "far below");
    assert!(solid(10, 5, slot(10)), "another block");
    assert!(solid(10, 0, slot(11)), "another time");
    assert!(solid(20, 0, slot(20)), "above all that was read");
}

/// A rental from payment to reclaim, as the rules made it, over.
fn completed() -> World {
    let mut world = World::new(1);
    let due = world.book.orders[0].amount_due(1).unwrap();
    world.pay(due);
    world.quiet_until(|world| matches!(world.book.orders[0].state, OrderState::Completed { .. }));
    assert_eq!(check_all(&world.book), []);
    world
}

/// Which checks find fault with books.
fn found(book: &Book) -> BTreeSet<&'static str> {
    check_all(book).into_iter().map(|violation| violation.invariant).collect()
}

#[test]
fn only_a_delegation_that_is_final_is_taken_back() {
    let mut book = completed().book;
    let given = book.operations.iter_mut().find(|o| matches!(o.kind, OperationKind::Delegate { .. }));
    given.unwrap().state = OperationState::Included;
    assert!(found(&book).contains("reclaimed_for_its_amount"));
}

#[test]
fn energy_that_came_back_a_slot_early_is_noticed() {
    let mut book = completed().book;
    let OrderState::Completed { ends_at, .. } = book.orders[0].state else { panic!("it is not over") };
    for early_by in [1, 3_000, 60_000] {
        for (head, event) in &mut book.events {
            if matches!(event.action, ResourceAction::Undelegate { .. }) {
                head.timestamp = ends_at.minus(Span::from_ms(early_by));
            }
        }
        assert!(found(&book).contains("reclaimed_never_early"), "early by {early_by} ms");
    }
    for (head, event) in &mut book.events {
        if matches!(event.action, ResourceAction::Undelegate { .. }) {
            head.timestamp = ends_at;
        }
    }
    assert!(!found(&book).contains("reclaimed_never_early"), "at its end it is not early");
}

#[test]
fn a_delegation_in_a_later_block_begins_the_rental_anew() {
    let mut world = World::new(1);
    let due = world.book.orders[0].amount_due(1).unwrap();
    world.pay(due);
    world.quiet_until(|world| matches!(world.book.orders[0].state, OrderState::Active { .. }));
    assert_eq!(world.due(0), None, "nothing is due while the rental lasts");
    // All of it is there, but in the block after.
    let given = world.book.operations.iter_mut().find(|o| o.delivery.is_some()).unwrap();
    given.delivery =
        given.delivery.map(|at| Delivery { timestamp: at.timestamp.plus(Span::from_secs(3)), ..at });
    assert_eq!(world.due(0), Some(OrderEvent::DeliveryUndone));
}

#[test]
fn nothing_and_too_much_are_not_quoted() {
    let terms = PriceTerms {
        unit_price: Sun::new(1_500_000),
        max_transactions: 3,
        duration: Span::from_hours(1),
        min_amount: Sun::from_trx(1),
    };
    let priced =
        |count| quote(count, Energy::new(65_000), &terms).map(|quoted| (quoted.price, quoted.energy));
    for count in 1..=3_u32 {
        let n = i64::from(count);
        assert_eq!(priced(count), Ok((Sun::new(1_500_000 * n), Energy::new(65_000 * n))));
    }
    assert_eq!(priced(0), Err(QuoteError::Count { max: 3 }));
    assert_eq!(priced(4), Err(QuoteError::Count { max: 3 }));
}

#[test]
fn a_block_counts_all_its_transactions() {
    let block = |transactions| Block {
        id: block_id(7, 0),
        parent: block_id(6, 0),
        timestamp: slot(7),
        witness: kit::address(1),
        transactions,
        transfers: Vec::new(),
        resource_events: Vec::new(),
        token_calls: Vec::new(),
    };
    assert_eq!(block(BTreeMap::new()).transaction_count(), 0);
    assert_eq!(block(BTreeMap::new()).height(), Height::new(7));
    let kinds = [(ContractKind::TransferContract, 5), (ContractKind::TriggerSmartContract, 37)];
    assert_eq!(block(BTreeMap::from(kinds)).transaction_count(), 42);
}

#[test]
fn a_payment_that_moved_is_remembered_where_it_is_now() {
    let (before, now) = (kit::funding(1, 10), kit::delivery(12));
    let confirmation = Confirmation::ForkBound { block: before.block.block };
    let states = [
        OrderState::Paid { funding: before },
        OrderState::Funded { funding: before, confirmation },
        OrderState::Reserved { funding: before, confirmation },
        OrderState::Delegating { funding: before, confirmation },
        OrderState::Active { funding: before, delivered_at: slot(11), ends_at: slot(21) },
    ];
    for state in states {
        let order = Order { state, ..kit::order(0) };
        let moved = step(&order, &OrderEvent::PaymentMoved(now), slot(12)).unwrap().order;
        let expected = Funding { block: now, ..before };
        assert_eq!(moved.state.funding(), Some(&expected), "{:?}", order.state);
        // Nothing goes on resting on the block that is gone.
        if let OrderState::Delegating { confirmation, .. } = moved.state {
            assert_eq!(confirmation, Confirmation::ForkBound { block: now.block });
        }
    }
}

#[test]
fn energy_is_taken_back_by_who_gave_it_from_whom_it_was_given_to() {
    let book = completed().book;
    let changes: [fn(&mut Operation); 4] = [
        |reclaim| reclaim.account = kit::account_id(77),
        |reclaim| reclaim.owner = kit::address(77),
        |reclaim| reclaim.receiver = kit::address(77),
        |reclaim| reclaim.balance = Sun::new(reclaim.balance.get() - 1),
    ];
    for change in changes {
        let mut book = book.clone();
        let reclaim = book.operations.iter_mut().find(|o| matches!(o.kind, OperationKind::Undelegate { .. }));
        change(reclaim.unwrap());
        assert!(found(&book).contains("reclaimed_for_its_amount"));
    }
}
