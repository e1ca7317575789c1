//! The texts. Pieces are the same for both databases; what differs is how the request becomes rows, and that PostgreSQL
//! takes all pieces as one statement.

/// A text of a row of the request.
macro_rules! text {
    ($name:literal) => {
        concat!("r.value ->> '", $name, "'")
    };
}

/// A number of it.
macro_rules! number {
    ($name:literal) => {
        concat!("CAST(r.value ->> '", $name, "' AS BIGINT)")
    };
}

/// The request as rows, in each database's own words.
macro_rules! rows {
    (lite) => {
        "json_each($1) AS r"
    };
    (pg) => {
        "jsonb_array_elements(CAST($1 AS jsonb)) AS r(value)"
    };
    (with) => {
        "r"
    };
}

/// The pieces of the writing.
macro_rules! pieces {
    (orders, $rows:ident) => {
        concat!(
            "INSERT INTO orders (id, user_id, order_type, recipient_address, payment_address, paid_amount, \
             transaction_count, from_address, price_config, status, created_at, updated_at, expires_at, chat_id, \
             state, state_json, version, unit_price, tail, count_rule, count_limit, energy_per_transfer, \
             duration_ms, bound_sender, owner, closes_at, ends_at, funding_block) SELECT ",
            text!("id"), ", ", text!("user_id"), ", ", text!("order_type"), ", ", text!("recipient"), ", ",
            text!("payment_address"), ", ", number!("paid"), ", ", number!("count"), ", ", text!("payer"), ", ",
            text!("price_config"), ", ", text!("status"), ", ", number!("created_at"), ", ", number!("updated_at"), ", ",
            number!("expires_at"), ", ", number!("chat_id"), ", ", text!("state"), ", ", text!("state_json"), ", ",
            number!("version"), ", ", number!("unit_price"), ", ", number!("tail"), ", ", text!("count_rule"), ", ",
            number!("count_limit"), ", ", number!("energy_per_transfer"), ", ", number!("duration_ms"), ", ",
            text!("bound_sender"), ", ", text!("owner"), ", ", number!("closes_at"), ", ", number!("ends_at"), ", ",
            text!("funding_block"), " FROM ", rows!($rows)
        )
    };
    (tails, $rows:ident) => {
        concat!(
            "INSERT INTO taken_tails (payment_address, tail, order_id, unit_price, closes_at) SELECT ",
            text!("payment_address"), ", ", number!("tail"), ", ", text!("id"), ", ", number!("unit_price"), ", ",
            number!("closes_at"), " FROM ", rows!($rows), " WHERE ", number!("tail"), " > 0"
        )
    };
    (prices, $rows:ident) => {
        concat!(
            "INSERT INTO offered_prices (payment_address, unit_price, last_closes_at) SELECT ",
            text!("payment_address"), ", ", number!("unit_price"), ", MAX(", number!("closes_at"), ") FROM ",
            rows!($rows), " WHERE ", number!("tail"), " > 0 GROUP BY 1, 2 \
             ON CONFLICT (payment_address, unit_price) DO UPDATE SET last_closes_at = excluded.last_closes_at \
             WHERE excluded.last_closes_at > offered_prices.last_closes_at"
        )
    };
    (history, $rows:ident) => {
        concat!(
            "INSERT INTO order_events (order_id, sequence, at, recorded_at, event, from_state, to_state, note) SELECT ",
            text!("id"), ", 1, ", number!("created_at"), ", ", number!("now"), ", 'created', NULL, ", text!("state"),
            ", NULL FROM ", rows!($rows)
        )
    };
    (watching, $rows:ident) => {
        concat!(
            "INSERT INTO payment_monitoring_logs (order_id, payment_address, monitoring_started_at, status, \
             created_at, updated_at) SELECT ", text!("id"), ", ", text!("payment_address"), ", ", number!("now"),
            ", 'monitoring', ", number!("now"), ", ", number!("now"), " FROM ", rows!($rows), " WHERE ",
            text!("state"), " = 'awaiting_payment'"
        )
    };
    (keys, $rows:ident) => {
        concat!(
            "INSERT INTO idempotency_keys (caller, route, key, body_hash, order_id, created_at) SELECT ",
            text!("caller"), ", ", text!("route"), ", ", text!("key"), ", ", text!("body_hash"), ", ", text!("id"), ", ",
            number!("used_at"), " FROM ", rows!($rows), " WHERE ", text!("key"), " IS NOT NULL"
        )
    };
    (counts, $rows:ident) => {
        concat!(
            "UPDATE order_counts SET count = count + (SELECT COUNT(*) FROM ", rows!($rows), " WHERE ", text!("state"),
            " = order_counts.state) WHERE state IN (SELECT ", text!("state"), " FROM ", rows!($rows), ")"
        )
    };
}

/// Everything that new orders write, one piece after the other.
pub(crate) const WRITE_LITE: [&str; 7] = [
    pieces!(orders, lite),
    pieces!(tails, lite),
    pieces!(prices, lite),
    pieces!(history, lite),
    pieces!(watching, lite),
    pieces!(keys, lite),
    pieces!(counts, lite),
];

/// The same as one statement.
pub(crate) const WRITE_PG: &str = concat!(
    "WITH r AS (SELECT value FROM ",
    rows!(pg),
    "), made AS (",
    pieces!(orders, with),
    "), tails AS (",
    pieces!(tails, with),
    "), prices AS (",
    pieces!(prices, with),
    "), history AS (",
    pieces!(history, with),
    "), watching AS (",
    pieces!(watching, with),
    "), keys AS (",
    pieces!(keys, with),
    ") ",
    pieces!(counts, with)
);

/// What must be known before orders are made: how many are open, whether money stands still, which
/// keys were used and which tails are taken.
macro_rules! known {
    ($rows:ident) => {
        concat!(
            "SELECT 'open' AS kind, CAST(COALESCE(SUM(count), 0) AS BIGINT) AS n, '' AS hash, '' AS made \
             FROM order_counts WHERE state = 'awaiting_payment' \
             UNION ALL SELECT 'halt', 0, '', cause FROM halts WHERE lifted_at IS NULL \
             UNION ALL SELECT 'key', ",
            number!("n"),
            ", k.body_hash, k.order_id FROM ",
            rows!($rows),
            " JOIN idempotency_keys k ON k.caller = ",
            text!("caller"),
            " AND k.route = ",
            text!("route"),
            " AND k.key = ",
            text!("key"),
            " UNION ALL SELECT 'tail', ",
            number!("n"),
            ", '', '' FROM ",
            rows!($rows),
            " JOIN taken_tails t ON t.payment_address = ",
            text!("payment_address"),
            " AND t.tail = ",
            number!("tail")
        )
    };
}

pub(crate) const KNOWN_LITE: &str = known!(lite);
pub(crate) const KNOWN_PG: &str = known!(pg);

/// The tail behind the first one whose successor is free.
pub(crate) const FREE_TAIL: &str = "SELECT t.tail + 1 FROM taken_tails t WHERE t.payment_address = $1 \
                                    AND t.tail < $2 AND NOT EXISTS \
                                    (SELECT 1 FROM taken_tails n WHERE n.payment_address = t.payment_address \
                                    AND n.tail = t.tail + 1) ORDER BY t.tail LIMIT 1";

/// Whether a tail is taken.
pub(crate) const TAKEN: &str = "SELECT tail FROM taken_tails WHERE payment_address = $1 AND tail = $2";
