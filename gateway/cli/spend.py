"""``gateway spend``: what each contract, team, app, provider, model or day cost."""

from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from gateway.app.reading import open_books
from gateway.cli.failing import failing_clearly
from gateway.cli.option import ConfigOption
from gateway.cli.paper import show
from gateway.cli.period import naming, period_of
from gateway.cli.spend_query import dimensions_of
from gateway.cli.spend_report import spend_csv, spend_json, spend_report, spend_table
from gateway.core.spend import Dimension, SpendQuery


class Format(StrEnum):
    """How the report is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def spend(
    by: Annotated[str, typer.Option(help=f"Group by these, separated by commas: {', '.join(Dimension)}.")] = "contract",
    since: Annotated[
        str | None, typer.Option(help="Attempts begun at or after: a date or time in UTC, or how long ago (7d, 24h, 30m).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Attempts begun before: the same forms.")] = None,
    format: Annotated[Format, typer.Option(help="How the report is written.")] = Format.TABLE,
    config: ConfigOption = None,
) -> None:
    """Show what was spent. cost is settled; exposure may still be billed: attempts that are open or of unknown outcome."""
    query = _query(by, since, until)
    with failing_clearly():
        books = open_books(config)
        rows = books.spend(query)
        report = spend_report(query, rows, books.spend(replace(query, by=())))
    match format:
        case Format.TABLE:
            show(spend_table(report))
        case Format.JSON:
            typer.echo(spend_json(report), nl=False)
        case Format.CSV:
            typer.echo(spend_csv(report), nl=False)


def _query(by: str, since: str | None, until: str | None) -> SpendQuery:
    with naming("--by"):
        dimensions = dimensions_of(by)
    return SpendQuery(dimensions, *period_of(since, until, datetime.now(UTC)))
