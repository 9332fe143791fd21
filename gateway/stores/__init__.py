"""Where the gateway keeps what must outlive it."""

from gateway.stores.books_sqlite import SqliteBooks
from gateway.stores.ledger_sqlite import SqliteLedger

__all__ = ["SqliteBooks", "SqliteLedger"]
