-- Which tails are taken. A tail names one order of its payment address, over all prices; a table of its own says so
-- across all partitions of orders, and is no larger than what is taken now.

CREATE TABLE taken_tails (
    payment_address TEXT COLLATE "C" NOT NULL,
    tail            BIGINT NOT NULL CHECK (tail > 0),
    order_id        TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES orders (id),
    unit_price      BIGINT NOT NULL CHECK (unit_price > 0),
    closes_at       BIGINT NOT NULL,
    PRIMARY KEY (payment_address, tail)
);
CREATE INDEX idx_taken_tails_closes_at ON taken_tails (closes_at);
