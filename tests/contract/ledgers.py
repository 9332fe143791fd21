"""Real ledgers of every kind for the tests that all of them must pass."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.ports import Books, Ledger, Replays, Rollups
from gateway.stores.ledger.postgres.books import PostgresBooks
from gateway.stores.ledger.postgres.ledger import PostgresLedger
from gateway.stores.ledger.postgres.replays import PostgresReplays
from gateway.stores.ledger.postgres.rollups import PostgresRollups
from gateway.stores.ledger.sqlite.books import SqliteBooks
from gateway.stores.ledger.sqlite.ledger import SqliteLedger
from gateway.stores.ledger.sqlite.replays import SqliteReplays
from gateway.stores.ledger.sqlite.rollups import SqliteRollups
from tests.contract.ledger_samples import Clock
from tests.real_postgres import RealPostgres


@dataclass(frozen=True)
class Opened:
    """A ledger in use. ``expired`` is how many orphans were found when it was opened; ``rollups`` are as of a moment."""

    ledger: Ledger
    books: Books
    expired: int
    rollups: Callable[[datetime], Rollups]
    replays: Replays


# Opens the ledger that lives in a folder (or is named by it) and closes it again; the same folder is the same ledger.
Factory = Callable[[Path], AbstractAsyncContextManager[Opened]]


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Opened]:
    path = folder / "ledger.db"
    ledger = SqliteLedger(path, "normal", Clock())
    expired = ledger.open()
    try:
        yield Opened(ledger, SqliteBooks(path), expired, lambda at: SqliteRollups(path, lambda: at), SqliteReplays(path))
    finally:
        ledger.close()


def postgres_in(server: RealPostgres) -> Factory:
    """A folder has the database of its name."""
    databases: dict[Path, str] = {}

    @asynccontextmanager
    async def postgres(folder: Path) -> AsyncIterator[Opened]:
        url = databases.get(folder) or databases.setdefault(folder, server.database())
        ledger = PostgresLedger(url, Clock())
        try:
            expired = ledger.open()
            yield Opened(ledger, PostgresBooks(url), expired, lambda at: PostgresRollups(url, lambda: at), PostgresReplays(url))
        finally:
            ledger.close()

    return postgres
