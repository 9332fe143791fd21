"""Spend on paper: as a table for people, as JSON and CSV for programs. Currencies are never added together."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.cli.period import period_text
from gateway.core.money import amount_text
from gateway.core.spend import SpendQuery, SpendRow

_UNKNOWNS = ("unknown_costs", "unknown_exposures")
_SUMS = ("requests", "images", "cost", "exposure", *_UNKNOWNS)


@dataclass(frozen=True, slots=True)
class SpendReport:
    """The answer to ``query``; ``totals`` has one row a currency, without keys."""

    query: SpendQuery
    rows: tuple[SpendRow, ...]
    totals: tuple[SpendRow, ...]


def spend_report(query: SpendQuery, rows: Sequence[SpendRow], overall: Sequence[SpendRow]) -> SpendReport:
    """``overall`` is the same query by no dimension: it counts a request once that stands in several of ``rows``.

    All else is summed from ``rows``, so that the report agrees with itself while a gateway writes between two queries.
    """
    requests = {row.currency: row.requests for row in overall}
    totals = []
    for currency in sorted({row.currency for row in rows}):
        total = SpendRow((), currency, 0, 0, Decimal(0), Decimal(0), 0, 0)
        for row in rows:
            total = _add(total, row) if row.currency == currency else total
        totals.append(replace(total, requests=requests.get(currency, total.requests)))
    return SpendReport(query, tuple(rows), tuple(totals))


def spend_json(report: SpendReport) -> str:
    """``{"since", "until", "by", "rows", "totals"}``; amounts are decimal strings."""
    query = report.query
    document = {
        "since": None if query.since is None else query.since.isoformat(),
        "until": None if query.until is None else query.until.isoformat(),
        "by": list(query.by),
        "rows": [_keys(query, row) | _values(row) for row in report.rows],
        "totals": [_values(row) for row in report.totals],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def spend_csv(report: SpendReport) -> str:
    """A header and one line a row, without totals."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [*report.query.by, "currency", *_SUMS], lineterminator="\n")
    writer.writeheader()
    writer.writerows(_keys(report.query, row) | _values(row) for row in report.rows)
    return text.getvalue()


def spend_table(report: SpendReport) -> RenderableType:
    """Rows, then a total a currency, then what is in none of the sums. Counts of unknowns are columns only where any is."""
    if not report.rows:
        return Text(f"No attempts{period_text(report.query.since, report.query.until)}.")
    unknowns = [name for name in _UNKNOWNS if any(getattr(row, name) for row in report.rows)]
    sums = [name for name in _SUMS if name not in _UNKNOWNS or name in unknowns]
    period = period_text(report.query.since, report.query.until)
    table = Table(title=f"Spend by {', '.join(report.query.by)}{period}", title_justify="left")
    for name in (*report.query.by, "currency"):
        table.add_column(name, overflow="fold")
    for name in sums:
        table.add_column(name.replace("_", " "), justify="right", overflow="fold")
    for row in report.rows:
        table.add_row(*map(Text, row.keys), row.currency, *_cells(row, sums))
    table.add_section()
    for total in report.totals:
        blanks = [""] * (len(report.query.by) - 1)
        table.add_row("total", *blanks, total.currency, *_cells(total, sums), style="bold")
    return Group(table, *_warnings(report))


def _add(total: SpendRow, row: SpendRow) -> SpendRow:
    return replace(total, **{name: getattr(total, name) + getattr(row, name) for name in _SUMS})


def _keys(query: SpendQuery, row: SpendRow) -> dict[str, Any]:
    return dict(zip(query.by, row.keys, strict=True))


def _values(row: SpendRow) -> dict[str, Any]:
    return {
        "currency": row.currency,
        "requests": row.requests,
        "images": row.images,
        "cost": _amount(row.cost, row.unknown_costs),
        "exposure": _amount(row.exposure, row.unknown_exposures),
        "unknown_costs": row.unknown_costs,
        "unknown_exposures": row.unknown_exposures,
    }


def _amount(known: Decimal, unknowns: int) -> str:
    """A sum of nothing but unknown amounts is unknown, not zero."""
    return "unknown" if unknowns and not known else amount_text(known)


def _cells(row: SpendRow, names: Sequence[str]) -> list[str]:
    values = _values(row)
    return [str(values[name]) for name in names]


def _warnings(report: SpendReport) -> list[Text]:
    costs = sum(row.unknown_costs for row in report.rows)
    exposures = sum(row.unknown_exposures for row in report.rows)
    found = []
    if costs:
        found.append(f"Warning: the cost of {_attempts(costs)} is unknown and in none of the sums. Check the price lists.")
    if exposures:
        found.append(f"Warning: {_attempts(exposures)} may still be billed at an amount that is unknown and in none of the sums.")
    return [Text(text, style="yellow") for text in found]


def _attempts(count: int) -> str:
    return "1 attempt" if count == 1 else f"{count} attempts"
