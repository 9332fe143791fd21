"""Sums of whole days."""

from alembic import op

from gateway.stores.ledger.postgres.migration import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Forward only."""
    run_script(op.get_bind(), "0003_rollup")
