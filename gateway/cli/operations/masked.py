"""``gateway masked``: which contracts fail while a fallback covers them."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from gateway.app.configuration import load_config
from gateway.app.reading import books_of
from gateway.cli.operations.masked_report import MaskedReport, masked_json, masked_table
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption
from gateway.cli.terminal.period import period_of
from gateway.cli.terminal.tables import show
from gateway.core.ledger.masked import masked as masked_in


class Format(StrEnum):
    """How the report is written."""

    TABLE = "table"
    JSON = "json"


def masked(
    since: Annotated[
        str | None, typer.Option(help="Failures at or after: a date or time in UTC, or how long ago (7d, 24h, 30m).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Failures before: the same forms.")] = None,
    format: Annotated[Format, typer.Option(help="How the report is written.")] = Format.TABLE,
    config: ConfigOption = None,
) -> None:
    """Show whose failures another contract covered, since when, and what the cover cost beyond the failed contract's price."""
    begin, end = period_of(since, until, datetime.now(UTC))
    with failing_clearly():
        loaded = load_config(config)
        books, snapshot = books_of(loaded), loaded.snapshot
        found = masked_in(books.covered(begin, end), snapshot.price_lists, books.stood_in(begin, end), snapshot.routes)
        report = MaskedReport(begin, end, found)
    if format is Format.JSON:
        typer.echo(masked_json(report), nl=False)
    else:
        show(masked_table(report))
