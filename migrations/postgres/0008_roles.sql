-- The role that the service runs as: it reads and writes rows and changes no table.

-- Gives a role what the service needs. To be called again after a migration that makes tables, and for a role of
-- another name.
CREATE FUNCTION grant_application_role(role_name TEXT) RETURNS VOID
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
                ELSE 'GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I'
            END, found.name, role_name);
    END LOOP;
    EXECUTE format('GRANT EXECUTE ON FUNCTION make_order_partitions(BIGINT, INTEGER) TO %I', role_name);
END $$;
REVOKE ALL ON FUNCTION grant_application_role(TEXT) FROM PUBLIC;

-- The role of requirement 001. Where we may not make it, whoever may does so, and calls the function.
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tron_app') THEN
        BEGIN
            CREATE ROLE tron_app NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'the role tron_app is not there: make it, then SELECT grant_application_role(''tron_app'')';
                RETURN;
        END;
    END IF;
    PERFORM grant_application_role('tron_app');
END $$;
