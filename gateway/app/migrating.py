"""Bringing the ledger's tables up to date; apart from the rest, since it imports alembic."""

from gateway.stores.ledger.postgres.connection import place_of
from gateway.stores.ledger.postgres.migration import migrate

__all__ = ["migrate", "place_of"]
