"""Amounts in another currency, for reports only: by a dated rate, or unknown. The ledger never converts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from gateway.core.money.amount import NANOS_PER_UNIT

_NANO = Decimal(1) / NANOS_PER_UNIT
# 19 digits of an amount, 15 of a rate, and enough behind them that the one rounding is the one that is documented.
_DIGITS = 60


@dataclass(frozen=True, slots=True)
class ExchangeRates:
    """What a unit of ``base`` was worth in ``quote``, by UTC day. A rate holds until the next, for at most ``days_max`` days."""

    id: str
    base: str
    quote: str
    source: str
    days_max: int
    rates: Mapping[date, Decimal]


@dataclass(frozen=True, slots=True)
class Conversion:
    """An amount in another currency, and by what: ``table`` is empty where nothing had to be converted."""

    amount: Decimal
    currency: str
    table: str
    rate: Decimal
    rate_on: date


def convert(amount: Decimal, source: str, target: str, on: date, tables: Iterable[ExchangeRates]) -> Conversion | None:
    """``amount`` of ``source`` in ``target`` by the latest rate at or before that UTC day; ``None`` where there is none.

    A table serves both directions. Of several tables the one with the later rate counts, at the same day the first. There is
    no way over a third currency. The result is rounded once, half to even, to whole nano-units: sums are converted, not parts.
    """
    if source == target:
        return Conversion(amount, target, "", Decimal(1), on)
    found: tuple[date, ExchangeRates] | None = None
    for table in tables:
        day = _day_of(table, on) if {table.base, table.quote} == {source, target} else None
        if day is not None and (found is None or day > found[0]):
            found = day, table
    if found is None:
        return None
    day, table = found
    rate = table.rates[day]
    with localcontext() as exact:
        exact.prec = _DIGITS
        worth = amount * rate if table.base == source else amount / rate
        return Conversion(worth.quantize(_NANO, ROUND_HALF_EVEN), target, table.id, rate, day)


def _day_of(table: ExchangeRates, on: date) -> date | None:
    """The latest day with a rate that still holds."""
    oldest = on - timedelta(days=table.days_max)
    return max((day for day in table.rates if oldest <= day <= on), default=None)
