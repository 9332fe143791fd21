"""Charges as FOCUS understands them: what one attempt is billed, and how later corrections are told.

Corrections are append-only and accounting-style: a charge is never rewritten, an adjustment takes it back whole and charges the
corrected amount anew. What was neither settled nor adjusted is no charge: FOCUS has no way to say that an amount is not known.
Source: focus.finops.org, specification 1.3 and 1.4, attribute Correction Handling (2026-11-23).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from gateway.core.ledger.balance import Balance, adjusting
from gateway.core.ledger.entry import Entry, Kind
from gateway.core.money.amount import Basis
from gateway.core.money.month import Bounds, month_of
from gateway.core.money.pricing import Price, PriceList

_MILLION = Decimal(1_000_000)
_ONE = Decimal(1)


class Step(StrEnum):
    """``charge``: as it was first booked. ``reversal``: a former row taken back. ``corrected``: what stands in its place."""

    CHARGE = "charge"
    REVERSAL = "reversal"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True)
class BillingFacts:
    """What the configuration adds to the ledger: the account under which a contract is billed, and the price lists, by id."""

    accounts: Mapping[str, str]
    price_lists: Mapping[str, PriceList]


@dataclass(frozen=True, slots=True)
class Quantity:
    """How much of what: ``consumed`` as it was measured, ``priced`` in the unit that the price list is written in."""

    consumed: Decimal
    consumed_unit: str
    priced: Decimal
    priced_unit: str


@dataclass(frozen=True, slots=True)
class Charge:
    """One row. ``sign`` is -1 where it takes another one back: amount and quantities have it in them already, counts have not.

    ``row_id`` is unique and the same in every export; ``corrects`` is the row that it takes back or replaces. ``late`` says that
    the month of the attempt was over when the correction was made: then it is billed in the month in which it was made.
    """

    step: Step
    row_id: str
    corrects: str
    attempt: Entry
    account: str
    sign: int
    amount: Decimal
    quantity: Quantity
    basis: Basis
    period: Bounds
    late: bool
    reason: str


def charges_of(it: Balance, facts: BillingFacts) -> Iterator[Charge]:
    """The rows of one attempt, in the order they came to be; none where nothing known is booked. They add up to its cost."""
    booked = it.reserve.attribution
    period = month_of(booked.begun_at)
    first = Charge(
        step=Step.CHARGE,
        row_id=it.latest.event_id,
        corrects="",
        attempt=it.latest,
        account=facts.accounts.get(booked.contract, booked.contract),
        sign=1,
        amount=it.settled or Decimal(0),
        quantity=_quantity(it.latest, facts.price_lists),
        basis=it.latest.cost.basis,
        period=period,
        late=False,
        reason="",
    )
    standing = None if it.settled is None else first
    if standing is not None:
        yield standing
    for entry in it.adjustments:
        late = entry.occurred_at >= period[1]
        billed = month_of(entry.occurred_at) if late else period
        due = adjusting(entry) + (Decimal(0) if standing is None else standing.amount)
        if standing is not None:
            yield _reversal(standing, entry, billed, late=late)
        corrects = "" if standing is None else standing.row_id
        standing = replace(
            first,
            step=Step.CORRECTED,
            row_id=entry.event_id,
            corrects=corrects,
            amount=due,
            basis=entry.cost.basis,
            period=billed,
            late=late,
            reason=entry.reason,
        )
        yield standing


def _reversal(charge: Charge, adjustment: Entry, billed: Bounds, *, late: bool) -> Charge:
    taken = charge.quantity
    return replace(
        charge,
        step=Step.REVERSAL,
        row_id=f"{adjustment.event_id}.reversal",
        corrects=charge.row_id,
        sign=-1,
        amount=-charge.amount,
        quantity=replace(taken, consumed=-taken.consumed, priced=-taken.priced),
        period=billed,
        late=late,
        reason=adjustment.reason,
    )


def _quantity(entry: Entry, price_lists: Mapping[str, PriceList]) -> Quantity:
    """By the way the price list prices it; where it has several ways or none that is known, the request is what was bought."""
    booked = entry.attribution
    if entry.kind is not Kind.SETTLE:
        return _plain(_ONE, "Requests")
    found = price_lists.get(booked.price_list)
    price = None if found is None else found.price_of(booked.upstream_model, booked.begun_at.date())
    if price is None or _only_images(price):
        return _plain(Decimal(entry.images), "Images")
    if price.tokens is not None and price.request is None and not price.images and entry.usage is not None:
        tokens = Decimal(entry.usage.total)
        return Quantity(tokens, "Tokens", tokens / _MILLION, "1000000 Tokens")
    return _plain(_ONE, "Requests")


def _only_images(price: Price) -> bool:
    return bool(price.images) and price.tokens is None and price.request is None


def _plain(count: Decimal, unit: str) -> Quantity:
    return Quantity(count, unit, count, unit)
