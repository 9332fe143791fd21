"""Books what a reconciliation has found out about attempts: by the running gateway, or here where none runs."""

import asyncio
from collections.abc import Iterator, Sequence

from gateway.app.adjusting import adjusting_here
from gateway.cli.admin_client import NoAnswer, ask
from gateway.config import Loaded
from gateway.core.adjustment import Adjustment
from gateway.core.money import amount_text
from gateway.engine.adjusting import BATCH_MAX


def post(loaded: Loaded, admin: str, adjustments: Sequence[Adjustment], *, who: str, why: str) -> tuple[int, int]:
    """How many were booked now, and how many had been before.

    Raises ``Declined`` and ``Unbookable``: batches of up to ``BATCH_MAX`` are booked whole or not at all, one after the other.
    """
    booked = repeated = 0
    for batch in _batches(adjustments):
        try:
            answer = ask(f"{admin}/ledger/adjustments", "POST", {"who": who, "why": why, "adjustments": [*map(_plain, batch)]})
            done = (int(answer["booked"]), int(answer["repeated"]))
        except NoAnswer:
            done = asyncio.run(_post_here(loaded, batch, who=who, why=why))
        booked, repeated = booked + done[0], repeated + done[1]
    return booked, repeated


async def _post_here(loaded: Loaded, batch: Sequence[Adjustment], *, who: str, why: str) -> tuple[int, int]:
    async with adjusting_here(loaded) as adjusting:
        posted = await adjusting.post(batch, who=who, why=why, client="local")
    return posted.booked, posted.repeated


def _batches(adjustments: Sequence[Adjustment]) -> Iterator[Sequence[Adjustment]]:
    for begin in range(0, len(adjustments), BATCH_MAX):
        yield adjustments[begin : begin + BATCH_MAX]


def _plain(it: Adjustment) -> dict[str, object]:
    return {
        "request_id": it.request_id,
        "attempt": it.attempt,
        "amount": amount_text(it.amount),
        "currency": it.currency,
        "basis": it.basis.value,
        "reference": it.reference,
        "reason": it.reason,
    }
