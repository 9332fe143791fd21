"""Lines on their way to the log: whoever writes one waits for nobody, whatever becomes of the log's reader."""

import io
import os
import select
import stat
import threading
import time
from collections import deque
from datetime import UTC, datetime

import msgspec

# What a line takes up besides its text, so that the limit of bytes is one of lines too.
LINE_OVERHEAD_BYTES = 64
# So much is written at once to a file; and to what may be full, no more than a pipe with any room at all takes in one piece.
_BATCH_BYTES = 64 * 1024
_PIECE_BYTES = select.PIPE_BUF
# A first line is written at once, the next ones together after so long: each time costs the event loop some of its own.
_REST_S = 0.01
# What cannot be written now, such as to a full disk, is tried again after so long.
_RETRY_S = 0.5
# How long a stopping gateway waits for the log's reader, and a last word for room.
CLOSE_S_MAX = 2.0
LAST_WORD_S_MAX = 0.5


class LogQueue:
    """Lines for the file ``fd``, written in their order by a thread.

    ``put`` is for any thread and never waits. What does not fit into ``bytes_max`` is gone and counted in ``dropped``; from the
    first such line on, all are, until half of the queue is written: then one line tells how many.
    """

    def __init__(self, fd: int, bytes_max: int) -> None:
        self.fd, self._bytes_max = fd, bytes_max
        self._piece_bytes = _BATCH_BYTES if _is_plain_file(fd) else _PIECE_BYTES
        # A lock that its thread may take again: the garbage collector may run, and log, in the middle of anything.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._idle = False
        self._lost, self._lost_since = 0, ""
        self._close_by_s: float | None = None
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """One line, or several that belong together, with the end of line."""
        size = len(line) + LINE_OVERHEAD_BYTES
        with self._lock:
            if self._lost or self._bytes + size > self._bytes_max or self._close_by_s is not None:
                self._drop(line)
            else:
                self._lines.append(line)
                self._bytes += size
            if self._idle:
                self._idle = False
                self._changed.notify()

    def close(self) -> None:
        """Write what is queued, for ``CLOSE_S_MAX`` at most; later lines are dropped."""
        with self._lock:
            self._close_by_s = time.monotonic() + CLOSE_S_MAX
            self._changed.notify()
        # The thread ends in time by itself, unless the system keeps it: it is not waited for any longer.
        self._thread.join(CLOSE_S_MAX + _RETRY_S)

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._close_by_s is not None

    def _drop(self, line: bytes) -> None:
        if not self._lost:
            self._lost_since = _now()
        lines = line.count(b"\n")
        self._lost += lines
        self.dropped += lines

    def _run(self) -> None:
        while batch := self._next():
            if not self._written(batch):
                return
            with self._lock:
                self._bytes -= sum(len(line) + LINE_OVERHEAD_BYTES for line in batch)
                if not self._lines and self._close_by_s is None:
                    self._changed.wait(_REST_S)

    def _next(self) -> list[bytes]:
        """The next lines, once there are any; none after the last."""
        batch: list[bytes] = []
        with self._lock:
            while not (self._lines or self._lost or self._close_by_s is not None):
                self._idle = True
                self._changed.wait()
            self._idle = False
            if self._lost and self._bytes <= self._bytes_max // 2:
                self._tell_lost()
            left = _BATCH_BYTES
            while self._lines and left > 0:
                batch.append(self._lines.popleft())
                left -= len(batch[-1])
        return batch

    def _tell_lost(self) -> None:
        """Behind the lines that were there before, and before any that comes now."""
        problem = (
            f"{self._lost} lines were dropped since {self._lost_since}: the log could not be written as fast as lines came. "
            "Look at what reads standard error, or at the disk that it is on."
        )
        told = {"event": "log", "level": "warning", "timestamp": _now(), "dropped": self._lost, "problem": problem}
        self._lost = 0
        line = msgspec.json.encode(told) + b"\n"
        self._lines.append(line)
        self._bytes += len(line) + LINE_OVERHEAD_BYTES

    def _written(self, batch: list[bytes]) -> bool:
        """Whether all of it could be written before the queue had to be closed."""
        content = memoryview(b"".join(batch))
        while content:
            try:
                content = content[write_some(self.fd, content[: self._piece_bytes], _RETRY_S) :]
            except OSError:
                with self._lock:
                    if self._close_by_s is None:
                        self._changed.wait(_RETRY_S)
                    else:
                        return False
            if content and self._close_by_s is not None and time.monotonic() > self._close_by_s:
                return False
        return True


class LogStream(io.TextIOBase):
    """A log as a text stream, for those who know nothing else: structlog, the standard library's logging, tracebacks.

    A write after the log's end goes straight to the file, and waits for room no longer than ``LAST_WORD_S_MAX``, once.
    """

    def __init__(self, queue: LogQueue) -> None:
        self._queue, self._read = queue, True

    def write(self, text: str) -> int:
        """Queued; nothing is raised."""
        if not self._queue.closed:
            self._queue.put(_encoded(text))
        elif self._read:
            self._read = write_within(self._queue.fd, text, LAST_WORD_S_MAX)
        return len(text)

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The log's file."""
        return self._queue.fd


def write_within(fd: int, text: str, wait_s: float) -> bool:
    """Whether all of ``text`` could be written; does not wait for room longer than ``wait_s`` seconds at a time."""
    content = memoryview(_encoded(text))
    try:
        while content:
            done = write_some(fd, content[:_PIECE_BYTES], wait_s)
            if not done:
                return False
            content = content[done:]
    except OSError:
        return False
    return True


def write_some(fd: int, content: memoryview, wait_s: float) -> int:
    """How much of it was written: 0 where there was no room for ``wait_s`` seconds. Raises ``OSError``."""
    room = select.poll()
    room.register(fd, select.POLLOUT)
    return os.write(fd, content) if room.poll(wait_s * 1000) else 0


def _is_plain_file(fd: int) -> bool:
    return stat.S_ISREG(os.fstat(fd).st_mode)


def _encoded(text: str) -> bytes:
    return text.encode(errors="backslashreplace")


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
