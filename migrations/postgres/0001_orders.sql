-- Orders and their history. The columns up to chat_id are those of requirement 001; money is in sun, moments are
-- milliseconds since the epoch, ids are text with their prefix.

CREATE TABLE orders (
    id                  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id             TEXT COLLATE "C",
    order_type          TEXT COLLATE "C" NOT NULL DEFAULT 'standard'
                                CHECK (order_type IN ('energy_flash', 'standard', 'orderless')),
    recipient_address   TEXT COLLATE "C" NOT NULL,
    payment_address     TEXT COLLATE "C" NOT NULL,
    paid_amount         BIGINT,
    transaction_count   BIGINT,
    from_address        TEXT COLLATE "C",
    delegation_result   TEXT COLLATE "C",
    price_config        TEXT COLLATE "C",
    status              TEXT COLLATE "C" NOT NULL,
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL,
    expires_at          BIGINT NOT NULL,
    chat_id             BIGINT,
    -- What the order is in full: state names the variant, state_json carries it.
    state               TEXT COLLATE "C" NOT NULL,
    state_json          TEXT COLLATE "C" NOT NULL,
    version             BIGINT NOT NULL,
    -- Terms, fixed at creation.
    unit_price          BIGINT NOT NULL CHECK (unit_price > 0),
    tail                BIGINT NOT NULL CHECK (tail >= 0),
    count_rule          TEXT COLLATE "C" NOT NULL CHECK (count_rule IN ('open', 'fixed')),
    count_limit         BIGINT NOT NULL CHECK (count_limit >= 0),
    energy_per_transfer BIGINT NOT NULL,
    duration_ms         BIGINT NOT NULL,
    bound_sender        TEXT COLLATE "C",
    owner               TEXT COLLATE "C",
    closes_at           BIGINT NOT NULL,
    -- Copies out of state_json that sweeps look orders up by.
    ends_at             BIGINT,
    funding_block       TEXT COLLATE "C",
    -- The payment that settles it, and the block that holds that payment now (not the one the order knows).
    assigned_payment    TEXT COLLATE "C",
    payment_block       TEXT COLLATE "C",
    payment_height      BIGINT,
    payment_time        BIGINT
) PARTITION BY RANGE (id);

-- Partitions by time. An id carries the moment at which it was made, in one of two forms, so each month has two; what
-- fits none of them goes to the rest. Keys of other tables refer to orders by id alone, which is why the id and no
-- column beside it is what orders are parted by.
CREATE TABLE orders_rest PARTITION OF orders DEFAULT;

-- Makes the partitions of the month of a moment (milliseconds) and of so many months after it; how many were made. It
-- runs with its owner's rights, so that the role that the service has needs none to change tables. A month that the
-- rest has orders of stays there. Attaching keeps no reader and no writer of other partitions waiting.
CREATE FUNCTION make_order_partitions(from_ms BIGINT, months INTEGER) RETURNS BIGINT
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    first_month TIMESTAMP := date_trunc('month', to_timestamp(from_ms / 1000) AT TIME ZONE 'UTC');
    made        BIGINT    := 0;
    part        RECORD;
BEGIN
    FOR part IN
        WITH month AS (
            SELECT first_month + make_interval(months => n) AS begins,
                   first_month + make_interval(months => n + 1) AS ends
            FROM generate_series(0, LEAST(months, 240)) AS n
        ), bounds AS (
            SELECT to_char(begins, 'YYYY_MM') AS name,
                   extract(epoch FROM begins)::bigint * 1000 AS low,
                   extract(epoch FROM ends)::bigint * 1000 AS high
            FROM month
        )
        SELECT 'orders_flash_' || name AS name, 'FLASH_' || low AS low, 'FLASH_' || high AS high FROM bounds
        UNION ALL
        SELECT 'orders_ord_' || name, 'ord_' || lpad(to_hex(low), 12, '0'), 'ord_' || lpad(to_hex(high), 12, '0')
        FROM bounds
        ORDER BY 1
    LOOP
        CONTINUE WHEN to_regclass(part.name) IS NOT NULL;
        CONTINUE WHEN EXISTS (SELECT 1 FROM orders_rest WHERE id >= part.low AND id < part.high);
        EXECUTE format('CREATE TABLE %I (LIKE orders INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)',
                       part.name);
        EXECUTE format('ALTER TABLE orders ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       part.name, part.low, part.high);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;
REVOKE ALL ON FUNCTION make_order_partitions(BIGINT, INTEGER) FROM PUBLIC;
-- Whoever calls it has no say in which tables it means.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION make_order_partitions(BIGINT, INTEGER) SET search_path = %I, pg_temp',
                   current_schema());
END $$;

CREATE INDEX idx_orders_payment_address ON orders (payment_address, tail);

-- What a payment's sender may point at.
CREATE INDEX idx_orders_open_recipient ON orders (recipient_address, payment_address)
    WHERE state = 'awaiting_payment';

-- What orders wait for: each index holds only those that do, oldest first.
CREATE INDEX idx_orders_expires_at ON orders (expires_at, id) WHERE state = 'awaiting_payment';
CREATE INDEX idx_orders_matched ON orders (created_at, id)
    WHERE state = 'awaiting_payment' AND assigned_payment IS NOT NULL;
CREATE INDEX idx_orders_paid ON orders (created_at, id) WHERE state = 'paid';
CREATE INDEX idx_orders_funded ON orders (created_at, id) WHERE state = 'funded';
CREATE INDEX idx_orders_operating ON orders (created_at, id)
    WHERE state IN ('reserved', 'delegating', 'reclaiming');
CREATE INDEX idx_orders_payment_changed ON orders (created_at, id)
    WHERE state IN ('reserved', 'delegating', 'active', 'reclaiming')
      AND payment_block IS DISTINCT FROM funding_block;
CREATE INDEX idx_orders_ends_at ON orders (ends_at, id) WHERE state = 'active';

-- Lists, newest first.
CREATE INDEX idx_orders_created_at ON orders (created_at, id);
-- On an expression, and lists ask by the same: an index of the plain column would be preferred to those above, and
-- have all orders of a state sorted each time.
CREATE INDEX idx_orders_state ON orders (LOWER(state), created_at, id);
CREATE INDEX idx_orders_owner ON orders (owner, created_at, id) WHERE owner IS NOT NULL;
CREATE INDEX idx_orders_recipient ON orders (recipient_address, created_at, id);
CREATE INDEX idx_orders_user_id ON orders (user_id, created_at, id) WHERE user_id IS NOT NULL;
CREATE INDEX idx_orders_order_type ON orders (order_type, created_at);
CREATE INDEX idx_orders_from_address ON orders (from_address) WHERE from_address IS NOT NULL;

-- How many orders are in each state, changed in the commit that changes the state: admission asks on every order.
CREATE TABLE order_counts (
    state TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    count BIGINT NOT NULL CHECK (count >= 0)
) WITH (fillfactor = 20);
INSERT INTO order_counts (state, count)
VALUES ('awaiting_payment', 0), ('paid', 0), ('funded', 0), ('reserved', 0), ('delegating', 0), ('active', 0),
       ('reclaiming', 0), ('completed', 0), ('reverted', 0), ('refund_due', 0), ('refunding', 0), ('refunded', 0),
       ('expired', 0), ('cancelled', 0), ('held', 0);

-- The unit prices that orders of an address were made at, so that a payment finds its order by
-- (address, amount mod price) and never by looking through the open ones.
CREATE TABLE offered_prices (
    payment_address TEXT COLLATE "C" NOT NULL,
    unit_price      BIGINT NOT NULL CHECK (unit_price > 0),
    last_closes_at  BIGINT NOT NULL,
    PRIMARY KEY (payment_address, unit_price)
);

CREATE TABLE order_events (
    order_id    TEXT COLLATE "C" NOT NULL REFERENCES orders (id),
    sequence    BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    event       TEXT COLLATE "C" NOT NULL,
    from_state  TEXT COLLATE "C",
    to_state    TEXT COLLATE "C" NOT NULL,
    note        TEXT COLLATE "C",
    PRIMARY KEY (order_id, sequence)
);

CREATE TABLE idempotency_keys (
    caller     TEXT COLLATE "C" NOT NULL,
    route      TEXT COLLATE "C" NOT NULL,
    key        TEXT COLLATE "C" NOT NULL,
    body_hash  TEXT COLLATE "C" NOT NULL,
    order_id   TEXT COLLATE "C" NOT NULL REFERENCES orders (id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (caller, route, key)
);
CREATE INDEX idx_idempotency_keys_created_at ON idempotency_keys (created_at);

SELECT make_order_partitions((extract(epoch FROM now()) * 1000)::bigint, 3);
