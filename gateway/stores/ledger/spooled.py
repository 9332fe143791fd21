"""A ledger with a spool: what may be spooled is, while the ledger cannot be written, and follows once it can."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

from gateway.core.ledger.entry import Entry
from gateway.ports import EntryRefused, LedgerUnavailable
from gateway.stores.ledger.spool import LedgerSpool
from gateway.stores.ledger.sqlite.ledger import SqliteLedger

if TYPE_CHECKING:
    from gateway.stores.ledger.postgres.ledger import PostgresLedger


class SpoolingLedger:
    """Implements ``ports.Ledger``. While anything waits in the spool, all that may be spooled goes there: its order is kept."""

    def __init__(self, ledger: "SqliteLedger | PostgresLedger", spool: LedgerSpool, clock: Callable[[], datetime]) -> None:
        self._ledger, self._spool, self._clock = ledger, spool, clock
        # What is still to be spooled although nobody may wait for it any more.
        self._falling_back: set[asyncio.Task[None]] = set()

    def open(self) -> int:
        """See the ledgers'. What a former process has left in the spool is booked first. Blocks; raises ``LedgerUnavailable``."""
        if not self._spool.there:
            return self._ledger.open()
        self._spool.open()
        return self._ledger.open(lambda write: self._spool.recover(write, self._clock()))

    def append(self, *entries: Entry, spool: bool = False) -> Awaitable[None]:
        """See ``ports.Ledger``."""
        if not spool:
            return self._ledger.append(*entries)
        if self._spool.busy or self._ledger.failing:
            return self._spool.write(entries)
        try:
            written = self._ledger.append(*entries)
        except EntryRefused:
            raise
        except LedgerUnavailable:
            return self._spool.write(entries)
        task = asyncio.ensure_future(self._spooled_unless(written, entries))
        self._falling_back.add(task)
        task.add_done_callback(self._fallen_back)
        return asyncio.shield(task)

    async def _spooled_unless(self, written: Awaitable[None], entries: tuple[Entry, ...]) -> None:
        try:
            await written
        except EntryRefused:
            raise
        except LedgerUnavailable:
            await self._spool.write(entries)

    def _fallen_back(self, task: asyncio.Task[None]) -> None:
        self._falling_back.discard(task)
        if not task.cancelled():
            # Whoever waits is told; a warning that nobody does would be wrong.
            task.exception()

    async def drain(self) -> int:
        """Book what waits in the spool, as far as the ledger takes it now; how many. Raises ``LedgerUnavailable``."""
        booked = 0
        while self._spool.busy and (lines := self._spool.next_lines()):
            entries = [entry for entry, _ in lines if entry is not None]
            try:
                await self._ledger.append(*entries)
                refusals = [""] * len(entries)
            except EntryRefused:
                refusals = [await self._refusal(entry) for entry in entries]
            found = iter(refusals)
            for entry, line in lines:
                self._spool.taken(line, "it is not an entry" if entry is None else next(found))
            booked += refusals.count("")
        return booked

    async def _refusal(self, entry: Entry) -> str:
        try:
            await self._ledger.append(entry)
        except EntryRefused as refused:
            return str(refused)
        return ""

    async def expire_orphans(self) -> int:
        """See the ledgers'."""
        return await self._ledger.expire_orphans()

    @property
    def lag_s(self) -> float:
        """Of the ledger itself."""
        return self._ledger.lag_s

    @property
    def failing(self) -> bool:
        """Of the ledger itself."""
        return self._ledger.failing

    @property
    def room(self) -> bool:
        """Whether another attempt could be spooled."""
        return self._spool.room

    @property
    def waiting(self) -> int:
        """So many entries wait in the spool."""
        return self._spool.waiting

    @property
    def refused(self) -> int:
        """So many entries stand aside because the ledger has refused them for good."""
        return self._spool.refused

    def close(self) -> None:
        """What waits in the spool stays there for the next start. Blocks; may be called twice."""
        self._ledger.close()
        self._spool.close()
