"""``gateway budgets``: what each budget has, and how much of it is used."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from gateway.app.configuration import load_config
from gateway.app.reading import books_of
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption
from gateway.cli.terminal.tables import show
from gateway.core.budget import Account, accounts_in
from gateway.core.money.amount import amount_text
from gateway.core.snapshot import Snapshot
from gateway.ports import Books


class Format(StrEnum):
    """How the report is written."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Row:
    """One account and what is used of it: what is booked, and what is or may still be to pay."""

    account: Account
    used: Decimal

    @property
    def left(self) -> Decimal:
        """Below zero where it is overdrawn."""
        return self.account.budget.amount - self.used


def budgets(
    format: Annotated[Format, typer.Option(help="How the report is written.")] = Format.TABLE,
    config: ConfigOption = None,
) -> None:
    """Show each budget in its present period, by the ledger: attempts in flight and ambiguous ones count at their estimates."""
    with failing_clearly():
        loaded = load_config(config)
        rows = _rows(loaded.snapshot, books_of(loaded), datetime.now(UTC))
    if format is Format.JSON:
        typer.echo(json.dumps({"budgets": [_values(row) for row in rows]}, indent=2, ensure_ascii=False))
    else:
        show(_table(rows))


def _rows(snapshot: Snapshot, books: Books, now: datetime) -> list[Row]:
    apps = {app.id: app.team for app in snapshot.apps.values()}
    found = accounts_in(snapshot.budgets, apps, snapshot.contracts, now)
    return [
        Row(it, books.spent(it.budget.scope, it.subject, it.budget.currency, it.since))
        for it in sorted(found, key=lambda it: (it.budget.id, it.subject))
    ]


def _values(row: Row) -> dict[str, Any]:
    account, budget = row.account, row.account.budget
    return {
        "budget": budget.id,
        "scope": budget.scope.value,
        "subject": account.subject,
        "period": budget.period.value,
        "since": None if account.since is None else account.since.isoformat(),
        "until": None if account.until is None else account.until.isoformat(),
        "amount": amount_text(budget.amount),
        "used": amount_text(row.used),
        "left": amount_text(row.left),
        "currency": budget.currency,
        "hard": budget.hard,
    }


def _table(rows: list[Row]) -> RenderableType:
    if not rows:
        return Text("No budget is configured: see docs/budgets.md.")
    table = Table(title="Budgets", title_justify="left")
    for name in ("budget", "of", "period", "resets"):
        table.add_column(name, overflow="fold")
    for name in ("amount", "used", "left", "share"):
        table.add_column(name, justify="right")
    table.add_column("")
    for row in rows:
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
