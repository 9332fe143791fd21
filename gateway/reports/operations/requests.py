"""The latest attempts that somebody looks for, one line each; and every member of an entry."""

from collections.abc import Sequence

from gateway.core.ledger.entry import Entry, Kind
from gateway.core.ledger.request_query import OPEN
from gateway.reports.document import Document, moment, plain


def requests_document(entries: Sequence[Entry]) -> Document:
    """``{"requests": […]}``, a ``request_line`` for each attempt."""
    return {"requests": [request_line(entry) for entry in entries]}


def request_line(entry: Entry) -> Document:
    """One attempt by its latest entry; ``cost`` is ``None`` until it is settled, ``exposure`` unless it may still be billed."""
    booked, cost = entry.attribution, entry.cost
    settled, at_stake = entry.kind is Kind.SETTLE, entry.kind in (Kind.RESERVE, Kind.EXPIRE)
    return {
        "time": moment(entry.occurred_at),
        "request_id": booked.request_id,
        "attempt": booked.attempt,
        "app": booked.app,
        "model": booked.model,
        "route": booked.route,
        "provider": booked.provider,
        "contract": f"{booked.contract}@{booked.contract_revision}",
        "outcome": outcome_of(entry),
        "owner": entry.owner or None,
        # A void entry stands for an attempt that surely cost nothing; its amount is what was held for it.
        "cost": cost.text if settled else None if at_stake else "0.00",
        "exposure": cost.text if at_stake else None,
        "currency": cost.currency,
        "images": entry.images if settled else None if at_stake else 0,
        "tags": dict(booked.tags),
    }


def entry_document(entry: Entry) -> Document:
    """Every member of one entry."""
    attribution = plain(entry.attribution)
    return {
        "kind": entry.kind.value,
        "time": moment(entry.occurred_at),
        "outcome": outcome_of(entry),
        "owner": entry.owner or None,
        "amount": entry.cost.text,
        "currency": entry.cost.currency,
        "basis": entry.cost.basis.value,
        "images": entry.images,
        "size": entry.size,
        "quality": entry.quality,
        "upstream_request_id": entry.upstream_request_id or None,
        **attribution,
        "tags": dict(entry.attribution.tags),
        "begun_at": moment(entry.attribution.begun_at),
        "usage": plain(entry.usage),
        "discrepancies": list(entry.discrepancies),
        "images_sha256": list(entry.images_sha256),
        "reference": entry.reference or None,
        "reason": entry.reason or None,
    }


def outcome_of(entry: Entry) -> str:
    """``open`` while the attempt runs."""
    if entry.outcome is not None:
        return entry.outcome.value
    return "adjusted" if entry.kind is Kind.ADJUST else OPEN
