"""A query for spend as people type it. Each error is a ``ValueError`` whose text says what is allowed."""

import re
from datetime import UTC, datetime, timedelta

from gateway.core.spend import Dimension

_AGE = re.compile(r"([0-9]{1,6})([dhm])")
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


def dimensions_of(text: str) -> tuple[Dimension, ...]:
    """The dimensions named in ``text``, separated by commas: each once, in its order."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in list(Dimension):
            raise ValueError(f"'{name}' is not a dimension. Allowed, separated by commas: {', '.join(Dimension)}.")
    return tuple(Dimension(name) for name in dict.fromkeys(names))


def moment_of(text: str, now: datetime) -> datetime:
    """A date (its UTC midnight), a date and time (UTC unless it has an offset), or an age before ``now``: ``7d 24h 30m``."""
    try:
        if age := _AGE.fullmatch(text):
            return now - int(age[1]) * _UNITS[age[2]]
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"'{text}' is not a point in time. Write a date (2026-10-01: its UTC midnight), a date and time "
            "(2026-10-01T12:00:00Z), or how long ago (7d, 24h, 30m)."
        ) from None
