"""What ends or grows old in the configuration in force, told once a day to whoever reads the log."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, time, timedelta

from gateway.core.readiness.staleness import Deadline, deadlines
from gateway.core.snapshot import Snapshot

# A little after midnight: a clock may be behind by then.
AFTER_MIDNIGHT = timedelta(minutes=1)


class Deadlines:
    """``snapshot`` is that in force, ``clock`` is aware, in UTC; ``tell`` writes one of them down, in a sentence."""

    def __init__(
        self, snapshot: Callable[[], Snapshot], clock: Callable[[], datetime], tell: Callable[[Deadline, str], None]
    ) -> None:
        self._snapshot, self._clock, self._tell = snapshot, clock, tell

    def days_left(self) -> Sequence[tuple[Deadline, int]]:
        """Each of them with the days that are left, however many."""
        today = self._clock().date()
        return [(it, it.days_left(today)) for it in deadlines(self._snapshot())]

    async def tell_daily(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Every day in UTC, until it is cancelled; the day on which the gateway starts is told by its start."""
        while True:
            now = self._clock()
            begins = datetime.combine(now.date() + timedelta(days=1), time(), UTC) + AFTER_MIDNIGHT
            await sleep((begins - now).total_seconds())
            today = self._clock().date()
            for it in deadlines(self._snapshot()):
                if it.due(today):
                    self._tell(it, it.what(today))
