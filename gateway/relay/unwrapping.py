"""Images in data URLs where base64 belongs: the head of the URL is cut off, the rest passes as it came."""

import re

from gateway.relay.scanner import IN_DATA, EnvelopeScanner, Places

# As JSON text, in which a slash may be escaped.
_HEAD = re.compile(rb'data:[^",;]{0,64}(?:;[^",;]{1,32}){0,2};base64,', re.IGNORECASE)
_HEAD_BYTES_MAX = len("data:;;;base64,") + 64 + 2 * 32
_SPACE = b" \t\r\n"


class UnwrappingScanner(EnvelopeScanner):
    """As ``EnvelopeScanner``; what ``feed`` returns has images without the head that decoders of base64 trip over.

    The last bytes of a chunk wait for the next one where such a head may be cut off there.
    """

    def __init__(self, *, places: Places = IN_DATA, hashed: bool = False) -> None:
        super().__init__(places=places, hashed=hashed)
        self._heads: list[tuple[int, int]] = []  # in the chunk at hand
        self._waiting = b""

    def feed(self, chunk: bytes) -> bytes:
        """See ``EnvelopeScanner``."""
        if self._waiting:
            chunk, self._waiting = self._waiting + chunk, b""
        if (whole := self._whole(chunk)) < len(chunk):
            chunk, self._waiting = chunk[:whole], chunk[whole:]
        passing = super().feed(chunk)
        if not self._heads:
            return passing
        ends = [0, *(end for _, end in self._heads)]
        begins_at = [*(start for start, _ in self._heads), len(passing)]
        self._heads.clear()
        return b"".join(passing[start:end] for start, end in zip(ends, begins_at, strict=True))

    def _open_string(self, chunk: bytes, position: int, *, is_value: bool) -> int:
        if is_value and chunk.startswith((b"d", b"D"), position) and self._is_image() and (head := _HEAD.match(chunk, position)):
            self._heads.append(head.span())
            position = head.end()
        return super()._open_string(chunk, position, is_value=is_value)

    def _whole(self, chunk: bytes) -> int:
        """How much of the chunk to read now: up to the last string, if its head may go on in the next chunk."""
        if self.complete or chunk.rstrip(_SPACE).endswith(b"}"):
            return len(chunk)
        quote = chunk.rfind(b'"', max(len(chunk) - _HEAD_BYTES_MAX, 0))
        text = chunk[quote + 1 :]
        cut_off = quote >= 0 and b"data:".startswith(text[:5].lower()) and b"," not in text
        return quote if cut_off else len(chunk)
