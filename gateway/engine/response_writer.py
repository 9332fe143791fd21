"""The client's side of one answer: its head leaves at the last moment, and a silent stream is kept alive."""

import asyncio
import re
from collections.abc import Awaitable
from typing import TypeVar

from gateway.core.redaction.provider_settings import ours_at
from gateway.core.snapshot import ProviderSettings
from gateway.core.tag import Header
from gateway.engine.call import Call, Client, Failure, Progress
from gateway.ports import UpstreamResponse
from gateway.relay.event_stream import HEARTBEAT, error_event

HEADER_CHARS_MAX = 200
UPSTREAM_REQUEST_ID = "x-request-id"
# What of a provider's head an app may see, in these forms; the rest names accounts, limits of the whole contract, or cookies.
_PASSED_HEADERS = {
    "openai-processing-ms": re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?"),
    "openai-version": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:-preview)?"),
}
_JSON_HEAD = ((b"content-type", b"application/json"),)
# Proxies on the way must neither keep nor gather the events.
_STREAM_HEAD = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
_Result = TypeVar("_Result")


class ResponseWriter:
    """``at_boundary``: whether a stream stands between two events, so that something of the gateway's own may be written."""

    def __init__(self, call: Call, client: Client, progress: Progress, heartbeat_s: float) -> None:
        self._call, self._client, self._progress, self._heartbeat_s = call, client, progress, heartbeat_s
        self._passed: list[Header] = []
        self.at_boundary = True

    def adopt(self, response: UpstreamResponse) -> None:
        """Pass on what an app may see of the provider's head."""
        self._passed = [
            (name.encode(), value.encode())
            for name, form in _PASSED_HEADERS.items()
            if (value := response.headers.get(name)) is not None and form.fullmatch(value)
        ]

    async def write(self, chunk: bytes) -> None:
        """A part of the body."""
        await self._start()
        await self._client.write(chunk)

    async def finish(self, chunk: bytes) -> None:
        """The last part of the body, which may be the only one."""
        if not self._call.request.stream:
            await self._start((b"content-length", b"%d" % len(chunk)))
        await self._start()
        await self._client.finish(chunk)

    async def fail(self, failure: Failure) -> None:
        """End a stream that has begun with an error event; what stands in the middle of an image can only be broken off."""
        if self._call.request.stream and self.at_boundary:
            member = self._progress.tag(self._call.request_id).member() if self._call.app.tag_body else None
            await self._client.finish(error_event(failure.error, member))

    async def with_heartbeat(self, waiting: Awaitable[_Result]) -> _Result:
        """The result of ``waiting``; meanwhile, while a stream is silent, a comment now and then keeps its connection open."""
        if not self._call.request.stream:
            return await waiting
        task = asyncio.ensure_future(waiting)
        try:
            while not (await asyncio.wait({task}, timeout=self._heartbeat_s))[0]:
                if self.at_boundary:
                    await self.write(HEARTBEAT)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        return task.result()

    async def _start(self, *length: Header) -> None:
        if self._progress.head_sent:
            return
        self._progress.head_sent = True
        head = _STREAM_HEAD if self._call.request.stream else _JSON_HEAD
        await self._client.start(200, [*head, *length, *self._passed, *self._progress.tag(self._call.request_id).headers()])


def request_id_of(response: UpstreamResponse, provider: ProviderSettings) -> str:
    """The provider's own, without our key, if it is short and plain: anything else could break a ledger row."""
    value = response.headers.get(UPSTREAM_REQUEST_ID, "")
    if len(value) > HEADER_CHARS_MAX or not (value.isascii() and value.isprintable()):
        return ""
    ours = ours_at(provider)
    return ours.without(value) if ours.key_in(value) else value
