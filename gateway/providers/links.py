"""Fetches images that a provider returns as links, and passes them on as if they had come with the answer.

Memory does not depend on an image's size. Nothing but the link's own host hears of it: no key, no cookie, no proxy of the
environment. The address is checked where the connection is made, so that a name that resolves to another one meanwhile gains
nothing.
"""

import asyncio
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from typing import Any

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver

from gateway.core.contract.links import (
    PASSED_ON,
    REDIRECTS_MAX,
    LinkRefused,
    LinkRules,
    checked,
    connectable,
    linked_items,
    redirected,
)
from gateway.core.outcome import Stage
from gateway.ports import Provider, UpstreamCall, UpstreamFailed, UpstreamResponse

# An answer with links is small; what is larger holds images.
ENVELOPE_BYTES_MAX = 64 * 1024
_CHUNK_BYTES = 48 * 1024  # a multiple of 3: its base64 has no padding
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TYPES = ("image/", "application/octet-stream", "binary/octet-stream")
_RULES: ContextVar[LinkRules] = ContextVar("link_rules", default=PASSED_ON)


class LinkFetching:
    """``ports.Provider`` around another: what that answers with links arrives with images. Use it as an async context manager."""

    def __init__(self, provider: Provider, resolver: AbstractResolver | None = None) -> None:
        self._provider, self._resolver = provider, resolver
        self._session: aiohttp.ClientSession | None = None

    async def send(self, call: UpstreamCall) -> UpstreamResponse:
        """See ``ports.Provider``."""
        response = await self._provider.send(call)
        if call.links is None or response.status != 200:
            return response
        return _Fetched(response, self, call.links)

    async def image(self, url: str, rules: LinkRules, opened: Callable[[aiohttp.ClientResponse], None]) -> AsyncIterator[bytes]:
        """The bytes behind the link; raises ``UpstreamFailed``, whose text does not repeat it.

        ``opened`` is told of each answer: who reads no further closes it. Time counts while the link's host is waited for.
        """
        # The connector is shared, and checks each connection by the rules of the fetch that wants it.
        _RULES.set(rules)
        clock, left_s = asyncio.get_running_loop().time, rules.image_s_max
        try:
            source = self._followed(checked(url, rules), rules, opened)
            while True:
                began_s = clock()
                async with asyncio.timeout(left_s):
                    data = await anext(source, b"")
                left_s -= clock() - began_s
                if not data:
                    return
                yield data
        except LinkRefused as refused:
            raise UpstreamFailed(Stage.BODY, str(refused)) from refused
        except TimeoutError as error:
            raise UpstreamFailed(Stage.BODY, "the image behind the link took too long") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UpstreamFailed(Stage.BODY, "the image behind the link could not be fetched") from error

    async def aclose(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()

    async def _followed(
        self, url: str, rules: LinkRules, opened: Callable[[aiohttp.ClientResponse], None]
    ) -> AsyncIterator[bytes]:
        for _ in range(REDIRECTS_MAX + 1):
            async with self._opened().get(url, allow_redirects=False) as answer:
                opened(answer)
                if answer.status in _REDIRECTS:
                    url = redirected(url, answer.headers.get("location", ""), rules)
                    continue
                _check_head(answer, rules)
                async for data in _bounded(answer, rules.image_bytes_max):
                    yield data
                return
        raise LinkRefused(f"the link is redirected more than {REDIRECTS_MAX} times")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=self._resolver or aiohttp.ThreadedResolver(), socket_factory=_checked_socket, use_dns_cache=False,
                force_close=True,
            )  # fmt: skip
            # What is kept alive was checked by the rules of another route: each fetch has a connection of its own.
            self._session = aiohttp.ClientSession(
                connector=connector,
                trust_env=False,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"accept": "image/*", "accept-encoding": "identity"},
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session


class _Fetched:
    """Implements ``ports.UpstreamResponse``: another one, with images in the place of links."""

    def __init__(self, response: UpstreamResponse, fetching: LinkFetching, rules: LinkRules) -> None:
        self._response, self._fetching, self._rules = response, fetching, rules
        self.status, self.headers = response.status, response.headers
        self._reading: aiohttp.ClientResponse | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The answer itself, as it comes, where it holds no links."""
        begin = bytearray()
        source = self._response.chunks()
        async for data in source:
            begin += data
            if len(begin) > ENVELOPE_BYTES_MAX:
                break
        envelope = _links_of(begin) if len(begin) <= ENVELOPE_BYTES_MAX else None
        if envelope is None:
            yield bytes(begin)
            async for data in source:
                yield data
            return
        async for data in self._with_images(envelope):
            yield data

    def release(self) -> None:
        """See ``ports.UpstreamResponse``."""
        self._response.release()
        if self._reading is not None:
            self._reading.close()

    def _read(self, answer: aiohttp.ClientResponse) -> None:
        self._reading = answer

    async def _with_images(self, envelope: dict[str, Any]) -> AsyncIterator[bytes]:
        """``data`` comes last, and of each item the image."""
        items = envelope.pop("data")
        head = msgspec.json.encode(envelope)[:-1]
        yield head + (b"," if envelope else b"") + b'"data":['
        for number, item in enumerate(items):
            url = item.pop("url")
            item.pop("b64_json", None)
            rest = msgspec.json.encode(item)[1:-1]
            yield (b"," if number else b"") + b"{" + rest + (b"," if rest else b"") + b'"b64_json":"'
            async for data in _as_base64(self._fetching.image(url, self._rules, self._read)):
                yield data
            yield b'"}'
        yield b"]}"


def _links_of(body: bytes | bytearray) -> dict[str, Any] | None:
    """The whole object where its items are links; ``None`` for anything else, which is the relay's to judge."""
    try:
        envelope = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    items = envelope.get("data") if isinstance(envelope, dict) else None
    return envelope if isinstance(items, list) and len(items) > 0 and linked_items(items) else None


async def _as_base64(image: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for data in image:
        whole = rest + data
        end = len(whole) - len(whole) % 3
        rest = whole[end:]
        if end:
            yield b64encode(whole[:end])
    if rest:
        yield b64encode(rest)


async def _bounded(answer: aiohttp.ClientResponse, bytes_max: int) -> AsyncIterator[bytes]:
    size = 0
    async for data in answer.content.iter_chunked(_CHUNK_BYTES):
        size += len(data)
        if size > bytes_max:
            raise LinkRefused(f"the image behind the link has more than {bytes_max} bytes")
        yield data


def _check_head(answer: aiohttp.ClientResponse, rules: LinkRules) -> None:
    if answer.status != 200:
        raise LinkRefused(f"the link was answered with status {answer.status}")
    if answer.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        raise LinkRefused("the image behind the link has a content-encoding that nobody asked for")
    kind = answer.headers.get("content-type", "application/octet-stream").strip().lower()
    if not kind.startswith(_TYPES):
        raise LinkRefused("behind the link is no image, as its content-type says")
    if answer.content_length is not None and answer.content_length > rules.image_bytes_max:
        raise LinkRefused(f"the image behind the link has more than {rules.image_bytes_max} bytes")


def _checked_socket(address: tuple[Any, ...]) -> socket.socket:
    """Called with the very address that is connected to."""
    family, kind, protocol, _, place = address
    if not connectable(str(place[0]), _RULES.get()):
        raise OSError("the address is not public")
    return socket.socket(family, kind, protocol)
