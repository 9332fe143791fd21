"""``gateway check`` and ``gateway schema``: is the configuration right, what would it do, and what may stand in it."""

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from gateway.app.configuration import load_config
from gateway.cli.terminal.tables import show
from gateway.config.load import Loaded
from gateway.config.problem import ConfigInvalid, Problem
from gateway.config.schema.json_schema import json_schema
from gateway.core.snapshot import Model, Route, Snapshot


class Format(StrEnum):
    """How the result is printed."""

    TEXT = "text"
    JSON = "json"


def check(
    config: Annotated[
        Path | None, typer.Argument(help="Configuration file. Default: $GATEWAY_CONFIG, else config/gateway.yaml.")
    ] = None,
    format: Annotated[Format, typer.Option(help="text for people, json for programs.")] = Format.TEXT,
) -> None:
    """Check a configuration without serving it: every mistake at once with its place (exit 1), or who serves what (exit 0)."""
    try:
        loaded = _checked(config)
    except ConfigInvalid as invalid:
        _print_problems(invalid.problems, format)
        raise typer.Exit(1) from invalid
    if format is Format.JSON:
        _print_json(_report(loaded))
    else:
        _print_summary(loaded)


def schema() -> None:
    """Print the configuration's JSON Schema, for editors that complete and check YAML."""
    _print_json(json_schema())


def _checked(config: Path | None) -> Loaded:
    """What loads, and would also serve today: a check refuses contracts that are used outside their dates."""
    loaded = load_config(config)
    if loaded.expired:
        raise ConfigInvalid(loaded.expired)
    return loaded


def _print_problems(problems: tuple[Problem, ...], format: Format) -> None:
    if format is Format.JSON:
        _print_json({"ok": False, "revision": None, "problems": [asdict(it) for it in problems], "warnings": [], "models": []})
        return
    for problem in problems:
        typer.echo(str(problem), err=True)
    typer.echo(f"{_counted(len(problems), 'problem')}. Nothing was changed; a running gateway keeps what it has.", err=True)


def _print_summary(loaded: Loaded) -> None:
    show(_table(loaded.snapshot))
    for warning in loaded.warnings:
        typer.echo(f"warning: {warning}", err=True)
    warned = f", with {_counted(len(loaded.warnings), 'warning')}" if loaded.warnings else ""
    typer.echo(f"\nConfiguration {loaded.snapshot.revision} is valid{warned}.")


def _table(snapshot: Snapshot) -> Table:
    table = Table(title="Who serves what, and who is paid for it", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for heading in ("model", "route", "provider", "contract", "billed by", "price list", "apps"):
        table.add_column(
            heading, overflow="fold", no_wrap=heading == "contract", justify="right" if heading == "apps" else "left"
        )
    for model in _models(snapshot):
        aliases = "".join(f"\n  [dim]{alias}[/dim]" for alias in model.aliases)
        name, apps = f"[bold]{model.name}[/bold]{aliases}", str(_apps_count(model, snapshot))
        for route in model.routes:
            contract = route.contract
            table.add_row(
                name,
                f"{route.id}\n  [dim]{route.state}[/dim]",
                f"{route.provider.id}\n  [dim]{route.upstream_model}[/dim]",
                contract.reference,
                escape(contract.billing.owner),
                f"{route.price_list.id}\n  [dim]{route.price_list.currency}[/dim]",
                apps,
            )
            name = apps = ""
    return table


def _report(loaded: Loaded) -> dict[str, Any]:
    models = [
        {
            "name": model.name,
            "aliases": list(model.aliases),
            "apps": _apps_count(model, loaded.snapshot),
            "routes": [_route_report(route) for route in model.routes],
        }
        for model in _models(loaded.snapshot)
    ]
    warnings = [asdict(it) for it in loaded.warnings]
    contracts = {key: asdict(contract) for key, contract in loaded.snapshot.contracts.items()}
    summary = {"ok": True, "revision": loaded.snapshot.revision, "problems": [], "warnings": warnings}
    return summary | {"models": models, "contracts": contracts}


def _route_report(route: Route) -> dict[str, str]:
    return {
        "id": route.id,
        "state": route.state.value,
        "provider": route.provider.id,
        "upstream_model": route.upstream_model,
        "contract": route.contract.reference,
        "billing_owner": route.contract.billing.owner,
        "price_list": route.price_list.id,
        "currency": route.price_list.currency,
    }


def _models(snapshot: Snapshot) -> list[Model]:
    """Each model once: the snapshot also finds it under its aliases."""
    return [model for name, model in snapshot.models.items() if name == model.name]


def _apps_count(model: Model, snapshot: Snapshot) -> int:
    """How many apps may use the model."""
    return len({app.id for app in snapshot.apps.values() if app.may_use(model.name)})


def _print_json(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
