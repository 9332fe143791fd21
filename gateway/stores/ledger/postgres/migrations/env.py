"""Run by alembic: all that is to be done happens in one transaction, or nothing does."""

from alembic import context

_connection = context.config.attributes["connection"]
context.configure(connection=_connection, version_table="ledger_version", on_version_apply=context.config.attributes["applied"])
with context.begin_transaction():
    context.run_migrations()
