-- What makes us believe a payment. Of those that are there, their place in the transaction says it.
ALTER TABLE payments ADD COLUMN evidence TEXT NOT NULL DEFAULT 'contract'
    CHECK (evidence IN ('contract', 'log', 'internal', 'lone_receipt'));
UPDATE payments SET evidence = CASE WHEN asset = 'USDT' THEN 'log' WHEN transfer_index >= 1000000 THEN 'internal'
    ELSE 'contract' END;
