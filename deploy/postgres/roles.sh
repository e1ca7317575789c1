#!/bin/sh
# The role that the service works with: it may read and write rows and nothing more. Run once, by the image of
# PostgreSQL, when the database is made; for a server of your own run it with POSTGRES_USER, POSTGRES_DB and the
# password file set. `leyden migrate`, run by the owner, grants what the role needs on each table.
set -eu

app_password=$(cat "${APP_PASSWORD_FILE:-/run/secrets/database_app_password}")

# The password is a variable of psql, not text of a command: :'…' quotes it.
psql --no-psqlrc --set=ON_ERROR_STOP=1 --set=app_password="$app_password" --set=database="$POSTGRES_DB" \
     --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tron_app') AS missing \gset
\if :missing
    CREATE ROLE tron_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION;
\endif
ALTER ROLE tron_app PASSWORD :'app_password' CONNECTION LIMIT 60;
-- Nobody makes anything here but the owner.
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO tron_app;
GRANT USAGE ON SCHEMA public TO tron_app;
-- A statement or a transaction that hangs must not hold the books.
ALTER ROLE tron_app SET statement_timeout = '15s';
ALTER ROLE tron_app SET lock_timeout = '5s';
ALTER ROLE tron_app SET idle_in_transaction_session_timeout = '15s';
SQL
