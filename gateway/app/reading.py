"""What commands read without a running gateway, and beside one. A database's own package is imported where one is configured."""

from importlib import import_module

from gateway.config.load import Loaded
from gateway.ports import Books
from gateway.stores.ledger.sqlite.books import SqliteBooks


def books_of(loaded: Loaded) -> Books:
    """The ledger of a configuration that is loaded already."""
    ledger = loaded.settings.ledger
    if ledger.url is None:
        return SqliteBooks(ledger.path)
    books: Books = import_module("gateway.app.postgres").books(ledger.url.reveal())
    return books
