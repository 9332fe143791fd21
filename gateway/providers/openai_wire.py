"""Providers that speak OpenAI's wire format: one shared aiohttp session, bodies as streams of bytes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import version
from types import TracebackType
from typing import Self

import aiohttp

from gateway.core.diagnosis import Stage
from gateway.core.snapshot import ProviderSettings
from gateway.ports import UpstreamCall
from gateway.providers.errors import FOREIGN, upstream_failed

# A provider that closes an idle connection just as it is used again leaves an ambiguous attempt, so idle ones are not kept long.
IDLE_CONNECTION_S = 15
READ_BUFFER_BYTES = 256 * 1024


class OpenAIWire:
    """``ports.Provider`` for the dialect ``openai``. Use it as an async context manager: it owns the session."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._user_agent = f"image-gateway/{version('image-gateway')}"

    async def __aenter__(self) -> Self:
        # No limit on connections: image jobs take minutes, and admission is decided before an attempt, not by a hidden queue.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_CONNECTION_S)
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), read_bufsize=READ_BUFFER_BYTES, trust_env=False
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, call: UpstreamCall) -> "WireResponse":
        """POST the call once, follow no redirect; see ``ports.Provider``."""
        if self._session is None:
            raise RuntimeError("send() belongs inside the provider's `async with`")
        settings = call.provider
        try:
            async with asyncio.timeout(settings.timeouts.total_s):
                response = await self._session.post(
                    f"{settings.base_url.rstrip('/')}/{call.path}",
                    data=call.body,
                    headers=self._headers(call),
                    timeout=_timeouts(settings),
                    allow_redirects=False,
                )
        except FOREIGN as error:
            raise upstream_failed(error, Stage.ANSWER) from error
        return WireResponse(response)

    def _headers(self, call: UpstreamCall) -> dict[str, str]:
        settings: ProviderSettings = call.provider
        headers = {
            "authorization": f"Bearer {settings.credential.reveal()}",
            "content-type": "application/json",
            "accept-encoding": "identity",
            "user-agent": self._user_agent,
            # OpenAI's own header for a caller's trace id, so that a ticket there can name the request.
            "x-client-request-id": call.request_id,
        }
        if settings.organization:
            headers["openai-organization"] = settings.organization
        if settings.project:
            headers["openai-project"] = settings.project
        return headers


def _timeouts(settings: ProviderSettings) -> aiohttp.ClientTimeout:
    """The body has a limit on silence, not on length: a slow client slows its reading, and that is not the provider's fault."""
    return aiohttp.ClientTimeout(total=None, sock_connect=settings.timeouts.connect_s, sock_read=settings.timeouts.total_s)


class WireResponse:
    """``ports.UpstreamResponse`` over aiohttp."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self._response = response

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as the socket delivers it."""
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except FOREIGN as error:
            raise upstream_failed(error, Stage.BODY) from error

    def release(self) -> None:
        """Back to the pool if read to its end, otherwise closed: an unread rest may be megabytes."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()
