"""A length of time as people type it."""

import re
from datetime import timedelta

_LENGTH = re.compile(r"([0-9]{1,6})([dhm])")
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


def duration_of(text: str, longest: timedelta) -> timedelta:
    """``7d 24h 30m``; raises ``ValueError``, which says what is allowed, where it is none, zero, or longer than ``longest``."""
    found = _LENGTH.fullmatch(text)
    length = int(found[1]) * _UNITS[found[2]] if found else timedelta()
    if not timedelta() < length <= longest:
        raise ValueError(f"'{text}' is not a length of time up to {longest.days}d. Write how long: 30m, 24h, 7d.")
    return length
