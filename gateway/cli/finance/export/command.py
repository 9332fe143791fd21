"""``gateway export``: the ledger for finance, as CSV, Parquet or FOCUS."""

import sys
from contextlib import closing
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.app.reading import books_of
from gateway.cli.finance.export.progress import watched
from gateway.cli.finance.export.run import Scope, export_attempts, export_focus
from gateway.cli.finance.export.tally import Tally
from gateway.cli.finance.export.target import ExportFailed
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption
from gateway.cli.terminal.period import Period, month_or_period
from gateway.cli.terminal.to_read import config_to_read
from gateway.config.load import Loaded
from gateway.core.finance.focus_charge import BillingFacts

INCOMPLETE = 3
_OUT = "-"


class Format(StrEnum):
    """What is written."""

    CSV = "csv"
    PARQUET = "parquet"
    FOCUS_1_2 = "focus-1.2"
    FOCUS_1_4 = "focus-1.4"

    @property
    def focus_version(self) -> str | None:
        """``None`` for the gateway's own sheet."""
        return self.value.removeprefix("focus-") if self.value.startswith("focus-") else None


def export(
    *,
    format: Annotated[Format, typer.Option(help="csv and parquet: one row an attempt. focus: FOCUS cost and usage rows.")],
    month: Annotated[str | None, typer.Option(help="Attempts begun in this month, UTC: 2026-10.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Attempts begun at or after: a date or time in UTC, or how long ago (7d, 24h, 30m).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Attempts begun before: the same forms.")] = None,
    contract: Annotated[str | None, typer.Option(help="Only attempts under this contract (id).")] = None,
    out: Annotated[
        str, typer.Option(help="The file; '-' is standard output. FOCUS is written as Parquet where it ends in .parquet.")
    ] = _OUT,
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="FOCUS: exit with 0 although attempts of unknown cost are left out.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Write the ledger's attempts of a period for finance. Exit code 3: written, but attempts of unknown cost are not in it."""
    now = datetime.now(UTC)
    begin, end = _period(month, since, until, now)
    file = None if out == _OUT else Path(out)
    if format is Format.PARQUET and file is None and sys.stdout.isatty():
        raise typer.BadParameter("Parquet is not for a terminal. Name a file.", param_hint="--out")
    if allow_unknown and format.focus_version is None:
        raise typer.BadParameter("It goes with the FOCUS formats: the others keep such attempts.", param_hint="--allow-unknown")
    with failing_clearly():
        try:
            loaded = config_to_read(config, paths_only=format.focus_version is None)
            scope = Scope(begin, end, contract, frozenset(loaded.snapshot.contracts))
            tally = _written(loaded, format, scope, file, now)
        except ExportFailed as failed:
            typer.echo(f"gateway: {failed}", err=True)
            raise typer.Exit(1) from failed
    for line in tally.lines():
        typer.echo(f"gateway: {line}", err=True)
    if end is not None and end > now:
        typer.echo("gateway: the period is not over: export it again when it is", err=True)
    if format.focus_version is None:
        return
    if file is not None and tally.exposed + tally.unknown_costs:
        typer.echo(f"gateway: what is left out is in {file}.left-out.csv", err=True)
    if tally.unknown_costs and not allow_unknown:
        typer.echo("gateway: the export is incomplete (exit code 3; --allow-unknown accepts it)", err=True)
        raise typer.Exit(INCOMPLETE)


def _written(loaded: Loaded, format: Format, scope: Scope, file: Path | None, now: datetime) -> Tally:
    snapshot = loaded.snapshot
    found = books_of(loaded).attempts(scope.begin, scope.end)
    with closing(watched(found, scope.begin, min(scope.end or now, now))) as attempts:
        if format.focus_version is None:
            return export_attempts(attempts, scope, file, parquet=format is Format.PARQUET)
        accounts = {contract.id: contract.billing.account for contract in snapshot.contracts.values()}
        facts = BillingFacts(accounts, snapshot.price_lists)
        return export_focus(attempts, scope, file, version=format.focus_version, facts=facts, at=now)


def _period(month: str | None, since: str | None, until: str | None, now: datetime) -> Period:
    if month is None and since is None and until is None:
        raise typer.BadParameter("Say which period: --month 2026-10, or --since and --until.", param_hint="--month")
    return month_or_period(month, since, until, now)
