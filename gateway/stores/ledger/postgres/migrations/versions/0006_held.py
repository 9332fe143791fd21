"""Deliveries in the place of a held route, by an index of their own."""

from alembic import op

from gateway.stores.ledger.postgres.migration import run_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Forward only."""
    run_script(op.get_bind(), "0006_held")
