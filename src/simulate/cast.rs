//! The cast: customers who pay as they should and in every wrong way, who call twice, late, at bad moments, and operators.
//! All of them call what the HTTP handlers call.

use super::{
    dice::Dice,
    kit::{Account, CUSTOMERS, DENIED},
    oracle::Paid,
    world::{FAULTS_FROM, World},
};
use crate::{
    cli::hold,
    http::{
        flash, lookup,
        sale::{self, Placed, Wanted, Wish},
    },
};
use leyden_domain::{
    Asset, OrderId, Sun, TxId,
    order::{Channel, CountRule, Order},
};
use leyden_ports::{Clock as _, store::IdempotencyKey};
use leyden_sim::{
    abi,
    build::{self, Options},
    config::forwarder_address,
};
use leyden_tron::wire::proto::{TransferContract, TriggerSmartContract};

/// What a customer has in mind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mind {
    /// An order, paid to the sun.
    Exact,
    /// The same through a contract: the recipient sees an internal transaction.
    ByContract,
    /// No order: a plain multiple of the price.
    Plain,
    /// An order, paid with a plain multiple by its recipient.
    Own,
    /// Less than the least.
    Under,
    /// Less than the least at first, and later the rest.
    Rest,
    /// More than the most.
    Over,
    /// After the order's time.
    Late,
    /// Twice.
    Twice,
    /// An amount that means nothing.
    Stray,
    /// In the wrong token.
    Usdt,
    /// Plain, from an address that is on the deny list.
    Denied,
    /// So little that it is not recorded.
    Dust,
    /// Never.
    Never,
    /// Calls it off, and perhaps pays all the same.
    Cancels,
}

/// Wrong ways.
const WRONG: [Mind; 11] = [
    Mind::Own,
    Mind::Under,
    Mind::Over,
    Mind::Late,
    Mind::Twice,
    Mind::Stray,
    Mind::Usdt,
    Mind::Denied,
    Mind::Dust,
    Mind::Never,
    Mind::Cancels,
];

/// Wrong ways that a generous service puts right.
const PUT_RIGHT: [Mind; 12] = [
    Mind::Rest,
    Mind::Rest,
    Mind::Rest,
    Mind::Rest,
    Mind::Late,
    Mind::Late,
    Mind::Late,
    Mind::Under,
    Mind::Over,
    Mind::Own,
    Mind::Twice,
    Mind::Cancels,
];

/// One customer's visit.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a coin of its own")]
pub(super) struct Visit {
    /// In which slot it begins.
    pub(super) at: u64,
    number: u64,
    who: u32,
    /// Who gets the energy.
    recipient: u32,
    mind: Mind,
    count: Option<u32>,
    pays_for: u32,
    pays_after: u64,
    repeats: bool,
    claims: bool,
    holds: bool,
    restarts: bool,
    /// Pays with a reference to the newest block, which dies with it.
    newest_reference: bool,
}

/// Visits begin within this many slots.
const WITHIN: u64 = 45;

/// Who comes, and when.
pub(super) fn plan(world: &World<'_>, hours: Option<f64>) -> Vec<Visit> {
    let dice = &world.customers;
    let profile = &world.profile;
    let (least, most) = profile.visits;
    let count = dice.between(least, most);
    let mut plan: Vec<Visit> = (0..count).map(|number| visit(dice, profile, number, WITHIN)).collect();
    // Longer runs are more of the same: another round of visits every six minutes.
    let slots = hours.map_or(0, |hours| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of slots")]
        let slots = (hours * 1_200.0) as u64;
        slots
    });
    let mut from = 120;
    while from < slots {
        for n in 0..count {
            let mut next = visit(dice, profile, from * 100 + n, WITHIN);
            next.at += from;
            plan.push(next);
        }
        from += 120;
    }
    plan
}

fn visit(dice: &Dice, profile: &super::profile::Profile, number: u64, within: u64) -> Visit {
    let mind = if dice.happens(profile.wrong) {
        if profile.generous { *dice.pick(&PUT_RIGHT) } else { *dice.pick(&WRONG) }
    } else {
        *dice.pick(&[Mind::Exact, Mind::Exact, Mind::Exact, Mind::Plain, Mind::ByContract])
    };
    let small = |limit| u32::try_from(dice.below(limit)).unwrap_or(0);
    let who = if mind == Mind::Denied { DENIED } else { small(CUSTOMERS.into()) };
    let recipient = if dice.happens(4_000) { small(CUSTOMERS.into()) } else { who };
    let many = dice.happens(3_000);
    let pays_for = if many { 1 + small(4) } else { 1 };
    // One transfer less than one carries no tail.
    let pays_for = if mind == Mind::Rest { pays_for + 1 } else { pays_for };
    Visit {
        at: FAULTS_FROM + 1 + dice.below(within),
        number,
        who,
        recipient,
        mind,
        count: (dice.happens(5_000) || mind == Mind::Rest).then_some(pays_for),
        pays_for,
        pays_after: dice.between(0, 25),
        repeats: dice.happens(profile.repeated),
        claims: dice.happens(profile.repeated),
        holds: dice.happens(profile.operators),
        restarts: dice.happens(profile.operators / 2),
        newest_reference: dice.happens(2_000),
    }
}

/// A visit, from its beginning to its end.
pub(super) async fn play(world: &World<'_>, visit: Visit) {
    world.until_slot(visit.at).await;
    world.note(format_args!("visit {} begins: {:?}", visit.number, visit.mind));
    let me = &world.kit.customers[visit.who as usize];
    let price = world.settings.sales.single_price_trx;
    let plain = Sun::new(price.get() * i64::from(visit.pays_for));
    match visit.mind {
        Mind::Plain | Mind::Denied => return pay(world, &visit, me, plain, None).await,
        Mind::Dust => return pay(world, &visit, me, Sun::new(7_777), None).await,
        Mind::Stray => {
            let stray = Sun::new(price.get() + 20_000 + i64::from(visit.pays_for));
            return pay(world, &visit, me, stray, None).await;
        }
        _ => {}
    }
    let Some(order) = order(world, &visit).await else { return };
    if visit.restarts
        && let Some(state) = world.door.state()
    {
        let path = *world.customers.pick(&[
            "leyden/intake/block_listener",
            "leyden/intake/payment_router",
            "leyden/pool/pool_allocator",
        ]);
        world.note(format_args!("an operator restarts {path}"));
        state.handles.restart(path);
    }
    world.until_slot(world.slot() + visit.pays_after).await;
    let due = due(&order, visit.pays_for);
    let id = Some(order.id);
    match visit.mind {
        Mind::Exact | Mind::ByContract | Mind::Usdt => pay(world, &visit, me, due, id).await,
        Mind::Own => {
            let owner = &world.kit.customers[visit.recipient as usize];
            pay(world, &visit, owner, plain, id).await;
        }
        Mind::Under => {
            // Under a fixed count one transfer less is too little; under an open one, less than one. What is a sun short
            // of an order's tail would be another's where tails are few.
            let less = due.get() - price.get();
            let amount = if less > price.get() { less } else { price.get() / 2 };
            pay(world, &visit, me, Sun::new(amount), id).await;
        }
        Mind::Rest => in_two_parts(world, &visit, me, &order, due).await,
        Mind::Over => {
            let most = order.count.most() + visit.pays_for;
            pay(world, &visit, me, Sun::new(price.get() * i64::from(most) + order.tail.get()), id).await;
        }
        Mind::Late => {
            let wait = order.expires_at.since(world.kit.clock.true_now()).ms().max(0);
            // Until its time is nearly over, or is.
            let slots = u64::try_from(wait / 3_000).unwrap_or(0).min(400) + world.customers.below(6);
            world.until_slot(world.slot() + slots).await;
            pay(world, &visit, me, due, id).await;
        }
        Mind::Twice => {
            pay(world, &visit, me, due, id).await;
            world.until_slot(world.slot() + world.customers.below(12)).await;
            pay(world, &visit, me, due, id).await;
        }
        Mind::Cancels => {
            if world.customers.happens(5_000) {
                pay(world, &visit, me, due, id).await;
            }
            cancel(world, order.id).await;
            if world.customers.happens(3_000) {
                pay(world, &visit, me, due, id).await;
            }
        }
        _ => {}
    }
    if visit.holds {
        hold_and_release(world, order.id).await;
    }
}

/// Pays too little, and when that is final, or a little before, the rest; or what somebody takes for the rest.
async fn in_two_parts(world: &World<'_>, visit: &Visit, me: &Account, order: &Order, due: Sun) {
    let (dice, price) = (&world.customers, order.unit_price.get());
    let missing = price * i64::try_from(1 + dice.below(u64::from(visit.pays_for) - 1)).unwrap_or(1);
    pay(world, visit, me, Sun::new(due.get() - missing), Some(order.id)).await;
    world.until_slot(world.slot() + dice.between(16, 40)).await;
    let other = dice.pick(&world.kit.customers);
    let (who, rest) = match dice.below(10) {
        // It carries the tail once more.
        0 => (me, missing + order.tail.get()),
        1 => (me, missing + price),
        2 => (me, missing - price / 2),
        3 => (other, missing),
        _ => (me, missing),
    };
    pay(world, visit, who, Sun::new(rest), Some(order.id)).await;
    if dice.happens(1_500) {
        world.until_slot(world.slot() + dice.below(10)).await;
        pay(world, visit, me, Sun::new(missing), Some(order.id)).await;
    }
}

/// What an order costs.
fn due(order: &Order, pays_for: u32) -> Sun {
    let count = match order.count {
        CountRule::Fixed { count } => count,
        CountRule::Open { max } => pays_for.min(max),
    };
    Sun::new(order.unit_price.get() * i64::from(count) + order.tail.get())
}

/// Places an order; asks again with the same key while there is no answer.
async fn order(world: &World<'_>, visit: &Visit) -> Option<Order> {
    let recipient = world.kit.customers[visit.recipient as usize].address;
    let key = format!("wish-{}", visit.number);
    world.oracle.borrow_mut().asked_for(recipient);
    let wish = |body: u8| Wish {
        channel: if visit.number.is_multiple_of(3) { Channel::EnergyFlash } else { Channel::Standard },
        recipient,
        wanted: visit.count.map_or(Wanted::Open, Wanted::Transfers),
        payer: None,
        chat_id: None,
        user_id: None,
        quote_id: None,
        duration: None,
        idempotency: Some(IdempotencyKey {
            caller: world.kit.shop.key.to_string(),
            route: "orders".to_owned(),
            key: key.clone(),
            body_hash: [body; 32],
            at: world.kit.clock.now(),
        }),
    };
    let mut made = None;
    for attempt in 0..12_u64 {
        let shop = &world.kit.shop;
        let answer = world.door.call(async |state| sale::place(&state, shop, wish(1)).await).await;
        match answer {
            Some(Ok(Placed { order, is_replayed, .. })) => {
                world.note(format_args!("order {} replayed {is_replayed}", order.id));
                let now = world.kit.clock.true_now();
                let same = world.oracle.borrow_mut().acknowledged(&key, &order, now);
                if let Err(why) = same {
                    world.broken("idempotency", why);
                }
                let again = visit.repeats && made.is_none();
                made = Some(order);
                if !again {
                    break;
                }
            }
            Some(Err(error)) => {
                world.note(format_args!("visit {}: refused {:?}", visit.number, error.code));
            }
            None => {}
        }
        world.until_slot(world.slot() + 1 + attempt / 2).await;
    }
    if visit.repeats && made.is_some() {
        // The same key for something else is refused.
        let shop = &world.kit.shop;
        let answer = world.door.call(async |state| sale::place(&state, shop, wish(2)).await).await;
        if let Some(Ok(Placed { order, .. })) = answer {
            world.broken("idempotency", format!("another wish under the same key made {}", order.id));
        }
    }
    made
}

/// Pays, and perhaps says so.
async fn pay(world: &World<'_>, visit: &Visit, from: &Account, amount: Sun, order: Option<OrderId>) {
    let Some(tx_id) = send(world, visit, from, amount, order) else { return };
    if !visit.claims {
        return;
    }
    world.until_slot(world.slot() + world.customers.below(4)).await;
    let caller = if visit.number.is_multiple_of(2) { &world.kit.shop } else { &world.kit.operator };
    let found = world.door.call(async |state| lookup::look_up(&state, caller, tx_id, None).await).await;
    world.note(format_args!("look-up of {tx_id}: {:?}", found.map(|found| found.is_ok())));
}

/// Signs and sends a payment.
fn send(
    world: &World<'_>,
    visit: &Visit,
    from: &Account,
    amount: Sun,
    order: Option<OrderId>,
) -> Option<TxId> {
    let (reference, now) = {
        let chain = world.node.chain();
        let reference = if visit.newest_reference { chain.head() } else { chain.solid() };
        (std::sync::Arc::clone(reference), chain.head().timestamp())
    };
    let nonce = i64::try_from(world.customers.below(2_000)).unwrap_or(0);
    let options = Options {
        timestamp: now + nonce,
        expiration: now + 60_000 + nonce,
        fee_limit: 100_000_000,
        ..Options::default()
    };
    let call = |contract: leyden_domain::Address, value: i64, data: Vec<u8>| TriggerSmartContract {
        owner_address: from.address.to_bytes().to_vec(),
        contract_address: contract.to_bytes().to_vec(),
        call_value: value,
        data,
        ..Default::default()
    };
    let payee = world.kit.payee;
    let raw = match visit.mind {
        Mind::ByContract => build::raw(
            &call(forwarder_address(), amount.get(), abi::forward_call(payee)),
            &reference,
            &options,
        ),
        Mind::Usdt => {
            let usdt = world.node.chain().config().usdt;
            build::raw(&call(usdt, 0, abi::transfer_call(payee, amount.get())), &reference, &options)
        }
        _ => {
            let message = TransferContract {
                owner_address: from.address.to_bytes().to_vec(),
                to_address: payee.to_bytes().to_vec(),
                amount: amount.get(),
            };
            build::raw(&message, &reference, &options)
        }
    };
    let bytes = build::sign(&raw, &[&from.key]);
    let offer = world.node.offer(&bytes).ok()?;
    world.note(format_args!("{} pays {amount} for {order:?}: {:?}", from.address, offer.code));
    let asset = if visit.mind == Mind::Usdt { Asset::Usdt } else { Asset::Trx };
    world.oracle.borrow_mut().paid(Paid { tx_id: offer.tx_id, from: from.address, amount, asset });
    Some(offer.tx_id)
}

/// Calls an order off, and asks again while there is no answer.
async fn cancel(world: &World<'_>, order: OrderId) {
    for _ in 0..4 {
        let shop = &world.kit.shop;
        let answer = world.door.call(async |state| flash::cancel(&state, shop, order).await).await;
        match answer {
            Some(Ok(_)) => {
                world.note(format_args!("{order} is called off"));
                world.oracle.borrow_mut().called_off(order);
                return;
            }
            Some(Err(error)) => world.note(format_args!("{order} is not called off: {:?}", error.code)),
            None => {}
        }
        world.until_slot(world.slot() + 1).await;
    }
}

/// An operator holds an order for a while.
async fn hold_and_release(world: &World<'_>, order: OrderId) {
    let operator = &world.kit.operator;
    let held = world
        .door
        .call(async |state| {
            hold::try_to_hold(state.store.as_ref(), order, "to be looked at", state.clock.now()).await
        })
        .await;
    world.note(format_args!("an operator holds {order}: {:?}", held.map(|held| held.is_ok())));
    world.until_slot(world.slot() + 2 + world.customers.below(20)).await;
    for _ in 0..8 {
        let note = format!("{}: looked at", operator.key);
        let released = world.door.call(async |state| state.handles.release_order(order, &note).await).await;
        let is_done = match released {
            Some(Ok(_) | Err(leyden_actors::ReleaseError::NotHeld(_))) => true,
            Some(Err(_)) | None => false,
        };
        if is_done {
            return;
        }
        world.until_slot(world.slot() + 2).await;
    }
}
