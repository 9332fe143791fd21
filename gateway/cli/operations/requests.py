"""``gateway requests``: the latest requests, or everything the ledger knows of one."""

from typing import Annotated

import typer

from gateway.app.reading import books_of
from gateway.cli.operations.requests_report import list_table, request_table
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption, Format, FormatOption
from gateway.cli.terminal.tables import show, show_json
from gateway.cli.terminal.to_read import config_to_read
from gateway.reports.operations.requests import request_document, requests_document


def requests(
    id: Annotated[
        str | None, typer.Argument(help="A request id, as x-gateway-request-id names it: show all its entries.")
    ] = None,
    config: ConfigOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many of the latest attempts are listed.")] = 20,
    format: FormatOption = Format.TABLE,
) -> None:
    """List the latest requests, or show one with all its ledger entries."""
    with failing_clearly():
        books = books_of(config_to_read(config, paths_only=True))
        entries = books.requests(limit) if id is None else books.request(id)
    if id is not None and not entries:
        typer.echo(f"gateway: the ledger has no request '{id}'. List the latest ones with `gateway requests`.", err=True)
        raise typer.Exit(1)
    if format is Format.JSON:
        show_json(requests_document(entries) if id is None else request_document(entries))
    else:
        show(list_table(entries) if id is None else request_table(entries))
