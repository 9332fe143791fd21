"""``gateway contract``: usage tier, model capacity, service_tier and route terms of a contract, kept apart."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.app.configuration import load_config
from gateway.cli.operations.contract_table import contract_tables
from gateway.cli.terminal.addressee import to_ask
from gateway.cli.terminal.admin_client import Declined, NoAnswer, ask
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import AdminOption, ConfigOption, Format, FormatOption
from gateway.cli.terminal.tables import show, show_json
from gateway.config.suggestion import suggestion
from gateway.reports.operations.contracts import contract_document


def contract(
    id: Annotated[str, typer.Argument(metavar="CONTRACT", help="The contract's id.")],
    admin: AdminOption = None,
    config: ConfigOption = None,
    format: FormatOption = Format.TABLE,
) -> None:
    """Print what is known of a contract in four separate blocks, each with sources, dates and what it does not prove."""
    url = to_ask(admin, config)
    try:
        report: Mapping[str, Any] = ask(f"{url}/contracts/{quote(id, safe='')}")
    except Declined as error:
        typer.echo(f"gateway: {error}", err=True)
        raise typer.Exit(2) from error
    except NoAnswer as error:
        typer.echo(f"gateway: {error}", err=True)
        if admin is not None:
            raise typer.Exit(1) from error
        typer.echo("gateway: What follows is the file's word; nothing was observed.", err=True)
        report = _written(id, config)
    if format is Format.JSON:
        show_json(report)
    else:
        show(*contract_tables(report))


def _written(id: str, config: Path | None) -> Mapping[str, Any]:
    with failing_clearly():
        snapshot = load_config(config).snapshot
    if id not in snapshot.contracts:
        fix = suggestion(id, snapshot.contracts, kind="contracts")
        raise typer.BadParameter(f"There is no contract '{id}'. {fix}", param_hint="CONTRACT")
    return contract_document(id, snapshot, None, datetime.now(UTC).date())
