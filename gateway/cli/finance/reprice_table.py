"""A repricing as tables. Currencies are never added together."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from gateway.cli.terminal.period import period_text
from gateway.core.finance.repricing import revision_of
from gateway.core.finance.repricing_tally import Change, Converted, Remainder, RepricingTally
from gateway.core.money.amount import amount_text
from gateway.reports.finance.repricing import RepriceReport

_MISSING_MAX = 5


def reprice_tables(report: RepriceReport) -> Iterator[RenderableType]:
    """What changes, then what stays and why."""
    tally, order = report.tally, report.order
    name = f"{order.price_list.id}@{revision_of(order.price_list)}"
    title = f"By the price list {name}{period_text(order.begin, order.end)}"
    if not tally.changes:
        yield Text(f"{title}: it prices no attempt under {', '.join(sorted(order.contracts))}.")
    else:
        yield _changes(tally, title)
    if unknown := sum(it.unknown for it in tally.changes.values()):
        yield Text(
            f"The cost of {_attempts(unknown)} was unknown: it is not in 'old', and whole in 'difference'.", style="yellow"
        )
    if tally.changes and not tally.adjustments:
        yield Text("All of them are booked at these prices: there is nothing to book.")
    if tally.left:
        yield _left(tally)
    if report.converted is not None:
        yield Text(_converted_text(report.converted))


def _changes(tally: RepricingTally, title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("contract", "model", "currency"):
        table.add_column(name, overflow="fold")
    for name in ("attempts", "to book", "old", "new", "difference"):
        table.add_column(name, justify="right", overflow="fold")
    for (contract, model, currency), it in sorted(tally.changes.items()):
        table.add_row(Text(contract), Text(model), currency, *_cells(it))
    table.add_section()
    for currency, it in tally.totals().items():
        table.add_row("total", "", currency, *_cells(it), style="bold")
    return table


def _cells(it: Change) -> tuple[str, ...]:
    old = "unknown" if it.unknown == it.attempts else amount_text(it.old)
    return f"{it.attempts:,}", f"{it.changed:,}", old, amount_text(it.new), _signed(it.difference)


def _left(tally: RepricingTally) -> Table:
    table = Table(title="Not repriced", title_justify="left")
    for name in ("contract", "model", "why", "currency"):
        table.add_column(name, overflow="fold")
    for name in ("attempts", "booked"):
        table.add_column(name, justify="right", overflow="fold")
    for ((contract, model, currency), why), it in sorted(tally.left.items()):
        table.add_row(Text(contract), Text(model), why.value, currency, f"{it.attempts:,}", _known(it))
    return table


def _known(it: Remainder) -> str:
    return "unknown" if it.unknown == it.attempts else amount_text(it.booked)


def _signed(amount: Decimal) -> str:
    return f"+{amount_text(amount)}" if amount > 0 else amount_text(amount)


def _attempts(count: int) -> str:
    return "1 attempt" if count == 1 else f"{count:,} attempts"


def _converted_text(found: Converted) -> str:
    if found.amount is not None:
        by = f", by the rates of {', '.join(found.tables)}" if found.tables else ""
        return f"The difference is {_signed(found.amount)} {found.currency}{by}. It is booked in its own currency."
    days = _days_text(found.missing)
    return f"The difference in {found.currency} is unknown: there is no rate {days}. Add it to a table under exchange."


def _days_text(missing: Sequence[tuple[str, date]]) -> str:
    named = ", ".join(f"from {currency} for {day}" for currency, day in missing[:_MISSING_MAX])
    more = len(missing) - _MISSING_MAX
    return f"{named} and {more} more" if more > 0 else named
