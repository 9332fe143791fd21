"""Spend in another currency, for reports: each day's sums by that day's rate."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from gateway.core.finance.spend import AMOUNTS, SpendRow, Sums, merged
from gateway.core.money.exchange import ExchangeRates, convert


@dataclass(frozen=True, slots=True)
class ConvertedSpend:
    """Rows without the day. What had no rate stays in its own currency: ``missing`` names those currencies and days."""

    rows: tuple[SpendRow, ...]
    missing: tuple[tuple[str, date], ...]


def converted(rows: Iterable[SpendRow], currency: str, tables: Sequence[ExchangeRates]) -> ConvertedSpend:
    """``rows`` have a day (ISO 8601) as their last key. A sum is rounded once, half to even, to whole nano-units."""
    found: list[SpendRow] = []
    missing: set[tuple[str, date]] = set()
    for row in rows:
        *keys, day = row.keys
        on = date.fromisoformat(day)
        sums = _converted(row.sums, row.currency, currency, on, tables)
        if sums is None:
            missing.add((row.currency, on))
        found.append(SpendRow(tuple(keys), row.currency if sums is None else currency, row.sums if sums is None else sums))
    return ConvertedSpend(merged(found), tuple(sorted(missing)))


def _converted(sums: Sums, source: str, target: str, on: date, tables: Sequence[ExchangeRates]) -> Sums | None:
    amounts: dict[str, Any] = {}
    for name in AMOUNTS:
        worth = convert(getattr(sums, name), source, target, on, tables)
        if worth is None:
            return None
        amounts[name] = worth.amount
    return replace(sums, **amounts)
