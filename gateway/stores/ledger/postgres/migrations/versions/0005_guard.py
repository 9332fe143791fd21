"""Counters taken in one look, and marks only by those who may book."""

from alembic import op

from gateway.stores.ledger.postgres.migration import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Forward only."""
    run_script(op.get_bind(), "0005_guard")
