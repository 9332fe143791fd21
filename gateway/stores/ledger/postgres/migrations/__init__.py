"""The ledger's tables in PostgreSQL, version by version: alembic's revisions, each the SQL file of its name."""
