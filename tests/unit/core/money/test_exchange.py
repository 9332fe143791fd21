"""Amounts in another currency: by a dated rate that is there, exactly, or not at all."""

from datetime import date
from decimal import Decimal

import pytest

from gateway.core.money.exchange import Conversion, ExchangeRates, convert

FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)
ECB = ExchangeRates("ecb", "EUR", "USD", "a bank", 3, {FRIDAY: Decimal("1.25"), MONDAY: Decimal("1.3")})


@pytest.mark.parametrize(
    ("amount", "source", "target", "on", "worth", "rate_on"),
    [
        ("8", "EUR", "USD", FRIDAY, "10", FRIDAY),
        ("10", "USD", "EUR", FRIDAY, "8", FRIDAY),
        ("8", "EUR", "USD", date(2026, 11, 22), "10", FRIDAY),
        ("1", "USD", "EUR", MONDAY, "0.769230769", MONDAY),
        ("-1", "USD", "EUR", date(2026, 11, 26), "-0.769230769", MONDAY),
    ],
)
def test_a_rate_holds_until_the_next(amount: str, source: str, target: str, on: date, worth: str, rate_on: date) -> None:
    """In both directions, rounded once to a nano-unit, half to even."""
    found = convert(Decimal(amount), source, target, on, [ECB])
    assert found is not None
    assert (found.amount, found.currency, found.table, found.rate_on) == (Decimal(worth), target, "ecb", rate_on)


@pytest.mark.parametrize(
    ("source", "target", "on"),
    [
        ("EUR", "USD", date(2026, 11, 19)),
        ("EUR", "USD", date(2026, 11, 27)),
        ("EUR", "CHF", MONDAY),
        ("GBP", "USD", MONDAY),
    ],
)
def test_without_a_rate_nothing_is_guessed(source: str, target: str, on: date) -> None:
    """Not from an earlier time, not from a rate that is too old, not over a third currency."""
    pounds = ExchangeRates("pounds", "GBP", "EUR", "a bank", 3, {FRIDAY: Decimal("1.1")})
    assert convert(Decimal(1), source, target, on, [ECB, pounds]) is None


def test_its_own_currency_needs_no_rate() -> None:
    """The amount is what it was."""
    assert convert(Decimal("0.1"), "EUR", "EUR", MONDAY, []) == Conversion(Decimal("0.1"), "EUR", "", Decimal(1), MONDAY)


def test_of_several_tables_the_later_rate_counts() -> None:
    """At the same day, that of the first table."""
    other = ExchangeRates("other", "USD", "EUR", "a bank", 30, {FRIDAY: Decimal("0.5")})
    assert [
        found.table
        for on in (FRIDAY, MONDAY, date(2026, 12, 1))
        if (found := convert(Decimal(1), "EUR", "USD", on, [other, ECB])) is not None
    ] == ["other", "ecb", "other"]
