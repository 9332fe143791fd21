"""One connection of a client: bytes in, requests out, in their order. The parser is httptools' (Node's llhttp)."""

import asyncio
from collections import deque
from typing import Any, Protocol, cast

import httptools
from starlette.types import ASGIApp

from gateway.listener import refusal
from gateway.listener.bounds import (
    FRAMING_BYTES_MAX,
    FRAMING_BYTES_PER_BODY_BYTE,
    HEAD_BYTES_MAX,
    HEADERS_MAX,
    LINGER_BYTES_MAX,
    LINGER_S_MAX,
    PIPELINED_BYTES_MAX,
    PIPELINED_MAX,
    Counts,
    Limits,
)
from gateway.listener.exchange import Exchange
from gateway.listener.head import fault_of, framing_of, scope_of
from gateway.listener.refusal import Refused

CONNECTION = "connection"
_NEVER_S = float("inf")


class Owner(Protocol):
    """The listener as its connections use it."""

    app: ASGIApp
    loop: asyncio.AbstractEventLoop
    limits: Limits
    counts: Counts
    date: bytes

    def opened(self, connection: "Connection") -> Refused | None:
        """It stands from now on, or is refused."""
        ...

    def lost(self, connection: "Connection") -> None:
        """It is gone."""
        ...

    def answer(self, exchange: Exchange) -> None:
        """Have the app answer."""
        ...


class Connection(asyncio.Protocol):
    """``deadline_s`` is when, by the loop's clock, its patience ends; the listener looks once a second and sets no timer."""

    transport: asyncio.Transport

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.deadline_s = _NEVER_S
        self.congested = False
        self._parser = self._new_parser()
        self._drained: asyncio.Event | None = None
        self._reading_held = False
        # What is being answered, what has come before its turn, and what a body belongs to that is coming in.
        self._exchange: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self._incoming: Exchange | None = None
        # Of the head at hand, and how much has come of it; afterwards of the framing around a body.
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._in_head, self._begun, self._kept = True, False, False
        self._head_bytes = self._framing_bytes = self._body_bytes = self._ahead_bytes = self._dropped_bytes = 0
        self._offered = self._repeating = False
        # Nothing that comes is heard any more.
        self._deaf = False
        # The last answer has been written, and the connection closes.
        self._parting = False
        self._refusal: Refused | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called once."""
        self.transport = cast(asyncio.Transport, transport)
        self._server, self._client = (_address(transport.get_extra_info(name)) for name in ("sockname", "peername"))
        self.deadline_s = self.owner.loop.time() + self.owner.limits.head_wait_s_max
        if refused := self.owner.opened(self):
            self._refuse(refused, by_itself=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called once."""
        for exchange in (self._exchange, *self._waiting):
            if exchange is not None:
                exchange.lose()
        self._waiting.clear()
        self._deaf = True
        self._wake()
        # It refers to this, and would keep it until the next search for such circles.
        del self._parser
        self.owner.lost(self)

    def data_received(self, data: bytes) -> None:
        """Called with what one read has brought."""
        if self._deaf:
            self._drop(len(data))
            return
        exchange = self._exchange
        ahead = exchange is not None and exchange.whole
        self._body_bytes = 0
        self._feed(data)
        if ahead:
            self._ahead_bytes += len(data)
            if self._ahead_bytes > PIPELINED_BYTES_MAX:
                self._stop_hearing()
        elif self._in_head and self._exchange is None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(refusal.HEAD_TOO_LARGE)
        elif self._incoming is not None and not self._incoming.whole:
            spare = self._body_bytes * (1 + FRAMING_BYTES_PER_BODY_BYTE)
            self._framing_bytes = max(self._framing_bytes + len(data) - spare, 0)
            if self._framing_bytes > FRAMING_BYTES_MAX:
                self._refuse(refusal.malformed("more framing than body"))

    def pause_writing(self) -> None:
        """Called where the client takes less than it is given."""
        self.congested, self._drained = True, asyncio.Event()
        self.deadline_s = self.owner.loop.time() + self.owner.limits.stall_s_max

    def resume_writing(self) -> None:
        """Called where it has taken most of it."""
        self._wake()
        if not self._parting:
            self.deadline_s = _NEVER_S if self._exchange else self.owner.loop.time() + self.owner.limits.idle_wait_s_max

    def on_message_begin(self) -> None:
        """Called by the parser where a request begins."""
        if self._repeating or self._deaf:
            return
        self._in_head = self._begun = True
        self._url, self._headers, self._head_bytes = b"", [], 0
        if self._kept and self._exchange is None:
            self.deadline_s = self.owner.loop.time() + self.owner.limits.head_wait_s_max

    def on_url(self, url: bytes) -> None:
        """Called by the parser with a part of it."""
        if not self._repeating:
            self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser; trailers are none (RFC 9110, 6.5.1)."""
        if not self._in_head or self._repeating:
            return
        self._headers.append((name.lower(), value))
        if len(self._headers) > HEADERS_MAX:
            self._fail(refusal.HEAD_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Called by the parser where a head ends."""
        if self._repeating or self._deaf:
            return
        parser, headers = self._parser, self._headers
        version, method = parser.get_http_version(), parser.get_method()
        if refused := fault_of(version, method, self._url, headers):
            self._fail(refused)
        self._in_head = self._begun = False
        self._offered = parser.should_upgrade()
        self._framing_bytes = 0
        expects = version == "1.1" and any(name == b"expect" and value.lower() == b"100-continue" for name, value in headers)
        scope = self._scope("http", version, method.decode("ascii"))
        keep_alive = version == "1.1" and parser.should_keep_alive()
        self._incoming = exchange = Exchange(scope, self, keep_alive=keep_alive, expects=expects)
        scope["state"][CONNECTION] = exchange
        if self._exchange is None:
            self._begin(exchange)
        elif len(self._waiting) < PIPELINED_MAX:
            self._waiting.append(exchange)
        else:
            self._stop_hearing()

    def on_body(self, body: bytes) -> None:
        """Called by the parser with a part of it."""
        self._body_bytes += len(body)
        if self._incoming is not None and not self._deaf:
            self._incoming.put(body)

    def on_message_complete(self) -> None:
        """Called by the parser where a request ends; where it offers another protocol, before its body (see ``_decline``)."""
        if self._offered or self._incoming is None or self._deaf:
            return
        self._incoming.end()
        self._in_head = True
        self._head_bytes = 0
        if not self._incoming.keep_alive:
            self._deaf = True

    @property
    def date(self) -> bytes:
        """See ``Wire``."""
        return self.owner.date

    async def drained(self) -> None:
        """See ``Wire``."""
        if self._drained is not None:
            await self._drained.wait()

    def write(self, *parts: bytes) -> None:
        """See ``Wire``."""
        # Not writelines: up to CPython 3.12.8 and 3.13.1 asyncio's has no flow control (CVE-2024-12254).
        for part in parts:
            self.transport.write(part)

    def hold_reading(self) -> None:
        """See ``Wire``; what came before its turn is bounded elsewhere, and whether the client leaves must be seen."""
        if not self._reading_held and self._incoming is self._exchange:
            self._reading_held = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """See ``Wire``."""
        if self._reading_held and not self.transport.is_closing():
            self._reading_held = False
            self.transport.resume_reading()

    def answered(self) -> None:
        """See ``Wire``."""
        exchange, self._exchange = self._exchange, None
        if exchange is None or self.transport.is_closing():
            return
        self.resume_reading()
        now_s, limits = self.owner.loop.time(), self.owner.limits
        if not exchange.keep_alive:
            # More may come, or be on its way already: the next request of a client that does not wait, or the rest of a body.
            self._part(gently=True)
        elif self._waiting:
            self._ahead_bytes = 0
            self._begin(self._waiting.popleft())
        else:
            self._ahead_bytes, self._kept = 0, True
            wait_s = limits.stall_s_max if self.congested else limits.head_wait_s_max if self._begun else limits.idle_wait_s_max
            self.deadline_s = now_s + wait_s

    def break_off(self, *, at_once: bool) -> None:
        """See ``Wire``."""
        if at_once:
            self.transport.abort()
        else:
            self._part(gently=False)

    def shutdown(self) -> None:
        """The listener stops: what is being answered is answered."""
        if self._exchange is not None:
            self._exchange.keep_alive = False
            self._waiting.clear()
        elif not self._parting:
            self._part(gently=False)
        elif self.transport.get_write_buffer_size() == 0:
            self.transport.abort()

    def overdue(self, *, answering: bool) -> bool:
        """The deadline has passed. Whether a head that is late was answered, which ``answering`` allows."""
        if self.congested or self._parting:
            self.transport.abort()
        elif self._begun:
            if answering:
                self._refuse(refusal.HEAD_TOO_LATE)
                return True
            self.owner.counts.refused[refusal.HEAD_TOO_LATE.reason] += 1
            self.transport.abort()
        else:
            if not self._kept:
                self.owner.counts.refused[refusal.HEAD_TOO_LATE.reason] += 1
            self._part(gently=False)
        return False

    def _begin(self, exchange: Exchange) -> None:
        self._exchange = exchange
        if not self.congested:
            self.deadline_s = _NEVER_S
        self.owner.answer(exchange)

    def _part(self, *, gently: bool) -> None:
        """Close; ``gently`` where the client may still be sending, so that it can read the answer before."""
        self._deaf = self._parting = True
        done = gently and self.transport.get_write_buffer_size() == 0
        self.deadline_s = self.owner.loop.time() + (LINGER_S_MAX if done else self.owner.limits.stall_s_max)
        if not gently:
            self.transport.close()
        elif self.transport.can_write_eof():
            self.resume_reading()
            self.transport.write_eof()

    def _drop(self, size: int) -> None:
        self._dropped_bytes += size
        if self._exchange is None and self._dropped_bytes > LINGER_BYTES_MAX:
            self.transport.abort()

    def _stop_hearing(self) -> None:
        """More came before its turn than may wait: what is being answered is, and the connection closes."""
        self._deaf, self._dropped_bytes = True, 1
        self._waiting.clear()
        if self._exchange is not None:
            self._exchange.keep_alive = False

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if not self._deaf:
                self._decline(data[offer.args[0] :])
        except httptools.HttpParserError as error:
            why, self._refusal = self._refusal, None
            if not self._deaf:
                self._refuse(why or refusal.malformed(str(error)))

    def _decline(self, rest: bytes) -> None:
        """Another protocol is offered and not taken (RFC 9110, 7.8). The parser would take what follows for that protocol's.

        So a new one is told the framing alone, and reads the body.
        """
        self._offered = False
        self._parser = self._new_parser()
        self._repeating = True
        self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % framing_of(self._headers))
        self._repeating = False
        if rest:
            self._feed(rest)

    def _fail(self, why: Refused) -> None:
        """Leave the parser, which takes any exception for an error of its own."""
        self._refusal = why
        raise ValueError(why.reason)

    def _refuse(self, why: Refused, *, by_itself: bool = False) -> None:
        """Nothing more is read. In the middle of a body its request is told, else this is a request of its own, in its turn."""
        self.owner.counts.refused[why.reason] += 1
        self._deaf = True
        incoming = self._incoming
        if incoming is not None and not incoming.whole:
            incoming.refuse(why)
            return
        version = "1.1" if why is refusal.VERSION or not self._begun else _version(self._parser)
        method = self._parser.get_method().decode("ascii") if self._url else ""
        scope = self._scope(refusal.REFUSED, version, method)
        exchange = Exchange(scope, self, keep_alive=False, expects=False)
        scope["state"][CONNECTION] = exchange
        exchange.refuse(why)
        if by_itself:
            self._exchange = exchange
            exchange.answer_plainly(why)
        elif self._exchange is None:
            self._begin(exchange)
        else:
            self._waiting.append(exchange)

    def _scope(self, kind: str, version: str, method: str) -> dict[str, Any]:
        scope = scope_of(kind, version, method, self._url, self._headers)
        scope["server"], scope["client"] = self._server, self._client
        return scope

    def _wake(self) -> None:
        self.congested = False
        if self._drained is not None:
            self._drained.set()

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # What follows a request that closes the connection is dropped here, not an error of that request.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser


def _version(parser: httptools.HttpRequestParser) -> str:
    return "1.0" if parser.get_http_version() == "1.0" else "1.1"


def _address(found: tuple[Any, ...] | None) -> tuple[str, int] | None:
    return (str(found[0]), int(found[1])) if isinstance(found, tuple) else None
