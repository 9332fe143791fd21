"""An answer of the Responses API on its way through, whole or streamed: its images, and the tokens of both its models."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.core.money.pricing import Delivery
from gateway.core.money.tokens import Usage, text_usage_of, tool_usage_of
from gateway.core.request.images import TextWish
from gateway.core.request.picture import Picture
from gateway.core.request.responses import CALL
from gateway.relay.answer import common_size, echoed, ending_with
from gateway.relay.event_stream import ImageStream
from gateway.relay.image_event import RESPONSE_EVENTS
from gateway.relay.scanner import MalformedAnswer, Places
from gateway.relay.unwrapping import UnwrappingScanner

_IN_OUTPUT: Places = frozenset({(b"{[{", "result")})  # {"output": [{"result": …
_STANDARD_TIERS = (None, "default")
END_BYTES_MAX = 512
# The brace that ends the last object of an event, and the plain members behind it (one group); the event's own brace follows.
_END = re.compile(rb'\}((?:\s*,\s*"[A-Za-z_]+"\s*:\s*(?:"[^"\\]*"|[-+.0-9A-Za-z]+))*\s*)\Z')


class ResponseAnswer:
    """See ``answer.Answer``: the JSON object of a response."""

    at_boundary = False

    def __init__(self, wish: TextWish, *, hashed: bool = False) -> None:
        self._wish = wish
        self._scanner = UnwrappingScanner(places=_IN_OUTPUT, hashed=hashed)
        self._response: dict[str, Any] | None = None
        self.text = self._scanner.text

    def feed(self, chunk: bytes) -> bytes:
        """See ``Answer``."""
        passing = self._scanner.feed(chunk)
        if self._scanner.complete and self._response is None:
            self._response = self._scanner.envelope()
        return passing

    @property
    def carries_image(self) -> bool:
        """See ``Answer``."""
        return self._scanner.image_seen

    @property
    def finished(self) -> bool:
        """See ``Answer``."""
        return self._response is not None

    @property
    def in_image(self) -> bool:
        """See ``Answer``."""
        return self._scanner.in_image

    @property
    def error(self) -> Mapping[str, Any] | None:
        """See ``Answer``: a response that failed has status 200."""
        return None if self._response is None else _error_of(self._response, drawn=bool(self._scanner.pictures))

    def delivery(self) -> Delivery:
        """See ``Answer``. A text without an image is a delivery, too, unless the tool had to be called."""
        if self._response is None:
            raise MalformedAnswer("the JSON object is cut short")
        return _delivery(self._response, self._scanner.pictures, self._wish)

    def closing(self, member: Mapping[str, Any] | None) -> bytes:
        """See ``Answer``."""
        return b"}" if member is None else ending_with(member)


class ResponseEvents:
    """See ``answer.Answer``: the server-sent events of a response, of which the last one holds it whole.

    The ``gateway`` member goes to the end of that response, where SDKs look for it, so the end of an event is held back until it
    is known which event it is.
    """

    def __init__(self, wish: TextWish, *, hashed: bool = False) -> None:
        self._wish = wish
        self._stream = ImageStream(1, RESPONSE_EVENTS, hashed=hashed)
        self.text = self._stream.text
        self._held = b""
        self._rest: bytes | None = None  # what follows the response in its event; ``None`` where that is not known

    def feed(self, chunk: bytes) -> bytes:
        """See ``Answer``."""
        if self._stream.finished:
            return b""
        passing = self._held + self._stream.feed(chunk)
        self._held = b""
        if self._stream.finished:
            found = _END.search(passing) if _ends_with_response(self._stream.completed[-1]) else None
            if found is None:
                return passing
            self._rest = found[1]
            return passing[: found.start()]
        if not self._stream.at_boundary:
            passing, self._held = passing[:-END_BYTES_MAX], passing[-END_BYTES_MAX:]
        return passing

    @property
    def carries_image(self) -> bool:
        """See ``Answer``; a text counts as well."""
        return self._stream.carries_image

    @property
    def finished(self) -> bool:
        """See ``Answer``."""
        return self._stream.finished

    @property
    def error(self) -> Mapping[str, Any] | None:
        """See ``Answer``."""
        if self._stream.error is not None or not self._stream.finished:
            return self._stream.error
        return _error_of(self._response, drawn=bool(self._pictures))

    @property
    def at_boundary(self) -> bool:
        """See ``Answer``."""
        return self._stream.at_boundary

    @property
    def in_image(self) -> bool:
        """See ``Answer``."""
        return self._stream.in_image

    def delivery(self) -> Delivery:
        """See ``Answer``."""
        if not self._stream.finished:
            raise MalformedAnswer("the stream ended before the response was complete")
        return _delivery(self._response, self._pictures, self._wish, self._stream.partials)

    def closing(self, member: Mapping[str, Any] | None) -> bytes:
        """See ``Answer``."""
        end = b"}" if member is None else ending_with(member)
        return end + (b"" if self._rest is None else self._rest + b"}") + b"\n\n"

    @property
    def _response(self) -> Mapping[str, Any]:
        response = self._stream.completed[-1].get("response")
        if not isinstance(response, dict):
            raise MalformedAnswer("the last event of the stream holds no response")
        return response

    @property
    def _pictures(self) -> Sequence[Picture | None]:
        """The last event repeats all images; one that leaves them out is believed as to the rest."""
        return [it for it in self._stream.pictures if it is not None] or self._stream.items


def _delivery(response: Mapping[str, Any], pictures: Sequence[Picture | None], wish: TextWish, partials: int = 0) -> Delivery:
    found, calls = tuple(it for it in pictures if it is not None), _calls(response)
    if not found and pictures:
        raise MalformedAnswer("the answer holds bytes that are no image")
    if not found and (calls or wish.forced):
        raise MalformedAnswer("the answer holds no image")
    last = calls[-1] if calls else {}
    tools = response.get("tool_usage")
    usage = tool_usage_of(tools.get("image_gen")) if isinstance(tools, dict) else None
    return Delivery(
        images=len(found),
        size=echoed(last, "size") or common_size(found),
        quality=echoed(last, "quality"),
        # A tool that was not called has used nothing.
        usage=usage if calls or usage is not None else Usage(),
        pictures=found,
        partials=partials,
        text_usage=text_usage_of(response.get("usage")) if response.get("service_tier") in _STANDARD_TIERS else None,
    )


def _ends_with_response(event: dict[str, Any]) -> bool:
    """Whether no other object follows it."""
    return next((name for name in reversed(event) if isinstance(event[name], dict | list)), "") == "response"


def _error_of(response: Mapping[str, Any], *, drawn: bool) -> Mapping[str, Any] | None:
    """Why the response holds no image, where it says so itself; an error of its own counts in any case."""
    if isinstance(error := response.get("error"), dict) and error:
        return error
    if drawn:
        return None
    for call in _calls(response):
        if isinstance(error := call.get("error"), dict) and error:
            return error
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    if response.get("status") == "incomplete" and isinstance(reason, str):
        return {"message": f"The response ended before an image was made: {reason}.", "code": reason}
    return None


def _calls(response: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    output = response.get("output")
    return [it for it in output if isinstance(it, dict) and it.get("type") == CALL] if isinstance(output, list) else []
