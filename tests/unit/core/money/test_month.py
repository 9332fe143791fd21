"""Calendar months in UTC."""

from datetime import UTC, datetime

import pytest

from gateway.core.money.month import month_named, month_of

NOW = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "begin", "end"),
    [
        (datetime(2026, 10, 31, 23, 59, 59, 999_999, tzinfo=UTC), (2026, 10), (2026, 11)),
        (datetime(2026, 11, 1, tzinfo=UTC), (2026, 11), (2026, 12)),
        (datetime(2026, 12, 1, tzinfo=UTC), (2026, 12), (2027, 1)),
        (datetime(2028, 2, 29, 12, tzinfo=UTC), (2028, 2), (2028, 3)),
    ],
)
def test_a_month_has_its_first_moment_and_not_its_last(moment: datetime, begin: tuple[int, int], end: tuple[int, int]) -> None:
    """It begins at midnight UTC of its first day and ends, exclusively, at that of the next month's."""
    assert month_of(moment) == (datetime(*begin, 1, tzinfo=UTC), datetime(*end, 1, tzinfo=UTC))


def test_a_month_is_named_by_year_and_month() -> None:
    """The current month counts, though it is not over."""
    assert month_named("2026-11", NOW) == (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    assert month_named("1999-12", NOW)[1] == datetime(2000, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "2026-1", "2026-10-01", "october", "", "9999-12", "1969-12", "２０２６-10"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    """With an example of one."""
    with pytest.raises(ValueError, match=r"is not a month\. Write year and month, such as 2026-11\."):
        month_named(text, NOW)


def test_a_month_that_has_not_begun_is_refused() -> None:
    """With the present time, for it is a slip."""
    with pytest.raises(ValueError, match=r"2026-12 has not begun: it is 2026-11-23 18:30 UTC\. The latest month is 2026-11\."):
        month_named("2026-12", NOW)
