-- What was on the pool accounts besides their stake, as a JSON array: where the next comparison begins.
ALTER TABLE reconciliations ADD COLUMN pool_accounts TEXT NOT NULL DEFAULT '[]';
