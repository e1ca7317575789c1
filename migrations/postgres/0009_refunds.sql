-- Refunds: what becomes of the part of a payment that bought nothing, the account it is paid from, and the money that our
-- own accounts have sent. A refund's transfer is an operation like all others.

CREATE TABLE refund_accounts (
    account_id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    address         TEXT COLLATE "C" NOT NULL UNIQUE,
    permission_id   BIGINT,
    -- Refunds are paid from one at a time; the others only finish what they began.
    is_active       BIGINT NOT NULL CHECK (is_active IN (0, 1)),
    unfit           TEXT COLLATE "C",
    -- What the chain last said; NULL before it was asked.
    observed_height BIGINT,
    asked_at        BIGINT,
    balance         BIGINT,
    usdt            BIGINT,
    bandwidth       BIGINT,
    created_at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX idx_refund_accounts_active ON refund_accounts (is_active) WHERE is_active = 1;

CREATE TABLE refunds (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- At most one for each payment, ever.
    payment_id     TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES payments (id),
    order_id       TEXT COLLATE "C" REFERENCES orders (id),
    cause          TEXT COLLATE "C" NOT NULL,
    cause_json     TEXT COLLATE "C" NOT NULL,
    asset          TEXT COLLATE "C" NOT NULL CHECK (asset IN ('TRX', 'USDT')),
    owed           BIGINT NOT NULL CHECK (owed > 0),
    fee            BIGINT NOT NULL CHECK (fee >= 0 AND fee <= owed),
    to_address     TEXT COLLATE "C" NOT NULL,
    -- API keys; NULL where it was a rule, or nobody.
    address_set_by TEXT COLLATE "C",
    decided_by     TEXT COLLATE "C",
    approved_by    TEXT COLLATE "C",
    guard_waived   BIGINT NOT NULL CHECK (guard_waived IN (0, 1)),
    -- What one person wants and a second one has not seen yet.
    proposal       TEXT COLLATE "C",
    state          TEXT COLLATE "C" NOT NULL
                           CHECK (state IN ('waiting', 'due', 'held', 'sending', 'refunded', 'kept', 'withdrawn')),
    state_json     TEXT COLLATE "C" NOT NULL,
    hold           TEXT COLLATE "C",
    -- Copies out of state_json that sweeps and the spend guard look refunds up by.
    operation_id   TEXT COLLATE "C" UNIQUE,
    due_at         BIGINT,
    spent_at       BIGINT,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    version        BIGINT NOT NULL,
    CHECK ((hold IS NOT NULL) = (state = 'held')),
    CHECK ((operation_id IS NOT NULL) = (state IN ('sending', 'refunded'))),
    CHECK ((spent_at IS NOT NULL) = (state IN ('sending', 'refunded')))
);
CREATE INDEX idx_refunds_due ON refunds (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX idx_refunds_open ON refunds (id) WHERE state IN ('due', 'sending', 'withdrawn');
CREATE INDEX idx_refunds_spent ON refunds (asset, spent_at) WHERE spent_at IS NOT NULL;
CREATE INDEX idx_refunds_order ON refunds (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX idx_refunds_proposed ON refunds (created_at, id) WHERE proposal IS NOT NULL;
CREATE INDEX idx_refunds_created_at ON refunds (created_at, id);
CREATE INDEX idx_refunds_state ON refunds (state, created_at, id);

-- What happened to each, and who wanted it.
CREATE TABLE refund_events (
    refund_id   TEXT COLLATE "C" NOT NULL REFERENCES refunds (id),
    sequence    BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    event       TEXT COLLATE "C" NOT NULL,
    from_state  TEXT COLLATE "C",
    to_state    TEXT COLLATE "C" NOT NULL,
    by_key      TEXT COLLATE "C",
    note        TEXT COLLATE "C",
    PRIMARY KEY (refund_id, sequence)
);

-- Money that our own accounts have sent, as the chain shows it, calls that failed included.
CREATE TABLE sent_transfers (
    height       BIGINT NOT NULL REFERENCES blocks (height),
    position     BIGINT NOT NULL,
    block_id     TEXT COLLATE "C" NOT NULL,
    block_time   BIGINT NOT NULL,
    tx_id        TEXT COLLATE "C" NOT NULL,
    asset        TEXT COLLATE "C" NOT NULL CHECK (asset IN ('TRX', 'USDT')),
    from_address TEXT COLLATE "C" NOT NULL,
    to_address   TEXT COLLATE "C" NOT NULL,
    amount       BIGINT NOT NULL,
    succeeded    BIGINT NOT NULL CHECK (succeeded IN (0, 1)),
    PRIMARY KEY (height, position)
);
CREATE INDEX idx_sent_transfers_tx ON sent_transfers (tx_id);
CREATE INDEX idx_sent_transfers_from ON sent_transfers (from_address, height);

-- Payments of which something may be owed and that have no refund yet; and orders whose money must go back.
ALTER TABLE payments ADD COLUMN has_refund BIGINT NOT NULL DEFAULT 0 CHECK (has_refund IN (0, 1));
CREATE INDEX idx_payments_unrefunded ON payments (block_height, id)
    WHERE has_refund = 0 AND state IN ('over', 'under', 'late', 'second', 'suspense');
CREATE INDEX idx_orders_refund_due ON orders (created_at, id) WHERE state = 'refund_due';

INSERT INTO order_counts (state, count) VALUES ('forfeited', 0);

-- Operations may belong to no order, and to a refund account now: account_id is of energy_pools, or of refund_accounts
-- where money is sent back.
ALTER TABLE operations
    ALTER COLUMN order_id DROP NOT NULL,
    DROP CONSTRAINT operations_account_id_fkey,
    DROP CONSTRAINT operations_kind_check,
    ADD COLUMN refund_id TEXT COLLATE "C" REFERENCES refunds (id),
    ADD CONSTRAINT operations_kind_check CHECK (kind IN ('delegate', 'undelegate', 'refund_trx', 'refund_usdt')),
    ADD CHECK ((kind IN ('refund_trx', 'refund_usdt')) = (refund_id IS NOT NULL)),
    ADD CHECK (order_id IS NOT NULL OR refund_id IS NOT NULL);
-- One transfer of a refund that took effect or may.
CREATE UNIQUE INDEX idx_operations_refund ON operations (refund_id)
    WHERE refund_id IS NOT NULL AND state NOT IN ('failed', 'cancelled');
CREATE INDEX idx_operations_refunds ON operations (refund_id, created_at, id) WHERE refund_id IS NOT NULL;

-- The role that the service runs as may use the new tables.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tron_app') THEN
        PERFORM grant_application_role('tron_app');
    END IF;
END $$;
