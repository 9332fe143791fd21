"""An incremental reader of one JSON object: passes its bytes on and keeps only the envelope.

The envelope is the object with every long string cut to its first bytes. Inside a string the scanner looks for the closing
quote and nothing else, so a megabyte of base64 costs about as much as a memory scan, and memory does not depend on it.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from gateway.core.request.picture import Picture
from gateway.relay.picture import PictureProbe, picture_of
from gateway.relay.picture_digest import PictureDigest, with_digest
from gateway.relay.raw_json import name_of, object_of, whole_end

STRING_BYTES_KEPT = 1024
ENVELOPE_BYTES_MAX = 1024 * 1024
# Strings and brackets, of which each takes about 1 µs: a Responses answer of 10 images, all tools repeated, has some thousand.
TOKENS_MAX = 60_000
_SPACE = b" \t\r\n"
_QUOTE, _BACKSLASH, _COLON, _BRACE = b'"\\:{'
_OPENED_BY = {0x7D: 0x7B, 0x5D: 0x5B}
# Outside of strings: one that is short and without escapes (two groups), the beginning of any other (one), or a bracket.
_TOKEN = re.compile(rb'"([^"\\]{0,128}+)(")?|[{}\[\]]')
_OTHER, _SHORT = 1, 2
_DEPTH_MAX = 4  # nothing that matters is deeper
_REST_OF_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
# Where a string is an image: under these brackets, with this name.
Places = frozenset[tuple[bytes, str]]
IN_DATA: Places = frozenset({(b"{[{", "b64_json")})  # {"data": [{"b64_json": …
AT_TOP: Places = IN_DATA | {(b"{", "b64_json")}


class MalformedAnswer(Exception):
    """The bytes are not one complete JSON object of a sane envelope."""


class TooManyTokens(MalformedAnswer):
    """There are more strings and brackets in it than are looked at."""


class EnvelopeScanner:
    """Feed it the body in any chunks; ``complete`` once the object's closing brace has come.

    ``places`` say which strings are images. ``image_seen`` turns true as soon as one outgrows ``string_bytes_kept``;
    ``pictures`` tells of each that has ended, in order, what it is, with ``hashed`` also its SHA-256. ``tokens_left``: so many
    more strings and brackets are read.
    """

    def __init__(
        self,
        *,
        places: Places = IN_DATA,
        digest: bool = False,
        hashed: bool = False,
        string_bytes_kept: int = STRING_BYTES_KEPT,
        envelope_bytes_max: int = ENVELOPE_BYTES_MAX,
        tokens_max: int = TOKENS_MAX,
    ) -> None:
        self.complete = self.image_seen = False
        self.pictures: list[Picture | None] = []
        self._places = places
        self._stacks = {stack for stack, _ in places}
        self._string_bytes_kept, self._envelope_bytes_max = string_bytes_kept, envelope_bytes_max
        self.tokens_left = tokens_max
        self._hash = hashlib.sha256() if digest else None
        self._hashed = hashed
        self._fed_bytes = 0
        self._envelope = bytearray()
        self._told_bytes = 0  # of it, by ``text``
        self._stack = bytearray()  # the brackets that are open
        self._noted = False  # whether strings matter there: the members of the object itself and of the items of its lists
        self._name: bytes | None = b""  # the latest where it matters, as it is written; ``None`` where it was cut
        # Of each own member its name, where that begins, and where its value is if it is a string.
        self._members: list[tuple[bytes | None, int, tuple[int, int] | None]] = []
        self._after_colon = False  # whether the last chunk ended in a colon, or in the space behind one
        # Of the string at hand, where it is not a short one:
        self._in_string = self._string_cut = self._escaped = self._is_value = False
        self._string_start = self._kept_start = 0
        self._probe: PictureProbe | None = None
        self._digest: PictureDigest | None = None

    def feed(self, chunk: bytes) -> bytes:
        """The part of ``chunk`` that may be passed on at once: all but the object's closing brace and what follows it."""
        if not chunk:
            return chunk
        if self.complete:
            _refuse_more(chunk)
            return b""
        position = self._read_string(chunk, 0) if self._in_string else self._resume(chunk)
        brace = -1 if self._in_string else self._read_structure(chunk, position)
        if self.tokens_left < 0:
            raise TooManyTokens("the JSON has too many strings, objects and lists")
        if brace < 0:
            if self._hash is not None:
                self._hash.update(chunk)
            self._fed_bytes += len(chunk)
            return chunk
        if self._hash is not None:
            self._hash.update(memoryview(chunk)[: brace + 1])
        self.complete = True
        _refuse_more(chunk[brace + 1 :])
        return chunk[:brace]

    @property
    def in_image(self) -> bool:
        """Whether the last byte is within a string that has outgrown what is kept: an image, or a very long text."""
        return self._in_string and self._string_cut

    def text(self) -> str:
        """What was kept since this was last asked, as it is written: all but what is long of long strings."""
        told, self._told_bytes = self._told_bytes, len(self._envelope)
        return self._envelope[told:].decode("latin-1") if told < self._told_bytes else ""

    def envelope(self, *, exact: bool = False) -> dict[str, Any]:
        """The whole object as a parser sees it, long strings cut; raises ``MalformedAnswer`` where it is not complete.

        ``exact``: see ``kept_json.object_of``.
        """
        try:
            return object_of(self.whole_text(), exact=exact)
        except ValueError as error:
            raise MalformedAnswer(str(error)) from error

    def whole_text(self) -> bytearray:
        """The whole object as it was written, long strings cut; raises ``MalformedAnswer`` where it is not complete."""
        if not self.complete:
            raise MalformedAnswer("the JSON object is cut short")
        return self._envelope

    @property
    def sha256(self) -> str | None:
        """Of the bytes up to the closing brace, which is included, in hexadecimal; ``None`` before it, or if not asked for."""
        return self._hash.hexdigest() if self._hash is not None and self.complete else None

    @property
    def depth(self) -> int:
        """How many objects and lists are open."""
        return len(self._stack)

    @property
    def names(self) -> frozenset[str]:
        """Of the object's own members, so far. A name that outgrows ``string_bytes_kept`` is left out, here and below."""
        return frozenset(name for name, _, _ in self._named_members())

    @property
    def spans(self) -> dict[str, tuple[int, int]]:
        """Where the values are that are strings, quotes included, in bytes from the first one fed; only the object's own.

        Of a repeated member the last counts.
        """
        last = {name: span for name, _, span in self._named_members()}
        return {name: span for name, span in last.items() if span is not None}

    @property
    def beginnings(self) -> tuple[int, ...]:
        """Where the object's own members begin, at the opening quotes of their names, in their order."""
        return tuple(start for _, start, _ in self._members)

    @property
    def named_beginnings(self) -> tuple[tuple[str | None, int], ...]:
        """The same with their names; ``None`` for one that is left out above."""
        return tuple((None if written is None else name_of(written), start) for written, start, _ in self._members)

    def _named_members(self) -> Iterator[tuple[str, int, tuple[int, int] | None]]:
        for written, start, span in self._members:
            name = None if written is None else name_of(written)
            if name is not None:
                yield name, start, span

    def _resume(self, chunk: bytes) -> int:
        """Begin a chunk between strings: past the space before the object, or into a string whose colon came before."""
        first = len(chunk) - len(chunk.lstrip(_SPACE)) if self._after_colon or not self._stack else 0
        if not self._stack:
            if first < len(chunk) and chunk[first] != _BRACE:
                raise MalformedAnswer("the body is not a JSON object")
            return first
        if not self._after_colon or first == len(chunk) or chunk[first] != _QUOTE:
            return 0
        self._keep(chunk[: first + 1])
        return self._open_string(chunk, first + 1, is_value=True)

    def _read_structure(self, chunk: bytes, position: int) -> int:
        """Read on between strings, over short ones and into others; returns where the object's closing brace is, or -1."""
        stack, kept_from, fed_bytes = self._stack, position, self._fed_bytes
        while not self._in_string:
            for token in _TOKEN.finditer(chunk, position):
                self.tokens_left -= 1
                kind = token.lastindex
                if kind == _SHORT:
                    if self._noted:
                        start, end = token.span()
                        self._note(token[1], fed_bytes + start, fed_bytes + end, _is_value(chunk, start))
                elif kind == _OTHER:
                    start = token.start() + 1
                    self._keep(chunk[kept_from:start])
                    kept_from = position = self._open_string(chunk, start, is_value=_is_value(chunk, start - 1))
                    break
                else:
                    if (byte := chunk[token.start()]) not in _OPENED_BY:
                        stack.append(byte)
                    elif stack.pop() != _OPENED_BY[byte]:
                        raise MalformedAnswer("the body is not valid JSON")
                    elif not stack:
                        self._keep(chunk[kept_from : token.end()])
                        return token.start()
                    depth = len(stack)
                    self._noted = depth == 1 or (depth <= _DEPTH_MAX and bytes(stack) in self._stacks)
            else:
                self._keep(chunk[kept_from:])
                if rest := chunk[position:].rstrip(_SPACE):
                    self._after_colon = rest.endswith(b":")
                break
        return -1

    def _open_string(self, chunk: bytes, position: int, *, is_value: bool) -> int:
        """Read a string of which only the opening quote was read; returns what ``_read_string`` does."""
        self._in_string, self._is_value = True, is_value
        self._string_cut = self._escaped = self._after_colon = False
        self._string_start, self._kept_start = self._fed_bytes + position - 1, len(self._envelope)
        if is_value and self._is_image():
            self._probe = PictureProbe()
            self._digest = PictureDigest() if self._hashed else None
        return self._read_string(chunk, position)

    def _read_string(self, chunk: bytes, start: int) -> int:
        """Read on inside a string; returns the place behind its closing quote, or the end of the chunk."""
        position = start + self._escaped
        self._escaped = False
        end = chunk.find(b'"', position)
        closed = end >= 0
        if not closed:
            end = len(chunk)
        if end > position and chunk[end - 1] == _BACKSLASH:
            end = _past_escapes(chunk, position)
            closed = end < len(chunk) and chunk[end] == _QUOTE
            if not closed:
                self._escaped = end < len(chunk)
                end = len(chunk)
        if self._probe is not None and not self._probe.done:
            self._probe.feed(chunk, start, end)
        if self._digest is not None:
            self._digest.feed(chunk, start, end)
        if not self._string_cut:
            self._keep_string(chunk, start, end)
        if not closed:
            return end
        self._close_string(self._fed_bytes + end + 1)
        return end + 1

    def _keep_string(self, chunk: bytes, start: int, end: int) -> None:
        room = self._string_bytes_kept - (len(self._envelope) - self._kept_start)
        if end - start > room:
            self._string_cut = True
            if self._probe is not None:
                self._see_image(self._probe)
            end = start + room
        self._keep(chunk[start:end])

    def _see_image(self, probe: PictureProbe) -> None:
        """Before the first image nothing has passed, and bytes that are none must not be the first to."""
        if not self.image_seen and probe.done and probe.picture() is None:
            raise MalformedAnswer("the answer holds bytes that are no image")
        self.image_seen = True

    def _close_string(self, end: int) -> None:
        """``end``: where the string ends in all that was fed."""
        written = None
        if self._string_cut:
            del self._envelope[whole_end(self._envelope, self._kept_start) :]
            _drop_half_a_character(self._envelope)
            self._told_bytes = min(self._told_bytes, len(self._envelope))
        else:
            written = bytes(self._envelope[self._kept_start :])
        self._keep(b'"')
        self._in_string = False
        if self._noted:
            self._note(written, self._string_start, end, self._is_value)
        self._probe = self._digest = None

    def _note(self, written: bytes | None, start: int, end: int, is_value: bool) -> None:
        """Take note of a string that matters; ``written`` is ``None`` where it was cut."""
        own = len(self._stack) == 1
        if not is_value:
            self._name = written
            if own:
                self._members.append((written, start, None))
            return
        if own and self._members:
            self._members[-1] = (self._name, self._members[-1][1], (start, end))
        if self._probe is not None:
            self.pictures.append(with_digest(self._probe.picture(), self._digest))
        elif written is not None and self._is_image():
            self.pictures.append(picture_of(written))

    def _is_image(self) -> bool:
        """Whether the value at hand is where an image belongs."""
        if not self._noted or self._name is None:
            return False
        return (bytes(self._stack), name_of(self._name)) in self._places

    def _keep(self, part: bytes) -> None:
        if len(self._envelope) + len(part) > self._envelope_bytes_max:
            raise MalformedAnswer(f"the JSON around the images exceeds {self._envelope_bytes_max} bytes")
        self._envelope += part


def _drop_half_a_character(text: bytearray) -> None:
    """What was cut within a character of several bytes ends before it; one that is whole may go, too."""
    lead = len(text) - 1
    while text[lead] & 0xC0 == 0x80:
        lead -= 1
    if text[lead] >= 0xC0:
        del text[lead:]


def _refuse_more(chunk: bytes) -> None:
    if chunk.strip(_SPACE):
        raise MalformedAnswer("there is more after the JSON object")


def _is_value(chunk: bytes, start: int) -> bool:
    """Whether the string that begins at ``start`` stands behind a colon, which is in the same chunk."""
    before = start - 1
    while before >= 0 and chunk[before] in _SPACE:
        before -= 1
    return before >= 0 and chunk[before] == _COLON


def _past_escapes(chunk: bytes, position: int) -> int:
    """Where the string ends that goes on at ``position``: at its quote, at an escape that is cut off, or with the chunk."""
    found = _REST_OF_STRING.match(chunk, position)
    return position if found is None else found.end()
