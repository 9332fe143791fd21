"""The balance of an attempt: what its entries together say was booked, and what may still be."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from gateway.core.ledger.entry import Entry, Kind


class State(StrEnum):
    """``settled``: it has a booked cost, be it unknown. ``void``: it cost nothing. ``open``, ``exposed``: it may be billed."""

    OPEN = "open"
    SETTLED = "settled"
    VOID = "void"
    EXPOSED = "exposed"


_STATES = {Kind.SETTLE: State.SETTLED, Kind.VOID: State.VOID, Kind.EXPIRE: State.EXPOSED}


@dataclass(frozen=True, slots=True)
class Balance:
    """One attempt. ``cost`` is booked, adjustments included; ``exposure`` may still be billed; at most one of them is there.

    Both are in ``currency``, and ``None`` where there is nothing of the kind or nobody knows how much.
    ``settled`` is what the delivery was booked at, before any adjustment.
    """

    state: State
    reserve: Entry
    closing: Entry | None
    adjustments: tuple[Entry, ...]
    settled: Decimal | None
    cost: Decimal | None
    exposure: Decimal | None

    @property
    def currency(self) -> str:
        """Of all its amounts (ISO 4217)."""
        return self.latest.cost.currency

    @property
    def latest(self) -> Entry:
        """The entry that closed it; its reserve where none has."""
        return self.closing or self.reserve

    @property
    def adjusted(self) -> Decimal | None:
        """The sum of the adjustments; ``None`` without any."""
        return _sum(self.adjustments) if self.adjustments else None

    @property
    def cost_unknown(self) -> bool:
        """It was delivered, and nobody knows what it costs."""
        return self.state is State.SETTLED and self.cost is None

    @property
    def exposure_unknown(self) -> bool:
        """It may be billed, and nobody knows how much."""
        return self.state in (State.OPEN, State.EXPOSED) and self.exposure is None


def balance_of(entries: Sequence[Entry]) -> Balance:
    """The balance of one attempt, from all its entries in their order: the reserve, what closed it, its adjustments.

    Raises ``ValueError`` where its entries are in several currencies, which are never added, or an adjustment has no amount.
    """
    reserve, *rest = entries
    closing = next((entry for entry in rest if entry.kind is not Kind.ADJUST), None)
    adjustments = tuple(entry for entry in rest if entry.kind is Kind.ADJUST)
    currency = (closing or reserve).cost.currency
    if other := next((entry for entry in adjustments if entry.cost.currency != currency), None):
        raise ValueError(f"The adjustment {other.event_id} is in {other.cost.currency}, its attempt in {currency}.")
    settled = closing.cost.amount if closing is not None and closing.kind is Kind.SETTLE else None
    if adjustments:
        cost = (settled or Decimal(0)) + _sum(adjustments)
        return Balance(State.SETTLED, reserve, closing, adjustments, settled, cost, None)
    state = State.OPEN if closing is None else _STATES[closing.kind]
    held = (closing or reserve).cost.amount if state in (State.OPEN, State.EXPOSED) else None
    booked = Decimal(0) if state is State.VOID else settled
    return Balance(state, reserve, closing, adjustments, settled, booked, held)


def counted(entries: Sequence[Entry], unknown: Decimal = Decimal(0)) -> Decimal:
    """What a budget counts of an attempt, from all its entries: its cost, or what it may still cost.

    An unknown cost counts as its estimate, an unknown estimate as ``unknown``. ``Books.spent`` sums the same over many.
    """
    found = balance_of(entries)
    if found.cost is not None:
        return found.cost
    held = found.reserve.cost.amount
    return unknown if held is None else held


def adjusting(entry: Entry) -> Decimal:
    """What an adjustment adds; ``ValueError`` where it is unknown, which no ledger takes."""
    if entry.cost.amount is None:
        raise ValueError(f"The adjustment {entry.event_id} has no amount.")
    return entry.cost.amount


def _sum(adjustments: Sequence[Entry]) -> Decimal:
    return sum(map(adjusting, adjustments), Decimal(0))
