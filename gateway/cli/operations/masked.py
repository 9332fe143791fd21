"""``gateway masked``: which contracts fail while a fallback covers them."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from gateway.app.reading import books_of
from gateway.cli.operations.masked_table import masked_table
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption, Format, FormatOption
from gateway.cli.terminal.period import period_of
from gateway.cli.terminal.tables import show, show_json
from gateway.cli.terminal.to_read import config_to_read
from gateway.reports.operations.masked import masked_document, masked_report


def masked(
    since: Annotated[
        str | None, typer.Option(help="Failures at or after: a date or time in UTC, or how long ago (7d, 24h, 30m).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Failures before: the same forms.")] = None,
    format: FormatOption = Format.TABLE,
    config: ConfigOption = None,
) -> None:
    """Show whose failures another contract covered, since when, and what the cover cost beyond the failed contract's price."""
    begin, end = period_of(since, until, datetime.now(UTC))
    with failing_clearly():
        loaded = config_to_read(config)
        report = masked_report(books_of(loaded), loaded.snapshot, begin, end)
    if format is Format.JSON:
        show_json(masked_document(report))
    else:
        show(masked_table(report))
