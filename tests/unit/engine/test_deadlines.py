"""What is due is told once a day, by the configuration that is in force then."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.core.readiness.staleness import Deadline, Kind
from gateway.core.snapshot import Retirement
from gateway.engine.routes.deadlines import Deadlines
from tests.unit.core.samples import MODEL, ROUTE, snapshot

EVENING = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)
CURRENT = snapshot(MODEL)
RETIRING = snapshot(replace(MODEL, routes=(replace(ROUTE, retirement=Retirement(date(2026, 12, 1), "", "a page")),)))


class Night:
    """A clock that sleeping moves on, for so many nights."""

    def __init__(self, nights: int) -> None:
        self.now, self.nights, self.slept_s = EVENING, nights, list[float]()

    async def sleep(self, s: float) -> None:
        if len(self.slept_s) == self.nights:
            raise asyncio.CancelledError
        self.slept_s.append(s)
        self.now += timedelta(seconds=s)


async def test_it_is_told_after_midnight_and_every_day() -> None:
    """In UTC; a reload in between changes what is told."""
    night, told = Night(2), list[tuple[Kind, str]]()

    def tell(due: Deadline, what: str) -> None:
        told.append((due.kind, what))

    found = Deadlines(lambda: CURRENT if night.now.day == 24 else RETIRING, lambda: night.now, tell)
    with pytest.raises(asyncio.CancelledError):
        await found.tell_daily(night.sleep)
    assert night.slept_s == [91 * 60, 24 * 60 * 60]
    assert [kind for kind, _ in told] == [Kind.VERIFICATION, Kind.VERIFICATION, Kind.MODEL]
    assert told[-1] == (Kind.MODEL, "the provider retires this model on 2026-12-01, in 6 days")


def test_days_are_known_of_all_that_has_a_date() -> None:
    """Also of what is far away."""
    found = Deadlines(lambda: RETIRING, lambda: EVENING, lambda due, what: None)
    assert {it.kind.value: days for it, days in found.days_left()} == {"verification": -22, "model": 8, "price_list": 69}
