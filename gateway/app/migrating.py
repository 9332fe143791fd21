"""Bringing the ledger's tables up to date; apart from the rest, since it imports alembic."""

from gateway.stores.migration import migrate
from gateway.stores.postgres import place_of

__all__ = ["migrate", "place_of"]
