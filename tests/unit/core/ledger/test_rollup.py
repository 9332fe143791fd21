"""A period is read once: whole days from their sums, the rest from the entries."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.ledger.rollup import DAY_US, parts_of

MOMENTS = st.integers(-3 * DAY_US, 9 * DAY_US)


@given(MOMENTS, MOMENTS, st.sets(st.integers(0, 8)), MOMENTS)
def test_every_moment_of_a_period_is_read_from_one_place(since: int, until: int, days: set[int], moment: int) -> None:
    """And no moment outside of it."""
    parts = parts_of(since, until, days)
    from_sums = moment // DAY_US in days and parts.first_day <= moment // DAY_US < parts.last_day
    from_entries = sum(begin <= moment < end for begin, end in parts.gaps)
    assert from_entries + from_sums == (since <= moment < until)
    assert all(begin < end for begin, end in parts.gaps)
