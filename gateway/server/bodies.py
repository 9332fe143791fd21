"""Reading a request's body: within its bounds, and counted against what the process takes at once."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from starlette.types import Receive

from gateway.core.diagnosis import Refusal, shape_refusal
from gateway.engine.admission import Lease
from gateway.relay.request_body import RequestBody
from gateway.relay.request_json import MalformedBody

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How large a body may be, and how long it may take to arrive."""

    bytes_max: int
    wait_s_max: float


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
            return RequestBody(body)
        except MalformedBody as error:
            raise unreadable(f"We could not parse the JSON body of your request: {error}. Send one JSON object.") from error


async def body_chunks(receive: Receive, head: Mapping[str, str], limits: BodyLimits, lease: Lease) -> AsyncIterator[bytes]:
    """The body as it arrives; raises ``Refusal`` where it is too large, too slow or cut short, or where there is no room."""
    declared = head.get("content-length", "")
    if declared.isdigit():
        _check_size(int(declared), limits)
        lease.hold(int(declared))
    deadline_s = asyncio.get_running_loop().time() + limits.wait_s_max
    size, more = 0, True
    while more:
        try:
            async with asyncio.timeout_at(deadline_s):
                message = await receive()
        except TimeoutError:
            text = f"The body did not arrive within {limits.wait_s_max:g} s. Send it at once."
            raise shape_refusal("request_timeout", text, status=408) from None
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


def _check_size(size: int, limits: BodyLimits) -> None:
    if size > limits.bytes_max:
        raise shape_refusal("request_too_large", f"The body exceeds {limits.bytes_max} bytes. Send a shorter one.", status=413)
