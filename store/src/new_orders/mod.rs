//! Making orders, many at once: what waits at the same time is read about in one statement and, on PostgreSQL, written
//! in one, so that a thousand orders a second cost the database little more than their rows. The pieces of the text are
//! the same for both databases; SQLite, which has no writing inside of a `WITH`, runs them one after the other.

mod queue;
mod request;
mod sql;

pub(crate) use queue::Creates;
pub(crate) use sql::{FREE_TAIL, KNOWN_LITE, KNOWN_PG, TAKEN, WRITE_LITE, WRITE_PG};

use crate::{
    db::{Conn, all, exec, opt},
    group_commit::{release, savepoint},
    journal::ORDERS,
    orders,
    row::{Place, row},
};
use leyden_domain::{
    OrderId, Sun, Timestamp,
    halt::{HaltCause, MoneyAct},
    order::{Order, OrderStateKind},
};
use leyden_ports::store::{CreateRefusal, Created, IdempotencyKey, NewOrder, StoreError};
use request::NewRow;
use std::collections::{BTreeMap, BTreeSet};

row!(
    /// Something known about a request.
    KnownRow { kind: String, n: i64, hash: String, made: String }
);

fn json(rows: &[NewRow<'_>]) -> Result<String, StoreError> {
    serde_json::to_string(rows).map_err(|error| StoreError::Rule(error.to_string()))
}

/// Writes orders, each with its key where it has one.
async fn write(conn: &mut Conn, rows: &[NewRow<'_>]) -> Result<(), StoreError> {
    for row in rows {
        conn.journal().made_as(&ORDERS, row.id(), row.image());
    }
    let json = json(rows)?;
    match conn {
        Conn::Pg(_) => exec!(conn, WRITE_PG, json).map(drop),
        Conn::Lite(_) => {
            for piece in WRITE_LITE {
                exec!(conn, piece, json.clone())?;
            }
            Ok(())
        }
    }
}

/// Writes one order that was made otherwise than on request.
pub(crate) async fn insert(conn: &mut Conn, order: &Order, now: Timestamp) -> Result<(), StoreError> {
    write(conn, &[NewRow::of(0, order, None, now)?]).await
}

/// What is known of requests.
struct Known {
    open: u64,
    /// Orders are taken no more: why.
    halted: Option<HaltCause>,
    keys: BTreeMap<usize, (String, String)>,
    taken: BTreeSet<usize>,
}

async fn known(conn: &mut Conn, rows: &[NewRow<'_>]) -> Result<Known, StoreError> {
    let json = json(rows)?;
    let found: Vec<KnownRow> = match conn {
        Conn::Pg(_) => all!(conn, KNOWN_PG, json)?,
        Conn::Lite(_) => all!(conn, KNOWN_LITE, json)?,
    };
    let mut known = Known { open: 0, halted: None, keys: BTreeMap::new(), taken: BTreeSet::new() };
    for row in found {
        let n = usize::try_from(row.n).unwrap_or(usize::MAX);
        match row.kind.as_str() {
            "open" => known.open = u64::try_from(row.n).unwrap_or(0),
            "halt" => {
                let cause: HaltCause = Place::new("halts", &row.made).parse("cause", &row.made)?;
                known.halted = known.halted.or(cause.stops(MoneyAct::Sell).then_some(cause));
            }
            "key" => drop(known.keys.insert(n, (row.hash, row.made))),
            _ => drop(known.taken.insert(n)),
        }
    }
    Ok(known)
}

/// What a request gets.
pub(crate) type Answer = Result<Created, CreateRefusal>;

/// Makes orders, or finds that they were made; an answer for each, in the same order.
pub(crate) async fn create_all(
    conn: &mut Conn,
    requests: Vec<NewOrder>,
    now: Timestamp,
) -> Result<Vec<Answer>, StoreError> {
    let mut answers: Vec<Option<Answer>> = vec![None; requests.len()];
    let mut requests: Vec<Option<NewOrder>> = requests.into_iter().map(Some).collect();
    let alone = together(conn, &mut requests, &mut answers, now).await?;
    // Whose wish was taken, whose key another of the same moment has, or whose neighbour broke a rule.
    let single = alone.len() == 1 && answers.iter().flatten().next().is_none();
    for n in alone {
        let Some(request) = requests.get_mut(n).and_then(Option::take) else { continue };
        let answer = if single {
            create_one(conn, request, now).await
        } else {
            savepoint(conn).await?;
            let answer = create_one(conn, request, now).await;
            release(conn, answer.is_ok()).await?;
            answer
        };
        if let Err(CreateRefusal::Store(error)) = &answer
            && error.concerns_all()
        {
            return Err(error.clone());
        }
        if let Some(place) = answers.get_mut(n) {
            *place = Some(answer);
        }
    }
    let missing = || Err(StoreError::Unavailable("an order was passed over".to_owned()).into());
    Ok(answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect())
}

/// Makes one order, in a transaction that holds nothing else of its caller's.
pub(crate) async fn create(conn: &mut Conn, request: NewOrder, now: Timestamp) -> Answer {
    let answer = create_all(conn, vec![request], now).await?.pop();
    answer.unwrap_or_else(|| Err(StoreError::Unavailable("an order was passed over".to_owned()).into()))
}

/// Makes those orders together for which nothing is in the way. Returns those that must be looked at one by one.
async fn together(
    conn: &mut Conn,
    requests: &mut [Option<NewOrder>],
    answers: &mut [Option<Answer>],
    now: Timestamp,
) -> Result<Vec<usize>, StoreError> {
    let mut alone = Vec::new();
    let mut plain: Vec<(usize, NewOrder)> = Vec::new();
    let (mut keys, mut tails) = (BTreeSet::new(), BTreeSet::new());
    for (n, place) in requests.iter_mut().enumerate() {
        let Some(mut request) = place.take() else { continue };
        if let Some(first) = request.tails.first() {
            request.order.tail = *first;
        }
        let tail = request.order.tail;
        let key =
            request.idempotency.as_ref().map(|key| (key.caller.clone(), key.route.clone(), key.key.clone()));
        let is_plain = tail > Sun::ZERO
            && (request.tails.is_empty() || tail <= request.largest_tail)
            && request.order.state.kind() == OrderStateKind::AwaitingPayment
            && key.is_none_or(|key| keys.insert(key))
            && tails.insert((request.order.payment_address, tail));
        if is_plain {
            plain.push((n, request));
        } else {
            *place = Some(request);
            alone.push(n);
        }
    }
    let mut rows = Vec::with_capacity(plain.len());
    for (n, request) in &plain {
        rows.push(NewRow::of(*n, &request.order, request.idempotency.as_ref(), now)?);
    }
    if rows.is_empty() {
        return Ok(alone);
    }
    let mut known = known(conn, &rows).await?;
    rows.retain(|row| {
        let Some((_, request)) = plain.iter().find(|(n, _)| *n == row.n) else { return false };
        let is_free =
            known.halted.is_none() && !known.keys.contains_key(&row.n) && !known.taken.contains(&row.n);
        if is_free && known.open < request.max_open {
            known.open = known.open.saturating_add(1);
            return true;
        }
        false
    });
    // Alone in its transaction, a failure takes nobody else's order back.
    let has_company = rows.len() > 1 || plain.len() > rows.len() || !alone.is_empty();
    if has_company {
        savepoint(conn).await?;
    }
    let written = if rows.is_empty() { Ok(()) } else { write(conn, &rows).await };
    if has_company {
        release(conn, written.is_ok()).await?;
    }
    match &written {
        Err(error) if error.concerns_all() || !has_company => return Err(error.clone()),
        Err(error) => tracing::debug!(%error, "orders are made one by one"),
        Ok(()) => {}
    }
    let made: BTreeSet<usize> =
        if written.is_ok() { rows.iter().map(|row| row.n).collect() } else { BTreeSet::new() };
    drop(rows);
    for (n, request) in plain {
        let answer = if made.contains(&n) {
            Some(Ok(Created::Fresh(request.order)))
        } else if let Some((hash, order)) = known.keys.get(&n) {
            let key = request.idempotency.as_ref();
            Some(replayed(conn, key, hash, order).await?)
        } else {
            if let Some(place) = requests.get_mut(n) {
                *place = Some(request);
            }
            alone.push(n);
            None
        };
        if let Some(place) = answers.get_mut(n) {
            *place = answer;
        }
    }
    alone.sort_unstable();
    Ok(alone)
}

/// The answer to a request whose key was used before.
async fn replayed(
    conn: &mut Conn,
    key: Option<&IdempotencyKey>,
    hash: &str,
    order: &str,
) -> Result<Answer, StoreError> {
    let Some(key) = key else { return Ok(Err(CreateRefusal::KeyReused)) };
    if hash != hex::encode(key.body_hash) {
        return Ok(Err(CreateRefusal::KeyReused));
    }
    let place = Place::new("idempotency_keys", &key.key);
    let id: OrderId = place.parse("order_id", order)?;
    let order = orders::find(conn, id).await?;
    Ok(Ok(Created::Replayed(place.some("order_id", order)?)))
}

/// Makes one order, choosing among all its wishes.
async fn create_one(conn: &mut Conn, request: NewOrder, now: Timestamp) -> Answer {
    let NewOrder { mut order, tails, largest_tail, max_open, idempotency } = request;
    let known = known(conn, &[NewRow::of(0, &order, idempotency.as_ref(), now)?]).await?;
    if let Some((hash, made)) = known.keys.get(&0) {
        return replayed(conn, idempotency.as_ref(), hash, made).await?;
    }
    if let Some(cause) = known.halted {
        return Err(StoreError::Halted(cause).into());
    }
    if known.open >= max_open {
        return Err(CreateRefusal::TooManyOpen);
    }
    order.tail = choose_tail(conn, &order, &tails, largest_tail).await?;
    write(conn, &[NewRow::of(0, &order, idempotency.as_ref(), now)?]).await?;
    Ok(Created::Fresh(order))
}

/// The first of the wished tails that is free, else the smallest free one.
async fn choose_tail(
    conn: &mut Conn,
    order: &Order,
    wished: &[Sun],
    largest: Sun,
) -> Result<Sun, CreateRefusal> {
    let address = order.payment_address.to_string();
    if wished.is_empty() {
        let free = order.tail <= Sun::ZERO || is_free(conn, &address, order.tail).await?;
        return if free { Ok(order.tail) } else { Err(CreateRefusal::TailsExhausted) };
    }
    for tail in wished.iter().copied().filter(|tail| *tail > Sun::ZERO && *tail <= largest) {
        if is_free(conn, &address, tail).await? {
            return Ok(tail);
        }
    }
    if largest > Sun::ZERO && is_free(conn, &address, Sun::new(1)).await? {
        return Ok(Sun::new(1));
    }
    let gap: Option<(i64,)> = opt!(conn, FREE_TAIL, address, largest.get())?;
    gap.map(|(tail,)| Sun::new(tail)).ok_or(CreateRefusal::TailsExhausted)
}

async fn is_free(conn: &mut Conn, address: &str, tail: Sun) -> Result<bool, StoreError> {
    let taken: Option<(i64,)> = opt!(conn, TAKEN, address.to_owned(), tail.get())?;
    Ok(taken.is_none())
}
