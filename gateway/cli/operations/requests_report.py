"""Requests on paper: the latest ones in a list, and one of them with all its entries."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from gateway.core.ledger.entry import Entry, Kind

_RIGHT = frozenset({"cost", "exposure", "images"})
# What one looks for in a list; the rest stands in the JSON and behind the id.
_LISTED = ("request_id", "time", "app", "contract", "outcome", "cost", "exposure", "currency", "images", "tags")
_NEVER_BROKEN = frozenset({"request_id", "contract"})


def list_json(entries: Sequence[Entry]) -> str:
    """``{"requests": […]}``; ``cost`` is null until it is settled, ``exposure`` is null unless it may still be billed."""
    return json.dumps({"requests": [_line(entry) for entry in entries]}, indent=2, ensure_ascii=False) + "\n"


def list_table(entries: Sequence[Entry]) -> RenderableType:
    """One line an attempt."""
    if not entries:
        return Text("No requests yet.")
    return _table("Latest requests", [{name: line[name] for name in _LISTED} for line in map(_line, entries)])


def request_json(entries: Sequence[Entry]) -> str:
    """``{"request_id", "entries": […]}``: every member of every entry, in the order they were written."""
    document = {"request_id": entries[0].attribution.request_id, "entries": [_whole(entry) for entry in entries]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def request_table(entries: Sequence[Entry]) -> RenderableType:
    """One column an entry, one line a member, so that nothing is cut off."""
    table = Table(title=f"Request {entries[0].attribution.request_id}", title_justify="left")
    table.add_column("")
    for entry in entries:
        table.add_column(entry.kind.value, overflow="fold")
    columns = [_flat(_whole(entry)) for entry in entries]
    for name in columns[0]:
        if name not in ("kind", "request_id"):
            table.add_row(name.replace("_", " "), *(Text(column[name]) for column in columns))
    return table


def _line(entry: Entry) -> dict[str, Any]:
    booked, cost = entry.attribution, entry.cost
    settled, at_stake = entry.kind is Kind.SETTLE, entry.kind in (Kind.RESERVE, Kind.EXPIRE)
    return {
        "time": _time(entry.occurred_at),
        "request_id": booked.request_id,
        "attempt": booked.attempt,
        "app": booked.app,
        "model": booked.model,
        "contract": f"{booked.contract}@{booked.contract_revision}",
        "outcome": _outcome(entry),
        # A void entry stands for an attempt that surely cost nothing; its amount is what was held for it.
        "cost": cost.text if settled else None if at_stake else "0.00",
        "exposure": cost.text if at_stake else None,
        "currency": cost.currency,
        "images": entry.images if settled else None if at_stake else 0,
        "tags": dict(booked.tags),
    }


def _whole(entry: Entry) -> dict[str, Any]:
    attribution = asdict(entry.attribution)
    return {
        "kind": entry.kind.value,
        "time": _time(entry.occurred_at),
        "outcome": _outcome(entry),
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
        "begun_at": _time(entry.attribution.begun_at),
        "usage": None if entry.usage is None else asdict(entry.usage),
        "discrepancies": list(entry.discrepancies),
        "images_sha256": list(entry.images_sha256),
        "reference": entry.reference or None,
        "reason": entry.reason or None,
    }


def _outcome(entry: Entry) -> str:
    if entry.outcome is not None:
        return entry.outcome.value
    return "adjusted" if entry.kind is Kind.ADJUST else "open"


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _flat(members: dict[str, Any]) -> dict[str, str]:
    return {name: _cell(value) for name, value in members.items()}


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items()) or "–"
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "–"
    return "–" if value is None else str(value)


def _table(title: str, lines: Sequence[dict[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in lines[0]:
        side: Literal["left", "right"] = "right" if name in _RIGHT else "left"
        table.add_column(name.replace("_", " "), justify=side, overflow="fold", no_wrap=name in _NEVER_BROKEN)
    for line in lines:
        table.add_row(*map(Text, _flat(line).values()))
    return table
