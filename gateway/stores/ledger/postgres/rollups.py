"""Keeps sums of whole days beside the entries of a ledger in PostgreSQL; of several gateways, one at a time."""

from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import partial

import psycopg

from gateway.ports import LedgerUnavailable
from gateway.stores.ledger.postgres.connection import Connection, check_version, connect, failure_text, the_row
from gateway.stores.ledger.rollup import FRESH, NEXT, bounds_of, due_day, summing
from gateway.stores.statements import native, postgres_statement

_SUMS, _INSERT = summing(postgres_statement("spend")), postgres_statement("rollup_insert")
_NEXT = native(NEXT)
_ALONE = "SELECT pg_try_advisory_lock(hashtext('image-gateway rollups')) AS alone"


class PostgresRollups:
    """Implements ``ports.Rollups``. Bookings wait only while a day is marked."""

    def __init__(self, url: str, clock: Callable[[], datetime]) -> None:
        self._url, self._clock = url, clock

    def roll_up_a_day(self) -> bool:
        """See ``ports.Rollups``; raises ``LedgerUnavailable``."""
        try:
            with closing(connect(self._url, primary=True)) as connection:
                check_version(connection, self._url)
                if not the_row(connection, _ALONE)["alone"]:
                    return False
                day = due_day(connection.execute(FRESH), partial(_next_begun, connection), self._clock())
                if day is None:
                    return False
                watch = the_row(connection, "SELECT watch_day(%s) AS watch", (day,))["watch"]
                rows = [{"watch": watch, **row} for row in connection.execute(_SUMS, bounds_of(day))]
                with connection.transaction(), connection.cursor() as cursor:
                    cursor.executemany(_INSERT, rows)
                    cursor.execute("SELECT keep_day(%s)", (watch,))
                return True
        except psycopg.Error as error:
            raise LedgerUnavailable(failure_text(self._url, "written", error)) from error


def _next_begun(connection: Connection, after: int) -> int | None:
    begun_at = the_row(connection, _NEXT, {"after": after})["begun_at"]
    return None if begun_at is None else int(begun_at)
