"""Requests as tables: the latest ones in a list, and one of them with all its entries."""

from collections.abc import Sequence
from typing import Any, Literal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from gateway.core.ledger.entry import Entry
from gateway.reports.operations.requests import entry_document, request_line

_RIGHT = frozenset({"cost", "exposure", "images"})
# What one looks for in a list; the rest stands in the JSON and behind the id.
_LISTED = ("request_id", "time", "app", "contract", "outcome", "cost", "exposure", "currency", "images", "tags")
_NEVER_BROKEN = frozenset({"request_id", "contract"})


def list_table(entries: Sequence[Entry], *, all_asked: bool = True) -> RenderableType:
    """One line an attempt; ``all_asked``: no option has left any out."""
    if not entries:
        return Text("No requests yet." if all_asked else "The ledger has no such requests.")
    return _table("Latest requests", [{name: line[name] for name in _LISTED} for line in map(request_line, entries)])


def entries_table(entries: Sequence[Entry]) -> RenderableType:
    """One column an entry, one line a member, so that nothing is cut off."""
    table = Table(title=f"Request {entries[0].attribution.request_id}", title_justify="left")
    table.add_column("")
    for entry in entries:
        table.add_column(entry.kind.value, overflow="fold")
    columns = [_flat(entry_document(entry)) for entry in entries]
    for name in columns[0]:
        if name not in ("kind", "request_id"):
            table.add_row(name.replace("_", " "), *(Text(column[name]) for column in columns))
    return table


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
