"""Masked failures as a table. Currencies are never added together."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.cli.terminal.period import period_text
from gateway.core.ledger.masked import Sums
from gateway.core.money.amount import amount_text
from gateway.reports.operations.masked import MaskedReport


def masked_table(report: MaskedReport) -> RenderableType:
    """One row a contract and owner, then the command that prints the latest evidence of each."""
    period = period_text(report.since, report.until)
    if not report.rows:
        return Text(f"No failure was covered by another contract{period}.")
    table = Table(title=f"Failures that another contract covered{period}", title_justify="left")
    for name in ("contract", "owner"):
        table.add_column(name, overflow="fold")
    for name in ("requests", "held"):
        table.add_column(name, justify="right")
    for name in ("first", "last", "covered by"):
        table.add_column(name, overflow="fold")
    for name in ("cost extra", "may be billed too"):
        table.add_column(name, justify="right", overflow="fold")
    for row in report.rows:
        table.add_row(
            Text(row.contract),
            Text(row.owner),
            str(row.requests),
            str(row.held),
            f"{row.first:%Y-%m-%d %H:%M:%S}",
            f"{row.last:%Y-%m-%d %H:%M:%S}",
            Text(", ".join(row.covers)),
            _cell(row.extra, row.unknown_extras, signed=True),
            _cell(row.exposure, row.unknown_exposures),
        )
    latest = [Text(f"{row.contract}, {row.owner}: gateway evidence {row.latest[0]}") for row in report.rows]
    return Group(table, Text("The latest of each:"), *latest)


def _cell(sums: Sums, unknowns: int, *, signed: bool = False) -> str:
    """A line a currency, and how many are in none of the sums; a dash where there is nothing to tell."""
    lines = [f"{'+' if signed and amount > 0 else ''}{amount_text(amount)} {currency}" for currency, amount in sums]
    if unknowns:
        lines.append(f"{unknowns} unknown")
    return "\n".join(lines) or "–"
