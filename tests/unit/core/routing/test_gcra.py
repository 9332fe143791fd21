"""The cell rate algorithm: tables of its edges, and properties over any order of wishes."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.routing.gcra import Bucket, Decision, Draw, decide

MINUTE_US = 60_000_000
T0_US = 1_764_000_000_000_000


@dataclass
class Limit:
    """One limit and what was taken of it."""

    limit: int
    period_us: int = MINUTE_US
    bucket: Bucket | None = field(default=None)

    def draw(self, cost: int) -> Draw:
        return Draw(self.bucket, self.limit, self.period_us, cost)

    def take(self, cost: int, now_us: int) -> Decision:
        decision = decide([self.draw(cost)], now_us)
        self.bucket = decision.standings[0].bucket
        return decision


def seen(decision: Decision) -> tuple[bool, int | None, int, int]:
    """Allowed, wait, remaining and reset of a decision on one limit."""
    [standing] = decision.standings
    return decision.allowed, decision.wait_us, standing.remaining, standing.reset_us


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 60, 999_999_937, 10**9])
def test_all_units_may_come_at_once_and_not_one_more(limit: int) -> None:
    """A whole limit is there in the beginning; then one unit's worth of time brings one unit, and no moment sooner."""
    meter = Limit(limit)
    assert seen(meter.take(limit, T0_US)) == (True, 0, 0, MINUTE_US)
    unit_us = -(-MINUTE_US // limit)
    assert seen(meter.take(1, T0_US)) == (False, unit_us, 0, MINUTE_US)
    assert meter.take(1, T0_US + unit_us - 1).allowed is False
    assert meter.take(1, T0_US + unit_us).allowed is True


def test_units_of_a_limit_that_does_not_divide_the_period_add_up() -> None:
    """Seven single units fit into a limit of seven: nothing is lost to rounding."""
    meter = Limit(7)
    assert [meter.take(1, T0_US).allowed for _ in range(8)] == [True] * 7 + [False]


def test_a_cost_of_zero_only_asks() -> None:
    """It is allowed even where nothing is left, and changes nothing."""
    meter = Limit(4)
    assert seen(meter.take(0, T0_US)) == (True, 0, 4, 0)
    meter.take(4, T0_US)
    assert seen(meter.take(0, T0_US + 1)) == (True, 0, 0, MINUTE_US - 1)


def test_a_cost_above_the_limit_never_fits() -> None:
    """Whatever else has to be waited for."""
    used_up = Limit(2)
    used_up.take(2, T0_US)
    decision = decide([used_up.draw(1), Limit(4).draw(5)], T0_US)
    assert (decision.allowed, decision.wait_us) == (False, None)


def test_a_limit_of_zero_lets_nothing_through() -> None:
    """It divides by nothing and never ends."""
    assert seen(decide([Draw(Bucket(5, T0_US), 0, MINUTE_US, 1)], T0_US)) == (False, None, 0, 0)
    assert seen(decide([Draw(None, 0, MINUTE_US, 0)], T0_US)) == (True, 0, 0, 0)


def test_several_limits_are_taken_together_or_not_at_all() -> None:
    """Where one has no room the other keeps its units, and the wait is that of the slowest."""
    requests, images = Limit(10), Limit(4)
    images.take(3, T0_US)
    refused = decide([requests.draw(1), images.draw(2)], T0_US)
    assert (refused.allowed, refused.wait_us) == (False, MINUTE_US // 4)
    assert [standing.remaining for standing in refused.standings] == [10, 1]
    taken = decide([requests.draw(1), images.draw(1)], T0_US)
    assert taken.allowed
    assert [standing.remaining for standing in taken.standings] == [9, 0]


def test_nothing_to_take_is_allowed() -> None:
    """No limit, no refusal."""
    assert decide([], T0_US) == Decision(True, 0, ())


@pytest.mark.parametrize("back_us", [1, MINUTE_US, 10 * 365 * 86_400 * 1_000_000])
def test_a_clock_that_is_set_back_locks_nobody_out_for_longer_than_a_period(back_us: int) -> None:
    """However far it jumps, and also where every request in between is refused."""
    meter = Limit(5)
    meter.take(5, T0_US)
    now_us = T0_US - back_us
    assert seen(meter.take(5, now_us)) == (False, MINUTE_US, 0, MINUTE_US)
    assert meter.take(5, now_us + MINUTE_US - 1).allowed is False
    assert meter.take(5, now_us + MINUTE_US).allowed is True


def test_a_lowered_limit_counts_what_was_taken_up_to_its_own_units() -> None:
    """50 of 100 taken are all of 20 taken; raised again, units that were taken stay taken."""
    meter = Limit(100)
    meter.take(50, T0_US)
    assert seen(decide([Draw(meter.bucket, 20, MINUTE_US, 0)], T0_US)) == (True, 0, 0, MINUTE_US)
    assert seen(decide([Draw(meter.bucket, 200, MINUTE_US, 0)], T0_US)) == (True, 0, 150, MINUTE_US // 4)


WISHES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2_000_000)), max_size=60)


@given(limit=st.integers(1, 11), period_us=st.integers(1, 3_000_000), wishes=WISHES)
def test_never_more_than_a_limit_and_what_time_brought_back(limit: int, period_us: int, wishes: list[tuple[int, int]]) -> None:
    """From any moment on, units granted are at most ``limit + limit * elapsed / period``; waits and resets are exact."""
    meter, now_us = Limit(limit, period_us), T0_US
    granted: list[tuple[int, int]] = []
    for cost, pause_us in wishes:
        now_us += pause_us
        before = meter.bucket
        allowed, wait_us, remaining, reset_us = seen(meter.take(cost, now_us))
        assert allowed == (wait_us == 0)
        assert (wait_us is None) == (cost > limit)
        assert 0 <= remaining <= limit
        assert (remaining == limit) == (reset_us == 0)
        if allowed:
            granted.append((now_us, cost))
        elif wait_us is not None:
            assert decide([Draw(before, limit, period_us, cost)], now_us + wait_us).allowed
            assert not decide([Draw(before, limit, period_us, cost)], now_us + wait_us - 1).allowed
        assert decide([meter.draw(limit)], now_us + reset_us).allowed
        assert reset_us == 0 or not decide([meter.draw(limit)], now_us + reset_us - 1).allowed
        assert decide([meter.draw(remaining)], now_us).allowed
        assert remaining == limit or not decide([meter.draw(remaining + 1)], now_us).allowed
    for place, (since_us, _) in enumerate(granted):
        for upto in range(place, len(granted)):
            elapsed_us = granted[upto][0] - since_us
            total = sum(cost for _, cost in granted[place : upto + 1])
            assert total * period_us <= limit * period_us + limit * elapsed_us
