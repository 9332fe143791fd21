"""``gateway spend``: what each contract, team, app, provider, model or day cost."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from gateway.app.reading import books_of
from gateway.cli.finance.spend_query import DIMENSIONS, dimensions_of, earlier_of, only_of
from gateway.cli.finance.spend_table import Show, spend_csv, spend_table
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption
from gateway.cli.terminal.period import month_or_period, naming
from gateway.cli.terminal.tables import show, show_json
from gateway.cli.terminal.to_read import config_to_read
from gateway.core.finance.spend import SpendQuery
from gateway.reports.finance.spend import Ask, InCurrency, spend_document, spend_report

_CURRENCY = re.compile(r"[A-Z]{3}")


class Format(StrEnum):
    """How the report is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def spend(
    *,
    by: Annotated[str, typer.Option(help=f"Group by these, separated by commas: {DIMENSIONS}.")] = "contract",
    month: Annotated[str | None, typer.Option(help="Attempts begun in this month, UTC: 2026-10.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Attempts begun at or after: a date or time in UTC, or how long ago (7d, 24h, 30m).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Attempts begun before: the same forms.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Count only these: team=growth, or team=growth,web for any of several. Repeatable.")
    ] = None,
    versus: Annotated[
        str | None, typer.Option(help="Compare with an earlier period: 'previous' (as long, right before), or a month.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option("--in", help="Show everything in this currency, by the configured rate of each day.")
    ] = None,
    shown: Annotated[
        list[Show] | None, typer.Option("--show", help="More columns of the table; JSON and CSV have all. Repeatable.")
    ] = None,
    entries: Annotated[
        bool, typer.Option("--entries", help="Read every entry, not the sums kept of past days; the report is the same.")
    ] = False,
    format: Annotated[Format, typer.Option(help="How the report is written.")] = Format.TABLE,
    config: ConfigOption = None,
) -> None:
    """Show what was spent. cost is settled; exposure may still be billed: attempts that are open or of unknown outcome."""
    now = datetime.now(UTC)
    period = month_or_period(month, since, until, now)
    query = _query(by, only or [], *period)
    earlier = None
    with naming("--versus"):
        if versus is not None and any(key.of_time for key in query.by):
            raise ValueError("Days, weeks and months are not compared with each other: leave them out of --by.")
        if versus is not None:
            earlier = earlier_of(versus, period, month, now)
    with naming("--in"):
        if currency is not None and not _CURRENCY.fullmatch(currency):
            raise ValueError(f"'{currency}' is no currency. Write EUR, by ISO 4217.")
    with failing_clearly():
        loaded = config_to_read(config, paths_only=currency is None)
        ask: Ask = partial(books_of(loaded).spend, kept_sums=not entries)
        if currency is None:
            report = spend_report(query, ask, earlier)
        else:
            converting = InCurrency(currency, list(loaded.snapshot.exchange.values()), ask)
            report = replace(spend_report(query, converting.ask, earlier), missing=converting.missing)
    match format:
        case Format.TABLE:
            show(spend_table(report, shown or ()))
        case Format.JSON:
            show_json(spend_document(report))
        case Format.CSV:
            typer.echo(spend_csv(report), nl=False)


def _query(by: str, only: Sequence[str], since: datetime | None, until: datetime | None) -> SpendQuery:
    with naming("--by"):
        dimensions = dimensions_of(by)
    with naming("--only"):
        return SpendQuery(dimensions, since, until, only_of(only))
