"""Has the ledger's days summed when they are over."""

import asyncio
from collections.abc import Callable

from gateway.ports import LedgerUnavailable, Rollups

EVERY_S = 600.0


async def roll_up(rollups: Rollups, told: Callable[[int, str], None], every_s: float = EVERY_S) -> None:
    """Until it is cancelled: all that is due, then again after ``every_s``. ``told`` hears how many days, or why that failed."""
    while True:
        days, failed = 0, ""
        try:
            # One day a call: a gateway that stops waits for no more than that.
            while await asyncio.to_thread(rollups.roll_up_a_day):
                days += 1
        except LedgerUnavailable as unavailable:
            failed = str(unavailable)
        told(days, failed)
        await asyncio.sleep(every_s)
