"""Calendar months in UTC: what a billing period is."""

import re
from datetime import UTC, datetime

Bounds = tuple[datetime, datetime]

_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")


def month_of(moment: datetime) -> Bounds:
    """Begin and end (exclusive) of the month that ``moment`` (aware, in UTC) is in."""
    begin = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = (begin.year + 1, 1) if begin.month == 12 else (begin.year, begin.month + 1)
    return begin, begin.replace(year=year, month=month)


def month_named(text: str, now: datetime) -> Bounds:
    """The month written as ``2026-10``; ``ValueError`` where it is none, or begins after ``now``."""
    found = _MONTH.fullmatch(text)
    if found is None or not 1 <= int(found[2]) <= 12 or not 1970 <= int(found[1]) < 9999:
        raise ValueError(f"'{text}' is not a month. Write year and month, such as {now:%Y-%m}.")
    begin, end = month_of(datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC))
    if begin > now:
        raise ValueError(f"{text} has not begun: it is {now:%Y-%m-%d %H:%M} UTC. The latest month is {now:%Y-%m}.")
    return begin, end
