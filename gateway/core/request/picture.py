"""An image as the first bytes of its file describe it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Picture:
    """``format`` is ``png``, ``jpeg``, ``webp``, ``gif``, ``svg`` or ``avif``; the size is in pixels, ``None`` where unknown.

    ``sha256`` is that of the file, in hexadecimal; empty where nobody asked for it.
    """

    format: str
    width: int | None
    height: int | None
    sha256: str = ""
