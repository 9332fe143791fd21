"""SHA-256 of an image while its base64 text passes."""

import hashlib
from binascii import Error as NotBase64
from binascii import a2b_base64
from dataclasses import replace

from gateway.core.request.picture import Picture
from gateway.relay.picture import picture_of, unescaped

_LINE_BREAKS = b"\r\n"


class PictureDigest:
    """Feed it the JSON text of a base64 string, escapes included, in any pieces; it keeps less than a group of characters."""

    __slots__ = ("_broken", "_hash", "_text")

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._text = b""  # less than a group of four characters, and perhaps an escape that is cut off
        self._broken = False

    def feed(self, text: bytes, start: int = 0, end: int | None = None) -> None:
        """Take the next part of the string: ``text`` from ``start`` to ``end``."""
        piece, cut = self._text + text[start:end], b""
        if b"\\" in piece:
            piece, cut = unescaped(piece)
        if b"\n" in piece:  # never in JSON, but in what a parser made of it
            piece = piece.translate(None, _LINE_BREAKS)
        whole = len(piece) & ~3
        self._text = piece[whole:] + cut
        try:
            self._hash.update(a2b_base64(memoryview(piece)[:whole], strict_mode=True))
        except NotBase64:
            self._broken = True

    def hexdigest(self) -> str:
        """Of the bytes that the whole string stands for; empty where it is not base64."""
        return "" if self._broken or self._text else self._hash.hexdigest()


def with_digest(picture: Picture | None, digest: PictureDigest | None) -> Picture | None:
    """The picture with its hash, where there are both."""
    return picture if picture is None or digest is None else replace(picture, sha256=digest.hexdigest())


def hashed_picture(text: bytes) -> Picture | None:
    """The image of a whole base64 string, with its hash."""
    digest = PictureDigest()
    digest.feed(text)
    return with_digest(picture_of(text), digest)
