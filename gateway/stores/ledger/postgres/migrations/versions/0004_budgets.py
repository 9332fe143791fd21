"""Counters of budgets."""

from alembic import op

from gateway.stores.ledger.postgres.migration import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Forward only."""
    run_script(op.get_bind(), "0004_budgets")
