"""A report on spend on paper: as a table for people, as JSON and CSV for programs."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.cli.finance.spend_report import Line, SpendReport
from gateway.cli.terminal.period import period_text
from gateway.core.finance.spend import TOKENS, SpendQuery, Sums
from gateway.core.money.amount import amount_text

_NANO = Decimal("1e-9")
_DAYS_NAMED_MAX = 3


class Show(StrEnum):
    """Columns that a table has only where they are asked for; JSON and CSV have all."""

    ATTEMPTS = "attempts"
    TOKENS = "tokens"
    WASTE = "waste"
    SAVED = "saved"


_BASE = ("requests", "images", "cost", "cost_per_image", "exposure")
_SHOWN = {
    Show.ATTEMPTS: ("attempts",),
    Show.TOKENS: ("metered", *TOKENS),
    Show.WASTE: ("undelivered", "fallbacks", "discrepant"),
    Show.SAVED: ("repeats", "saved"),
}
_UNKNOWNS = ("unknown_costs", "unknown_exposures", "unknown_savings")
_COMPARED = ("cost_before", "change", "change_percent")
_ALL = (*_BASE, *(name for names in _SHOWN.values() for name in names), *_UNKNOWNS)


def spend_json(report: SpendReport) -> str:
    """``{"since", "until", "by", "only", "earlier", "rows", "totals", "no_rate"}``; amounts are decimal strings."""
    query = report.query
    document = {
        "since": None if query.since is None else query.since.isoformat(),
        "until": None if query.until is None else query.until.isoformat(),
        "by": _names(query),
        "only": {key.value: sorted(values) for key, values in query.only.items()},
        "earlier": None if report.earlier is None else [moment.isoformat() for moment in report.earlier],
        "rows": [_keys(query, line) | _values(line) for line in report.lines],
        "totals": [_values(line) for line in report.totals],
        "no_rate": [{"currency": currency, "day": day.isoformat()} for currency, day in report.missing],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def spend_csv(report: SpendReport) -> str:
    """A header and one line a row, without totals; what there is not is empty."""
    text = io.StringIO()
    compared = () if report.earlier is None else _COMPARED
    writer = csv.DictWriter(text, [*_names(report.query), "currency", *_ALL, *compared], lineterminator="\n")
    writer.writeheader()
    writer.writerows(_keys(report.query, line) | _values(line) for line in report.lines)
    return text.getvalue()


def spend_table(report: SpendReport, shown: Iterable[Show] = ()) -> RenderableType:
    """Rows, then a total a currency, then what is in none of the sums. Counts of unknowns are columns only where any is."""
    query = report.query
    period = period_text(query.since, query.until)
    if not report.lines:
        return Text(f"No attempts{period}.")
    columns = _columns(report, shown)
    against = "" if report.earlier is None else f", compared with{period_text(*report.earlier)}"
    table = Table(title=f"Spend by {', '.join(_names(query))}{period}{against}", title_justify="left")
    for name in (*_names(query), "currency"):
        table.add_column(name, overflow="fold")
    for name in columns:
        table.add_column(name.replace("_", " ").replace("percent", "%"), justify="right", overflow="fold")
    for line in report.lines:
        table.add_row(*map(Text, line.keys), line.currency, *_cells(line, columns))
    table.add_section()
    for total in report.totals:
        blanks = [""] * (len(query.by) - 1)
        table.add_row("total", *blanks, total.currency, *_cells(total, columns), style="bold")
    return Group(table, *_warnings(report))


def _columns(report: SpendReport, shown: Iterable[Show]) -> Sequence[str]:
    asked = [name for show in Show if show in set(shown) for name in _SHOWN[show]]
    unknowns = [name for name in _UNKNOWNS if any(getattr(line.sums, name) for line in report.lines)]
    return [*_BASE, *(() if report.earlier is None else _COMPARED), *asked, *unknowns]


def _names(query: SpendQuery) -> list[str]:
    return [key.value for key in query.by]


def _keys(query: SpendQuery, line: Line) -> dict[str, Any]:
    return dict(zip(_names(query), line.keys, strict=True))


def _values(line: Line) -> dict[str, Any]:
    values: dict[str, Any] = {"currency": line.currency} | {name: _value(line.sums, name) for name in _ALL}
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


def _cells(line: Line, names: Sequence[str]) -> list[str]:
    values = _values(line)
    return ["-" if values[name] is None else str(values[name]) for name in names]


def _warnings(report: SpendReport) -> list[Text]:
    costs = sum(line.sums.unknown_costs for line in report.lines)
    exposures = sum(line.sums.unknown_exposures for line in report.lines)
    found = []
    if costs:
        found.append(f"Warning: the cost of {_attempts(costs)} is unknown and in none of the sums. Check the price lists.")
    if exposures:
        found.append(f"Warning: {_attempts(exposures)} may still be billed at an amount that is unknown and in none of the sums.")
    if report.missing:
        named = ", ".join(f"{currency} on {day}" for currency, day in report.missing[:_DAYS_NAMED_MAX])
        more = f" and {len(report.missing) - _DAYS_NAMED_MAX} more" if len(report.missing) > _DAYS_NAMED_MAX else ""
        found.append(
            f"Warning: there is no rate for {named}{more}: that stays in its own currency. Add it to a table under exchange."
        )
    return [Text(text, style="yellow") for text in found]


def _attempts(count: int) -> str:
    return "1 attempt" if count == 1 else f"{count} attempts"
