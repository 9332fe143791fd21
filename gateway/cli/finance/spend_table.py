"""Spend as a table for people, and as CSV for programs."""

import csv
import io
from collections.abc import Iterable, Sequence
from enum import StrEnum

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.cli.terminal.period import period_text
from gateway.core.finance.spend import TOKENS, SpendQuery
from gateway.reports.finance.spend import BASE, COMPARED, MEASURES, SAVED, UNKNOWNS, WASTE, Line, SpendReport, line_document

_DAYS_NAMED_MAX = 3


class Show(StrEnum):
    """Columns that a table has only where they are asked for; JSON and CSV have all."""

    ATTEMPTS = "attempts"
    TOKENS = "tokens"
    WASTE = "waste"
    SAVED = "saved"


_SHOWN = {
    Show.ATTEMPTS: ("attempts",),
    Show.TOKENS: ("metered", *TOKENS),
    Show.WASTE: WASTE,
    Show.SAVED: SAVED,
}


def spend_csv(report: SpendReport) -> str:
    """A header and one line a row, without totals; what there is not is empty."""
    text = io.StringIO()
    compared = () if report.earlier is None else COMPARED
    writer = csv.DictWriter(text, [*_names(report.query), "currency", *MEASURES, *compared], lineterminator="\n")
    writer.writeheader()
    writer.writerows(line_document(report.query, line) for line in report.lines)
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
        table.add_row(*map(Text, line.keys), line.currency, *_cells(query, line, columns))
    table.add_section()
    for total in report.totals:
        blanks = [""] * (len(query.by) - 1)
        table.add_row("total", *blanks, total.currency, *_cells(query, total, columns), style="bold")
    return Group(table, *_warnings(report))


def _columns(report: SpendReport, shown: Iterable[Show]) -> Sequence[str]:
    asked = [name for show in Show if show in set(shown) for name in _SHOWN[show]]
    unknowns = [name for name in UNKNOWNS if any(getattr(line.sums, name) for line in report.lines)]
    return [*BASE, *(() if report.earlier is None else COMPARED), *asked, *unknowns]


def _names(query: SpendQuery) -> list[str]:
    return [key.value for key in query.by]


def _cells(query: SpendQuery, line: Line, names: Sequence[str]) -> list[str]:
    values = line_document(query, line)
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
