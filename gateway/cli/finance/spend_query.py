"""A query for spend as people type it. Each error is a ``ValueError`` whose text says what is allowed."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from gateway.cli.terminal.period import Period
from gateway.core.finance.spend import Dimension, Key, Tag
from gateway.core.money.month import month_named, month_of

DIMENSIONS = f"{', '.join(Dimension)}, tag:NAME"
PREVIOUS = "previous"
_TAG = "tag:"


def dimensions_of(text: str) -> tuple[Key, ...]:
    """The dimensions named in ``text``, separated by commas: each once, in its order."""
    return tuple(dict.fromkeys(_dimension(name.strip()) for name in text.split(",")))


def only_of(texts: Iterable[str]) -> Mapping[Key, frozenset[str]]:
    """Conditions such as ``team=growth,web``: any of these values. The same dimension twice is one condition."""
    found: dict[Key, frozenset[str]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals or not values:
            raise ValueError(f"'{text}' is not DIMENSION=VALUE. Write team=growth, or team=growth,web for any of several.")
        key = _dimension(name.strip())
        if key.of_time:
            raise ValueError(f"'{text}' is about time. Name the period with --month, or --since and --until.")
        found[key] = found.get(key, frozenset()) | {value.strip() for value in values.split(",")}
    return found


def earlier_of(text: str, period: Period, month: str | None, now: datetime) -> tuple[datetime, datetime]:
    """What a period is compared with: ``previous``, as long and right before it (of a month, the month before), or a month."""
    if text != PREVIOUS:
        return month_named(text, now)
    begin, end = period[0], period[1] or now
    if begin is None:
        raise ValueError("Without a begin there is nothing before it. Name the period with --month or --since.")
    if month is not None:
        return month_of(begin - timedelta(microseconds=1))
    return begin - (end - begin), begin


def _dimension(name: str) -> Key:
    if name.startswith(_TAG) and len(name) > len(_TAG):
        return Tag(name.removeprefix(_TAG))
    if name not in list(Dimension):
        raise ValueError(f"'{name}' is not a dimension. Allowed, separated by commas: {DIMENSIONS}.")
    return Dimension(name)
