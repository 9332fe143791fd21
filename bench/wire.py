"""HTTP/1.1 messages as both ends of the bench read them: bodies are counted, hardly kept, and never copied as a whole."""

import re
from collections.abc import Callable

READ_BUFFER_BYTES = 256 * 1024
_HEAD_BYTES_MAX = 64 * 1024
_LINE_BYTES_MAX = 256
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)


class Malformed(Exception):
    """The peer does not speak HTTP/1.1."""


class MessageReader:
    """Feed it what the socket brings. ``on_end`` is called where a message ends, ``on_body`` for each piece of a body.

    ``head`` is the message's head, ``body_bytes`` how much of its body has come, ``body`` the first ``kept_bytes`` of it.
    """

    def __init__(self, on_end: Callable[[], None], kept_bytes: int, on_body: Callable[[memoryview], None] | None = None) -> None:
        self._on_end, self._on_body, self._kept_bytes = on_end, on_body, kept_bytes
        self._partial = bytearray()  # of a head, or of a line between chunks
        self.body = bytearray()
        self.reset()

    def reset(self) -> None:
        """Begin anew, on a new connection."""
        self._read: Callable[[memoryview], memoryview] = self._read_head
        self._partial.clear()
        self._left_bytes = 0  # of the body, or of the chunk
        self._last_chunk = False
        self.head = b""
        self.body.clear()
        self.body_bytes = 0

    def feed(self, data: memoryview) -> None:
        """Take what has come; raises ``Malformed``."""
        while data.nbytes:
            data = self._read(data)

    def _read_head(self, data: memoryview) -> memoryview:
        before = len(self._partial)
        self._partial += data[:_HEAD_BYTES_MAX]
        end = self._partial.find(b"\r\n\r\n")
        if end < 0:
            if len(self._partial) >= _HEAD_BYTES_MAX:
                raise Malformed("a head without an end")
            return data[_HEAD_BYTES_MAX:]
        self.head = bytes(self._partial[:end])
        self._partial.clear()
        self.body.clear()
        self.body_bytes = 0
        length = _LENGTH.search(self.head)
        if length is not None and (left_bytes := int(length[1])):
            self._left_bytes, self._read = left_bytes, self._read_body
        elif length is None and _CHUNKED.search(self.head):
            self._left_bytes, self._last_chunk, self._read = 0, False, self._read_chunks
        else:
            self._on_end()
        return data[end + 4 - before :]

    def _read_body(self, data: memoryview) -> memoryview:
        rest = self._take(data)
        if not self._left_bytes:
            self._end()
        return rest

    def _read_chunks(self, data: memoryview) -> memoryview:
        if self._left_bytes:
            return self._take(data)
        piece = bytes(data[:_LINE_BYTES_MAX])
        newline = piece.find(b"\n")
        if newline < 0:
            self._partial += piece
            if len(self._partial) > _HEAD_BYTES_MAX:
                raise Malformed("a chunk without a size")
            return data[len(piece) :]
        line = bytes(self._partial + piece[:newline]).strip()
        self._partial.clear()
        if self._last_chunk:
            if not line:
                self._end()
        elif line:  # an empty line closes the chunk before
            self._left_bytes = _chunk_bytes(line)
            self._last_chunk = not self._left_bytes
        return data[newline + 1 :]

    def _take(self, data: memoryview) -> memoryview:
        """The part that belongs to the body, or to its chunk."""
        piece = data[: self._left_bytes]
        self._left_bytes -= piece.nbytes
        self.body_bytes += piece.nbytes
        if (room := self._kept_bytes - len(self.body)) > 0:
            self.body += piece[:room]
        if self._on_body is not None:
            self._on_body(piece)
        return data[piece.nbytes :]

    def _end(self) -> None:
        self._read = self._read_head
        self._on_end()


def _chunk_bytes(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError as error:
        raise Malformed(f"no chunk's size: {line[:40]!r}") from error
