"""A contract's layers as ``gateway contract`` shows them."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table


def contract_tables(report: Mapping[str, Any]) -> Iterator[RenderableType]:
    """One block a layer, and below it what does not follow."""
    yield f"[bold]{escape(report['contract'])}[/bold] in configuration {report['config_revision']}"
    for number, layer in enumerate(report["layers"], 1):
        yield ""
        table = Table(title=f"{number}. {escape(layer['title'])}", title_justify="left", box=None, padding=(0, 2, 0, 0))
        for heading in ("", "", "source", "day"):
            table.add_column(heading, overflow="fold")
        for fact in layer["facts"]:
            table.add_row(*(escape(fact[name]) for name in ("name", "value", "source")), _day(fact))
        yield table
        yield f"[dim]Does not prove: {escape(layer['unproven'])}[/dim]"
    yield ""
    yield "None of the four proves that a request will be served. `gateway ready ROUTE --live` does, for the day."


def _day(fact: Mapping[str, Any]) -> str:
    day = fact["on"] or ""
    return f"[yellow]{day}, look again[/yellow]" if fact["stale"] else day
