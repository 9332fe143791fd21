"""Writers, the chain and its roots, savings."""

from alembic import op

from gateway.stores.ledger.postgres.migration import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Forward only."""
    run_script(op.get_bind(), "0002_chain")
