"""What is to be added to the booked cost of an attempt, and the ledger entry that does it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateway.core.ledger.entry import Entry, Kind
from gateway.core.money.amount import Basis, Cost, amount_text


@dataclass(frozen=True, slots=True)
class Adjustment:
    """``amount`` is added to the booked cost, ``basis`` says how it is known.

    ``reference`` names what made it: booked twice for the same attempt, it counts once. ``reason`` is a sentence for people.
    """

    request_id: str
    attempt: int
    amount: Decimal
    currency: str
    basis: Basis
    reference: str
    reason: str


class Unbookable(Exception):
    """The attempt cannot be adjusted so. ``fix`` says what could be done."""

    def __init__(self, text: str, fix: str) -> None:
        super().__init__(text)
        self.fix = fix


def booked_cost(attempt: Sequence[Entry]) -> Decimal | None:
    """The booked cost of an attempt's entries, adjustments included; ``None`` where it has none: open, exposed or unknown."""
    settled = next((it.cost.amount for it in attempt if it.kind in (Kind.SETTLE, Kind.VOID)), None)
    adjusted = [it.cost.amount or Decimal(0) for it in attempt if it.kind is Kind.ADJUST]
    return None if settled is None and not adjusted else sum(adjusted, settled or Decimal(0))


def entry_of(adjustment: Adjustment, attempt: Sequence[Entry], at: datetime) -> Entry | None:
    """The entry to book on the attempt whose entries these are; ``None`` where it is booked already. Raises ``Unbookable``."""
    name = f"{adjustment.request_id}.{adjustment.attempt}"
    closing = next((it for it in attempt if it.kind in (Kind.SETTLE, Kind.VOID, Kind.EXPIRE)), None)
    if closing is None:
        what = "is still open" if attempt else "is not in the ledger"
        raise Unbookable(f"The attempt {name} {what}.", "Adjust attempts that are closed; gateway requests ID shows them.")
    if closing.cost.currency != adjustment.currency:
        raise Unbookable(
            f"The attempt {name} is booked in {closing.cost.currency}, the adjustment is in {adjustment.currency}.",
            "Adjust it in its own currency: currencies are never added.",
        )
    entry = Entry(
        kind=Kind.ADJUST,
        attribution=closing.attribution,
        occurred_at=at,
        cost=Cost(adjustment.amount, adjustment.currency, adjustment.basis),
        images=0,
        size=closing.size,
        quality=closing.quality,
        reference=adjustment.reference,
        reason=adjustment.reason,
    )
    there = next((it for it in attempt if it.event_id == entry.event_id), None)
    if there is not None:
        if there.cost.amount != adjustment.amount:
            raise Unbookable(
                f"The attempt {name} is adjusted under the reference '{adjustment.reference}' by {there.cost.text} already.",
                "Give another adjustment another reference.",
            )
        return None
    if (total := (booked_cost(attempt) or Decimal(0)) + adjustment.amount) < 0:
        raise Unbookable(
            f"The attempt {name} would be booked at {amount_text(total)} {adjustment.currency}.",
            "Take at most what is booked; what a provider gives back beyond that belongs to no attempt.",
        )
    return entry
