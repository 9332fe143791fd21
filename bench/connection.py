"""One keep-alive connection of the load client: a request, its answer, the next request."""

import asyncio
import re
from time import perf_counter
from typing import Protocol, cast

from bench.image import PARTIALS
from bench.wire import READ_BUFFER_BYTES, Malformed, MessageReader

FAILURES_IN_A_ROW_MAX = 20
_KEPT_BYTES = 512
_CLOSING = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
_BUFFER = memoryview(bytearray(READ_BUFFER_BYTES))  # one for all connections: it is read before the next one is filled


class Owner(Protocol):
    """Whose load this is; see ``bench.load.Client``."""

    request: tuple[bytes, memoryview]

    address: tuple[str, int]

    def may_send(self) -> bool: ...

    def ended(self, began_s: float, failure: str | None, body_bytes: int, partial_s: float | None) -> None: ...

    def whole(self, body_bytes: int) -> bool: ...


class Connection(asyncio.BufferedProtocol):
    """Sends while its owner says so; a connection that breaks is opened again."""

    def __init__(self, owner: Owner, *, streams: bool) -> None:
        self._owner = owner
        self._events = EventCounter() if streams else None
        self._reader = MessageReader(self._answered, _KEPT_BYTES, self._events.feed if self._events else None)
        self._transport: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._began_s = 0.0
        self._busy = False
        self._drop_reason = ""
        self._failures_in_a_row = 0

    def open(self) -> None:
        """Begin, where the load is not over; the time to connect counts as part of the first request."""
        if self._begins():
            self._opening = asyncio.get_running_loop().create_task(self._open())

    def close(self) -> None:
        """End at once."""
        self._busy = False
        if self._opening is not None:
            self._opening.cancel()
        if self._transport is not None:
            self._transport.abort()

    async def _open(self) -> None:
        self._reader.reset()
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, *self._owner.address)
        except OSError as error:
            self._failed(type(error).__name__)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def get_buffer(self, sizehint: int) -> memoryview:
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        try:
            self._reader.feed(_BUFFER[:nbytes])
        except Malformed as malformed:
            self._drop(str(malformed))

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._busy:
            self._failed(self._drop_reason or "connection closed")
        else:
            self.open()

    def _begins(self) -> bool:
        """Whether there is another request to send, which begins now."""
        if self._failures_in_a_row < FAILURES_IN_A_ROW_MAX and self._owner.may_send():
            self._began_s, self._busy, self._drop_reason = perf_counter(), True, ""
        return self._busy

    def _send(self) -> None:
        assert self._transport is not None
        if self._events is not None:
            self._events.begin()
        self._transport.writelines(self._owner.request)

    def _answered(self) -> None:
        assert self._transport is not None
        failure = self._failure()
        if self._transport.get_write_buffer_size():
            self._drop(failure or "answered before all was sent")
            return
        self._busy = False
        self._failures_in_a_row = self._failures_in_a_row + 1 if failure else 0
        partial_s = self._events.first_s if self._events is not None else None
        self._owner.ended(self._began_s, failure, self._reader.body_bytes, partial_s)
        if _CLOSING.search(self._reader.head):
            self._transport.abort()
        elif self._begins():
            self._send()

    def _failure(self) -> str | None:
        """Why the answer is none, if so."""
        status = self._reader.head[9:12].decode("latin-1")
        if status != "200":
            return f"HTTP {status}"
        if self._events is not None:
            return None if self._events.complete else "stream without its events"
        return None if self._owner.whole(self._reader.body_bytes) else "incomplete body"

    def _drop(self, reason: str) -> None:
        self._drop_reason = reason
        if self._transport is not None:
            self._transport.abort()

    def _failed(self, failure: str) -> None:
        self._busy = False
        self._failures_in_a_row += 1
        self._owner.ended(self._began_s, failure, 0, None)
        self.open()


class EventCounter:
    """Reads the events of a stream of images, and notes when the first unfinished image was whole."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget the last stream."""
        self._frame = bytearray()
        self._partials = self._completed = 0
        self.first_s: float | None = None

    @property
    def complete(self) -> bool:
        """Whether all that was asked for has come."""
        return self._partials == PARTIALS and self._completed == 1

    def feed(self, piece: memoryview) -> None:
        """Take the next part of the body."""
        searched = max(0, len(self._frame) - 1)
        self._frame += piece
        while (end := self._frame.find(b"\n\n", searched)) >= 0:
            beginning = bytes(self._frame[:200])
            del self._frame[: end + 2]
            searched = 0
            if b".partial_image" in beginning:
                self._partials += 1
                self.first_s = self.first_s or perf_counter()
            elif b".completed" in beginning:
                self._completed += 1
