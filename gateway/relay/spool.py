"""A request's bytes, kept for as long as they may be sent: in memory while they are few, beyond that on disk, without a name.

The file is unlinked from the start, so that nothing of it is left even after ``kill -9``. The disk is only touched in threads,
in blocks of 1 MiB, so that a body of 32 MB costs about 32 hops to one.
"""

import asyncio
import errno
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock

from gateway.private import private_folder

BLOCK_BYTES = 1024 * 1024
PIECE_BYTES = 256 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class SpoolUnavailable(Exception):
    """There is no room for the body on the disk, or no place. Its text says what to do, and names no path."""


class Spool:
    """Append-only bytes of one request. One task writes; once ``finish`` returned, any number may read at the same time.

    ``folder`` is where the file goes if there are more than ``memory_bytes_max`` bytes; until then no file exists.
    Whoever makes a spool closes it, whatever happens.
    """

    def __init__(self, folder: Path, memory_bytes_max: int) -> None:
        self._folder = folder
        self._memory_bytes_max = memory_bytes_max
        self._file: _UnlinkedFile | None = None
        self._in_file = 0
        self._tail = bytearray()  # the bytes behind those in the file
        self._closed = False

    @property
    def size(self) -> int:
        """In bytes."""
        return self._in_file + len(self._tail)

    @property
    def on_disk(self) -> bool:
        """Whether there are so many bytes that a file holds them."""
        return self._file is not None

    async def write(self, data: bytes | memoryview) -> None:
        """Append; raises ``SpoolUnavailable``. Returns at once unless a block is full."""
        self._check_open()
        self._tail += data
        if len(self._tail) > (self._memory_bytes_max if self._file is None else BLOCK_BYTES):
            await self._flush()

    async def finish(self) -> None:
        """After the last byte: leave none of a large body in memory. Raises ``SpoolUnavailable``."""
        self._check_open()
        if self._file is not None and self._tail:
            await self._flush()

    async def read(self, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from ``start`` to ``end`` (not included), in pieces of ``PIECE_BYTES`` or fewer."""
        if not 0 <= start <= end <= self.size:
            raise ValueError(f"no bytes {start} to {end} in a spool of {self.size}")
        while start < end:
            self._check_open()
            if self._file is not None and start < self._in_file:
                stop = min(start + BLOCK_BYTES, end, self._in_file)
                for piece in await asyncio.to_thread(self._file.read, start, stop):
                    yield piece
            else:
                stop = min(start + PIECE_BYTES, end)
                yield bytes(memoryview(self._tail)[start - self._in_file : stop - self._in_file])
            start = stop

    def close(self) -> None:
        """Let go of memory and disk; may be called again. A read or write under way in a thread ends first, unseen."""
        self._closed = True
        self._tail, self._in_file = bytearray(), 0
        file, self._file = self._file, None
        if file is None:
            return
        try:
            # Freeing the pages of a large file takes milliseconds.
            asyncio.get_running_loop().run_in_executor(None, file.close)
        except RuntimeError:  # no loop, or it is shutting down
            file.close()

    async def _flush(self) -> None:
        size = self.size
        try:
            if self._file is None:
                self._file = _UnlinkedFile(self._folder)
            block, self._tail = self._tail, bytearray()
            at, self._in_file = self._in_file, size
            await asyncio.to_thread(self._file.write, block, at)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            text = f"The spool's disk is full: {size} bytes of a body do not fit. Free space, or move the spool's folder."
            raise SpoolUnavailable(text) from error

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError("the spool is closed")


@dataclass(frozen=True, slots=True)
class AsBase64:
    """The bytes of a spool from ``start`` to ``end`` (not included), as base64."""

    start: int
    end: int


Part = bytes | tuple[int, int] | AsBase64


class SpooledContent:
    """A body made of bytes of its own and of spans ``(start, end)`` of a finished spool, in this order.

    It can be read any number of times, also at the same time.
    """

    def __init__(self, spool: Spool, content_type: str, parts: Sequence[Part]) -> None:
        self._spool = spool
        self._parts = parts
        self.content_type = content_type
        self.length = sum(map(_length, parts))

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes, from the beginning."""
        for part in self._parts:
            match part:
                case bytes():
                    yield part
                    continue
                case AsBase64():
                    pieces = _as_base64(self._spool.read(part.start, part.end))
                case start, end:
                    pieces = self._spool.read(start, end)
            async for piece in pieces:
                yield piece

    def rewritten(self, content_type: str, parts: Sequence[Part]) -> "SpooledContent":
        """Another body whose spans are of the same spool."""
        return SpooledContent(self._spool, content_type, parts)


class SplicedContent(SpooledContent):
    """All of a finished spool, with ``replacement`` in the place of one span ``(start, end)`` of it."""

    def __init__(self, spool: Spool, content_type: str, span: tuple[int, int], replacement: bytes) -> None:
        super().__init__(spool, content_type, ((0, span[0]), replacement, (span[1], spool.size)))


def _length(part: Part) -> int:
    if isinstance(part, bytes):
        return len(part)
    return -(-(part.end - part.start) // 3) * 4 if isinstance(part, AsBase64) else part[1] - part[0]


async def _as_base64(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for piece in pieces:
        whole = rest + piece
        end = len(whole) - len(whole) % 3
        rest = whole[end:]
        yield b64encode(memoryview(whole)[:end])
    if rest:
        yield b64encode(rest)


class _UnlinkedFile:
    """A temporary file for threads, closed once none of them uses it any more.

    A cancelled task leaves its thread behind, which would otherwise go on with whatever file got the descriptor next.
    """

    def __init__(self, folder: Path) -> None:
        try:
            private_folder(folder)
            self._file = TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed by close()
        except OSError as error:
            text = f"The spool's folder cannot be used: {error.strerror}. Let the gateway's user write to it, or set another one."
            raise SpoolUnavailable(text) from error
        self._lock = Lock()
        self._users = 0
        self._closing = False

    def write(self, block: bytearray, at: int) -> None:
        """All of it, in as many steps as the disk needs."""
        with self._descriptor() as descriptor, memoryview(block) as view:
            written = 0
            while written < len(view):
                written += os.pwrite(descriptor, view[written:], at + written)

    def read(self, start: int, end: int) -> list[bytes]:
        """In pieces of ``PIECE_BYTES``, the last one shorter."""
        with self._descriptor() as descriptor:
            return [_read_fully(descriptor, at, min(at + PIECE_BYTES, end)) for at in range(start, end, PIECE_BYTES)]

    def close(self) -> None:
        """Now, or when the last user is done."""
        with self._lock:
            self._closing = True
            idle = self._users == 0
        if idle:
            self._file.close()

    @contextmanager
    def _descriptor(self) -> Iterator[int]:
        with self._lock:
            if self._closing:
                raise ValueError("the spool is closed")
            self._users += 1
        try:
            yield self._file.fileno()
        finally:
            with self._lock:
                self._users -= 1
                last = self._closing and self._users == 0
            if last:
                self._file.close()


def _read_fully(descriptor: int, start: int, end: int) -> bytes:
    piece = os.pread(descriptor, end - start, start)
    if len(piece) < end - start:
        raise OSError(errno.EIO, "the spool's file is shorter than what was written to it")
    return piece
