"""Keeps sums of whole days beside the entries of a ledger file."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path

from gateway.ports import LedgerUnavailable
from gateway.stores.ledger.rollup import FRESH, NEXT, bounds_of, due_day, summing
from gateway.stores.ledger.sqlite.failure import failure_text
from gateway.stores.statements import statement

_SUMS, _INSERT = summing(statement("spend")), statement("rollup_insert")
_FORGET = "DELETE FROM rollup WHERE watch IN (SELECT watch FROM rolled_day WHERE day = ?)"
_WATCH = """
INSERT INTO rolled_day (day, watch) VALUES (?, (SELECT coalesce(max(watch), 0) + 1 FROM rolled_day))
ON CONFLICT (day) DO UPDATE SET watch = excluded.watch, kept = 0, stale = 0
RETURNING watch
"""
_KEEP = "UPDATE rolled_day SET kept = 1 WHERE watch = ?"
_LOCK_WAIT_S_MAX = 5.0


class SqliteRollups:
    """Implements ``ports.Rollups``. Bookings wait only while a day is marked and while its few sums are written."""

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        self._path, self._clock = path.resolve(), clock

    def roll_up_a_day(self) -> bool:
        """See ``ports.Rollups``; raises ``LedgerUnavailable``."""
        try:
            with closing(sqlite3.connect(self._path, timeout=_LOCK_WAIT_S_MAX, isolation_level=None)) as connection:
                connection.row_factory = sqlite3.Row
                day = due_day(connection.execute(FRESH), partial(_next_begun, connection), self._clock())
                if day is None:
                    return False
                with connection:
                    connection.execute("BEGIN IMMEDIATE")
                    connection.execute(_FORGET, (day,))
                    [(watch,)] = connection.execute(_WATCH, (day,)).fetchall()
                rows = [{"watch": watch, **dict(row)} for row in connection.execute(_SUMS, bounds_of(day))]
                with connection:
                    connection.execute("BEGIN IMMEDIATE")
                    connection.executemany(_INSERT, rows)
                    connection.execute(_KEEP, (watch,))
                return True
        except sqlite3.Error as error:
            raise LedgerUnavailable(failure_text(self._path, "written", error)) from error


def _next_begun(connection: sqlite3.Connection, after: int) -> int | None:
    [(begun_at,)] = connection.execute(NEXT, {"after": after}).fetchall()
    return None if begun_at is None else int(begun_at)
