-- Every change of a row that money hangs on, in the order of its commits. An entry's hash covers its columns and the hash
-- of the entry before it. Nothing here is ever changed or removed.

CREATE TABLE journal (
    seq     INTEGER NOT NULL PRIMARY KEY CHECK (seq > 0),
    at      INTEGER NOT NULL,
    kind    TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    body    TEXT    NOT NULL,
    hash    TEXT    NOT NULL CHECK (length(hash) = 64)
) STRICT;
-- The entries that say what the others carry: a handful.
CREATE INDEX idx_journal_layout ON journal (seq) WHERE kind = 'journal.layout';

CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;
