-- Differences of what lies on accounts stay until the books explain them or a person has closed them: those that a comparison
-- carries on, as a JSON array.
ALTER TABLE reconciliations ADD COLUMN open_differences TEXT COLLATE "C" NOT NULL DEFAULT '[]';

-- TRX in transfers too small to be recorded that a block showed only when it was read again, in sun.
ALTER TABLE blocks ADD COLUMN trx_dust_found BIGINT NOT NULL DEFAULT 0;
