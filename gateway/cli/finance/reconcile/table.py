"""A reconciliation as tables, and its findings as CSV. Currencies are never added together."""

import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from gateway.cli.finance.export.csv_file import CsvRows
from gateway.core.finance.reconciliation.finding import AGREEING, Finding, Reconciliation, Result
from gateway.core.finance.table import row_of
from gateway.core.money.amount import amount_text
from gateway.reports.finance.reconciliation import COLUMNS, SIDES, totals_of

ROWS_MAX = 60


def findings_csv(found: Reconciliation) -> str:
    """A header and one line a finding, agreement included."""
    text = io.BytesIO()
    rows = CsvRows(text, COLUMNS)
    for it in found.findings:
        rows.write(row_of(COLUMNS, it))
    rows.close()
    return text.getvalue().decode()


def reconciliation_tables(found: Reconciliation, title: str) -> Iterator[RenderableType]:
    """What differs first, then the sums of everything by result, then what to do."""
    differing = [it for it in found.findings if it.result not in AGREEING]
    if differing:
        yield _differences(differing[:ROWS_MAX], title)
        if len(differing) > ROWS_MAX:
            yield Text(f"{len(differing) - ROWS_MAX} more differences: --csv and --json have all of them.", style="yellow")
    table = Table(title=f"{title}: by result", title_justify="left")
    for name in ("result", "currency", "findings", *SIDES):
        table.add_column(name, justify="left" if name in ("result", "currency") else "right", overflow="fold")
    for (currency, result), (count, *sums) in totals_of(found):
        table.add_row(result.value, currency, str(count), *map(amount_text, sums))
    yield table
    for changed in _price_changes(found):
        yield Text(changed)
    for it in found.left_out:
        yield Text(f"Not compared: {it.lines} lines {it.why}, {amount_text(it.amount)} {it.currency}".rstrip())
    if any(it.result is not Result.AMBIGUOUS for it in differing):
        yield Text("What each result means and what to do about it: docs/reconcile.md")
    if found.resolutions:
        yield _resolutions_table(found)


def _resolutions_table(found: Reconciliation) -> RenderableType:
    """What can be booked now."""
    table = Table(title="To be booked as adjustments", title_justify="left")
    for name in ("request", "attempt", "amount", "currency", "why"):
        table.add_column(name, justify="right" if name == "amount" else "left", overflow="fold")
    for it in found.resolutions[:ROWS_MAX]:
        table.add_row(Text(it.request_id), str(it.attempt), amount_text(it.amount), it.currency, Text(it.reason))
    if (more := len(found.resolutions) - ROWS_MAX) > 0:
        table.add_row(f"{more} more", "", "", "", "--json has all of them")
    return table


def _differences(findings: Sequence[Finding], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("day", "line", "request", "result", "currency", *SIDES, "requests", "note"):
        table.add_column(name, justify="right" if name in SIDES else "left", overflow="fold")
    for it in findings:
        theirs = "?" if it.requests_charged is None else str(it.requests_charged)
        sides = map(amount_text, (it.booked, it.charged, it.difference))
        counts = f"{it.requests} / {theirs}"
        table.add_row(
            str(it.day), Text(it.line or "(all)"), Text(it.request_id), it.result, it.currency, *sides, counts, Text(it.note)
        )
    return table


def _price_changes(found: Reconciliation) -> Iterator[str]:
    """From when on a line costs something else: it is the first thing to ask of a price list."""
    changes: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
    for it in found.findings:
        if it.result is Result.PRICE_VARIANCE and it.booked:
            changes[it.line, it.currency].append(it)
    for (line, currency), those in changes.items():
        booked, charged = (sum((getattr(it, name) for it in those), Decimal(0)) for name in ("booked", "charged"))
        times = (charged / booked).quantize(Decimal("0.0001"))
        yield (
            f"Price variance of {line or 'all lines'} from {those[0].day} to {those[-1].day}: {amount_text(charged)} {currency} "
            f"charged for {amount_text(booked)} booked, {times} times. If it is right, correct the price list: gateway reprice."
        )
