"""Providers that speak OpenAI's wire format: requests out, answers back as streams of bytes, on connections of our own."""

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit

from gateway.core.contract.wire import Auth
from gateway.core.outcome import Stage
from gateway.core.snapshot import ProviderSettings
from gateway.ports import UpstreamCall
from gateway.providers.answer import Answer
from gateway.providers.connection import READ_BUFFER_BYTES, Connection
from gateway.providers.errors import BadAnswer, upstream_failed
from gateway.providers.pool import Origin, Pool

# Enough for every provider and path of one configuration; a new configuration brings new ones.
_TARGETS_MAX = 256
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_PATH = re.compile(r"/[!-~]*")


class OpenAIWire:
    """``ports.Provider`` for the dialect ``openai``. Use it as an async context manager: it owns the connections."""

    def __init__(self) -> None:
        self._pool: Pool | None = None
        self._targets: dict[tuple[int, str], _Target] = {}
        self._user_agent = f"image-gateway/{version('image-gateway')}"

    async def __aenter__(self) -> Self:
        self._pool = Pool()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool is not None:
            await self._pool.aclose()

    async def send(self, call: UpstreamCall) -> "WireResponse":
        """POST the call once, follow no redirect; see ``ports.Provider``. Raises ``ValueError`` for what no header can hold."""
        if self._pool is None:
            raise RuntimeError("send() belongs inside the provider's `async with`")
        target, body, timeouts = self._target(call), call.body, call.provider.timeouts
        content_type, length = ("application/json", len(body)) if isinstance(body, bytes) else (body.content_type, body.length)
        # OpenAI's own header for a caller's trace id, so that a ticket there can name the request.
        varying = f"content-type: {content_type}\r\ncontent-length: {length}\r\nx-client-request-id: {call.request_id}\r\n\r\n"
        if not (_HEADER_VALUE.fullmatch(content_type) and _HEADER_VALUE.fullmatch(call.request_id)):
            raise ValueError("a header's value holds a control character")
        deadline_s = asyncio.get_running_loop().time() + timeouts.total_s
        connection = await self._pool.take(target.origin, min(timeouts.connect_s, timeouts.total_s))
        try:
            answer = await connection.exchange(target.head + varying.encode("latin-1"), body, deadline_s)
        except BaseException:
            connection.abort()
            raise
        return WireResponse(answer, connection, self._pool, target.origin, deadline_s - asyncio.get_running_loop().time())

    def _target(self, call: UpstreamCall) -> "_Target":
        """What is the same for every call of these settings to this path, made once."""
        key = (id(call.provider), call.path)
        target = self._targets.get(key)
        if target is None or target.settings is not call.provider:
            if len(self._targets) >= _TARGETS_MAX:
                self._targets.clear()
            self._targets[key] = target = _target(call.provider, call.path, self._user_agent)
        return target


@dataclass(frozen=True, slots=True)
class _Target:
    """Where calls go and how they begin: the request's head without what varies. ``settings`` are kept for their identity."""

    settings: ProviderSettings
    origin: Origin
    head: bytes


def _target(settings: ProviderSettings, path: str, user_agent: str) -> _Target:
    url = urlsplit(f"{settings.base_url.rstrip('/')}/{path}")
    tls = url.scheme == "https"
    plain = url.scheme in ("http", "https") and url.hostname and "@" not in url.netloc and not url.query
    if not (plain and url.hostname and _PATH.fullmatch(url.path)):
        raise ValueError("a provider's base URL is not the address of an HTTP server and a path")
    wire, key = settings.wire, settings.credential.reveal()
    headers = {
        "host": url.netloc.lower(),
        "authorization": f"Bearer {key}" if wire.auth is Auth.BEARER else "",
        "api-key": key if wire.auth is Auth.API_KEY else "",
        "accept": "application/json, text/event-stream",
        "accept-encoding": "identity",
        "user-agent": user_agent,
        "openai-organization": settings.organization,
        "openai-project": settings.project,
        **dict(wire.headers),
    }
    query = f"?{urlencode({'api-version': wire.api_version})}" if wire.api_version else ""
    lines = [f"POST {url.path}{query} HTTP/1.1\r\n"]
    for name, value in headers.items():
        if value:
            if not _HEADER_VALUE.fullmatch(value):
                raise ValueError(f"the header {name} cannot hold this value")
            lines.append(f"{name}: {value}\r\n")
    return _Target(settings, Origin(tls, url.hostname, url.port or (443 if tls else 80)), "".join(lines).encode("latin-1"))


class WireResponse:
    """``ports.UpstreamResponse`` over one exchange on a connection.

    ``left_s``: how long the provider may still be waited for, all in all. Time that the reader takes does not count.
    """

    def __init__(self, answer: Answer, connection: Connection, pool: Pool, origin: Origin, left_s: float) -> None:
        self.status = answer.status
        self.headers: Mapping[str, str] = answer.headers
        self._answer, self._connection, self._pool, self._origin = answer, connection, pool, origin
        self._left_s = left_s
        self._clock = asyncio.get_running_loop().time
        self._released = False

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as the socket delivers it."""
        coding = self.headers.get("content-encoding", "identity").strip().lower()
        return self if coding in ("identity", "") else self._decoded(coding)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._released:
            raise RuntimeError("the response has been released")
        began_s = self._clock()
        data = await self._connection.read(self._answer, began_s + self._left_s)
        self._left_s -= self._clock() - began_s
        if not data:
            raise StopAsyncIteration
        return data

    def release(self) -> None:
        """Back to the pool where the answer has come whole, read or not; otherwise closed: the rest may be megabytes."""
        if not self._released:
            self._released = True
            self._pool.give_back(self._origin, self._connection)

    async def _decoded(self, coding: str) -> AsyncIterator[bytes]:
        """The body of a provider that encodes although it was asked not to."""
        if coding not in ("gzip", "x-gzip", "deflate"):
            raise upstream_failed(BadAnswer("the answer has a content-encoding that nobody asked for"), Stage.BODY)
        decoder, decoded = None, b""
        try:
            async for data in self:
                rest = data
                # Output that fills its bound may have more behind it, even where no input is left.
                while rest or (decoder and not decoder.eof and len(decoded) == READ_BUFFER_BYTES):
                    if decoder is None or decoder.eof:
                        decoder = zlib.decompressobj(_window_bits(coding, rest))
                    if decoded := decoder.decompress(rest, READ_BUFFER_BYTES):
                        yield decoded
                    rest = decoder.unused_data or decoder.unconsumed_tail
        except zlib.error as error:
            raise upstream_failed(error, Stage.BODY) from error
        if decoder is not None and not decoder.eof:
            raise upstream_failed(EOFError(), Stage.BODY)


def _window_bits(coding: str, begin: bytes) -> int:
    """A frame of gzip, of zlib, or none: what servers call deflate is either of the two."""
    if coding != "deflate":
        return 16 + zlib.MAX_WBITS
    return zlib.MAX_WBITS if begin[0] & 0x0F == zlib.DEFLATED else -zlib.MAX_WBITS
