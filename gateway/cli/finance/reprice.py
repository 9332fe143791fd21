"""``gateway reprice``: what a period would have cost by another price list and, once confirmed, adjustments that make it so."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

import typer

from gateway.app.configuration import load_config
from gateway.app.reading import books_of
from gateway.cli.finance.export.progress import watched
from gateway.cli.finance.posting import Posting, posting
from gateway.cli.finance.reprice_table import reprice_tables
from gateway.cli.terminal.addressee import Addressee, OtherGateway, to_order
from gateway.cli.terminal.admin_client import Declined
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import AdminOption, ConfigOption, WhoOption, who_of
from gateway.cli.terminal.period import naming, period_of
from gateway.cli.terminal.tables import show, show_json
from gateway.config.load import Loaded
from gateway.core.finance.repricing import Repriced, Unpriced, reference_of
from gateway.core.ledger.adjustment import Unbookable
from gateway.engine.money.adjusting import BATCH_MAX
from gateway.reports.finance.repricing import Booked, RepriceOrder, reprice_document, reprice_report, repriced


def reprice(  # noqa: PLR0917 -- typer calls it by name
    price_list: Annotated[str, typer.Option("--list", help="The price list (id) that should have been in force.")],
    since: Annotated[
        str, typer.Option(help="Attempts begun at or after: a date or time in UTC, or how long ago (7d, 24h, 30m).")
    ],
    until: Annotated[str | None, typer.Option(help="Attempts begun before: the same forms; else now.")] = None,
    contract: Annotated[
        list[str] | None, typer.Option(help="Only this contract (id), repeatable; else all whose price lists have this one.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option("--in", help="Show the difference in this currency as well, by the configured rate of each day.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Book it without a question.")] = False,
    why: Annotated[str | None, typer.Option(help="Stands in the audit log.")] = None,
    who: WhoOption = None,
    admin: AdminOption = None,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Show what a period would have cost by another price list, and book the difference once confirmed: as adjustments."""
    now = datetime.now(UTC)
    begin, end = period_of(since, until, now)
    if currency is not None and not re.fullmatch("[A-Z]{3}", currency):
        raise typer.BadParameter(f"'{currency}' is no currency. Write EUR, by ISO 4217.", param_hint="--in")
    with failing_clearly():
        loaded = load_config(config)
        with naming("--since"):
            if begin is None or begin >= now:
                raise ValueError("Nothing has begun since then.")
        order = _order(loaded, price_list, contract, begin, min(end or now, now))
        with _results(loaded, order) as results:
            report = reprice_report(results, order, currency, loaded.snapshot.exchange.values())
        adjustments = report.tally.adjustments
        booked: Booked | None = None
        if not as_json:
            show(*reprice_tables(report))
        if adjustments and _confirmed(adjustments, yes=yes, asking=not as_json):
            said = why or f"repriced by {reference_of(order.price_list).partition(':')[2]} since {order.begin:%Y-%m-%d %H:%M} UTC"
            booked = _book(loaded, order, to_order(admin, config), who=who_of(who), why=said)
        if as_json:
            show_json(reprice_document(report, booked))


@contextmanager
def _results(loaded: Loaded, order: RepriceOrder) -> Iterator[Iterator[Repriced | Unpriced]]:
    """All of the period, with a bar."""
    with closing(watched(books_of(loaded).attempts(order.begin, order.end), order.begin, order.end)) as attempts:
        yield repriced(attempts, order)


def _order(loaded: Loaded, name: str, contracts: Sequence[str] | None, begin: datetime, end: datetime) -> RepriceOrder:
    lists = loaded.snapshot.price_lists
    with naming("--list"):
        if (price_list := lists.get(name)) is None:
            raise ValueError(f"There is no price list '{name}'. Configured are: {', '.join(sorted(lists))}.")
    series = {key: lists[it.price_list] for key, it in loaded.snapshot.contracts.items()}
    using = {key: it for key, it in series.items() if any(each.id == name for each in it.series)}
    if contracts is None:
        with naming("--list"):
            if not using:
                raise ValueError(f"No contract has the price list '{name}'. Enter it in one, or name those meant: --contract.")
        return RepriceOrder(price_list, using, begin, end)
    with naming("--contract"):
        if unknown := [key for key in contracts if key not in series]:
            known = ", ".join(sorted(series))
            raise ValueError(f"There is no contract '{unknown[0]}'. Configured are: {known}.")
    return RepriceOrder(price_list, {key: using.get(key, price_list) for key in contracts}, begin, end)


def _confirmed(count: int, *, yes: bool, asking: bool) -> bool:
    what = "1 adjustment" if count == 1 else f"{count:,} adjustments"
    if yes:
        return True
    if asking and sys.stdin.isatty():
        if typer.confirm(f"Book {what}?", err=True):
            return True
        typer.echo("gateway: nothing was booked", err=True)
        raise typer.Exit(1)
    typer.echo(f"gateway: nothing was booked. {what} can be: the same command with --yes", err=True)
    return False


def _book(loaded: Loaded, order: RepriceOrder, to: Addressee, *, who: str, why: str) -> Booked:
    """Reads the period anew: the adjustments need not fit into memory, and one that somebody has booked meanwhile is not made."""
    with posting(loaded, to, who=who, why=why) as posted:
        try:
            # The ledger is read to its end before it is closed: `posting` is outside.
            with _results(loaded, order) as results:
                found = (it.adjustment for it in results if isinstance(it, Repriced) and it.adjustment is not None)
                while batch := tuple(islice(found, BATCH_MAX)):
                    posted.post(batch)
        except (Declined, OtherGateway, Unbookable) as refused:
            typer.echo(f"gateway: {posted.booked:,} booked, then not: {refused}", err=True)
            raise typer.Exit(1) from refused
        except BaseException:
            _say(posted)
            raise
    _say(posted)
    return Booked(posted.booked, posted.repeated)


def _say(posted: Posting) -> None:
    before = f", {posted.repeated:,} had been before" if posted.repeated else ""
    typer.echo(f"gateway: {posted.booked:,} booked{before}", err=True)
