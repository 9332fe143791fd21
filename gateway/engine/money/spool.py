"""Books what waits for the ledger, once it can be written again."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from gateway.ports import LedgerUnavailable

EVERY_S = 1.0
# A ledger that is down for hours is one line in ten minutes.
TOLD_EVERY = 600


class Spooling(Protocol):
    """A ledger whose entries may wait in a spool."""

    @property
    def waiting(self) -> int:
        """So many do."""
        ...

    async def drain(self) -> int:
        """Book them, as far as the ledger takes them now; how many. Raises ``LedgerUnavailable``."""
        ...


async def drain(ledger: Spooling, told: Callable[[int, int, str], None], every_s: float = EVERY_S) -> None:
    """Until it is cancelled. ``told`` hears how many were booked, how many wait, and why that failed."""
    failed = 0
    while True:
        await asyncio.sleep(every_s)
        if not ledger.waiting:
            failed = 0
            continue
        try:
            told(await ledger.drain(), ledger.waiting, "")
        except LedgerUnavailable as unavailable:
            if failed % TOLD_EVERY == 0:
                told(0, ledger.waiting, str(unavailable))
            failed += 1
