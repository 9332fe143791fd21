#!/bin/sh
# Run once, when the database is made: the gateway's own role may add rows and read them, and nothing else.
# `gateway ledger migrate` runs as the owner and makes the tables; what it makes, this role may use. docs/postgres.md says more.
set -eu
psql --set ON_ERROR_STOP=1 --username postgres --dbname gateway --set password="$GATEWAY_DB_PASSWORD" <<'SQL'
CREATE ROLE gateway LOGIN PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE gateway TO gateway;
GRANT USAGE ON SCHEMA public TO gateway;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT ON TABLES TO gateway;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO gateway;
SQL
