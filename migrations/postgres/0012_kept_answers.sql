-- Answers to wishes that move money, by the key that the caller named them with.

CREATE TABLE kept_answers (
    caller     TEXT COLLATE "C" NOT NULL,
    route      TEXT COLLATE "C" NOT NULL,
    key        TEXT COLLATE "C" NOT NULL,
    body_hash  TEXT COLLATE "C" NOT NULL,
    -- Absent while the wish is being carried out.
    status     BIGINT,
    body       TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    PRIMARY KEY (caller, route, key)
);
CREATE INDEX idx_kept_answers_created_at ON kept_answers (created_at);

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tron_app') THEN
        PERFORM grant_application_role('tron_app');
    END IF;
END $$;
