"""What attempts would have cost by another price list, and the adjustment that makes it so."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from gateway.core.ledger.adjustment import Adjustment, booked_cost
from gateway.core.ledger.entry import Entry, Kind
from gateway.core.money.amount import Basis, amount_text
from gateway.core.money.pricing import Delivery, PriceList, price

PREFIX = "reprice:"
_REVISION_CHARS = 12
# What a list says about itself, and not about prices.
_UNPRICED = frozenset({"source", "recorded_on", "earlier"})


class Left(StrEnum):
    """Why an attempt stays as it is booked."""

    OPEN = "it is still open"
    AMBIGUOUS = "ambiguous: nobody knows whether it was billed"
    RESOLVED = "its cost was unknown or ambiguous, and another adjustment has said what it is"
    REPORTED = "its provider has reported what it cost, and bills that"
    OTHER_DAY = "another list, or none, was in force on its day"
    OTHER_CURRENCY = "it is booked in another currency"
    NO_MODEL = "the list has no price of its model"
    NO_USAGE = "its usage is unknown, and the list is by token"
    NO_PRICE = "the list has no price of its size, quality or class of tokens"
    REFUNDED = "more of it was given back than it would have cost"


@dataclass(frozen=True, slots=True)
class Unpriced:
    """An attempt that the list does not reprice; ``booked`` is ``None`` where it has no booked cost."""

    contract: str
    upstream_model: str
    currency: str
    booked: Decimal | None
    why: Left


@dataclass(frozen=True, slots=True)
class Repriced:
    """An attempt by another list; ``adjustment`` is ``None`` where nothing changes.

    ``booked`` is its booked cost with all its adjustments, ``None`` where that is unknown. ``difference`` is to be added to it:
    refunds and the like stay beside the price, untouched.
    """

    contract: str
    upstream_model: str
    currency: str
    day: date
    booked: Decimal | None
    difference: Decimal
    adjustment: Adjustment | None


def reprice(attempt: Sequence[Entry], price_list: PriceList, series: PriceList) -> Repriced | Unpriced | None:
    """The attempt (all its entries) by ``price_list``; ``None`` where it surely cost nothing, by any list.

    ``series`` is the newest list of the contract's series, or the same list where it is in none: for the UTC day on which the
    attempt began, it must answer with ``price_list``.
    """
    closing = next((it for it in attempt if it.kind in (Kind.SETTLE, Kind.VOID, Kind.EXPIRE)), None)
    booked, latest = booked_cost(attempt), closing or attempt[0]
    found, currency = latest.attribution, latest.cost.currency
    adjusted = [it for it in attempt if it.kind is Kind.ADJUST]
    earlier = [it for it in adjusted if it.reference.startswith(PREFIX)]
    if closing is not None and closing.kind is Kind.VOID:
        return None
    why = _left(latest, price_list, series, resolved=len(earlier) < len(adjusted))
    if why is not None:
        return Unpriced(found.contract, found.upstream_model, currency, booked, why)
    day = found.begun_at.date()
    delivery = Delivery(latest.images, latest.size, latest.quality, latest.usage)
    amount = price(delivery, price_list, found.upstream_model, day).amount
    if amount is None:
        return Unpriced(found.contract, found.upstream_model, currency, booked, Left.NO_PRICE)
    priced: Decimal | None = None
    if latest.cost.amount is not None or earlier:
        priced = sum((it.cost.amount or Decimal(0) for it in earlier), latest.cost.amount or Decimal(0))
    difference = amount - (priced or Decimal(0))
    if (booked or Decimal(0)) + difference < 0:
        return Unpriced(found.contract, found.upstream_model, currency, booked, Left.REFUNDED)
    adjustment = None if priced == amount else _adjustment(latest, priced, amount, price_list, earlier)
    return Repriced(found.contract, found.upstream_model, currency, day, booked, difference, adjustment)


def revision_of(price_list: PriceList) -> str:
    """A name for the list's prices and days: the same for the same values, whatever is said about their source."""
    canonical = json.dumps(_plain(price_list), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:_REVISION_CHARS]


def reference_of(price_list: PriceList) -> str:
    """What its adjustments refer to: ``reprice:LIST@REVISION``."""
    return f"{PREFIX}{price_list.id}@{revision_of(price_list)}"


def _left(latest: Entry, price_list: PriceList, series: PriceList, *, resolved: bool) -> Left | None:
    """``latest`` closes the attempt or, where nothing does, opens it; ``resolved``: another kind of adjustment was made."""
    if latest.kind is Kind.RESERVE:
        return Left.OPEN
    if latest.kind is Kind.EXPIRE:
        return Left.RESOLVED if resolved else Left.AMBIGUOUS
    if latest.cost.amount is None and resolved:
        return Left.RESOLVED
    if latest.cost.basis is Basis.REPORTED:
        return Left.REPORTED
    day = latest.attribution.begun_at.date()
    if series.at(day).id != price_list.id or not price_list.in_force(day):
        return Left.OTHER_DAY
    if latest.cost.currency != price_list.currency:
        return Left.OTHER_CURRENCY
    found = price_list.models.get(latest.attribution.upstream_model)
    if found is None:
        return Left.NO_MODEL
    return Left.NO_USAGE if found.tokens is not None and latest.usage is None else None


def _adjustment(
    settled: Entry, priced: Decimal | None, amount: Decimal, price_list: PriceList, earlier: Sequence[Entry]
) -> Adjustment:
    """Its reference is new after another list has been in between, so that going back to a list is booked as well."""
    reference = reference_of(price_list)
    again = sum(it.reference.partition("#")[0] == reference for it in earlier)
    was = "unknown" if priced is None else amount_text(priced)
    return Adjustment(
        request_id=settled.attribution.request_id,
        attempt=settled.attribution.attempt,
        amount=amount - (priced or Decimal(0)),
        currency=price_list.currency,
        basis=Basis.COMPUTED,
        reference=f"{reference}#{again + 1}" if again else reference,
        reason=f"Priced by the list {price_list.id} at {amount_text(amount)} {price_list.currency}; it was {was}.",
    )


def _plain(value: object) -> object:
    if is_dataclass(value):
        return {it.name: _plain(getattr(value, it.name)) for it in fields(value) if it.name not in _UNPRICED}
    if isinstance(value, Mapping):
        return {key: _plain(value[key]) for key in sorted(value)}
    if isinstance(value, tuple):
        return [_plain(it) for it in value]
    return None if value is None else str(value)
