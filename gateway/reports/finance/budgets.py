"""What each budget has in its present period, and how much of it is used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateway.core.budget import Account, accounts_in
from gateway.core.money.amount import amount_text
from gateway.core.snapshot import Snapshot
from gateway.ports import Books
from gateway.reports.document import Document, plain


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """One account and what is used of it: what is booked, and what is or may still be to pay."""

    account: Account
    used: Decimal

    @property
    def left(self) -> Decimal:
        """Below zero where it is overdrawn."""
        return self.account.budget.amount - self.used


def budget_lines(snapshot: Snapshot, books: Books, now: datetime) -> list[BudgetLine]:
    """By budget and subject; attempts in flight and ambiguous ones count at their estimates. Raises ``LedgerUnavailable``."""
    apps = {app.id: app.team for app in snapshot.apps.values()}
    found = accounts_in(snapshot.budgets, apps, snapshot.contracts, now)
    return [BudgetLine(it, books.spent(it)) for it in sorted(found, key=lambda it: (it.budget.id, it.subject))]


def budgets_document(lines: Sequence[BudgetLine]) -> Document:
    """``{"budgets": […]}``; amounts are decimal strings."""
    return {"budgets": [_line(line) for line in lines]}


def _line(line: BudgetLine) -> Document:
    account, budget = line.account, line.account.budget
    return {
        "budget": budget.id,
        "scope": budget.scope.value,
        "subject": account.subject,
        "period": budget.period.value,
        "since": plain(account.since),
        "until": plain(account.until),
        "amount": amount_text(budget.amount),
        "used": amount_text(line.used),
        "left": amount_text(line.left),
        "currency": budget.currency,
        "hard": budget.hard,
    }
