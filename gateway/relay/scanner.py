"""An incremental reader of one JSON object: passes its bytes on and keeps only the envelope.

The envelope is the object with every long string cut to its first bytes. Inside a string the scanner looks for the closing
quote and nothing else, so a megabyte of base64 costs about as much as a memory scan, and memory does not depend on it.
"""

import json
import re
from typing import Any

STRING_BYTES_KEPT = 1024
ENVELOPE_BYTES_MAX = 1024 * 1024
_BRACKET = re.compile(rb"[{}\[\]]")
_SPACE = b" \t\r\n"
_IMAGE_NAME = re.compile(rb'"b64_json"\s*:\s*"$')
_NAME_BYTES_MAX = 64
_ITEM_DEPTH = 3  # {"data": [{"b64_json": …


class MalformedAnswer(Exception):
    """The bytes are not one complete JSON object of a sane envelope."""


class EnvelopeScanner:
    """Feed it the body in any chunks. ``image_seen`` turns true as soon as a ``b64_json`` outgrows ``STRING_BYTES_KEPT``."""

    def __init__(self) -> None:
        self.image_seen = False
        self._envelope = bytearray()
        self._depth = 0
        self._closed = False
        self._in_string = False
        self._string_start = 0
        self._string_cut = False
        self._backslashes = 0

    def feed(self, chunk: bytes) -> bytes:
        """The part of ``chunk`` that may be passed on at once: all but the object's closing brace and what follows it."""
        position = 0
        while position < len(chunk):
            if self._closed:
                if chunk[position:].strip(_SPACE):
                    raise MalformedAnswer("there is more after the JSON object")
                return b""
            if self._in_string:
                position = self._read_string(chunk, position)
            else:
                quote = chunk.find(b'"', position)
                end = len(chunk) if quote < 0 else quote
                closing = self._read_structure(chunk[position:end])
                if closing is not None:
                    if chunk[position + closing + 1 :].strip(_SPACE):
                        raise MalformedAnswer("there is more after the JSON object")
                    return chunk[: position + closing]
                position = end
                if quote >= 0:
                    self._open_string()
                    position += 1
        return chunk

    def envelope(self) -> dict[str, Any]:
        """The whole object as a parser sees it, long strings cut; raises ``MalformedAnswer`` where it is not complete."""
        if not self._closed:
            raise MalformedAnswer("the JSON object is cut short")
        try:
            parsed = json.loads(self._envelope.decode("utf-8", "replace"))
        except (ValueError, RecursionError) as error:
            raise MalformedAnswer("the body is not valid JSON") from error
        if not isinstance(parsed, dict):
            raise MalformedAnswer("the body is not a JSON object")
        return parsed

    def _is_image(self) -> bool:
        """Whether the string at hand is the ``b64_json`` of an item of a list in the object."""
        before = bytes(self._envelope[max(self._string_start - _NAME_BYTES_MAX, 0) : self._string_start])
        return self._depth == _ITEM_DEPTH and _IMAGE_NAME.search(before) is not None

    def _open_string(self) -> None:
        if self._depth == 0:
            raise MalformedAnswer("the body is not a JSON object")
        self._keep(b'"')
        self._in_string, self._string_start = True, len(self._envelope)
        self._string_cut, self._backslashes = False, 0

    def _read_string(self, chunk: bytes, position: int) -> int:
        """Read on from ``position`` inside a string; returns where the string or the chunk ends."""
        start = position
        while True:
            quote = chunk.find(b'"', position)
            end = len(chunk) if quote < 0 else quote
            escaped = self._ends_escaped(chunk, start, end)
            if quote < 0 or not escaped:
                break
            position = quote + 1
        self._keep_string(chunk, start, end)
        if quote < 0:
            self._backslashes = int(escaped)
            return end
        self._close_string()
        return end + 1

    def _ends_escaped(self, chunk: bytes, start: int, end: int) -> bool:
        """Whether the byte at ``end`` is escaped: an odd run of backslashes stands before it, here and in the last chunk."""
        before = end
        while before > start and chunk[before - 1] == 0x5C:
            before -= 1
        run = end - before + (self._backslashes if before == start else 0)
        return run % 2 == 1

    def _keep_string(self, chunk: bytes, start: int, end: int) -> None:
        room = STRING_BYTES_KEPT - (len(self._envelope) - self._string_start)
        if end - start > room:
            self._string_cut = True
            self.image_seen = self.image_seen or self._is_image()
            end = start + max(room, 0)
        self._keep(chunk[start:end])

    def _close_string(self) -> None:
        """Close the kept copy, without an escape sequence that the cut may have halved."""
        self._in_string = False
        if self._string_cut:
            tail = self._envelope.rfind(b"\\", len(self._envelope) - len(r"\u0000"))
            if tail >= self._string_start:
                while tail > self._string_start and self._envelope[tail - 1] == 0x5C:
                    tail -= 1
                del self._envelope[tail:]
        self._keep(b'"')

    def _read_structure(self, part: bytes) -> int | None:
        """Keep what lies between strings; returns the index of the brace that closes the object, if it is here."""
        if not self._envelope:
            part_text = part.lstrip(_SPACE)
            if part_text and not part_text.startswith(b"{"):
                raise MalformedAnswer("the body is not a JSON object")
        for found in _BRACKET.finditer(part):
            if found[0] in b"{[":
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 0:
                    self._keep(part[: found.end()])
                    self._closed = True
                    return found.start()
        self._keep(part if self._envelope else part.lstrip(_SPACE))
        return None

    def _keep(self, part: bytes) -> None:
        if len(self._envelope) + len(part) > ENVELOPE_BYTES_MAX:
            raise MalformedAnswer(f"the JSON around the images exceeds {ENVELOPE_BYTES_MAX} bytes")
        self._envelope += part
