"""``gateway check`` and ``gateway schema``: is the configuration right, what would it do, and what may stand in it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from gateway.app.configuration import load_config
from gateway.cli.terminal.option import TextFormat, TextFormatOption
from gateway.cli.terminal.tables import show, show_json
from gateway.config.load import Loaded, Secrets
from gateway.config.problem import ConfigInvalid, Problem
from gateway.config.schema.json_schema import json_schema
from gateway.core.snapshot import Snapshot
from gateway.reports.configuration.overview import apps_count, models_of, overview_document, problems_document


def check(
    config: Annotated[
        Path | None, typer.Argument(help="Configuration file. Default: $GATEWAY_CONFIG, else config/gateway.yaml.")
    ] = None,
    format: TextFormatOption = TextFormat.TEXT,
    without_secrets: Annotated[
        bool, typer.Option("--without-secrets", help="Check all but that the secrets are there: for a pull request.")
    ] = False,
) -> None:
    """Check a configuration without serving it: every mistake at once with its place (exit 1), or who serves what (exit 0)."""
    try:
        loaded = _checked(config, Secrets.NONE if without_secrets else Secrets.ALL)
    except ConfigInvalid as invalid:
        _print_problems(invalid.problems, format)
        raise typer.Exit(1) from invalid
    if format is TextFormat.JSON:
        show_json(overview_document(loaded))
    else:
        _print_summary(loaded)


def schema() -> None:
    """Print the configuration's JSON Schema, for editors that complete and check YAML."""
    show_json(json_schema())


def _checked(config: Path | None, secrets: Secrets) -> Loaded:
    """What loads, and would also serve today: a check refuses contracts that are used outside their dates."""
    loaded = load_config(config, secrets=secrets)
    if loaded.expired:
        raise ConfigInvalid(loaded.expired)
    return loaded


def _print_problems(problems: tuple[Problem, ...], format: TextFormat) -> None:
    if format is TextFormat.JSON:
        show_json(problems_document(problems))
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
    for model in models_of(snapshot):
        aliases = "".join(f"\n  [dim]{alias}[/dim]" for alias in model.aliases)
        name, apps = f"[bold]{model.name}[/bold]{aliases}", str(apps_count(model, snapshot))
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


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
