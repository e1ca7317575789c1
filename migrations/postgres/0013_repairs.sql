-- Repairs that act on the chain, by operations of their own and with the word of two persons; what a halt was told
-- later; and from when on a limit counts after a lift, by the clock of what it counts.

-- `gone`: of the evidence, what a whole round through the books did not find any more after the lift.
ALTER TABLE halts
    ADD COLUMN counts_from BIGINT,
    ADD COLUMN gone TEXT COLLATE "C" NOT NULL DEFAULT '';

-- What was on the accounts that refunds are paid from, as a JSON array.
ALTER TABLE reconciliations ADD COLUMN refund_accounts TEXT COLLATE "C" NOT NULL DEFAULT '[]';

-- `asked_…`: the first of two persons, where two are asked.
ALTER TABLE repairs
    ADD COLUMN asked_at BIGINT,
    ADD COLUMN asked_by TEXT COLLATE "C",
    ADD COLUMN ask_reason TEXT COLLATE "C",
    DROP CONSTRAINT repairs_kind_check,
    ADD CONSTRAINT repairs_kind_check
        CHECK (kind IN ('reread_blocks', 'observe_account', 'write_off', 'retake', 'release')),
    ADD CHECK ((asked_at IS NULL) = (asked_by IS NULL) AND (asked_at IS NULL) = (ask_reason IS NULL)),
    ADD CHECK (kind NOT IN ('retake', 'release') OR state NOT IN ('approved', 'applied')
               OR (asked_by IS NOT NULL AND decided_by IS NOT NULL AND asked_by <> decided_by));

-- Operations may belong to a repair.
ALTER TABLE operations
    ADD COLUMN repair_id TEXT COLLATE "C" REFERENCES repairs (id),
    DROP CONSTRAINT operations_kind_check,
    DROP CONSTRAINT operations_check5,
    ADD CONSTRAINT operations_kind_check
        CHECK (kind IN ('delegate', 'undelegate', 'refund_trx', 'refund_usdt', 'retake')),
    ADD CHECK (kind <> 'retake' OR repair_id IS NOT NULL),
    ADD CHECK (repair_id IS NULL OR kind IN ('retake', 'undelegate')),
    ADD CHECK (order_id IS NOT NULL OR refund_id IS NOT NULL OR repair_id IS NOT NULL);
-- What a repair takes back it takes back once, ever.
CREATE UNIQUE INDEX idx_operations_retake ON operations (repair_id) WHERE kind = 'retake';
DROP INDEX idx_operations_undelegating;
CREATE INDEX idx_operations_undelegating ON operations (account_id, receiver)
    WHERE kind IN ('undelegate', 'retake') AND state = 'signed';
