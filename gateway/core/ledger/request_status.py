"""What became of a request, from its ledger entries: for an app that lost the answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import groupby
from typing import Any

from gateway.core.ledger.entry import TEXT_OPERATION, Entry, Kind, ReplayEntry, in_order
from gateway.core.money.amount import Basis, Cost, amount_text, together


class Status(StrEnum):
    """``ambiguous``: it may have been billed, and nobody knows. ``failed``: it surely cost nothing."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class Spent:
    """One attempt: the entry that says most of it, and what it cost as far as is booked; ``None`` while nothing is."""

    last: Entry
    cost: Cost | None


def spent_of(entries: Sequence[Entry]) -> tuple[Spent, ...]:
    """The attempts of one request, in their order."""
    ordered = sorted(entries, key=lambda entry: entry.attribution.attempt)
    return tuple(_spent(in_order(group)) for _, group in groupby(ordered, key=lambda entry: entry.attribution.attempt))


def status_of(attempts: Sequence[Spent]) -> Status:
    """Of a request that no process is known to run."""
    kinds = [attempt.last.kind for attempt in attempts]
    if Kind.SETTLE in kinds:
        return Status.FINISHED
    if Kind.RESERVE in kinds:
        return Status.RUNNING
    return Status.AMBIGUOUS if Kind.EXPIRE in kinds else Status.FAILED


def document_of(request_id: str, status: Status, attempts: Sequence[Spent], result: str | None) -> dict[str, Any]:
    """What the app is told; ``result`` is where the answer can be had."""
    found: dict[str, Any] = {"id": request_id, "object": "gateway.request", "status": status.value}
    if attempts:
        first = attempts[0].last.attribution
        found |= {"created_at": int(first.begun_at.timestamp()), "model": first.model, "operation": first.operation}
        found |= _latest(attempts) | {"attempts": [_attempt(attempt) for attempt in attempts]}
    return found | {"result": result}


def spared_document_of(saving: ReplayEntry, result: str | None) -> dict[str, Any]:
    """What the app is told of a request that got an earlier one's answer."""
    return {
        "id": saving.request_id,
        "object": "gateway.request",
        "status": Status.FINISHED.value,
        "created_at": int(saving.occurred_at.timestamp()),
        "model": saving.model,
        "original_request_id": saving.original_id,
        "contract": saving.contract,
        "cost": "0.00",
        "currency": saving.cost.currency,
        "cost_basis": Basis.COMPUTED.value,
        "saved": saving.cost.text,
        "attempts": [],
        "result": result,
    }


def _spent(entries: Sequence[Entry]) -> Spent:
    """An adjustment is added to what is booked; neither a reserve nor an exposure is booked."""
    adjusted = [entry.cost for entry in entries if entry.kind is Kind.ADJUST]
    last = [entry for entry in entries if entry.kind is not Kind.ADJUST][-1]
    booked = last.cost if last.kind in (Kind.SETTLE, Kind.VOID) else None
    if not adjusted:
        return Spent(last, booked)
    before = booked.amount if booked is not None and booked.amount is not None else Decimal(0)
    amount = before + sum((cost.amount for cost in adjusted if cost.amount is not None), Decimal(0))
    return Spent(last, Cost(amount, adjusted[-1].currency, adjusted[-1].basis))


def _latest(attempts: Sequence[Spent]) -> dict[str, Any]:
    """The last attempt; one of a response costs what both its models do, which are booked together."""
    last = attempts[-1]
    if last.last.attribution.operation != TEXT_OPERATION:
        return _attempt(last)
    images = attempts[-2]
    total = None if images.cost is None or last.cost is None else together(images.cost, last.cost)
    return _attempt(Spent(images.last, total))


def _attempt(attempt: Spent) -> dict[str, Any]:
    entry, cost = attempt.last, attempt.cost
    booked = entry.attribution
    return {
        "contract": f"{booked.contract}@{booked.contract_revision}",
        "route": booked.route,
        "provider": booked.provider,
        "upstream_model": booked.upstream_model,
        "billing_owner": booked.billing_owner,
        "outcome": None if entry.outcome is None else entry.outcome.value,
        "owner": entry.owner or None,
        "images": entry.images if entry.kind is Kind.SETTLE else 0,
        "cost": None if cost is None or cost.amount is None else amount_text(cost.amount),
        "currency": entry.cost.currency,
        "cost_basis": None if cost is None else cost.basis.value,
    }
