"""How rows come into the ledger's table in SQLite."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

from gateway.stores.ledger.rows import Row
from gateway.stores.statements import statement

# One statement for many rows: Python gives up its global lock at every step of a statement and, beside a busy event loop,
# waits up to 5 ms to get it back. Each number of rows is a statement of its own, of about 3 kB a row, that SQLite keeps.
ROWS_A_STATEMENT_MAX = 16
_INSERT = statement("insert")
_KNOWN = "SELECT event_id FROM entry WHERE event_id IN ({events})"
_COLUMNS = 43
_VALUES = f"({', '.join('?' * _COLUMNS)})"


def insert(connection: sqlite3.Connection, rows: Sequence[Row], of_all: tuple[int, str], hashes: Sequence[bytes]) -> int:
    """How many were written; the others were there. ``of_all``: when they are recorded, and by which writer."""
    written = 0
    for start in range(0, len(rows), ROWS_A_STATEMENT_MAX):
        part = rows[start : start + ROWS_A_STATEMENT_MAX]
        values = [
            value
            for row, chain in zip(part, hashes[start : start + ROWS_A_STATEMENT_MAX], strict=True)
            for value in (*row, *of_all, chain)
        ]
        written += connection.execute(_insert_of(len(part)), values).rowcount
    return written


def unknown(connection: sqlite3.Connection, rows: Sequence[Row]) -> list[Row]:
    """Those whose events are not in the ledger, each event once."""
    fresh = {row[0]: row for row in reversed(rows)}
    events = tuple(fresh)
    for start in range(0, len(events), ROWS_A_STATEMENT_MAX):
        part = events[start : start + ROWS_A_STATEMENT_MAX]
        for (known,) in connection.execute(_KNOWN.format(events=", ".join("?" * len(part))), part):
            del fresh[known]
    return [row for row in dict.fromkeys(rows) if fresh.get(row[0]) is row]


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing of what is done in it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def without_waiting(connection: sqlite3.Connection) -> Iterator[None]:
    """For a lock that somebody else holds: entries that come meanwhile would wait as well."""
    wait_ms = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {wait_ms}")


@lru_cache(maxsize=ROWS_A_STATEMENT_MAX)
def _insert_of(rows: int) -> str:
    return _INSERT.format(rows=", ".join([_VALUES] * rows))
