#!/bin/sh
# The two roles of leyden's database: the owner of the schema, who runs `leyden migrate`, and the one that the service
# works as, which may read and write rows and nothing more. Run once, by the image of PostgreSQL, when the database is
# made. For a server of your own run it as a superuser, with PGHOST and its like, POSTGRES_USER, POSTGRES_DB and the two
# files of passwords set. May be run again: it sets the passwords anew.
set -eu

secrets=/run/secrets
owner_password=$(cat "${OWNER_PASSWORD_FILE:-$secrets/database_owner_password}")
app_password=$(cat "${APP_PASSWORD_FILE:-$secrets/database_app_password}")

# Passwords are variables of psql, not text of a command: :'…' quotes them.
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=database="$POSTGRES_DB" \
     --set=owner_password="$owner_password" --set=app_password="$app_password" \
     --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'leyden_owner') AS owner_missing,
       NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tron_app') AS app_missing \gset
\if :owner_missing
    CREATE ROLE leyden_owner;
\endif
\if :app_missing
    CREATE ROLE tron_app;
\endif
ALTER ROLE leyden_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
ALTER ROLE tron_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION PASSWORD :'app_password';
-- Nobody makes anything here but the owner. `leyden migrate` grants what the service needs on each table.
ALTER DATABASE :"database" OWNER TO leyden_owner;
ALTER SCHEMA public OWNER TO leyden_owner;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO tron_app;
GRANT USAGE ON SCHEMA public TO tron_app;
SQL
