"""Entries, by month."""

from alembic import op

from gateway.stores.ledger.postgres.migration import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Forward only."""
    run_script(op.get_bind(), "0001_ledger")
