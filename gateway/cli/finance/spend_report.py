"""A report on spend: its lines, a total a currency, and what stood in the earlier period. Currencies are never added together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from gateway.core.finance.conversion import converted
from gateway.core.finance.spend import Dimension, SpendQuery, SpendRow, Sums, merged
from gateway.core.money.exchange import ExchangeRates

Ask = Callable[[SpendQuery], Sequence[SpendRow]]


@dataclass(frozen=True, slots=True)
class Line:
    """One group in one currency; ``before`` is what it was in the earlier period, ``None`` where nothing is compared."""

    keys: tuple[str, ...]
    currency: str
    sums: Sums
    before: Sums | None = None


@dataclass(frozen=True, slots=True)
class SpendReport:
    """The answer to ``query``; ``earlier`` is the period that is compared with.

    ``missing`` are the currencies and days that had no rate, where everything was to be in one currency.
    """

    query: SpendQuery
    lines: tuple[Line, ...]
    totals: tuple[Line, ...]
    earlier: tuple[datetime, datetime] | None = None
    missing: tuple[tuple[str, date], ...] = ()


def spend_report(query: SpendQuery, ask: Ask, earlier: tuple[datetime, datetime] | None = None) -> SpendReport:
    """``ask`` reads the ledger; where a period is compared, groups that stand in only one of both have a line, too."""
    now = _by_group(ask(query))
    if earlier is None:
        before = {}
        lines = [Line(*group, sums) for group, sums in now.items()]
    else:
        before = _by_group(ask(replace(query, since=earlier[0], until=earlier[1])))
        lines = [Line(*group, now.get(group, Sums()), before.get(group, Sums())) for group in sorted({*now, *before})]
    totals = _by_group(merged(SpendRow((), line.currency, line.sums) for line in lines))
    totals_before = _by_group(merged(SpendRow((), currency, sums) for (_, currency), sums in before.items()))
    summed = [Line(*group, sums, None if earlier is None else totals_before.get(group, Sums())) for group, sums in totals.items()]
    return SpendReport(query, tuple(lines), tuple(summed), earlier)


class InCurrency:
    """Asks for spend in one currency, by the rates of each day; ``missing`` is what had none."""

    def __init__(self, currency: str, tables: Sequence[ExchangeRates], ask: Ask) -> None:
        self._currency, self._tables, self._ask = currency, tables, ask
        self.missing: tuple[tuple[str, date], ...] = ()

    def ask(self, query: SpendQuery) -> Sequence[SpendRow]:
        """Groups that cannot be converted stay in their own currency."""
        found = converted(self._ask(replace(query, by=(*query.by, Dimension.DAY))), self._currency, self._tables)
        self.missing = tuple(sorted({*self.missing, *found.missing}))
        return found.rows


def _by_group(rows: Sequence[SpendRow]) -> dict[tuple[tuple[str, ...], str], Sums]:
    return {(row.keys, row.currency): row.sums for row in rows}
