"""Format and pixel size of an image from the beginning of its base64 text; nothing but headers is decoded."""

import re
from binascii import Error as NotBase64
from binascii import a2b_base64
from contextlib import suppress

from gateway.core.request.picture import Picture

SEARCHED_BYTES_MAX = 1024 * 1024
_BEGINNING_CHARS, _PIECE_CHARS = 64, 1024
_HEADER_BYTES, _HEADER_CHARS = 30, 40  # WebP's is the longest of those that stand at a fixed place
_PNG = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\x0dIHDR"
_PNG_EDGE_MAX = 2**31 - 1
_JPEG = b"\xff\xd8\xff"
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_PIXELS_BEGIN = frozenset({0x00, 0x01, *range(0xD0, 0xDB)})  # markers after which no frame header follows
_XML_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_XML_BEGINNINGS = (b"<", b" ", b"\t", b"\r", b"\n", _BOM)
# What may stand before the root element. A document type with declarations of its own is read as several, and ends in "]>".
_XML_PROLOG = ((b"<!--", b"-->"), (b"<?", b"?>"), (b"<!", b">"))
_SVG_ROOT = re.compile(rb"<svg[ \t\r\n/>:]")
_ESCAPE = re.compile(rb"\\(?:u00([0-9a-fA-F]{2})|([/nr]))")
_ESCAPE_CUT = re.compile(rb"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_UNESCAPED = {b"/": b"/", b"n": b"", b"r": b""}  # decoders pass over line breaks


class PictureProbe:
    """Feed it the JSON text of a base64 string, escapes included, until it is ``done``; it keeps about a kilobyte at most.

    Usually it is done after the first 40 characters. Of a JPEG it hops over the segments before the frame header.
    """

    __slots__ = ("_found", "_head", "_searched_bytes", "_skip_bytes", "_step", "_text", "_until", "done")

    def __init__(self) -> None:
        self.done = False
        self._found: Picture | None = None
        self._text = b""  # less than a group of four characters, and perhaps an escape that is cut off
        self._head = b""  # decoded, not understood yet
        self._until = b""  # the end of the XML construct at hand
        self._skip_bytes = self._searched_bytes = 0
        self._step = PictureProbe._begin  # not bound to this object: a circle would wait for the garbage collector

    def feed(self, text: bytes, start: int = 0, end: int | None = None) -> None:
        """Take the next part of the string: ``text`` from ``start`` to ``end``."""
        end = len(text) if end is None else end
        if not self._searched_bytes and not self._text and end - start >= _HEADER_CHARS:
            self._look(text[start : start + _HEADER_CHARS])
        if not self.done and text.find(b"\n", start, end) >= 0:  # never in JSON, but in what a parser made of it
            text = text[start:end].translate(None, b"\r\n")
            start, end = 0, len(text)
        while start < end and not self.done:
            hop = min(self._skip_bytes // 3 * 4 - 4, (end - start) & ~3)
            if hop > 0 and b"\\" not in self._text and text.find(b"\\", start, start + hop) < 0:
                self._skip(hop)
            else:
                hop = min(_PIECE_CHARS if self._searched_bytes else _BEGINNING_CHARS, end - start)
                self._take(text[start : start + hop])
            start += hop

    def picture(self) -> Picture | None:
        """What the string is, now that it has ended; ``None`` where it is no image that is known."""
        if not self.done:
            self._step(self, last=True)
            self.done = True
        return self._found

    def _look(self, beginning: bytes) -> None:
        """The usual case at once: a header at a fixed place, without escapes; any other is read step by step."""
        with suppress(NotBase64):
            if found := _of_header(a2b_base64(beginning, strict_mode=True)):
                self._end(found)

    def _take(self, piece: bytes) -> None:
        text, cut = self._text + piece, b""
        if b"\\" in text:
            text, cut = unescaped(text)
        whole = len(text) & ~3
        self._text = text[whole:] + cut
        hop = min(self._skip_bytes // 3 * 4, whole)
        self._skip(hop)
        try:
            decoded = a2b_base64(text[hop:whole], strict_mode=True)
        except NotBase64:
            self._end(None)
            return
        self._searched_bytes += len(decoded)
        self._head += decoded[self._skip_bytes :]
        self._skip_bytes = max(self._skip_bytes - len(decoded), 0)
        if self._head:
            self._step(self, last=False)
        if self._searched_bytes >= SEARCHED_BYTES_MAX and not self.done:
            self._end(Picture("jpeg", None, None) if self._step is PictureProbe._jpeg else None)

    def _skip(self, chars: int) -> None:
        """Take note that so many characters, a multiple of four, were passed over."""
        self._skip_bytes -= chars // 4 * 3
        self._searched_bytes += chars // 4 * 3

    def _end(self, found: Picture | None) -> None:
        self.done, self._found, self._head = True, found, b""

    def _begin(self, *, last: bool) -> None:
        head = self._head
        if len(head) < _HEADER_BYTES and not last:
            return
        if head.startswith(_JPEG):
            self._head, self._step = head[2:], PictureProbe._jpeg
        elif head.startswith(_XML_BEGINNINGS):
            self._head, self._step = head.removeprefix(_BOM), PictureProbe._svg
        else:
            self._end(_of_header(head))
            return
        self._step(self, last=last)

    def _jpeg(self, *, last: bool) -> None:
        # One that ends (``last``) before its frame header is no image.
        head = self._head
        while len(head) >= 4 and head[1] not in _JPEG_FRAMES:
            if head[0] != 0xFF or head[1] in _JPEG_PIXELS_BEGIN:
                self._end(Picture("jpeg", None, None))
                return
            if head[1] == 0xFF:  # any number of these may stand before a marker
                head = b"\xff" + head.lstrip(b"\xff")
                continue
            length = 2 + max(int.from_bytes(head[2:4]), 2)
            self._skip_bytes = max(length - len(head), 0)
            head = head[length:]
        self._head = head
        if len(head) >= 9:
            height, width = int.from_bytes(head[5:7]), int.from_bytes(head[7:9])
            sized = head[0] == 0xFF and width and height  # a height of 0 is said at the end of the file
            self._end(Picture("jpeg", width, height) if sized else Picture("jpeg", None, None))

    def _svg(self, *, last: bool) -> None:
        head = self._head
        while True:
            if self._until:
                before, found, after = head.partition(self._until)
                if not found:
                    self._head = before[1 - len(self._until) :] if len(self._until) > 1 else b""
                    return
                head, self._until = after, b""
            self._head = head = head.lstrip(_XML_SPACE + b"]>")
            if len(head) < len("<svg ") and not last:
                return
            for opening, ending in _XML_PROLOG:
                if head.startswith(opening):
                    self._head, self._until = head[len(opening) :], ending
                    break
            else:
                self._end(Picture("svg", None, None) if _SVG_ROOT.match(head) else None)
                return
            head = self._head


def picture_of(text: bytes) -> Picture | None:
    """The image of a whole base64 string; ``None`` where it is no image that is known."""
    probe = PictureProbe()
    probe.feed(text)
    return probe.picture()


def unescaped(text: bytes) -> tuple[bytes, bytes]:
    """What JSON text stands for, and the escape at its end that is cut off."""
    cut = b""
    if halved := _ESCAPE_CUT.search(text):
        text, cut = text[: halved.start()], halved[0]
    return _ESCAPE.sub(_unescaped, text), cut


def _of_header(head: bytes) -> Picture | None:
    """The formats that say their size at a fixed place."""
    if head.startswith(_PNG) and len(head) >= 24:
        return _sized("png", int.from_bytes(head[16:20]), int.from_bytes(head[20:24]))
    if head.startswith((b"GIF87a", b"GIF89a")) and len(head) >= 10:
        return _sized("gif", int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little"))
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return _webp(head)
    if head[4:12] in (b"ftypavif", b"ftypavis"):
        return Picture("avif", None, None)
    return None


def _webp(head: bytes) -> Picture | None:
    """By its first chunk: lossy (RFC 6386), lossless, or extended (RFC 9649)."""
    if len(head) < _HEADER_BYTES:
        return None
    kind = head[12:16]
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        return _sized("webp", int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF)
    if kind == b"VP8L" and head[20] == 0x2F:
        edges = int.from_bytes(head[21:25], "little")
        return Picture("webp", (edges & 0x3FFF) + 1, (edges >> 14 & 0x3FFF) + 1)
    if kind == b"VP8X":
        return Picture("webp", int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1)
    return None


def _sized(kind: str, width: int, height: int) -> Picture | None:
    """No image has an edge of no pixels."""
    return Picture(kind, width, height) if 0 < width <= _PNG_EDGE_MAX and 0 < height <= _PNG_EDGE_MAX else None


def _unescaped(escape: re.Match[bytes]) -> bytes:
    return bytes([int(escape[1], 16)]) if escape[1] else _UNESCAPED[escape[2]]
