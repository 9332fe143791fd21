"""``gateway providers``: which dialect serves which routes, by which package, and what each route does not support."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from gateway.app.configuration import load_config
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption, Format, FormatOption
from gateway.cli.terminal.tables import show, show_json
from gateway.reports.configuration.providers import providers_document


def providers(format: FormatOption = Format.TABLE, config: ConfigOption = None) -> None:
    """List the configured providers with their dialects and routes, and the packages behind them. Nobody is asked anything."""
    with failing_clearly():
        document = providers_document(load_config(config).snapshot)
    if format is Format.JSON:
        show_json(document)
    else:
        show(*_tables(document))


def _tables(report: Mapping[str, Any]) -> list[RenderableType]:
    packages = ", ".join(f"{it['name']} {it['version']} ({it['for']})" for it in report["packages"])
    table = Table(title=f"Providers of configuration {report['config_revision']}", title_justify="left", box=None)
    for heading in ("provider", "dialect", "host", "route", "upstream model", "contract", "supports at most"):
        table.add_column(heading, overflow="fold")
    for provider in report["providers"]:
        dialect = "\n".join((provider["dialect"], *(f"[dim]{escape(it)}[/dim]" for it in provider["wire"])))
        first = [escape(provider["id"]), dialect, escape(provider["host"])]
        for route in provider["routes"] or [None]:
            table.add_row(*first, *_cells(route))
            first = ["", "", ""]
    return [table, "", f"[dim]Installed: {escape(packages)}[/dim]"]


def _cells(route: Mapping[str, Any] | None) -> list[str]:
    if route is None:
        return ["[dim]none[/dim]", "", "", ""]
    bound = "nothing is recorded" if route["bounds"] is None else "; ".join(route["bounds"]) or "no bound is recorded"
    return [*(escape(route[name]) for name in ("id", "upstream_model", "contract")), escape(bound)]
