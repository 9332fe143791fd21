"""The ledger in one SQLite file: the embedded default, written by one gateway and read by anybody."""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

import structlog

from gateway.core.ledger.entry import Entry, Kind, expired
from gateway.ports import EntryRefused, LedgerUnavailable
from gateway.private import private_database, private_folder
from gateway.stores.ledger.chain import Sign, Tip, tip_of, unsigned, write_root
from gateway.stores.ledger.group_writer import GroupWriter, Recover, Refusal
from gateway.stores.ledger.rows import Row, entry_of, microseconds_of, moment_of, row_of, rows_of
from gateway.stores.ledger.sqlite.failure import failure_text, folder_text
from gateway.stores.ledger.sqlite.files import LedgerFiles, LogLost
from gateway.stores.ledger.sqlite.insert import ROWS_A_STATEMENT_MAX, insert, transaction, unknown, without_waiting
from gateway.stores.ledger.sqlite.schema import VERSION, check_version, prepare
from gateway.stores.statements import statement

_ORPHANS = statement("orphans")
# A file has one writer at a time, and one chain.
_WRITER = "gateway"
_log = structlog.get_logger("gateway.ledger")


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
        sign: Sign = unsigned,
        queue_batches_max: int = 10_000,
        lock_wait_s_max: float = 5.0,
    ) -> None:
        self._path, self._synchronous, self._clock = path.resolve(), synchronous, clock
        self._sign, self._queue_batches_max, self._lock_wait_s_max = sign, queue_batches_max, lock_wait_s_max
        self._tip = Tip(b"")
        self._files = LedgerFiles(self._path)
        # Rows that were refused: they show whether what kept them out is over.
        self._refused: Sequence[Row] = ()
        self._connection: sqlite3.Connection | None = None
        self._writer: GroupWriter[Row] | None = None

    def open(self, recover: Recover | None = None) -> int:
        """Make the file ready and start to write; raises ``LedgerUnavailable``.

        Reserves that a dead process left open get an ``expire`` entry at their estimate, since they may have been billed.
        Returns how many. Before that, ``recover`` may write what a former process has left elsewhere.
        """
        with ExitStack() as undo:
            try:
                private_folder(self._path.parent)
                undo.callback(self._files.release)
                self._files.claim()
                private_database(self._path)
                connection = self._connection = self._connect()
                undo.callback(self._drop)
                prepare(connection, self._path)
                self._tip = tip_of(connection, _WRITER)
                self._files.opened()
                self._write_root(connection)
                if recover is not None:
                    recover(lambda entries: self._commit([rows_of((it,), str(self._path)) for it in entries]))
                expired = self._expire_orphans(connection)
            except OSError as error:
                raise LedgerUnavailable(folder_text(self._path, error)) from error
            except sqlite3.Error as error:
                raise LedgerUnavailable(failure_text(self._path, "opened", error)) from error
            undo.pop_all()
        self._writer = GroupWriter(
            lambda group: self._commit([batch.rows for batch in group]), self._queue_batches_max, self._trial
        )
        self._writer.start()
        return expired

    def append(self, *entries: Entry, spool: bool = False) -> Awaitable[None]:
        """Queue the entries, all or none of them; see ``ports.Ledger``."""
        if self._writer is None:
            raise LedgerUnavailable(f"The ledger {self._path} is not open. Start the gateway again.")
        rows = rows_of(entries, str(self._path))
        # An entry that closes an attempt is never turned away: there is at most one for each reserve that found room.
        return self._writer.write(rows, bounded=any(entry.kind is Kind.RESERVE for entry in entries))

    async def expire_orphans(self) -> int:
        """None: a file has one gateway, and what another one has left open is closed when it is opened."""
        return 0

    @property
    def lag_s(self) -> float:
        """Age in seconds of the oldest entry that waits to be written; 0 when none waits."""
        return 0.0 if self._writer is None else self._writer.lag_s

    @property
    def failing(self) -> bool:
        """Whether the latest write was refused, or the files are gone; true until a write would succeed."""
        return self._writer is not None and self._writer.failing

    def close(self) -> None:
        """Write what waits, fold the write-ahead log into the file, let the next gateway in. Blocks; may be called twice."""
        if self._writer is None:
            return
        self._writer.stop()
        try:
            if self._connection is not None:
                self._write_root(self._connection)
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error:
            # Nothing is lost: the log is folded in when the file is opened next.
            pass
        finally:
            self._drop()
            self._files.release()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=self._lock_wait_s_max,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=2 * ROWS_A_STATEMENT_MAX,
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
        orphans = [expired(entry_of(row), now) for row in connection.execute(_ORPHANS)]
        with transaction(connection):
            tip = self._insert(connection, [row_of(orphan) for orphan in orphans], self._tip)
        self._tip = tip
        return len(orphans)

    def _write_root(self, connection: sqlite3.Connection) -> None:
        self._tip = write_root(connection, _WRITER, self._tip, self._sign, microseconds_of(self._clock()))

    def _commit(self, group: Sequence[Sequence[Row]]) -> Sequence[Refusal]:
        """One transaction a group. Where one entry is refused, the others are still written."""
        try:
            connection = self._usable()
            try:
                with transaction(connection):
                    tip = self._insert(connection, [row for rows in group for row in rows], self._tip)
            except sqlite3.IntegrityError:
                return self._commit_one_by_one(connection, group)
        except LedgerUnavailable as unavailable:
            return [unavailable] * len(group)
        except sqlite3.Error as error:
            self._refused = [row for rows in group for row in rows][:ROWS_A_STATEMENT_MAX]
            return [LedgerUnavailable(failure_text(self._path, "written", error))] * len(group)
        self._tip, self._refused = tip, ()
        return [None] * len(group)

    def _trial(self) -> Refusal:
        """Why nothing could be written now. What was refused is written again, synced to the disk, and taken back."""
        try:
            connection = self._usable()
            if self._refused:
                with without_waiting(connection), transaction(connection):
                    connection.execute("SAVEPOINT trial")
                    with suppress(sqlite3.IntegrityError):
                        self._insert(connection, self._refused, self._tip)
                    # The pages that were changed are written nevertheless, and the first page where none was.
                    connection.execute("ROLLBACK TO trial")
                    connection.execute(f"PRAGMA user_version = {VERSION}")
        except LedgerUnavailable as unavailable:
            return unavailable
        except sqlite3.Error as error:
            return LedgerUnavailable(failure_text(self._path, "written", error))
        self._refused = ()
        return None

    def _usable(self) -> sqlite3.Connection:
        """The connection to the files that stand at the path; raises ``LedgerUnavailable`` or ``sqlite3.Error``."""
        try:
            claimed = self._files.check()
        except LogLost as lost:
            connection = self._opened_again(lost)
        else:
            connection = self._connection or self._connect()
            if not claimed:
                return connection
        # Another gateway may have written.
        self._tip = tip_of(connection, _WRITER)
        return connection

    def _opened_again(self, lost: LogLost) -> sqlite3.Connection:
        """With another log: this connection still has the one that was lost, and writes what it holds into the ledger."""
        if self._connection is not None:
            if self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                raise lost
            self._drop()
        self._connection = self._connect()
        check_version(self._connection, self._path)
        self._files.opened()
        _log.warning("ledger log", problem=str(lost))
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _commit_one_by_one(self, connection: sqlite3.Connection, group: Sequence[Sequence[Row]]) -> Sequence[Refusal]:
        """In one transaction, with a way back before each batch: a refused one leaves nothing behind."""
        refusals: list[Refusal] = []
        tip = self._tip
        with transaction(connection):
            for rows in group:
                connection.execute("SAVEPOINT batch")
                try:
                    tip = self._insert(connection, rows, tip)
                except sqlite3.IntegrityError as error:
                    connection.execute("ROLLBACK TO batch")
                    events = ", ".join(str(row[0]) for row in rows)
                    text = f"The ledger {self._path} refuses {events}: {error}. What it holds is unchanged"
                    refusals.append(EntryRefused(f"{text}; look the request up in it and report the defect."))
                else:
                    refusals.append(None)
        self._tip = tip
        return refusals

    def _insert(self, connection: sqlite3.Connection, rows: Sequence[Row], tip: Tip) -> Tip:
        """All or none of the rows, within a transaction; the end of the chain once it is committed."""
        recorded_at = microseconds_of(self._clock())
        if tip.day is not None and tip.day != moment_of(recorded_at).date():
            tip = write_root(connection, _WRITER, tip, self._sign, recorded_at)
        connection.execute("SAVEPOINT rows")
        extended, hashes = tip.extended(rows, recorded_at)
        if insert(connection, rows, (recorded_at, _WRITER), hashes) == len(rows):
            return extended
        # Some were written before, and their hashes must not be in the chain a second time.
        connection.execute("ROLLBACK TO rows")
        fresh = unknown(connection, rows)
        extended, hashes = tip.extended(fresh, recorded_at)
        insert(connection, fresh, (recorded_at, _WRITER), hashes)
        return extended if fresh else tip
