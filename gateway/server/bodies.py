"""Reading a request's body: within its bounds, and counted against what the process takes at once."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from starlette.types import Receive

from gateway.core.outcome import Refusal, shape_refusal
from gateway.engine.admission import Lease
from gateway.relay.request_body import RequestBody
from gateway.relay.request_json import TEXT_BYTES_AT_ONCE_MAX, MalformedBody

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How large a body may be, and how long it, or the next piece of it, may take to arrive."""

    bytes_max: int
    wait_s_max: float
    stall_s_max: float


class JsonReader:
    """Reads a JSON body that fits into memory."""

    def __init__(self, limits: BodyLimits) -> None:
        self._limits = limits

    async def __call__(self, receive: Receive, head: Mapping[str, str], lease: Lease) -> RequestBody:
        """Raises ``Refusal``."""
        kind = content_type_of(head)
        if kind != JSON:
            raise unreadable(f"Unsupported content type '{kind[:80]}'. Send JSON with 'Content-Type: application/json'.")
        body = b"".join([chunk async for chunk in body_chunks(receive, head, self._limits, lease)])
        try:
            return RequestBody(body) if len(body) <= TEXT_BYTES_AT_ONCE_MAX else await asyncio.to_thread(RequestBody, body)
        except MalformedBody as error:
            raise unreadable(f"We could not parse the JSON body of your request: {error}. Send one JSON object.") from error


async def body_chunks(receive: Receive, head: Mapping[str, str], limits: BodyLimits, lease: Lease) -> AsyncIterator[bytes]:
    """The body as it arrives; raises ``Refusal`` where it is too large, too slow or cut short, or where there is no room.

    What is declared must fit, but only what has arrived is held.
    """
    declared = head.get("content-length", "")
    if declared.isdigit():
        _check_size(int(declared), limits)
        lease.check(int(declared))
    now_s = asyncio.get_running_loop().time
    deadline_s = now_s() + limits.wait_s_max
    size, more = 0, True
    while more:
        stalled_s = now_s() + limits.stall_s_max
        try:
            async with asyncio.timeout_at(min(deadline_s, stalled_s)):
                message = await receive()
        except TimeoutError:
            raise _too_slow(limits, stalled=stalled_s < deadline_s) from None
        if message["type"] == "http.disconnect":
            raise unreadable("The request ended before its body did. Send the whole body.")
        chunk = message.get("body", b"")
        size += len(chunk)
        _check_size(size, limits)
        lease.hold(size)
        yield chunk
        more = message.get("more_body", False)


def content_type_of(head: Mapping[str, str]) -> str:
    """The media type alone; JSON where there is none."""
    return head.get("content-type", JSON).partition(";")[0].strip().lower()


def unreadable(message: str) -> Refusal:
    """The refusal of a body that is not what the endpoint takes."""
    return shape_refusal("invalid_body", message)


def _too_slow(limits: BodyLimits, *, stalled: bool) -> Refusal:
    text = f"The body did not arrive within {limits.wait_s_max:g} s."
    if stalled:
        text = f"Nothing more of the body arrived within {limits.stall_s_max:g} s."
    return shape_refusal("request_timeout", f"{text} Send it at once.", status=408)


def _check_size(size: int, limits: BodyLimits) -> None:
    if size > limits.bytes_max:
        raise shape_refusal("request_too_large", f"The body exceeds {limits.bytes_max} bytes. Send a shorter one.", status=413)
