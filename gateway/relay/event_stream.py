"""Server-sent events with images on their way through: read while they pass, and only what must not pass is held."""

import hashlib
from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec

from gateway.core.request.picture import Picture
from gateway.relay.image_event import HELD_BYTES_MAX, IMAGE_EVENTS, Events, ImageEvent, Kind
from gateway.relay.scanner import MalformedAnswer

# A comment needs no blank line, and one less is one less that a reader could take for an event.
HEARTBEAT = b": keep-alive\n"
_LINE_BYTES_KEPT = 256  # enough for any name of an event that means something
_BOM = b"\xef\xbb\xbf"
_DATA = b"data:"
_RETURN, _LINE_FEED = b"\r\n"


class _Part(Enum):
    """What is being read of a line."""

    BEGINNING = 1
    DATA = 2
    COMMENT = 3
    FIELD = 4


class ImageStream:
    """Feed it the stream in any chunks; ``images``: how many completed events were asked for.

    ``carries_image``: image data has begun, or a whole event with an image or a text has come. ``finished``: of the last event
    asked for all was passed but the closing brace and what follows. ``error``: what the provider's error event says; the event
    itself is not passed. After either nothing more is. ``completed`` are the objects of the completed events, long strings cut,
    and ``pictures`` what their images are; ``items`` are those of events before. ``partials`` counts the partial images.
    """

    def __init__(self, images: int, events: Events = IMAGE_EVENTS, *, digest: bool = False, hashed: bool = False) -> None:
        self.carries_image = self.finished = False
        self.error: dict[str, Any] | None = None
        self.completed: list[dict[str, Any]] = []
        self.pictures: list[Picture | None] = []
        self.items: list[Picture | None] = []
        self.partials = 0
        self._images, self._events = images, events
        self._hash = hashlib.sha256() if digest else None
        self._out: list[bytes] = []
        self._text: list[str] = []
        self._hashed = hashed
        self._event = ImageEvent(events, hashed=hashed)
        self._part = _Part.BEGINNING
        self._line = b""
        self._first_line = True
        self._after_return = False  # whether a line feed would belong to the last chunk's line end
        self._left_bytes = 0  # of the data at hand, behind the last object

    def feed(self, chunk: bytes) -> bytes:
        """What may go to the client now; raises ``MalformedAnswer``."""
        if not chunk or self._has_ended:
            return b""
        position = end = self._rest_of_line_end(chunk)
        line_feed = -1
        while position < len(chunk):
            if line_feed < position:
                line_feed = chunk.find(b"\n", position)
                line_feed = len(chunk) if line_feed < 0 else line_feed
            end = chunk.find(b"\r", position, line_feed)
            end = line_feed if end < 0 else end
            if end > position:
                self._read(chunk[position:end])
            if end == len(chunk) or self._has_ended:
                break
            position = end + 2 if chunk.startswith(b"\r\n", end) else end + 1
            self._after_return = position == len(chunk) and chunk[position - 1] == _RETURN
            self._end_line(chunk[end:position])
            if self._has_ended:
                break
        if self._hash is not None:
            self._hash.update(memoryview(chunk)[: end - self._left_bytes] if self.finished else chunk)
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)

    @property
    def at_boundary(self) -> bool:
        """Whether a comment or an event may be written here: nothing of an unfinished event has been passed."""
        return not self._event.passed

    @property
    def in_image(self) -> bool:
        """Whether the last byte is in the middle of an image, or of a very long text, that is passing."""
        return self._event.in_image and not self._event.holding

    def text(self) -> str:
        """What has come besides images since this was last asked."""
        text, self._text = "".join(self._text), []
        return text

    @property
    def sha256(self) -> str | None:
        """Of the bytes up to the last object's closing brace, in hexadecimal; ``None`` before it, or if not asked for."""
        return self._hash.hexdigest() if self._hash is not None and self.finished else None

    @property
    def _has_ended(self) -> bool:
        return self.finished or self.error is not None

    def _rest_of_line_end(self, chunk: bytes) -> int:
        if not self._after_return:
            return 0
        self._after_return = False
        if chunk[0] != _LINE_FEED:
            return 0
        if self._event.is_new:
            self._out.append(b"\n")
        else:
            self._emit(b"\n")
        return 1

    def _read(self, part: bytes) -> None:
        """Read a part of a line, which is not empty."""
        if self._part is _Part.BEGINNING:
            part = self._begin_line(part)
        if self._part is _Part.DATA:
            if part:
                self._read_data(part)
        elif self._part is _Part.COMMENT:
            self._text.append(part.decode("latin-1"))
            self._pass(part)
        else:
            self._text.append(part.decode("latin-1"))
            self._line += part[: _LINE_BYTES_KEPT - len(self._line)]
            self._emit(part)

    def _begin_line(self, part: bytes) -> bytes:
        """Tell which line this is, where that can be told; returns what was not dealt with."""
        head = self._line + part[: len(_BOM) + len(_DATA)]
        mark = len(_BOM) if self._first_line and head.startswith(_BOM) else 0
        text = head[mark:]
        if text.startswith(_DATA):
            content = mark + len(_DATA) - len(self._line)
            self._part = _Part.DATA
            self._emit(part[:content])
            self._event.begin_data_line()
            return part[content:]
        if text.startswith(b":") and self._event.is_new:
            self._part = _Part.COMMENT
        elif not _DATA.startswith(text) and not (self._first_line and _BOM.startswith(head)):
            self._part = _Part.FIELD
        return part

    def _end_line(self, ending: bytes) -> None:
        part, line = self._part, self._line
        self._part, self._line = _Part.BEGINNING, b""
        if self._first_line:
            self._first_line, line = False, line.removeprefix(_BOM)
        if part is _Part.COMMENT:
            self._out.append(ending)
            self._event.passed = False
        elif part is _Part.DATA or line:
            self._emit(ending)
            if line:
                self._event.read_field(line)
        else:
            self._end_event(ending)

    def _end_event(self, ending: bytes) -> None:
        self.error = self._event.end()
        if self.error is None:
            self._out += (bytes(self._event.held), ending)
            self._event = ImageEvent(self._events, hashed=self._hashed)

    def _read_data(self, content: bytes) -> None:
        event = self._event
        passing = event.feed(content)
        self._text.append(event.text() if event.is_object else content.decode("latin-1"))
        self.carries_image = self.carries_image or event.image_seen
        if passing is None:
            if not event.holding:
                self._release()
            self._emit(content)
            return
        if event.error is not None:
            self.error = event.error
            return
        self._count(event)
        self._release()
        self.finished = event.kind is Kind.COMPLETED and len(self.completed) == self._images
        if self.finished:
            self._left_bytes = len(content) - len(passing) - 1
        self._emit(passing if self.finished else content)

    def _count(self, event: ImageEvent) -> None:
        """Take note of an event whose object is complete."""
        if event.kind is None:
            return
        self.carries_image = self.carries_image or event.kind is Kind.TEXT or bool(event.pictures)
        match event.kind:
            case Kind.PARTIAL:
                self.partials += 1
            case Kind.ITEM:
                self.items += event.pictures
            case Kind.COMPLETED:
                self.completed.append(event.envelope)
                self.pictures += event.pictures or [None]

    def _release(self) -> None:
        event = self._event
        event.holding = False
        if event.held:
            self._pass(bytes(event.held))
            event.held.clear()

    def _emit(self, part: bytes) -> None:
        held = self._event.held
        if not self._event.holding:
            self._pass(part)
        elif len(held) + len(part) > HELD_BYTES_MAX:
            raise MalformedAnswer(f"an event of the stream begins with more than {HELD_BYTES_MAX} bytes of no image")
        else:
            held += part

    def _pass(self, part: bytes) -> None:
        self._out.append(part)
        self._event.passed = True


def error_event(error: Mapping[str, object], member: Mapping[str, object] | None) -> bytes:
    """The gateway's own end of a stream that has failed, on which both official SDKs raise, with its ``gateway`` member."""
    said = {"type": "error", "error": error} | ({} if member is None else {"gateway": member})
    return b"event: error\ndata: " + msgspec.json.encode(said) + b"\n\n"
