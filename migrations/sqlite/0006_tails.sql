-- Which tails are taken. A tail names one order of its payment address, over all prices; a table of its own says so
-- and is no larger than what is taken now.

CREATE TABLE taken_tails (
    payment_address TEXT    NOT NULL,
    tail            INTEGER NOT NULL CHECK (tail > 0),
    order_id        TEXT    NOT NULL UNIQUE REFERENCES orders (id),
    unit_price      INTEGER NOT NULL CHECK (unit_price > 0),
    closes_at       INTEGER NOT NULL,
    PRIMARY KEY (payment_address, tail)
) STRICT, WITHOUT ROWID;
CREATE INDEX idx_taken_tails_closes_at ON taken_tails (closes_at);

INSERT INTO taken_tails (payment_address, tail, order_id, unit_price, closes_at)
SELECT payment_address, tail, id, unit_price, closes_at FROM orders WHERE tail_taken = 1;

DROP INDEX idx_orders_payment_address;
DROP INDEX idx_orders_closes_at;
ALTER TABLE orders DROP COLUMN tail_taken;
CREATE INDEX idx_orders_payment_address ON orders (payment_address, tail);
