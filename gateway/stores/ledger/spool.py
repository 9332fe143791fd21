"""Entries that wait in a file while the ledger cannot be written: durable, in their order, bounded."""

import fcntl
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock

import msgspec
import structlog

from gateway.core.ledger.entry import Entry, Kind, expired
from gateway.ports import EntryRefused, LedgerUnavailable
from gateway.private import private_file, private_folder
from gateway.stores.ledger.group_writer import Batch, GroupWriter, Refusal
from gateway.stores.ledger.rows import rows_of
from gateway.stores.same_files import inode

_READ_BYTES = 256 * 1024
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_log = structlog.get_logger("gateway.ledger")
_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Entry).decode


class LedgerSpool:
    """One JSON line an entry, written and synced before its caller goes on.

    What has been read stays in the file until all has been: reading an entry twice does no harm, because it is booked once. At
    most ``bytes_max`` wait; beyond that a reserve is refused, and what closes one never is. Where somebody removes the file, it
    is made anew with all that waits. Everything is called in the event loop's thread, or before there is a loop.
    """

    def __init__(self, path: Path, bytes_max: int) -> None:
        self._path, self._bytes_max = path, bytes_max
        self._aside = path.with_suffix(".refused.jsonl")
        self._file = -1
        # Held while the file is emptied, or replaced by one with the same lines.
        self._whole = Lock()
        self._writer: GroupWriter[bytes] | None = None
        # Where the lines that are durable end, and where those that were read.
        self._end = self._read = 0
        # So many bytes were handed in, and of so many is known what became of them.
        self._accepted = self._settled = 0
        self._written_lines = self._read_lines = 0
        self.refused = 0

    def open(self) -> None:
        """Make the file this process's own; raises ``LedgerUnavailable``. May be called again."""
        if self._writer is not None:
            return
        try:
            private_folder(self._path.parent)
            self._file = os.open(self._path, _FLAGS, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._forget_half_a_line()
        except BlockingIOError:
            self.close()
            raise LedgerUnavailable(
                f"The spool {self._path} is another gateway's. Start each gateway in a folder of its own."
            ) from None
        except OSError as error:
            self.close()
            raise LedgerUnavailable(f"The spool {self._path} cannot be opened: {error.strerror}. Free it.") from error
        self.refused = self._aside.read_bytes().count(b"\n") if self._aside.exists() else 0
        self._writer = GroupWriter(self._commit, queue_batches_max=10_000, idle=self._idle)
        self._writer.start()

    @property
    def there(self) -> bool:
        """Whether there is a file, be it this process's or left by another."""
        return self._path.exists()

    @property
    def busy(self) -> bool:
        """Whether entries wait in it, or are on their way into it."""
        return self._settled < self._accepted or self._read < self._end

    @property
    def waiting(self) -> int:
        """So many entries that are durable in it."""
        return self._written_lines - self._read_lines

    @property
    def room(self) -> bool:
        """Whether another reserve would find room."""
        return self._end + self._accepted - self._settled < self._bytes_max

    def write(self, entries: Sequence[Entry]) -> Awaitable[None]:
        """As ``ports.Ledger.append``; the call raises ``EntryRefused`` for what no ledger could book."""
        rows_of(entries, f"behind {self._path}")
        self.open()
        if self._writer is None:
            raise LedgerUnavailable(f"The spool {self._path} cannot be opened.")
        lines = tuple(_encode(entry) + b"\n" for entry in entries)
        reserves = any(entry.kind is Kind.RESERVE for entry in entries)
        if reserves and not self.room:
            raise LedgerUnavailable(
                f"The spool {self._path} is full: {self._bytes_max} bytes of entries wait for the ledger. "
                "Make the ledger work again, or raise ledger.spool_bytes_max."
            )
        written = self._writer.write(lines, bounded=reserves)
        self._accepted += sum(map(len, lines))
        return written

    def next_lines(self) -> list[tuple[Entry | None, bytes]]:
        """The next lines that wait, as entries; ``None`` for a line that is none. Empty where none waits."""
        data = os.pread(self._file, min(_READ_BYTES, self._end - self._read), self._read)
        return [(_entry(line), line + b"\n") for line in data.split(b"\n")[:-1]]

    def taken(self, line: bytes, refused: str = "") -> None:
        """The line of ``next_lines`` that comes first is in the ledger now, or is ``refused`` for that reason and set aside.

        Raises ``LedgerUnavailable`` where that cannot be written: the line is still the first then.
        """
        if refused:
            self._set_aside(line, refused)
        self._read += len(line)
        self._read_lines += 1
        if not self.busy:
            with self._whole:
                os.ftruncate(self._file, 0)
                self._end = self._read = 0

    def recover(self, write: Callable[[Sequence[Entry]], Sequence[Refusal]], now: datetime) -> None:
        """Hand ``write`` what a former process has left, and close what that left open; raises ``LedgerUnavailable``."""
        still_open: dict[tuple[str, int], Entry] = {}
        while lines := self.next_lines():
            entries = [entry for entry, _ in lines if entry is not None]
            refusals = iter(write(entries))
            for entry, line in lines:
                refusal = EntryRefused("it is not an entry") if entry is None else next(refusals)
                if refusal is not None and not isinstance(refusal, EntryRefused):
                    raise refusal
                if entry is not None and not (refusal and entry.kind is Kind.RESERVE):
                    _follow(still_open, entry)
                self.taken(line, "" if refusal is None else str(refusal))
        for refusal in write([expired(reserve, now) for reserve in still_open.values()]):
            if refusal is not None and not isinstance(refusal, EntryRefused):
                raise refusal

    def close(self) -> None:
        """What waits stays for the next process; may be called twice."""
        if self._writer is not None:
            self._writer.stop()
            self._writer = None
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _set_aside(self, line: bytes, why: str) -> None:
        kept = {"refused": why, "entry": msgspec.Raw(line.rstrip()) if _entry(line) else line.decode(errors="replace").rstrip()}
        try:
            private_file(self._aside)
            with self._aside.open("ab") as aside:
                aside.write(_encode(kept) + b"\n")
                aside.flush()
                os.fsync(aside.fileno())
        except OSError as error:
            raise LedgerUnavailable(f"{self._aside} cannot be written: {error.strerror}. Free space on its disk.") from error
        self.refused += 1

    def _commit(self, group: Sequence[Batch[bytes]]) -> Sequence[Refusal]:
        data = b"".join(line for batch in group for line in batch.rows)
        try:
            self._make_anew_if_gone()
            self._append(data)
        except OSError as error:
            return [self._unwritable(error)] * len(group)
        else:
            self._written_lines += data.count(b"\n")
            self._end += len(data)
            return [None] * len(group)
        finally:
            self._settled += len(data)

    def _idle(self) -> Refusal:
        try:
            self._make_anew_if_gone()
        except OSError as error:
            return self._unwritable(error)
        return None

    def _unwritable(self, error: OSError) -> LedgerUnavailable:
        return LedgerUnavailable(
            f"The spool {self._path} cannot be written: {error.strerror}. Free space on its disk, and let its folder be made."
        )

    def _make_anew_if_gone(self) -> None:
        if inode(self._path) == inode(self._file):
            return
        with self._whole:
            private_folder(self._path.parent)
            if self._path.exists():
                # Another file of entries may have been put there: it is kept, whoever's it is.
                self._path.rename(self._path.with_name(f"{self._path.name}.found.{time.time_ns()}"))
            fresh = os.open(self._path, _FLAGS | os.O_EXCL, 0o600)
            try:
                fcntl.flock(fresh, fcntl.LOCK_EX | fcntl.LOCK_NB)
                rest = memoryview(os.pread(self._file, self._end, 0))
                while rest:
                    rest = rest[os.write(fresh, rest) :]
                os.fsync(fresh)
                self._sync_folder()
                os.dup2(fresh, self._file, inheritable=False)
            finally:
                os.close(fresh)
        _log.warning("ledger_spool", problem=f"The spool {self._path} was removed while the gateway ran, and is made anew.")

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._end)
            raise

    def _forget_half_a_line(self) -> None:
        """Nobody was told that it is durable."""
        self._end = 0
        for line in self._lines():
            if line.endswith(b"\n"):
                self._end += len(line)
                self._written_lines += 1
        os.ftruncate(self._file, self._end)
        self._sync_folder()

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _lines(self) -> Iterator[bytes]:
        with os.fdopen(os.dup(self._file), "rb") as file:
            file.seek(0)
            yield from file


def _entry(line: bytes) -> Entry | None:
    try:
        return _decode(line)
    except (msgspec.DecodeError, ValueError):
        return None


def _follow(still_open: dict[tuple[str, int], Entry], entry: Entry) -> None:
    attempt = entry.attribution.request_id, entry.attribution.attempt
    if entry.kind is Kind.RESERVE:
        still_open[attempt] = entry
    elif entry.kind is not Kind.ADJUST:
        still_open.pop(attempt, None)
