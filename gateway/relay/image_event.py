"""One server-sent event with images: which kind it is, as early as its bytes tell, and what its object says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from gateway.core.request.picture import Picture
from gateway.relay.raw_json import object_of
from gateway.relay.scanner import AT_TOP, STRING_BYTES_KEPT, EnvelopeScanner, MalformedAnswer, Places

HELD_BYTES_MAX = 64 * 1024
_SPACE = b" \t\r\n"
_ERROR_MEMBER = re.compile(rb'"error"[ \t\r\n]*:[ \t\r\n]*[{"]')


class Kind(Enum):
    """Of the events that mean something to the gateway."""

    PARTIAL = 1
    COMPLETED = 2
    ERROR = 3
    ITEM = 4
    TEXT = 5


@dataclass(frozen=True, slots=True)
class Events:
    """The events of one API: their ``kinds`` by name, and the ``places`` of images in their objects."""

    kinds: Mapping[str, Kind]
    places: Places

    @property
    def own_names(self) -> frozenset[str]:
        """Images among an object's own members."""
        return frozenset(name for stack, name in self.places if stack == b"{")


_IMAGE_KINDS = {
    "image_generation.partial_image": Kind.PARTIAL,
    "image_edit.partial_image": Kind.PARTIAL,
    "image_generation.completed": Kind.COMPLETED,
    "image_edit.completed": Kind.COMPLETED,
    "error": Kind.ERROR,
}
_RESPONSE_KINDS = {
    "response.image_generation_call.partial_image": Kind.PARTIAL,
    "response.output_item.done": Kind.ITEM,
    "response.output_text.delta": Kind.TEXT,
    "response.refusal.delta": Kind.TEXT,
    "response.completed": Kind.COMPLETED,
    "response.incomplete": Kind.COMPLETED,
    "response.failed": Kind.ERROR,
    "error": Kind.ERROR,
}
IMAGE_EVENTS = Events(_IMAGE_KINDS, AT_TOP)
# {"partial_image_b64": …, {"item": {"result": …, {"response": {"output": [{"result": …
RESPONSE_EVENTS = Events(_RESPONSE_KINDS, frozenset({(b"{", "partial_image_b64"), (b"{{", "result"), (b"{{[{", "result")}))


class ImageEvent:
    """``holding``: its kind is not known yet, or it is an error; ``held`` are the bytes that wait, ``passed`` that some did not.

    Once the object is complete: ``envelope`` with long strings cut, ``pictures``, and ``error`` where it is one.
    """

    __slots__ = ("_data", "_events", "_hashed", "_plain", "_scanner", "envelope", "error", "held", "holding", "kind", "passed")

    def __init__(self, events: Events = IMAGE_EVENTS, *, hashed: bool = False) -> None:
        self._events, self._hashed = events, hashed
        self.kind: Kind | None = None
        self.envelope: dict[str, Any] = {}
        self.error: dict[str, Any] | None = None
        self.holding, self.held, self.passed = True, bytearray(), False
        self._data = bytearray()  # as long as it is held
        self._plain = False  # what is no object
        self._scanner: EnvelopeScanner | None = None

    @property
    def is_new(self) -> bool:
        """Whether nothing of it has come."""
        return not (self.held or self.passed)

    @property
    def image_seen(self) -> bool:
        """See ``EnvelopeScanner``."""
        return self._scanner is not None and self._scanner.image_seen

    @property
    def is_object(self) -> bool:
        """Whether its data is one, as far as it has come."""
        return self._scanner is not None

    @property
    def in_image(self) -> bool:
        """See ``EnvelopeScanner``."""
        return self._scanner is not None and self._scanner.in_image

    def text(self) -> str:
        """See ``EnvelopeScanner``."""
        return "" if self._scanner is None else self._scanner.text()

    @property
    def pictures(self) -> list[Picture | None]:
        """See ``EnvelopeScanner``."""
        return [] if self._scanner is None else self._scanner.pictures

    def read_field(self, line: bytes) -> None:
        """Read a line that is no data."""
        name, _, value = line.partition(b":")
        if name == b"event":
            self.kind = self._events.kinds.get(value.removeprefix(b" ").decode("utf-8", "replace"))

    def begin_data_line(self) -> None:
        """Several lines of data are one text."""
        if self._scanner is not None:
            self._scanner.feed(b"\n")
        if self.holding and (self._plain or self._scanner is not None):
            self._data += b"\n"

    def feed(self, content: bytes) -> bytes | None:
        """Read on in the data. What completes the object returns what stands before its closing brace, all else ``None``."""
        scanner = None if self._plain else self._scanner or self._begun(content)
        if scanner is None:
            if self._plain and self.holding:
                self._data += content
            return None
        complete = scanner.complete
        try:
            passing = scanner.feed(content)
            completed = scanner.complete and not complete
            if completed:
                self.envelope = scanner.envelope(exact=True)
        except MalformedAnswer:
            self._find_kind(content)
            if self._matters:
                raise
            self._scanner, self._plain, self.holding = None, True, False
            return None
        if completed:
            self._judge(passing)
            return passing
        if self.holding:
            self._decide(content)
        return None

    def end(self) -> dict[str, Any] | None:
        """The blank line has come: the error that the event is, if only its name said so."""
        if self.kind is Kind.ERROR and self._scanner is None:
            return {"message": "\n".join(line.strip() for line in self._data.decode("utf-8", "replace").split("\n"))}
        if self._matters and (self._scanner is None or not self._scanner.complete):
            raise MalformedAnswer("an event of the stream is cut short")
        return {} if self.kind is Kind.ERROR else None

    @property
    def _matters(self) -> bool:
        """Whether damage to it is damage to the answer: it is an event of the Images API, or has an image."""
        if self.kind is not None or self._scanner is None:
            return self.kind is not None
        return self._scanner.image_seen or not self._events.own_names.isdisjoint(self._scanner.names)

    def _begun(self, content: bytes) -> EnvelopeScanner | None:
        """The scanner, once it is known that the data is an object."""
        text = content.lstrip(_SPACE)
        if text.startswith(b"{"):
            self._scanner = EnvelopeScanner(places=self._events.places, hashed=self._hashed)
        elif text:
            if self.kind in (Kind.PARTIAL, Kind.COMPLETED):
                raise MalformedAnswer("an event of the stream is not a JSON object")
            self._plain, self.holding = True, self.kind is Kind.ERROR
        return self._scanner

    def _find_kind(self, content: bytes) -> None:
        """By the object's ``type``, where no name told; ``content`` is what was read last."""
        if self.kind is not None or not self.holding or self._scanner is None:
            return
        if span := self._scanner.spans.get("type"):
            start, end = span
            written = self._data + content[: max(end - len(self._data), 0)]
            self.kind = self._events.kinds.get(written[start + 1 : end - 1].decode("utf-8", "replace"))

    def _decide(self, content: bytes) -> None:
        """Whether to wait any longer."""
        self._find_kind(content)
        if self.kind is None and len(self._data) + len(content) > STRING_BYTES_KEPT:
            names = self._scanner.names if self._scanner is not None else ()
            self.holding = "error" in names and _ERROR_MEMBER.search(bytes(self._data) + content) is not None
        elif self.kind is not None:
            self.holding = self.kind is Kind.ERROR
        if self.holding:
            self._data += content

    def _judge(self, passing: bytes) -> None:
        """What the complete object is."""
        named = self.envelope.get("type")
        if self.kind is None and isinstance(named, str):
            self.kind = self._events.kinds.get(named)
        if self.kind is not Kind.ERROR and named != "error" and not self.envelope.get("error"):
            return
        said = self.envelope
        if self.holding:
            if len(self._data) + len(passing) > HELD_BYTES_MAX:
                raise MalformedAnswer(f"an error in the stream exceeds {HELD_BYTES_MAX} bytes")
            said = _whole(self._data + passing + b"}")
        # A response that has failed is in its event as a whole.
        response = said.get("response")
        error = said.get("error") or (response.get("error") if isinstance(response, dict) else None)
        if isinstance(error, dict) and error:
            self.error = error
        elif isinstance(error, str) and error:
            self.error = {"message": error}
        else:
            self.error = {name: value for name, value in said.items() if name != "type"}


def _whole(text: bytearray) -> dict[str, Any]:
    try:
        return object_of(text)
    except ValueError as error:
        raise MalformedAnswer(str(error)) from error
