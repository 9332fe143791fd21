"""Attempts whose cost nobody knows yet, and what a provider's file says of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, Decimal

from gateway.core.finance.reconciliation.finding import Resolution, reason_of
from gateway.core.ledger.balance import Balance
from gateway.core.ledger.entry import Kind
from gateway.core.money.amount import amount_text

_NANO = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class Candidate:
    """``estimate`` is the most it can have cost, ``None`` where nobody knows. ``sure``: it was delivered, only not priced.

    ``open``: no entry has closed it, so nothing can be booked on it yet.
    """

    request_id: str
    attempt: int
    estimate: Decimal | None
    sure: bool
    open: bool


@dataclass(frozen=True, slots=True)
class Residue:
    """What a file has of a day and line beyond what is booked; ``requests`` likewise, ``None`` where it does not count.

    ``slack`` is what the file may be off by rounding; ``covered`` says that the file speaks of that day at all.
    """

    day: date
    currency: str
    amount: Decimal
    requests: int | None
    slack: Decimal
    covered: bool
    source: str


def candidate_of(it: Balance) -> Candidate | None:
    """``None`` where its cost is known."""
    if it.cost is not None:
        return None
    booked = it.reserve.attribution
    return Candidate(booked.request_id, booked.attempt, it.exposure, it.cost_unknown, it.closing is None)


def images_of(it: Balance) -> int:
    """How many were delivered, or paid for: those asked for, where the answer was lost and its cost is known by now."""
    if it.latest.kind is Kind.SETTLE:
        return it.latest.images
    return it.reserve.images if it.cost else 0


def resolved(candidates: Sequence[Candidate], left: Residue) -> tuple[Resolution, ...] | str:
    """What each is to be booked at, zero for what was not charged; a sentence where the file does not decide it."""
    if not left.covered:
        return "the files say nothing about this day"
    if any(it.open for it in candidates):
        return "still open: start the gateway, which closes what it left, and reconcile again"
    charged = _charged(candidates, left)
    if isinstance(charged, str):
        return charged
    shares = _shares(charged, max(left.amount, Decimal(0)))
    found = []
    for it in candidates:
        amount = shares.get((it.request_id, it.attempt), Decimal(0))
        reason = reason_of(amount, left.currency, left.day, "has it beyond what is booked" if amount else "does not have it")
        found.append(Resolution(it.request_id, it.attempt, amount, left.currency, exact=False, source=left.source, reason=reason))
    return tuple(found)


def _charged(candidates: Sequence[Candidate], left: Residue) -> list[Candidate] | str:
    """Those that the residue paid for: all whose billing was unsure, or none of them; never a guess among several."""
    sure = [it for it in candidates if it.sure]
    unsure = [it for it in candidates if not it.sure]
    nothing = left.amount <= left.slack
    if unsure and left.requests is not None and left.requests not in (0, len(unsure)):
        return f"the provider counts {left.requests} requests more, and {len(unsure)} are in question"
    none_of_them = nothing if left.requests is None else left.requests == 0
    if not unsure or none_of_them:
        return sure
    if nothing:
        return "the provider counts them and charged nothing more"
    if left.amount > _most(candidates) + left.slack:
        return "the provider charged more than they can have cost"
    # Without a count the amount alone must speak: the sum of the estimates is theirs, a small part is a price.
    enough = _most(candidates) / 2 if len(candidates) == 1 else _most(candidates) - left.slack
    if left.requests is None and left.amount < enough < Decimal("Infinity"):
        return f"the file does not count requests, and {amount_text(left.amount)} more may be anything"
    return list(candidates)


def _most(candidates: Sequence[Candidate]) -> Decimal:
    if any(it.estimate is None for it in candidates):
        return Decimal("Infinity")
    return sum((it.estimate or Decimal(0) for it in candidates), Decimal(0))


def _shares(charged: Sequence[Candidate], amount: Decimal) -> dict[tuple[str, int], Decimal]:
    """In proportion to the estimates, equally where one is not known; whole nano-units that add up to the amount."""
    most = _most(charged)
    proportional = most.is_finite() and most > 0
    shares, rest = {}, amount
    for it in charged:
        part = amount * (it.estimate or Decimal(0)) / most if proportional else amount / len(charged)
        shares[it.request_id, it.attempt] = part.quantize(_NANO, ROUND_DOWN)
        rest -= shares[it.request_id, it.attempt]
    if charged:
        first = charged[0]
        shares[first.request_id, first.attempt] += rest
    return shares
