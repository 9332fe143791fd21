"""``POST /v1/images/generations``: read, ask the engine, send. A plain ASGI endpoint, because every request passes here."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from gateway.core.diagnosis import Refusal, shape_refusal
from gateway.core.free_tags import HEADER, parse_tags
from gateway.core.images import parse
from gateway.core.snapshot import Snapshot
from gateway.engine.call import Call
from gateway.engine.dispatch import Dispatcher
from gateway.ports import LedgerUnavailable
from gateway.relay.request_body import MalformedBody, RequestBody
from gateway.server.auth import authenticate
from gateway.server.errors import failure_of_refusal, ledger_unavailable
from gateway.server.record import Record, record_of

PATH = "/v1/images/generations"
_log = structlog.get_logger("gateway.ledger")


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How large a request's JSON may be, and how long it may take to arrive."""

    bytes_max: int
    wait_s_max: float


class Generations:
    """The endpoint."""

    def __init__(self, dispatcher: Dispatcher, snapshot: Snapshot, limits: BodyLimits, clock: Callable[[], datetime]) -> None:
        self._dispatcher, self._snapshot, self._limits, self._clock = dispatcher, snapshot, limits, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, from its head to the last byte of its answer."""
        record = record_of(scope)
        record.path = PATH
        try:
            call = await self._read(scope, receive, record)
            failure = await self._dispatcher.serve(call, _Client(send), record.progress)
        except Refusal as refusal:
            failure = failure_of_refusal(refusal)
        except LedgerUnavailable as unavailable:
            _log.error("ledger", request_id=record.request_id, reason=str(unavailable))
            failure = ledger_unavailable(sent=record.progress.attempts > 0)
        if failure is not None:
            answer = record.error_answer(failure)
            if not record.progress.head_sent:
                await answer(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive, record: Record) -> Call:
        headers = Headers(scope=scope)
        app = authenticate(headers, self._snapshot)
        record.app, record.tag_body = app.id, app.tag_body
        tags = parse_tags(headers.get(HEADER, ""), app.tags)
        body = _json_body(await _read_body(receive, headers, self._limits), headers)
        request = parse(body.fields)
        model = self._snapshot.models.get(request.model)
        record.model = model.name if model else "other"
        return Call(record.request_id, self._clock(), app, self._snapshot, request, body, tags)


class _Client:
    """``engine.Client`` over ASGI. An answer that is started and never finished makes the server break the connection off."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, chunk: bytes) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def finish(self, chunk: bytes) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": False})


async def _read_body(receive: Receive, headers: Headers, limits: BodyLimits) -> bytes:
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limits.bytes_max:
        raise _too_large(limits.bytes_max)
    try:
        async with asyncio.timeout(limits.wait_s_max):
            return await _collect(receive, limits.bytes_max)
    except TimeoutError:
        message = f"The body did not arrive within {limits.wait_s_max:g} s. Send it at once."
        raise shape_refusal("request_timeout", message, status=408) from None


async def _collect(receive: Receive, bytes_max: int) -> bytes:
    body = bytearray()
    more = True
    while more:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise _unreadable("The request ended before its body did. Send the whole body.")
        body += message.get("body", b"")
        if len(body) > bytes_max:
            raise _too_large(bytes_max)
        more = message.get("more_body", False)
    return bytes(body)


def _json_body(body: bytes, headers: Headers) -> RequestBody:
    kind = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise _unreadable(f"Unsupported content type '{kind[:80]}'. Send JSON with 'Content-Type: application/json'.")
    try:
        return RequestBody(body)
    except MalformedBody as error:
        raise _unreadable(f"We could not parse the JSON body of your request: {error}. Send one JSON object.") from error


def _too_large(bytes_max: int) -> Refusal:
    return shape_refusal("request_too_large", f"The body exceeds {bytes_max} bytes. Send a shorter one.", status=413)


def _unreadable(message: str) -> Refusal:
    return shape_refusal("invalid_body", message)
