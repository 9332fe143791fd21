"""Evidence in a SQLite file of its own, bounded by days and requests: written beside them, lost rather than in the way."""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from gateway.core.evidence.bundle import Evidence
from gateway.private import private_database, private_folder
from gateway.stores.evidence_failure import damaged, failure_text
from gateway.stores.evidence_file import LOCK_WAIT_S_MAX, EvidenceFile, since_of
from gateway.stores.ledger.rows import microseconds_of
from gateway.stores.same_files import Inode, inodes
from gateway.stores.statements import statement

# Requests gather for so long before they are written together, and no more of them than this.
GATHER_S = 0.25
GATHERED_MAX = 2_000
# How often what has grown too old is deleted while nothing new comes.
PRUNE_EVERY_S = 600.0
VERSION = 1
_CREATE = f"BEGIN IMMEDIATE;\n{statement('evidence_schema')}\nPRAGMA user_version = {VERSION};\nCOMMIT;"
_INSERT = "INSERT OR IGNORE INTO evidence (request_id, at, app, status, document) VALUES (?, ?, ?, ?, ?)"
_TOO_OLD = "DELETE FROM evidence WHERE at < ?"
_BY_APP = "SELECT app, count(*) FROM evidence GROUP BY app"
_OLDEST_OF = "DELETE FROM evidence WHERE number IN (SELECT number FROM evidence WHERE app = ? ORDER BY number LIMIT ?)"
_ENCODER = msgspec.json.Encoder()
_log = structlog.get_logger("gateway.evidence")
_Row = tuple[str, int, str, int, bytes]


class SqliteEvidence:
    """Implements ``ports.EvidenceStore``. ``lost`` is told how many could not be kept.

    A damaged file is set aside, as ``<name>.damaged``, and another one begun.
    """

    def __init__(
        self, path: Path, days_max: int, requests_max: int, *, lost: Callable[[int], None], clock: Callable[[], datetime]
    ) -> None:
        self._path, self._days_max, self._requests_max = path.resolve(), days_max, requests_max
        self._lost, self._clock = lost, clock
        self._gathered: deque[Callable[[], Evidence]] = deque()
        self._some, self._writing = threading.Event(), threading.Lock()
        self._stopping = threading.Event()
        self._connection: sqlite3.Connection | None = None
        self._inodes: tuple[Inode, ...] = ()
        self._thread = threading.Thread(target=self._run, name="evidence-writer", daemon=True)
        self.failing = False

    def open(self) -> None:
        """Begin to write; what is wrong with the file is logged, and what cannot be kept is lost."""
        self._write([])
        self._thread.start()

    def put(self, make: Callable[[], Evidence]) -> None:
        """See ``ports.EvidenceStore``."""
        if len(self._gathered) >= GATHERED_MAX:
            self._lost(1)
            return
        self._gathered.append(make)
        if not self._some.is_set():
            self._some.set()

    def find(self, request_id: str) -> Evidence | None:
        """See ``ports.EvidenceStore``. What has gathered is written before."""
        if self._gathered:
            self.flush()
        return EvidenceFile(self._path, self._days_max, self._clock).find(request_id)

    def flush(self) -> None:
        """Write what has gathered, after whatever is being written."""
        with self._writing:
            rows: list[_Row] = []
            while self._gathered:
                row = self._made(self._gathered.popleft())
                if row is not None:
                    rows.append(row)
            self._write(rows)

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._stopping.set()
        self._some.set()
        if self._thread.is_alive():
            self._thread.join()
            self.flush()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._some.wait(PRUNE_EVERY_S)
            self._stopping.wait(GATHER_S)
            self._some.clear()
            self.flush()

    def _made(self, make: Callable[[], Evidence]) -> _Row | None:
        try:
            evidence = make()
            asked, ended = evidence.asked, evidence.ended
            document = _ENCODER.encode(evidence)
        except Exception as error:  # one request's own fault, whatever it is, must not cost the others theirs
            _log.exception("evidence cannot be made", exc_info=error)
            self._lost(1)
            return None
        return (
            evidence.request_id,
            microseconds_of(evidence.at),
            "" if asked is None else asked.app,
            0 if ended is None else ended.status,
            document,
        )

    def _write(self, rows: list[_Row]) -> None:
        """All of the rows, and away with what is too old or too much; where that fails, they are lost."""
        try:
            try:
                self._commit(rows)
            except sqlite3.DatabaseError as error:
                if not damaged(error):
                    raise
                self._set_aside(error)
                self._commit(rows)
        except (OSError, sqlite3.Error) as error:
            self._drop_connection()
            self._lost(len(rows))
            if not self.failing:
                _log.warning("evidence is not kept", reason=failure_text(self._path, "written", error))
            self.failing = True
        else:
            self.failing = False

    def _commit(self, rows: list[_Row]) -> None:
        if self._connection is not None and self._inodes != inodes(self._path):
            self._drop_connection()  # somebody has deleted or replaced some of it
        if self._connection is None:
            self._connection, self._inodes = _opened(self._path), inodes(self._path)
        connection = self._connection
        since = microseconds_of(since_of(self._clock(), self._days_max))
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(_INSERT, rows)
            connection.execute(_TOO_OLD, (since,))
            self._make_room(connection)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """Away with the oldest of whichever app has most, until all fit: none pushes out what is kept of the others."""
        kept = dict(connection.execute(_BY_APP).fetchall())
        for app, count in surplus(kept, self._requests_max).items():
            connection.execute(_OLDEST_OF, (app, count))

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _set_aside(self, error: sqlite3.Error) -> None:
        self._drop_connection()
        aside = self._path.with_name(self._path.name + ".damaged")
        _log.warning("the file of evidence is damaged; another one is begun", path=str(aside), reason=str(error))
        self._path.replace(aside)
        for ending in ("-wal", "-shm"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)


def surplus(kept: Mapping[str, int], most: int) -> dict[str, int]:
    """How many of each app's are too many, so that ``most`` are left in all and no app has lost any to one that has more."""
    if sum(kept.values()) <= most:
        return {}
    level, left, apps = most, most, len(kept)
    for count in sorted(kept.values()):
        level = left // apps
        if count > level:
            break
        left, apps = left - count, apps - 1
    return {app: count - level for app, count in kept.items() if count > level}


def _opened(path: Path) -> sqlite3.Connection:
    """With its table; readable by its owner only."""
    private_folder(path.parent)
    private_database(path)
    connection = sqlite3.connect(path, timeout=LOCK_WAIT_S_MAX, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.executescript(_CREATE)
    elif version != VERSION:
        raise OSError(0, f"it was written by another version of the gateway ({version}; this one knows {VERSION})")
    connection.execute("CREATE INDEX IF NOT EXISTS evidence_by_app ON evidence (app)")  # files of before have none
