"""One kept answer as a file: a preface, the body in frames as it passed, what was known at the end, and where that stands."""

import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gateway.core.secret import Secret
from gateway.relay.encryption import SALT_BYTES, DecryptionFailed, FrameCipher

FRAME_BYTES = 512 * 1024
_PLAIN, _ENCRYPTED = b"IGWR\x01p", b"IGWR\x01s"
_PREFACE_BYTES = len(_PLAIN) + SALT_BYTES
_LENGTH = struct.Struct(">I")
_FOOTER = struct.Struct(">Q4s")
_END = b"RWGI"
# Beyond the number of any frame.
_HEAD_NUMBER = 2**64


class ResultUnreadable(Exception):
    """The file is not a whole result of that request, or was encrypted under another key."""


@dataclass(frozen=True, slots=True)
class ResultHead:
    """All of an answer but its body. ``cost`` is a decimal text, ``None`` where nobody knows; ``length`` is the body's.

    ``headers`` are those that the endpoint sent, in their order.
    """

    app: str
    model: str
    contract: str
    stream: bool
    status: int
    headers: tuple[tuple[str, str], ...]
    length: int
    cost: str | None
    currency: str
    basis: str


_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(ResultHead).decode


class ResultFile:
    """A file that is being written, in threads, one call at a time. Raises ``OSError``."""

    def __init__(self, path: Path, request_id: str, key: Secret | None) -> None:
        self._path, self._cipher = path, FrameCipher(key, request_id)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._frames = 0
        self.size = 0
        self._write((_PLAIN if key is None else _ENCRYPTED) + self._cipher.salt)

    def add(self, chunks: Iterable[bytes]) -> None:
        """In frames of about ``FRAME_BYTES``, however much waits: whoever writes or reads a frame holds the whole of it."""
        for frame in _frames(chunks):
            self._write_frame(self._frames, b"".join(frame))
            self._frames += 1

    def finish(self, head: ResultHead, path: Path) -> None:
        """The last words; then the file stands at ``path``."""
        at = self.size
        self._write_frame(_HEAD_NUMBER, _encode(head))
        self._write(_FOOTER.pack(at, _END))
        self.close()
        self._path.rename(path)

    def close(self) -> None:
        """May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write_frame(self, number: int, frame: bytes) -> None:
        encrypted = self._cipher.encrypt(number, frame)
        self._write(_LENGTH.pack(len(encrypted)))
        self._write(encrypted)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.write(self._descriptor, view)
            self.size += written
            view = view[written:]


class KeptFile:
    """A whole result, for reading in threads. Raises ``ResultUnreadable`` and ``OSError``; whoever opens it closes it."""

    def __init__(self, path: Path, request_id: str, key: Secret | None) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._cipher, self._head_at = self._ends(request_id, key)
            self.head = _decode(self._frame(_HEAD_NUMBER, self._head_at)[0])
        except (struct.error, msgspec.DecodeError) as error:
            self.close()
            raise ResultUnreadable from error
        except BaseException:
            self.close()
            raise

    def frames(self) -> Iterator[bytes]:
        """The body."""
        at, number, length = _PREFACE_BYTES, 0, 0
        while at < self._head_at:
            frame, at = self._frame(number, at)
            number, length = number + 1, length + len(frame)
            yield frame
        if length != self.head.length:
            raise ResultUnreadable

    def close(self) -> None:
        """May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _ends(self, request_id: str, key: Secret | None) -> tuple[FrameCipher, int]:
        """What its first and its last bytes say; a file that was written without a key is not trusted where there is one."""
        preface = os.pread(self._descriptor, _PREFACE_BYTES, 0)
        size = os.fstat(self._descriptor).st_size
        head_at, end = _FOOTER.unpack(os.pread(self._descriptor, _FOOTER.size, max(size - _FOOTER.size, 0)))
        if preface[: len(_PLAIN)] != (_PLAIN if key is None else _ENCRYPTED) or end != _END:
            raise ResultUnreadable
        return FrameCipher(key, request_id, preface[len(_PLAIN) :]), head_at

    def _frame(self, number: int, at: int) -> tuple[bytes, int]:
        """The frame that begins there, and where the next one does."""
        try:
            (length,) = _LENGTH.unpack(os.pread(self._descriptor, _LENGTH.size, at))
            return self._cipher.decrypt(number, os.pread(self._descriptor, length, at + _LENGTH.size)), at + _LENGTH.size + length
        except (DecryptionFailed, struct.error) as error:
            raise ResultUnreadable from error


def _frames(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    frame: list[bytes] = []
    size = 0
    for chunk in chunks:
        frame.append(chunk)
        size += len(chunk)
        if size >= FRAME_BYTES:
            yield frame
            frame, size = [], 0
    if frame:
        yield frame
