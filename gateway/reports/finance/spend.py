"""A report on spend: its lines, a total a currency, and what stood in the earlier period. Currencies are never added together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from gateway.core.finance.conversion import converted
from gateway.core.finance.spend import TOKENS, Dimension, SpendQuery, SpendRow, Sums, merged
from gateway.core.money.amount import amount_text
from gateway.core.money.exchange import ExchangeRates
from gateway.reports.document import Document, plain

BASE = ("requests", "images", "cost", "cost_per_image", "exposure")
WASTE = ("undelivered", "fallbacks", "discrepant")
SAVED = ("repeats", "saved")
UNKNOWNS = ("unknown_costs", "unknown_exposures", "unknown_savings")
MEASURES = (*BASE, "attempts", "metered", *TOKENS, *WASTE, *SAVED, *UNKNOWNS)
COMPARED = ("cost_before", "change", "change_percent")
_NANO = Decimal("1e-9")

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


def spend_document(report: SpendReport) -> Document:
    """``{"since", "until", "by", "only", "earlier", "rows", "totals", "no_rate"}``; amounts are decimal strings."""
    query = report.query
    return {
        "since": plain(query.since),
        "until": plain(query.until),
        "by": [key.value for key in query.by],
        "only": {key.value: sorted(values) for key, values in query.only.items()},
        "earlier": plain(report.earlier),
        "rows": [line_document(query, line) for line in report.lines],
        "totals": [line_document(query, line) for line in report.totals],
        "no_rate": [{"currency": currency, "day": day.isoformat()} for currency, day in report.missing],
    }


def line_document(query: SpendQuery, line: Line) -> Document:
    """The groups that it is of, then its currency and sums; a total has no groups."""
    keys = dict(zip((key.value for key in query.by), line.keys, strict=False))
    values: Document = keys | {"currency": line.currency} | {name: _value(line.sums, name) for name in MEASURES}
    if line.before is None:
        return values
    change = line.sums.cost - line.before.cost
    percent = (change / line.before.cost * 100).quantize(Decimal("0.1")) if line.before.cost else None
    return values | {
        "cost_before": _value(line.before, "cost"),
        "change": amount_text(change),
        "change_percent": None if percent is None else str(percent),
    }


def _value(sums: Sums, name: str) -> int | str | None:
    """A sum of nothing but unknown amounts is unknown, not zero, and so is one of which a part is counted apart."""
    match name:
        case "cost":
            return _amount(sums.cost, sums.unknown_costs)
        case "exposure":
            return _amount(sums.exposure, sums.unknown_exposures)
        case "saved":
            return _amount(sums.saved, sums.unknown_savings)
        case "cost_per_image":
            each = sums.cost_per_image
            return None if each is None else amount_text(each.quantize(_NANO, ROUND_HALF_EVEN))
    found = getattr(sums, name)
    return amount_text(found) if isinstance(found, Decimal) else int(found)


def _amount(known: Decimal, unknowns: int) -> str:
    return "unknown" if unknowns and not known else amount_text(known)


def _by_group(rows: Sequence[SpendRow]) -> dict[tuple[tuple[str, ...], str], Sums]:
    return {(row.keys, row.currency): row.sums for row in rows}
