"""``gateway budgets``: what each budget has, and how much of it is used."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from gateway.app.reading import books_of
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption, Format, FormatOption
from gateway.cli.terminal.tables import show, show_json
from gateway.cli.terminal.to_read import config_to_read
from gateway.core.money.amount import amount_text
from gateway.reports.finance.budgets import BudgetLine, budget_lines, budgets_document


def budgets(format: FormatOption = Format.TABLE, config: ConfigOption = None) -> None:
    """Show each budget in its present period, by the ledger: attempts in flight and ambiguous ones count at their estimates."""
    with failing_clearly():
        loaded = config_to_read(config)
        lines = budget_lines(loaded.snapshot, books_of(loaded), datetime.now(UTC))
    if format is Format.JSON:
        show_json(budgets_document(lines))
    else:
        show(_table(lines))


def _table(lines: Sequence[BudgetLine]) -> RenderableType:
    if not lines:
        return Text("No budget is configured: see docs/budgets.md.")
    table = Table(title="Budgets", title_justify="left")
    for name in ("budget", "of", "period", "resets"):
        table.add_column(name, overflow="fold")
    for name in ("amount", "used", "left", "share"):
        table.add_column(name, justify="right")
    table.add_column("")
    for row in lines:
        account, budget = row.account, row.account.budget
        table.add_row(
            Text(budget.id),
            Text(f"{budget.scope} {account.subject}"),
            budget.period.value,
            f"{account.until:%Y-%m-%d}" if account.until else "never",
            f"{amount_text(budget.amount)} {budget.currency}",
            amount_text(row.used),
            amount_text(row.left),
            f"{row.used / budget.amount:.1%}",
            "hard" if budget.hard else "warns only",
        )
    return table
