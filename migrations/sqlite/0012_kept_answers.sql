-- Answers to wishes that move money, by the key that the caller named them with.

CREATE TABLE kept_answers (
    caller     TEXT    NOT NULL,
    route      TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    body_hash  TEXT    NOT NULL,
    -- Absent while the wish is being carried out.
    status     INTEGER,
    body       TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (caller, route, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idx_kept_answers_created_at ON kept_answers (created_at);
