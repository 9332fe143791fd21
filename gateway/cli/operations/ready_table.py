"""Readiness walks as ``gateway ready`` shows them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

_STYLES = {"passed": "green", "warned": "yellow", "stopped": "red", "skipped": "dim"}


def all_ready(walks: Sequence[Mapping[str, Any]]) -> bool:
    """Whether there is a route, and none that is not ready."""
    return bool(walks) and all(walk["ready"] for walk in walks)


def ready_table(walks: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    """For people: one table a route; below a step that stops, whose it is, what to check first and when to stop.

    Steps that were skipped for the same reason share a line.
    """
    for walk in walks:
        table = Table(title=_title(walk), title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
        for overflow in (None, None, "fold"):
            table.add_column(no_wrap=overflow is None)
        for (state, detail), steps in groupby(walk["steps"], lambda it: (it["state"], it["detail"])):
            first, *others = steps
            style, title = _STYLES[state], f"{1 + len(others)} further steps" if others else first["title"]
            table.add_row(f"[{style}]{state}[/{style}]", title, escape(detail))
            if first["owner"]:
                advice = f"First: {first['first_check']}\nThen: {first['stop_rule']}"
                table.add_row("", f"[bold]owner: {first['owner']}[/bold]", escape(advice))
        yield table
        yield ""
    if not walks:
        yield "There is no route to walk."


def _title(walk: Mapping[str, Any]) -> str:
    word = "ready" if walk["ready"] else f"not ready: stopped at '{walk['stopped_at']}'"
    if not walk["ready"]:
        proof = ""
    elif walk["live"]:
        proof = ", proven by paid requests"
    else:
        proof = " as far as is recorded; only --live proves it"
    spent = walk["spent"]
    paid = f"; {spent['amount']} {spent['currency']} spent, booked as {walk['request_id']}" if spent else ""
    return escape(f"{walk['route']} ({walk['subject']}): {word}{proof}{paid}")
