"""An image as the first bytes of its file describe it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Picture:
    """``format`` is ``png``, ``jpeg``, ``webp``, ``gif``, ``svg`` or ``avif``; the size is in pixels, ``None`` where unknown."""

    format: str
    width: int | None
    height: int | None
