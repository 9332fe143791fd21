"""Which part of a period is read from sums that were made of whole days, and which from the entries themselves."""

from collections.abc import Iterable
from dataclasses import dataclass

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Parts:
    """A period ``[since, until)`` in microseconds since 1970 UTC, in two parts that together are it and never overlap.

    ``first_day`` and ``last_day`` (excluded) bound the days that lie whole in it: what has sums of these is read from the sums.
    ``gaps`` are the rest, in their order.
    """

    first_day: int
    last_day: int
    gaps: tuple[tuple[int, int], ...]


def parts_of(since: int, until: int, days: Iterable[int]) -> Parts:
    """``days`` are those that have sums, as days since 1970 UTC, each once."""
    first, last = -(-since // DAY_US), until // DAY_US
    gaps = []
    read_until = since
    for day in sorted(days):
        if first <= day < last:
            if read_until < day * DAY_US:
                gaps.append((read_until, day * DAY_US))
            read_until = (day + 1) * DAY_US
    if read_until < until:
        gaps.append((read_until, until))
    return Parts(first, last, tuple(gaps))
