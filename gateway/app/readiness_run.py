"""Readiness walks without a running gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.app.adapters import ledger_of, probe_of, ready_results
from gateway.app.clock import now
from gateway.config.load import Loaded
from gateway.engine.money.accounting import Accounting
from gateway.engine.readiness_run import Readiness, Walker


@asynccontextmanager
async def walking(loaded: Loaded, *, spending: bool) -> AsyncIterator[Readiness]:
    """With ``spending``, the ledger is this block's alone.

    Raises ``LedgerUnavailable`` where a gateway writes to it: then the walk must be that gateway's.
    """
    ledger = ledger_of(loaded.settings)
    if spending:
        ledger.open()
    try:
        yield Readiness(Walker(probe_of, Accounting(ledger, now), now), ready_results(loaded, lambda: loaded.snapshot))
    finally:
        if spending:
            ledger.close()
