"""A provider's answer on its way through: read while it passes, closed with the tag's member."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from gateway.core.money.pricing import Delivery
from gateway.core.money.reported_cost import reported_amount
from gateway.core.money.tokens import Usage, usage_of
from gateway.core.request.body_field import WORD
from gateway.core.request.picture import Picture
from gateway.relay.event_stream import ImageStream
from gateway.relay.picture import picture_of
from gateway.relay.picture_digest import hashed_picture
from gateway.relay.raw_json import exact_json
from gateway.relay.scanner import MalformedAnswer
from gateway.relay.unwrapping import UnwrappingScanner

WHOLE_BYTES_MAX = 64 * 1024
_SPACE = b" \t\r\n"


class Answer(Protocol):
    """What the engine needs of an answer, in whichever form it comes."""

    def feed(self, chunk: bytes) -> bytes:
        """What of ``chunk`` may go to the client now; raises ``MalformedAnswer``."""
        ...

    @property
    def carries_image(self) -> bool:
        """Whether image data has begun to arrive; before that nothing should reach the client."""
        ...

    @property
    def finished(self) -> bool:
        """Whether all that was asked for has arrived; only the closing is missing."""
        ...

    @property
    def error(self) -> Mapping[str, Any] | None:
        """The provider's own error in the middle of its answer."""
        ...

    @property
    def at_boundary(self) -> bool:
        """Whether something of the gateway's own may be written between two parts of the answer."""
        ...

    @property
    def in_image(self) -> bool:
        """Whether what was fed last ends in the middle of an image."""
        ...

    def text(self) -> str:
        """What has come besides images since this was last asked."""
        ...

    def delivery(self) -> Delivery:
        """What the complete answer delivered; raises ``MalformedAnswer`` where it holds no usable image (law 9)."""
        ...

    def closing(self, member: Mapping[str, Any] | None) -> bytes:
        """The end of the answer, with the ``gateway`` member where there is one."""
        ...


class ImageAnswer:
    """The JSON object of an answer that is not streamed; ``hashed``: its images' hashes are wanted.

    One that arrives at once and is small is parsed as it is; any other passes through the scanner.
    """

    at_boundary = False

    def __init__(self, *, hashed: bool = False) -> None:
        self._hashed = hashed
        self._scanner: UnwrappingScanner | None = None
        self._whole: dict[str, Any] | None = None

    def feed(self, chunk: bytes) -> bytes:
        """See ``Answer``."""
        if self._scanner is None:
            if len(chunk) <= WHOLE_BYTES_MAX and (end := end_of_object(chunk)):
                found = parsed(chunk)
                if found is not None and not any(map(_is_wrapped, _items(found))):
                    self._whole = found
                    return chunk[:end]
            self._scanner = UnwrappingScanner(hashed=self._hashed)
        return self._scanner.feed(chunk)

    @property
    def carries_image(self) -> bool:
        """See ``Answer``."""
        return self._scanner is not None and self._scanner.image_seen

    @property
    def finished(self) -> bool:
        """See ``Answer``."""
        return self._whole is not None or (self._scanner is not None and self._scanner.complete)

    @property
    def in_image(self) -> bool:
        """See ``Answer``."""
        return self._scanner is not None and self._scanner.in_image

    def text(self) -> str:
        """See ``Answer``."""
        if self._scanner is not None:
            return self._scanner.text()
        return "" if self._whole is None else " ".join(_texts(self._whole))

    @property
    def error(self) -> Mapping[str, Any] | None:
        """See ``Answer``: some providers give their errors status 200."""
        if self._whole is not None:
            return _error_of(self._whole)
        if self._scanner is None or not self._scanner.complete or self._scanner.pictures or "error" not in self._scanner.names:
            return None
        return _error_of(self._scanner.envelope())

    def delivery(self) -> Delivery:
        """See ``Answer``."""
        if self._whole is not None:
            envelope = self._whole
            texts = [item.get("b64_json") for item in _items(envelope)]
            read = hashed_picture if self._hashed else picture_of
            pictures = [read(text.encode()) for text in texts if isinstance(text, str)]
        elif self._scanner is not None:
            envelope, pictures = self._scanner.envelope(exact=True), self._scanner.pictures
        else:
            raise MalformedAnswer("the answer has no body")
        links, usage = sum(map(_is_link, _items(envelope))), envelope.get("usage")
        return _delivery(pictures, links, envelope, usage_of(usage), reported=reported_amount(usage))

    def closing(self, member: Mapping[str, Any] | None) -> bytes:
        """See ``Answer``."""
        return b"}" if member is None else ending_with(member)


class ImageEvents:
    """The server-sent events of a streamed answer, of which ``images`` complete images were asked for; ``hashed`` as above."""

    def __init__(self, images: int, *, hashed: bool = False) -> None:
        self._stream = ImageStream(images, hashed=hashed)
        self.feed, self.text = self._stream.feed, self._stream.text

    @property
    def carries_image(self) -> bool:
        """See ``Answer``."""
        return self._stream.carries_image

    @property
    def finished(self) -> bool:
        """See ``Answer``."""
        return self._stream.finished

    @property
    def error(self) -> Mapping[str, Any] | None:
        """See ``Answer``."""
        return self._stream.error

    @property
    def at_boundary(self) -> bool:
        """See ``Answer``."""
        return self._stream.at_boundary

    @property
    def in_image(self) -> bool:
        """See ``Answer``."""
        return self._stream.in_image

    def delivery(self) -> Delivery:
        """See ``Answer``. Each event reports the tokens, or the cost, of its own image: their sum is the bill."""
        if not self.finished and not self.at_boundary:
            raise MalformedAnswer("the stream ended in the middle of an event")
        events = self._stream.completed
        if not events:
            raise MalformedAnswer("the stream ended without a complete image")
        usages = [usage_of(event.get("usage")) for event in events]
        known = [usage for usage in usages if usage is not None]
        total = sum(known[1:], known[0]) if len(known) == len(usages) else None
        costs = [reported_amount(event.get("usage")) for event in events]
        reported = [cost for cost in costs if cost is not None]
        sum_of_costs = sum(reported, Decimal(0)) if len(reported) == len(costs) else None
        return _delivery(self._stream.pictures, 0, events[-1], total, reported=sum_of_costs, partials=self._stream.partials)

    def closing(self, member: Mapping[str, Any] | None) -> bytes:
        """See ``Answer``. Where fewer images came than were asked for, no event is left to carry the member: a comment does."""
        if self.finished:
            return (b"}" if member is None else ending_with(member)) + b"\n\n"
        return b"" if member is None else b": {" + ending_with(member)[1:] + b"\n\n"


def _texts(value: Any) -> list[str]:
    """All texts and names in it but images."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for it in value for text in _texts(it)] if value else []
    if not isinstance(value, dict):
        return []
    found = [*value]
    for name, it in value.items():
        if isinstance(it, str | dict | list) and name != "b64_json":
            found += _texts(it)
    return found


def end_of_object(chunk: bytes) -> int:
    """Where the brace stands that may end the object; 0 where none ends the chunk."""
    body = chunk.rstrip(_SPACE)
    return len(body) - 1 if body.endswith(b"}") else 0


def parsed(chunk: bytes) -> dict[str, Any] | None:
    """The whole object; ``None`` where this is not all of it, or where the scanner had better judge it."""
    try:
        parsed = exact_json(chunk)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _delivery(
    pictures: Sequence[Picture | None],
    links: int,
    envelope: Mapping[str, Any],
    usage: Usage | None,
    *,
    reported: Decimal | None,
    partials: int = 0,
) -> Delivery:
    found = tuple(picture for picture in pictures if picture is not None)
    if not found and not links:
        raise MalformedAnswer("the answer holds bytes that are no image" if pictures else "the answer holds no image")
    size = echoed(envelope, "size") or common_size(found)
    return Delivery(len(found) + links, size, echoed(envelope, "quality"), usage, found, partials, reported)


def common_size(pictures: Sequence[Picture]) -> str:
    """What the images themselves say, where the provider does not and they agree."""
    sizes = {f"{picture.width}x{picture.height}" for picture in pictures if picture.width is not None}
    return sizes.pop() if len(sizes) == 1 else ""


def ending_with(member: Mapping[str, Any]) -> bytes:
    """What follows the last member of an object: the ``gateway`` member and the closing brace."""
    return b',"gateway":' + msgspec.json.encode(member) + b"}"


def _error_of(envelope: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What the provider says instead of an image."""
    error = envelope.get("error")
    if not error or any(item.get("b64_json") or _is_link(item) for item in _items(envelope)):
        return None
    if isinstance(error, str):
        return {"message": error}
    return error if isinstance(error, dict) else None


def _is_wrapped(item: Mapping[str, Any]) -> bool:
    image = item.get("b64_json")
    return isinstance(image, str) and image[:5].lower() == "data:"


def _items(envelope: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    data = envelope.get("data")
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def _is_link(item: Mapping[str, Any]) -> bool:
    return not item.get("b64_json") and isinstance(item.get("url"), str) and bool(item["url"])


def echoed(envelope: Mapping[str, Any], name: str) -> str:
    """A word such as a size; anything else a provider may put there is nothing to book or to print."""
    value = envelope.get(name)
    return value if isinstance(value, str) and WORD.fullmatch(value) else ""
