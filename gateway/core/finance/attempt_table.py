"""The ledger as a sheet: one row an attempt, every column of it that finance wants."""

import json
from collections.abc import Callable

from gateway.core.finance.table import Cell, Column, Form
from gateway.core.ledger.balance import Balance
from gateway.core.ledger.entry import Entry
from gateway.core.money.tokens import Usage


def _booked(name: str) -> Column[Balance]:
    """A text of the attribution; an attempt's entries all have the same."""
    return Column(name, Form.TEXT, lambda it: getattr(it.reserve.attribution, name))


def _text(name: str, read: Callable[[Balance], Cell]) -> Column[Balance]:
    return Column(name, Form.TEXT, read)


def _json(name: str, read: Callable[[Balance], object]) -> Column[Balance]:
    return Column(name, Form.JSON, lambda it: json.dumps(read(it), ensure_ascii=False))


def _amount(name: str, read: Callable[[Balance], Cell]) -> Column[Balance]:
    return Column(name, Form.AMOUNT, read)


def _count(name: str, read: Callable[[Balance], Cell]) -> Column[Balance]:
    return Column(name, Form.COUNT, read)


def _moment(name: str, read: Callable[[Balance], Cell]) -> Column[Balance]:
    return Column(name, Form.MOMENT, read)


def _tokens(name: str) -> Column[Balance]:
    return _count(f"tokens_{name}", lambda it: None if it.latest.usage is None else getattr(it.latest.usage, name))


def _unknown(it: Balance) -> str:
    return "cost" if it.cost_unknown else "exposure" if it.exposure_unknown else ""


def _last_adjustment(it: Balance) -> Entry | None:
    return it.adjustments[-1] if it.adjustments else None


ATTEMPT_COLUMNS: tuple[Column[Balance], ...] = (
    _booked("request_id"),
    _count("attempt", lambda it: it.reserve.attribution.attempt),
    _moment("begun_at", lambda it: it.reserve.attribution.begun_at),
    _moment("closed_at", lambda it: None if it.closing is None else it.closing.occurred_at),
    _text("state", lambda it: it.state.value),
    _text("kind", lambda it: it.latest.kind.value),
    _text("outcome", lambda it: None if it.latest.outcome is None else it.latest.outcome.value),
    _text("owner", lambda it: it.latest.owner),
    *map(_booked, ("app", "team", "cost_centre")),
    _json("tags", lambda it: dict(it.reserve.attribution.tags)),
    *map(_booked, ("model", "operation", "route", "provider", "upstream_model", "contract", "contract_revision")),
    *map(_booked, ("billing_owner", "invoice_issuer", "price_list", "config_revision")),
    _text("currency", lambda it: it.currency),
    _amount("cost", lambda it: it.cost),
    _amount("exposure", lambda it: it.exposure),
    _text("unknown", _unknown),
    _amount("estimate", lambda it: it.reserve.cost.amount),
    _amount("settled", lambda it: it.settled),
    _text("basis", lambda it: it.latest.cost.basis.value),
    _amount("adjusted", lambda it: it.adjusted),
    _count("adjustments", lambda it: len(it.adjustments)),
    _moment("adjusted_at", lambda it: None if (last := _last_adjustment(it)) is None else last.occurred_at),
    _json("adjustment_references", lambda it: [entry.reference for entry in it.adjustments]),
    _json("adjustment_reasons", lambda it: [entry.reason for entry in it.adjustments]),
    _count("images_requested", lambda it: it.reserve.images),
    _count("images", lambda it: 0 if it.closing is None else it.closing.images),
    _text("size", lambda it: it.latest.size),
    _text("quality", lambda it: it.latest.quality),
    *map(_tokens, Usage.__dataclass_fields__),
    _text("upstream_request_id", lambda it: it.latest.upstream_request_id),
    _json("discrepancies", lambda it: it.latest.discrepancies),
    _json("images_sha256", lambda it: it.latest.images_sha256),
)
