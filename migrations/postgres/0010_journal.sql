-- Every change of a row that money hangs on, in the order of its commits. An entry's hash covers its columns and the hash
-- of the entry before it. Nothing here is ever changed or removed.

CREATE TABLE journal (
    seq     BIGINT NOT NULL PRIMARY KEY CHECK (seq > 0),
    at      BIGINT NOT NULL,
    kind    TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    body    TEXT COLLATE "C" NOT NULL,
    hash    TEXT COLLATE "C" NOT NULL CHECK (length(hash) = 64)
);
-- The entries that say what the others carry: a handful.
CREATE INDEX idx_journal_layout ON journal (seq) WHERE kind = 'journal.layout';

CREATE FUNCTION journal_is_append_only() RETURNS TRIGGER
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only';
END $$;
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();

-- The same as before, but for the journal: the service adds to it and reads it.
CREATE OR REPLACE FUNCTION grant_application_role(role_name TEXT) RETURNS VOID
LANGUAGE plpgsql AS $$
DECLARE
    found RECORD;
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role_name);
    FOR found IN
        SELECT c.relname AS name, c.relkind AS kind FROM pg_class c
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
          AND NOT c.relispartition
    LOOP
        EXECUTE format(
            CASE
                WHEN found.kind = 'S' THEN 'GRANT USAGE, SELECT ON SEQUENCE %I TO %I'
                -- Views are read, and so is what migrations have run.
                WHEN found.kind = 'v' OR found.name = '_sqlx_migrations' THEN 'GRANT SELECT ON %I TO %I'
                WHEN found.name = 'journal' THEN 'GRANT SELECT, INSERT ON %I TO %I'
                ELSE 'GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I'
            END, found.name, role_name);
    END LOOP;
    EXECUTE format('GRANT EXECUTE ON FUNCTION make_order_partitions(BIGINT, INTEGER) TO %I', role_name);
END $$;
REVOKE ALL ON FUNCTION grant_application_role(TEXT) FROM PUBLIC;

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tron_app') THEN
        PERFORM grant_application_role('tron_app');
    END IF;
END $$;
