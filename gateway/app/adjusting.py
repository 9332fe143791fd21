"""Corrections of the ledger: as a running gateway books them, and as a command does where none runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.app.adapters import ledger_of
from gateway.app.clock import now
from gateway.app.reading import books_of
from gateway.config.load import Loaded
from gateway.engine.money.adjusting import Adjusting
from gateway.ports import Ledger
from gateway.stores.audit_log import AuditLog


def adjusting_of(loaded: Loaded, ledger: Ledger) -> Adjusting:
    """``ledger`` is open, and that of the configuration."""
    return Adjusting(books_of(loaded), ledger, AuditLog(loaded.settings.history.folder / "audit.jsonl"), now)


@asynccontextmanager
async def adjusting_here(loaded: Loaded) -> AsyncIterator[Adjusting]:
    """For adjustments without a running gateway: the ledger is this block's alone.

    Raises ``LedgerUnavailable`` where a gateway writes to it: then the adjustments must be that gateway's.
    """
    ledger = ledger_of(loaded.settings)
    ledger.open()
    try:
        yield adjusting_of(loaded, ledger)
    finally:
        ledger.close()
