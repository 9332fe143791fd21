"""Looks again and again for what is not booked to its end."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from gateway.engine.money.accounting import Accounting
from gateway.ports import LedgerUnavailable

EVERY_S = 5.0
# Other gateways seldom die, and looking for what they left open asks the database.
ORPHANS_EVERY = 6


class Orphanage(Protocol):
    """A ledger that can tell what gateways that live no more have left open."""

    async def expire_orphans(self) -> int:
        """Close it at its estimate; how many. Raises ``LedgerUnavailable``."""
        ...


async def sweep(ledger: Orphanage, accounting: Accounting, told: Callable[[int, str], None], every_s: float = EVERY_S) -> None:
    """Until it is cancelled: book what is owed, expire what is orphaned. ``told`` hears how many, or why that failed."""
    while True:
        for _ in range(ORPHANS_EVERY):
            await asyncio.sleep(every_s)
            await accounting.book_owed()
        try:
            told(await ledger.expire_orphans(), "")
        except LedgerUnavailable as unavailable:
            told(0, str(unavailable))
