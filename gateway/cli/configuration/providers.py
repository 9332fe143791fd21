"""``gateway providers``: which dialect serves which routes, by which package, and what each route cannot honour."""

import json
from collections.abc import Mapping
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from gateway.app.configuration import load_config
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption
from gateway.cli.terminal.tables import show
from gateway.core.contract.capability import bounds
from gateway.core.contract.wire import Auth, ModelIn, Wire
from gateway.core.snapshot import ProviderSettings, Route, Snapshot

# What each dialect is made of, and what for.
_DIALECTS = {"openai": "image-gateway", "openrouter": "image-gateway", "litellm": "litellm"}
_PACKAGES = {"image-gateway": "the relay", "openai": "readiness walks", "litellm": "the bridge"}
_NOT_INSTALLED = "not installed"


class Format(StrEnum):
    """How it is written."""

    TABLE = "table"
    JSON = "json"


def providers(
    format: Annotated[Format, typer.Option(help="How it is written.")] = Format.TABLE, config: ConfigOption = None
) -> None:
    """List the configured providers with their dialects and routes, and the packages behind them. Nobody is asked anything."""
    with failing_clearly():
        report = providers_report(load_config(config).snapshot)
    if format is Format.JSON:
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        show(*_tables(report))


def providers_report(snapshot: Snapshot) -> dict[str, Any]:
    """``{"config_revision", "packages", "providers"}``; hosts without paths, and no key."""
    return {
        "config_revision": snapshot.revision,
        "packages": [{"name": name, "version": _version(name), "for": use} for name, use in _PACKAGES.items()],
        "providers": [_provider(it, snapshot) for it in snapshot.providers.values()],
    }


def _provider(provider: ProviderSettings, snapshot: Snapshot) -> dict[str, Any]:
    return {
        "id": provider.id,
        "dialect": provider.dialect,
        "package": f"{_DIALECTS[provider.dialect]} {_version(_DIALECTS[provider.dialect])}",
        "host": urlsplit(provider.base_url).netloc or "the vendor's own",
        "wire": _options(provider.wire) + [f"{name} {value}" for name, value in provider.options.items()],
        "routes": [_route(route) for route in snapshot.routes.values() if route.provider.id == provider.id],
    }


def _route(route: Route) -> dict[str, Any]:
    return {
        "id": route.id,
        "model": route.model,
        "upstream_model": route.upstream_model,
        "contract": route.contract.reference,
        "state": route.state.value,
        "operations": sorted(route.operations),
        "bounds": None if route.capabilities is None else list(bounds(route.capabilities)),
    }


def _options(wire: Wire) -> list[str]:
    """What differs from OpenAI's own wire format."""
    found = [] if wire.auth is Auth.BEARER else [f"key as {wire.auth}" if wire.auth is Auth.API_KEY else "no key"]
    if wire.api_version:
        found.append(f"api-version {wire.api_version}")
    if wire.model_in is ModelIn.PATH:
        found.append("model in the path")
    found += [f"adds {name}: {value}" for name, value in wire.members.items()]
    found += [f"header {name}" for name, _ in wire.headers]
    return found + ([f"reports its cost in {wire.reports_cost}"] if wire.reports_cost else [])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return _NOT_INSTALLED


def _tables(report: Mapping[str, Any]) -> list[RenderableType]:
    packages = ", ".join(f"{it['name']} {it['version']} ({it['for']})" for it in report["packages"])
    table = Table(title=f"Providers of configuration {report['config_revision']}", title_justify="left", box=None)
    for heading in ("provider", "dialect", "host", "route", "upstream model", "contract", "cannot honour more than"):
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
