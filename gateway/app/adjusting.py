"""Corrections of the ledger: as a running gateway books them, and as a command does where none runs."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from gateway.app.adapters import ledger_of, shared_state
from gateway.app.budgets import budget_keeper
from gateway.app.clock import now
from gateway.app.reading import books_of
from gateway.config.load import Loaded
from gateway.core.budget import Account
from gateway.core.contract.contract import OnUnavailable
from gateway.core.snapshot import Snapshot
from gateway.engine.money.adjusting import Adjusting, Correction
from gateway.engine.money.budgets import BudgetKeeper
from gateway.ports import Ledger, StateUnavailable
from gateway.stores.audit_log import AuditLog


def adjusting_of(loaded: Loaded, ledger: Ledger, budgets: BudgetKeeper, current: Callable[[], Snapshot]) -> Adjusting:
    """``ledger`` is open, and that of the configuration; ``budgets`` count what those of the ``current`` one may spend."""
    audit = AuditLog(loaded.settings.history.folder / "audit.jsonl")

    async def corrected(corrections: Sequence[Correction]) -> None:
        await budgets.correct(current().budgets, corrections)

    return Adjusting(books_of(loaded), ledger, audit, now, corrected)


@asynccontextmanager
async def adjusting_here(loaded: Loaded) -> AsyncIterator[Adjusting]:
    """For adjustments without a running gateway: the ledger is this block's alone.

    Raises ``LedgerUnavailable`` where a gateway writes to it: then the adjustments must be that gateway's. Raises
    ``StateUnavailable`` at the end where what is booked could not be counted.
    """
    ledger = ledger_of(loaded.settings)
    ledger.open()
    try:
        async with shared_state(loaded.settings.state) as state, budget_keeper(loaded, state, Unwatched()) as budgets:
            yield adjusting_of(loaded, ledger, budgets, lambda: loaded.snapshot)
            if budgets.owes:
                raise StateUnavailable(
                    "The adjustments are booked, but the budgets' counters could not be asked, so they do not have them. "
                    "Bring back what keeps them (Redis or PostgreSQL), then delete the counters: they are filled anew."
                )
    finally:
        ledger.close()


class Unwatched:
    """An ``engine.BudgetWatch`` of a command: nobody scrapes it."""

    def budget_used(self, account: Account, used_nanos: int) -> None:
        """See ``engine.BudgetWatch``."""

    def budget_refused(self, account: Account) -> None:
        """See ``engine.BudgetWatch``."""

    def state_failed(self, limits: str, policy: OnUnavailable) -> None:
        """See ``engine.BudgetWatch``."""
