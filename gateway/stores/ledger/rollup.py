"""Sums of whole days, the same for every database: which day is next, and how its sums are asked for."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from gateway.core.finance.spend import Dimension
from gateway.core.ledger.rollup import DAY_US
from gateway.stores.ledger.rows import Columns, microseconds_of

# Attempts that began before midnight end after it; a day is summed when few are left that would make its sums stale at once.
SETTLED_AFTER = timedelta(hours=1)
FRESH = "SELECT day FROM rolled_day WHERE kept AND NOT stale"
NEXT = "SELECT min(begun_at) AS begun_at FROM entry WHERE kind = 'reserve' AND begun_at >= :after"
_DIMENSIONS = [it.value for it in Dimension if not it.of_time]


def due_day(fresh: Iterable[Columns], next_begun: Callable[[int], int | None], now: datetime) -> int | None:
    """The first day with attempts that is over and has no sums that are right; ``None`` where there is none.

    ``fresh`` are the rows of ``FRESH``; ``next_begun`` says when the first attempt from a moment on began.
    """
    days = {row["day"] for row in fresh}
    over = microseconds_of(now - SETTLED_AFTER) // DAY_US
    day = 0
    while (begun_at := next_begun(day * DAY_US)) is not None and (day := begun_at // DAY_US) < over:
        if day not in days:
            return day
        while day in days:
            day += 1
    return None


def summing(sql: str) -> str:
    """``sql/spend.sql`` by all that sums are kept by."""
    groups = ", ".join(str(at) for at in range(1, len(_DIMENSIONS) + 2))
    return sql.format(keys="".join(f"{name}, " for name in _DIMENSIONS), groups=groups, only="")


def bounds_of(day: int) -> Mapping[str, int]:
    """The day as a period."""
    return {"since": day * DAY_US, "until": (day + 1) * DAY_US}
