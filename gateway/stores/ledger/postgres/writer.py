"""One gateway as a writer of the ledger in PostgreSQL: its connection, the lock that shows it alive, its chain."""

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime

import psycopg

from gateway.core.ledger.chain import seed
from gateway.core.ledger.entry import expired
from gateway.ports import EntryRefused, LedgerUnavailable
from gateway.stores.ledger.chain import Sign, Tip
from gateway.stores.ledger.group_writer import Refusal
from gateway.stores.ledger.postgres.chain import root_the_dead, tip_of, write_root
from gateway.stores.ledger.postgres.connection import Connection, check_version, connect, failure_text, place_of, the_row
from gateway.stores.ledger.rows import Row, entry_of, microseconds_of, row_of
from gateway.stores.statements import postgres_statement

_INSERT, _ORPHANS = postgres_statement("insert"), postgres_statement("orphans")
_ANY_ORPHAN = f"{_ORPHANS} LIMIT 1"
_INSERT_AGAIN = f"{_INSERT} ON CONFLICT (event_id, begun_at) DO NOTHING"
_KNOWN = "SELECT event_id FROM entry WHERE event_id = ANY(%s) AND begun_at = ANY(%s)"
_EVENT, _BEGUN_AT = 0, 20
_REGISTER = "INSERT INTO writer (writer, lock_key, started_at) VALUES (%s, %s, %s)"
_TRY_LOCK = "SELECT pg_try_advisory_lock(%s) AS locked"
_LOCK = "SELECT pg_advisory_lock(%s)"
# A connection that is lost on one side only still holds the lock, and may still write: it ends first.
_END_FORMER = """
SELECT pg_terminate_backend(pid, 5000)
FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND pid <> pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid::bigint = (%(key)s::bigint >> 32) & 4294967295 AND objid::bigint = %(key)s::bigint & 4294967295
"""
# Not off: an entry is durable when its caller goes on.
_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
_STATEMENT_MAX = "SET statement_timeout = '10s'"
_SERVER_AGE = "SELECT extract(epoch FROM now() - pg_postmaster_start_time())::float AS s"
_MAKE_MONTHS = "SELECT make_months(3)"
# A server that has just begun holds no locks until the gateways have come back: each looks every two seconds.
RETURN_S = 5.0
_REFUSED = (psycopg.IntegrityError, psycopg.DataError, UnicodeEncodeError)
_RACES_MAX = 3
# No room, or no right: that the database answers does not show that it is over.
_UNWRITABLE = ("53", "42")


class LedgerWriter:
    """Everything here blocks, and one thread at a time may call it. Only ``commit`` and ``alive`` do not raise.

    ``name`` is new in each process. It is also the key of an advisory lock that the writing session holds: while it does, what
    this writer has open is left alone.
    """

    def __init__(self, url: str, clock: Callable[[], datetime], sign: Sign) -> None:
        self._url, self._clock, self._sign = url, clock, sign
        self._key = secrets.randbits(62)
        self.name = f"{self._key:016x}"
        self._tip = Tip(seed(self.name))
        self._months_made_on: date | None = None
        # Rows that found no room or no right: they show whether that is over.
        self._refused: Sequence[Row] = ()
        self._connection: Connection | None = None

    def begin(self) -> None:
        """Connect for the first time; raises ``LedgerUnavailable`` or ``psycopg.Error``."""
        connection = self._connect()
        connection.execute(_REGISTER, (self.name, self._key, microseconds_of(self._clock())))
        self._make_months(connection)
        with suppress(psycopg.errors.LockNotAvailable):
            root_the_dead(connection, self._sign, microseconds_of(self._clock()))

    def end(self) -> None:
        """Put a root over what was written, and let go of the lock."""
        if self._connection is None:
            return
        with suppress(psycopg.Error):
            self._tip = write_root(self._connection, self.name, self._tip, self._sign, microseconds_of(self._clock()))
        self._drop()

    def commit(self, batches: Sequence[Sequence[Row]]) -> Sequence[Refusal]:
        """All in one transaction; why each was refused. A lost connection is made anew, once."""
        try:
            try:
                refusals = self._written(batches)
            except psycopg.Error:
                if self._connection is not None and not self._connection.broken:
                    raise
                self._drop()
                refusals = self._written(batches)
        except LedgerUnavailable as unavailable:
            return [unavailable] * len(batches)
        except psycopg.Error as error:
            self._drop()
            self._refused = batches[0] if (error.sqlstate or "").startswith(_UNWRITABLE) else ()
            return [LedgerUnavailable(failure_text(self._url, "written", error))] * len(batches)
        self._refused = ()
        return refusals

    def alive(self) -> Refusal:
        """Why nothing could be written now: what was refused is written again, and taken back."""
        try:
            connection = self._connection or self._connect()
            if not self._refused:
                connection.execute("SELECT 1")
                return None
            with suppress(*_REFUSED), connection.transaction() as trial:
                recorded_at = microseconds_of(self._clock())
                _, hashes = self._tip.extended(self._refused, recorded_at)
                connection.execute(_INSERT_AGAIN, self._columns(self._refused, recorded_at, hashes))
                raise psycopg.Rollback(trial)
        except LedgerUnavailable as unavailable:
            return unavailable
        except psycopg.Error as error:
            self._drop()
            return LedgerUnavailable(failure_text(self._url, "written", error))
        self._refused = ()
        return None

    def expiries(self) -> list[Row]:
        """What closes the reserves whose writers live no more; waits while a server that has just begun waits for them."""
        connection = self._connection or self._connect()
        while not (found := orphans(connection, self._clock())) and connection.execute(_ANY_ORPHAN).fetchone() is not None:
            time.sleep(RETURN_S / 10)
        return found

    def _connect(self) -> Connection:
        connection = connect(self._url, primary=True)
        try:
            check_version(connection, self._url)
            connection.execute(_STATEMENT_MAX)
            connection.execute(_DURABLE)
            if not the_row(connection, _TRY_LOCK, (self._key,))["locked"]:
                connection.execute(_END_FORMER, {"key": self._key})
                connection.execute(_LOCK, (self._key,))
            # The last commit may have been made although nobody was told.
            self._tip = tip_of(connection, self.name)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _follow_the_day(self, connection: Connection) -> None:
        today = self._clock().date()
        if self._tip.day is not None and self._tip.day != today:
            # One that waits for its turn must not keep bookings waiting: the next root covers these rows too.
            with suppress(psycopg.errors.LockNotAvailable):
                self._tip = write_root(connection, self.name, self._tip, self._sign, microseconds_of(self._clock()))
        if self._months_made_on != today:
            self._make_months(connection)

    def _make_months(self, connection: Connection) -> None:
        """Where it may. Otherwise, what has no month of its own goes to the rest, and `gateway ledger migrate` makes them."""
        self._months_made_on = self._clock().date()
        with suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.LockNotAvailable), connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '1s'")
            connection.execute(_MAKE_MONTHS)

    def _written(self, batches: Sequence[Sequence[Row]]) -> Sequence[Refusal]:
        """As one statement, and so one round trip; batch by batch where that is refused, which is rare."""
        connection = self._connection or self._connect()
        self._follow_the_day(connection)
        rows = [row for batch in batches for row in batch]
        if not rows:
            return [None] * len(batches)
        recorded_at = microseconds_of(self._clock())
        tip, hashes = self._tip.extended(rows, recorded_at)
        try:
            connection.execute(_INSERT, self._columns(rows, recorded_at, hashes))
        except _REFUSED:
            return self._written_one_by_one(connection, batches, recorded_at)
        self._tip = tip
        return [None] * len(batches)

    def _written_one_by_one(
        self, connection: Connection, batches: Sequence[Sequence[Row]], recorded_at: int
    ) -> Sequence[Refusal]:
        """In one transaction, with a way back before each batch: a refused one leaves nothing behind."""
        refusals: list[Refusal] = []
        tip = self._tip
        with connection.transaction():
            for batch in batches:
                try:
                    with connection.transaction():
                        extended = self._insert(connection, batch, tip, recorded_at)
                except _REFUSED as error:
                    refusals.append(self._refusal(batch, error))
                else:
                    tip = extended
                    refusals.append(None)
        self._tip = tip
        return refusals

    def _insert(self, connection: Connection, batch: Sequence[Row], tip: Tip, recorded_at: int) -> Tip:
        """What is not there yet, each event once. Another writer may be first between the look and the write: look again."""
        for _ in range(_RACES_MAX):
            known = connection.execute(_KNOWN, ([row[_EVENT] for row in batch], [row[_BEGUN_AT] for row in batch])).fetchall()
            there = {row["event_id"] for row in known}
            fresh = list({row[_EVENT]: row for row in reversed(batch) if row[_EVENT] not in there}.values())[::-1]
            if not fresh:
                return tip
            extended, hashes = tip.extended(fresh, recorded_at)
            with connection.transaction() as attempt:
                written = connection.execute(_INSERT_AGAIN, self._columns(fresh, recorded_at, hashes)).rowcount
                if written == len(fresh):
                    return extended
                raise psycopg.Rollback(attempt)
        raise psycopg.IntegrityError("other gateways write the same entries")

    def _columns(self, rows: Sequence[Row], recorded_at: int, hashes: Sequence[bytes]) -> list[list[object]]:
        count = len(rows)
        return [*map(list, zip(*rows, strict=True)), [recorded_at] * count, [self.name] * count, list(hashes)]

    def _refusal(self, batch: Sequence[Row], error: Exception) -> EntryRefused:
        said = error.diag.message_primary if isinstance(error, psycopg.Error) else None
        events = ", ".join(str(row[_EVENT]) for row in batch)
        return EntryRefused(
            f"The ledger in {place_of(self._url)} refuses {events}: {said or error}. "
            "What it holds is unchanged; look the request up in it and report the defect."
        )


def orphans(connection: Connection, now: datetime) -> list[Row]:
    """What closes the reserves whose writers live no more; nothing while a server that has just begun waits for its gateways."""
    found = connection.execute(_ORPHANS).fetchall()
    if found and the_row(connection, _SERVER_AGE)["s"] < RETURN_S:
        return []
    return [row_of(expired(entry_of(row), now)) for row in found]
