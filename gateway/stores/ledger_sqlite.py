"""The ledger in one SQLite file: the embedded default, written by one gateway and read by anybody."""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from gateway.core.diagnosis import Outcome, Owner
from gateway.core.ledger import Entry, Kind
from gateway.ports import LedgerUnavailable
from gateway.stores.group_writer import Batch, GroupWriter
from gateway.stores.ledger_failure import failure_text, folder_text
from gateway.stores.ledger_lock import LedgerLock
from gateway.stores.ledger_rows import Row, entry_of, microseconds_of, row_of
from gateway.stores.ledger_schema import prepare
from gateway.stores.statements import statement

_INSERT, _ORPHANS = statement("insert"), statement("orphans")
_COLUMNS = 41
_VALUES = f"({', '.join('?' * _COLUMNS)})"
# One statement for many rows: Python gives up its global lock at every step of a statement and, beside a busy event loop,
# waits up to 5 ms to get it back. Each number of rows is a statement of its own, of about 3 kB a row, that SQLite keeps.
_ROWS_A_STATEMENT_MAX = 16


class SqliteLedger:
    """Implements ``ports.Ledger``: entries of concurrent callers are committed together, by one thread.

    ``synchronous``: with ``full`` an entry survives a loss of power, with ``normal`` the death of the process only.
    ``queue_batches_max`` appends may wait, about 1 kB an entry; beyond that ``append`` fails at once instead of piling up.
    ``lock_wait_s_max`` is how long a foreign program's lock on the file is waited for.
    """

    def __init__(
        self,
        path: Path,
        synchronous: Literal["full", "normal"],
        clock: Callable[[], datetime],
        *,
        queue_batches_max: int = 10_000,
        lock_wait_s_max: float = 5.0,
    ) -> None:
        self._path, self._synchronous, self._clock = path.resolve(), synchronous, clock
        self._queue_batches_max, self._lock_wait_s_max = queue_batches_max, lock_wait_s_max
        self._lock = LedgerLock(self._path)
        self._connection: sqlite3.Connection | None = None
        self._writer: GroupWriter | None = None

    def open(self) -> int:
        """Make the file ready and start to write; raises ``LedgerUnavailable``.

        Reserves that a dead process left open get an ``expire`` entry at their estimate, since they may have been billed.
        Returns how many.
        """
        with ExitStack() as undo:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                undo.callback(self._lock.release)
                self._lock.acquire()
                connection = self._connect()
                undo.callback(connection.close)
                prepare(connection, self._path)
                expired = self._expire_orphans(connection)
            except OSError as error:
                raise LedgerUnavailable(folder_text(self._path, error)) from error
            except sqlite3.Error as error:
                raise LedgerUnavailable(failure_text(self._path, "opened", error)) from error
            undo.pop_all()
        self._connection = connection
        self._writer = GroupWriter(lambda group: self._commit(connection, group), self._queue_batches_max)
        self._writer.start()
        return expired

    def append(self, *entries: Entry) -> Awaitable[None]:
        """Queue the entries, all or none of them; see ``ports.Ledger``."""
        if self._writer is None:
            raise LedgerUnavailable(f"The ledger {self._path} is not open. Start the gateway again.")
        try:
            rows = tuple(row_of(entry) for entry in entries)
        except ValueError as error:
            events = ", ".join(entry.event_id for entry in entries)
            raise LedgerUnavailable(
                f"The ledger {self._path} cannot book {events}: {error}. Check the contract's price list."
            ) from error
        # An entry that closes an attempt is never turned away: there is at most one for each reserve that found room.
        return self._writer.write(rows, bounded=any(entry.kind is Kind.RESERVE for entry in entries))

    @property
    def lag_s(self) -> float:
        """Age in seconds of the oldest entry that waits to be written; 0 when none waits."""
        return 0.0 if self._writer is None else self._writer.lag_s

    @property
    def failing(self) -> bool:
        """Whether the latest write was refused; true until one succeeds."""
        return self._writer is not None and self._writer.failing

    def close(self) -> None:
        """Write what waits, fold the write-ahead log into the file, let the next gateway in. Blocks; may be called twice."""
        connection, self._connection = self._connection, None
        if connection is None or self._writer is None:
            return
        self._writer.stop()
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error:
            # Nothing is lost: the log is folded in when the file is opened next.
            pass
        finally:
            connection.close()
            self._lock.release()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=self._lock_wait_s_max,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=2 * _ROWS_A_STATEMENT_MAX,
        )
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _expire_orphans(self, connection: sqlite3.Connection) -> int:
        now = self._clock()
        orphans = [
            replace(
                entry_of(row), kind=Kind.EXPIRE, occurred_at=now, images=0, outcome=Outcome.AMBIGUOUS, owner=Owner.GATEWAY.value
            )
            for row in connection.execute(_ORPHANS)
        ]
        self._insert(connection, [row_of(orphan) for orphan in orphans])
        return len(orphans)

    def _commit(self, connection: sqlite3.Connection, group: Sequence[Batch]) -> Sequence[str | None]:
        """One transaction a group. Where one entry is refused, the others are still written."""
        try:
            try:
                self._insert(connection, [row for batch in group for row in batch.rows])
            except sqlite3.IntegrityError:
                if connection.in_transaction:
                    connection.rollback()
                return self._commit_one_by_one(connection, group)
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.rollback()
            return [failure_text(self._path, "written", error)] * len(group)
        return [None] * len(group)

    def _commit_one_by_one(self, connection: sqlite3.Connection, group: Sequence[Batch]) -> Sequence[str | None]:
        """A statement a batch, in one transaction: a refused statement leaves nothing behind and the transaction intact."""
        refusals: list[str | None] = []
        connection.execute("BEGIN IMMEDIATE")
        for batch in group:
            try:
                self._insert(connection, batch.rows)
            except sqlite3.IntegrityError as error:
                events = ", ".join(str(row[0]) for row in batch.rows)
                refusals.append(
                    f"The ledger {self._path} refuses {events}: {error}. "
                    "What it holds is unchanged; look the request up in it and report the defect."
                )
            else:
                refusals.append(None)
        connection.execute("COMMIT")
        return refusals

    def _insert(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
        """All or none of the rows."""
        recorded_at = microseconds_of(self._clock())
        parts = [rows[start : start + _ROWS_A_STATEMENT_MAX] for start in range(0, len(rows), _ROWS_A_STATEMENT_MAX)]
        transaction = len(parts) > 1 and not connection.in_transaction
        if transaction:
            connection.execute("BEGIN IMMEDIATE")
        for part in parts:
            values = [value for row in part for value in (*row, recorded_at)]
            connection.execute(_insert_of(len(part)), values)
        if transaction:
            connection.execute("COMMIT")


@lru_cache(maxsize=_ROWS_A_STATEMENT_MAX)
def _insert_of(rows: int) -> str:
    return _INSERT.format(rows=", ".join([_VALUES] * rows))
