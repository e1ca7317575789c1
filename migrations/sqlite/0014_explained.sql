-- What keeps money from going back twice: transfers that no transaction of ours explains, who agreed to an address, how late
-- a payment was read; and payments that pay for an order together.

-- What a person said of a transfer out of a refund account that is none of our own transactions.
CREATE TABLE sent_write_offs (
    tx_id  TEXT    NOT NULL PRIMARY KEY,
    by_key TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- 1 where it took effect, left a refund account, and is neither ours nor explained by a person.
ALTER TABLE sent_transfers ADD COLUMN unexplained INTEGER CHECK (unexplained = 1);
CREATE INDEX idx_sent_transfers_unexplained ON sent_transfers (unexplained, height, position) WHERE unexplained = 1;

-- Who agreed to an address that is not the payer's; whether a person waived what a rule says of the address.
ALTER TABLE refunds ADD COLUMN address_approved_by TEXT;
ALTER TABLE refunds ADD COLUMN checks_waived INTEGER CHECK (checks_waived IN (0, 1));

-- How much older than the head its block was when it was read, in milliseconds of chain time; NULL: not at all.
ALTER TABLE payments ADD COLUMN read_behind INTEGER CHECK (read_behind > 0);

-- 1 where it is less than its order costs and another payment of the same sender has brought the rest.
ALTER TABLE payments ADD COLUMN part INTEGER CHECK (part = 1);
CREATE INDEX idx_payments_under ON payments (from_address, to_address) WHERE state = 'under' AND part IS NULL;

CREATE INDEX idx_orders_reverted ON orders (created_at, id) WHERE state = 'reverted';
CREATE INDEX idx_operations_token_refunds ON operations (created_at) WHERE kind = 'refund_usdt';
