"""Routing decisions as lines of JSON, for a replay: written beside the requests, bounded, lost rather than in the way."""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import msgspec
import structlog

from gateway.core.routing.decision import Decision
from gateway.private import private_folder

# Decisions gather for so long before they are written together, and no more of them than this.
GATHER_S = 0.25
GATHERED_MAX = 20_000
_log = structlog.get_logger("gateway.decisions")
_CHUNK_BYTES = 1024 * 1024
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Decision)


class DecisionLog:
    """Keeps the latest decisions at ``path`` and, the older half of them, beside it; ``kept_max`` 0 keeps none.

    ``note`` is for one event loop; the file is written in a thread. What cannot be written, or comes faster than it can be, is
    counted in ``lost`` and gone. ``flush`` it before the loop ends.
    """

    def __init__(self, path: Path, kept_max: int) -> None:
        self._path, self._generation_max, self._on = path, max(kept_max // 2, 1), kept_max > 0
        self._gathered: list[Decision] = []
        self._due = self._failing = False
        self._writing = threading.Lock()
        self._lines: int | None = None
        self.lost = 0

    def note(self, decision: Decision) -> None:
        """Keep it, soon. Use it inside an event loop."""
        if not self._on:
            return
        if len(self._gathered) >= GATHERED_MAX:
            self.lost += 1
            return
        self._gathered.append(decision)
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(GATHER_S, self._begin)

    def flush(self) -> None:
        """Write what has gathered, after whatever is being written."""
        with self._writing:
            gathered, self._gathered = self._gathered, []
            try:
                self._append([_ENCODER.encode(it) + b"\n" for it in gathered])
            except OSError as error:
                self._lines = None
                if not self._failing:
                    _log.warning("decisions are not kept", path=str(self._path), reason=error.strerror)
                self._failing = True
            else:
                self._failing = False

    def _begin(self) -> None:
        asyncio.get_running_loop().run_in_executor(None, self.flush).add_done_callback(self._ended)

    def _ended(self, written: asyncio.Future[None]) -> None:
        self._due = False
        if written.cancelled():
            return
        written.result()
        if self._gathered:
            self._due = True
            asyncio.get_running_loop().call_later(GATHER_S, self._begin)

    def _append(self, lines: Sequence[bytes]) -> None:
        """Into as many generations as they need; the oldest of more than two are gone."""
        done = 0
        try:
            while done < len(lines):
                kept = self._kept()
                if kept >= self._generation_max:
                    self._path.replace(_older(self._path))
                    kept = 0
                part = lines[done : done + self._generation_max - kept]
                _write(self._path, b"".join(part))
                self._lines, done = kept + len(part), done + len(part)
        finally:
            self.lost += len(lines) - done

    def _kept(self) -> int:
        """Lines in the file, counted once: it may be from before a restart."""
        if self._lines is None or not self._path.exists():
            self._lines = _count_lines(self._path)
        return self._lines


def decisions(path: Path, last: int) -> tuple[Decision, ...]:
    """The latest ones, oldest first; a line that cannot be read, such as one cut off, is left out. Raises ``OSError``."""
    with ExitStack() as opened:
        files: list[BinaryIO] = []
        # The newer file first: where it becomes the older one in between, it is found twice and nothing is missed.
        for found in (path, _older(path)):
            with suppress(FileNotFoundError):
                file = opened.enter_context(found.open("rb"))
                if not any(os.path.sameopenfile(file.fileno(), other.fileno()) for other in files):
                    files.insert(0, file)
        lines = deque(chain.from_iterable(files), maxlen=last)
    return tuple(_decoded(lines))


def _decoded(lines: Iterator[bytes] | deque[bytes]) -> Iterator[Decision]:
    for line in lines:
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            yield _DECODER.decode(line)


def _older(path: Path) -> Path:
    return path.with_name(path.name + ".1")


def _write(path: Path, content: bytes) -> None:
    """All of it or, with ``OSError``, nothing of it."""
    private_folder(path.parent)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b", buffering=0) as file:
        before = os.fstat(file.fileno()).st_size
        view = memoryview(b"\n" + content if _torn(file, before) else content)
        try:
            while view:
                view = view[os.write(file.fileno(), view) :]
        except OSError:
            with suppress(OSError):
                os.ftruncate(file.fileno(), before)
            raise


def _torn(file: BinaryIO, size: int) -> bool:
    """Whether the last line has no end: the process was killed while it wrote."""
    return size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"


def _count_lines(path: Path) -> int:
    if not path.exists():
        return 0
    with path.open("rb") as file:
        left, lines = os.fstat(file.fileno()).st_size, 0
        while left > 0 and (chunk := file.read(min(left, _CHUNK_BYTES))):
            lines, left = lines + chunk.count(b"\n"), left - len(chunk)
    return lines
