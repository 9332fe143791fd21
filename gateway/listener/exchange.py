"""One request and its answer: the ASGI side of a connection."""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Protocol

import structlog
from starlette.types import ASGIApp, Message

from gateway.listener.bounds import BODY_WAITING_BYTES_MAX
from gateway.listener.refusal import FAULT, REFUSED, Refused

_log = structlog.get_logger("gateway.listener")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# Larger parts are not copied to be sent in one piece.
_JOINED_BYTES_MAX = 16 * 1024
# All but the tab.
_CONTROLS = bytes((*range(9), *range(10, 32), 127))


def _status_line(status: int) -> bytes:
    phrase = HTTPStatus(status).phrase if status in {int(known) for known in HTTPStatus} else ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


_STATUS_LINES = {status: _status_line(status) for status in range(100, 600)}


class Wire(Protocol):
    """The connection as an exchange uses it."""

    @property
    def congested(self) -> bool:
        """Whether the client takes less than it is given."""
        ...

    @property
    def date(self) -> bytes:
        """The header of that name, as a line."""
        ...

    async def drained(self) -> None:
        """Wait until the client has taken most of what it was given, or has left."""
        ...

    def write(self, *parts: bytes) -> None:
        """Send them as soon as the client takes them."""
        ...

    def hold_reading(self) -> None:
        """Leave what comes in the socket."""
        ...

    def resume_reading(self) -> None:
        """Read on."""
        ...

    def answered(self) -> None:
        """The answer at hand is complete."""
        ...

    def break_off(self, *, at_once: bool) -> None:
        """Close the connection, after what was written has left or without."""
        ...


class Exchange:
    """Made where a request's head is complete; requests find theirs as ``scope["state"][CONNECTION]``."""

    __slots__ = (
        "_bodiless", "_by_close", "_changed", "_chunked", "_expects", "_left_bytes", "_pieces", "_told", "_waiting_bytes",
        "broken", "complete", "keep_alive", "left", "scope", "started", "whole", "wire",
    )  # fmt: skip

    def __init__(self, scope: dict[str, Any], wire: Wire, *, keep_alive: bool, expects: bool) -> None:
        self.scope, self.wire, self.keep_alive = scope, wire, keep_alive
        self._bodiless, self._by_close = scope["method"] == "HEAD", scope["http_version"] == "1.0"
        self._expects = expects
        self._pieces: list[bytes] = []
        self._waiting_bytes = self._left_bytes = 0
        self._changed = asyncio.Event()
        self._chunked = self._told = False
        self.left = self.whole = self.started = self.complete = False
        self.broken: Refused | None = None

    @property
    def congested(self) -> bool:
        """Whether the client takes less than it is given, so that sending waits."""
        return self.wire.congested

    def cut_off(self) -> None:
        """Drop the connection and what waits in it."""
        self.wire.break_off(at_once=True)

    def put(self, piece: bytes) -> None:
        """A piece of the body has come."""
        if not self.complete:
            self._pieces.append(piece)
            self._waiting_bytes += len(piece)
            self._changed.set()
            if self._waiting_bytes > BODY_WAITING_BYTES_MAX:
                self.wire.hold_reading()

    def end(self) -> None:
        """The body is complete."""
        self.whole = True
        self._changed.set()

    def refuse(self, why: Refused) -> None:
        """Nothing more comes of it: told as this where nobody has begun to answer, else as a body that ends early."""
        self.broken, self.keep_alive = why, False
        self._changed.set()

    def lose(self) -> None:
        """The client has gone."""
        self.left = not self.complete
        self._changed.set()

    async def run(self, app: ASGIApp) -> None:
        """Have the app answer; whatever it does, the request has an end."""
        if self.broken is not None:
            self.scope |= {"type": REFUSED, "refusal": self.broken}
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            self.answer_plainly(FAULT)
        except Exception:
            if self.broken is None and not self.complete:
                _log.exception("fault")
            self.answer_plainly(self.broken or FAULT)
        else:
            # An answer that the app has begun and leaves unfinished is one that it breaks off.
            self.answer_plainly(FAULT)

    def answer_plainly(self, why: Refused) -> None:
        """The app has not done it, or is not asked. An answer that breaks off must not look like a whole one."""
        if self.complete or self.left:
            return
        if self.started:
            self.wire.break_off(at_once=self._by_close)
            return
        self.keep_alive = False
        body = why.body
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        self._start(why.status, headers)
        self._write(body, last=True)

    async def receive(self) -> Message:
        """See ASGI."""
        if self._expects and not self.whole:
            self.wire.write(_CONTINUE)
        self._expects = False
        while True:
            if self.left or self.complete:
                return {"type": "http.disconnect"}
            if self._pieces or (self.whole and not self._told):
                body, self._told = b"".join(self._pieces), self.whole
                self._pieces.clear()
                self._waiting_bytes = 0
                return {"type": "http.request", "body": body, "more_body": not self.whole}
            if self.broken is not None:
                return {"type": "http.disconnect"}
            self.wire.resume_reading()
            self._changed.clear()
            await self._changed.wait()

    async def send(self, message: Message) -> None:
        """See ASGI."""
        wire = self.wire
        if wire.congested and not self.left:
            await wire.drained()
        if self.left:
            return
        expected = "http.response.body" if self.started else "http.response.start"
        if message["type"] != expected or self.complete:
            raise RuntimeError(f"'{message['type']}' was sent where '{expected}' is due")
        if not self.started:
            self._start(message["status"], message.get("headers", ()))
        else:
            self._write(message.get("body", b""), last=not message.get("more_body", False))

    def _start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        lines, sized = [_STATUS_LINES[status], self.wire.date], False
        for raw_name, value in headers:
            name = raw_name.lower()
            if name == b"content-length":
                self._left_bytes, sized = int(value), True
            elif name == b"connection":
                self.keep_alive = self.keep_alive and b"close" not in value.lower()
                continue
            lines.append(b"%b: %b\r\n" % (name, value))
        if not self.whole:
            # Whoever refuses a body does not wait for its end.
            self.keep_alive = False
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        if self._bodiless or status in (204, 304):
            self._bodiless = True
        elif sized:
            self._by_close = False
        elif not self._by_close:
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        head = b"".join((*lines, b"\r\n"))
        # In one pass, for every answer pays for it: nothing but the line ends is a control character.
        if len(head) - len(head.translate(None, _CONTROLS)) != 2 * (len(lines) + 1):
            raise RuntimeError("an answer's header holds what no header may")
        self.started = True
        self.wire.write(head)

    def _write(self, body: bytes, *, last: bool) -> None:
        if self._bodiless:
            pass
        elif self._chunked:
            self._write_chunk(body, last=last)
        elif self._by_close:
            self.wire.write(body)
        else:
            self._left_bytes -= len(body)
            if self._left_bytes < 0 or (last and self._left_bytes):
                raise RuntimeError("an answer has another length than it said")
            self.wire.write(body)
        if last:
            self.complete = True
            self._changed.set()
            self.wire.answered()

    def _write_chunk(self, body: bytes, *, last: bool) -> None:
        end = b"\r\n0\r\n\r\n" if last else b"\r\n"
        if not body:
            if last:
                self.wire.write(end[2:])
        elif len(body) <= _JOINED_BYTES_MAX:
            self.wire.write(b"%x\r\n%b%b" % (len(body), body, end))
        else:
            self.wire.write(b"%x\r\n" % len(body), body, end)
