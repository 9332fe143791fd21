"""Adjustments to attempts that are closed: looked up, checked, audited, then booked, a bounded batch at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateway.core.ledger.adjustment import Adjustment, Unbookable, entry_of
from gateway.core.ledger.entry import Entry, in_order
from gateway.core.money.amount import amount_text
from gateway.ports import AuditTrail, Books, Ledger

# One transaction of at most so many rows, and so many look-ups before it: some 100 ms beside the requests.
BATCH_MAX = 200


@dataclass(frozen=True, slots=True)
class Posted:
    """How many adjustments were booked now, and how many had been before."""

    booked: int
    repeated: int


@dataclass(frozen=True, slots=True)
class Correction:
    """An adjustment that was booked, and all entries of its attempt before it."""

    before: tuple[Entry, ...]
    adjustment: Entry


class Adjusting:
    """Books what people order. ``books`` and ``ledger`` are the same ledger, for reading and for writing.

    ``corrected`` is told of all that was booked, so that the budgets' counters say the same as the ledger.
    """

    def __init__(
        self,
        books: Books,
        ledger: Ledger,
        audit: AuditTrail,
        clock: Callable[[], datetime],
        corrected: Callable[[Sequence[Correction]], Awaitable[None]],
    ) -> None:
        self._books, self._ledger, self._audit, self._clock, self._corrected = books, ledger, audit, clock, corrected
        self._one_at_a_time = asyncio.Lock()

    async def post(self, adjustments: Sequence[Adjustment], *, who: str, why: str, client: str) -> Posted:
        """Book all of them, or none where one cannot be booked; durable on return.

        Raises ``Unbookable``, ``LedgerUnavailable`` and ``AuditUnavailable``.
        """
        if len(adjustments) > BATCH_MAX:
            raise Unbookable(f"{len(adjustments)} adjustments are more than a batch takes.", f"Send at most {BATCH_MAX} at once.")
        async with self._one_at_a_time:
            corrections = await asyncio.to_thread(self._prepared, adjustments)
            entries = [it.adjustment for it in corrections]
            if entries:
                details = _details(entries, client)
                await asyncio.to_thread(self._audit.append, who, "ledger.adjust", why, details, self._clock())
                await self._ledger.append(*entries)
                await self._corrected(corrections)
        return Posted(len(entries), len(adjustments) - len(entries))

    def _prepared(self, adjustments: Sequence[Adjustment]) -> list[Correction]:
        now, found = self._clock(), dict[str, list[Entry]]()
        corrections = []
        for adjustment in adjustments:
            if adjustment.request_id not in found:
                found[adjustment.request_id] = list(self._books.request(adjustment.request_id))
            known = found[adjustment.request_id]
            attempt = in_order(it for it in known if it.attribution.attempt == adjustment.attempt)
            entry = entry_of(adjustment, attempt, now)
            if entry is not None:
                # What follows in the same batch must see it.
                known.append(entry)
                corrections.append(Correction(attempt, entry))
        return corrections


def _details(entries: Sequence[Entry], client: str) -> dict[str, object]:
    sums: dict[str, Decimal] = {}
    for entry in entries:
        sums[entry.cost.currency] = sums.get(entry.cost.currency, Decimal(0)) + (entry.cost.amount or Decimal(0))
    return {
        "adjustments": len(entries),
        "references": sorted({entry.reference for entry in entries}),
        "sum": [f"{amount_text(amount)} {currency}" for currency, amount in sums.items()],
        "first": entries[0].event_id,
        "last": entries[-1].event_id,
        "client": client,
    }
