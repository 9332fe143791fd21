"""``gateway reconcile``: what the provider charged against what the gateway booked, and lost answers settled."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from gateway.app.configuration import load_config
from gateway.app.reading import books_of
from gateway.cli.finance.export.progress import watched
from gateway.cli.finance.export.target import ExportFailed, replaced
from gateway.cli.finance.posting import posting
from gateway.cli.finance.reconcile.bill_file import BadFile, ProviderFile, check_whole, opened
from gateway.cli.finance.reconcile.mapping import BadMapping, Mapping, mapping_of
from gateway.cli.finance.reconcile.table import findings_csv, reconciliation_tables
from gateway.cli.terminal.addressee import Addressee, OtherGateway, to_order
from gateway.cli.terminal.admin_client import Declined
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import AdminOption, ConfigOption, WhoOption, who_of
from gateway.cli.terminal.period import naming
from gateway.cli.terminal.tables import show
from gateway.config.load import Loaded
from gateway.core.finance.reconciliation.charge import ProviderCharge
from gateway.core.finance.reconciliation.finding import Reconciliation, Terms, Tolerance
from gateway.core.ledger.adjustment import Unbookable
from gateway.core.money.month import Bounds, month_named
from gateway.private import private_folder
from gateway.reports.finance.reconciliation import DeliveredFile, reconciled, reconciliation_document

UNUSABLE = 2


def reconcile(  # noqa: PLR0917 -- typer calls it by name
    files: Annotated[list[Path], typer.Argument(help="The provider's files, as delivered; gzip is understood.")],
    contract: Annotated[str, typer.Option(help="The contract (id) that they are about.")],
    month: Annotated[str, typer.Option(help="The month, UTC: 2026-10.")],
    mapping: Annotated[Path | None, typer.Option(help="YAML: which column is what, and which name is which model.")] = None,
    account: Annotated[
        list[str] | None, typer.Option(help="Only lines of this project, subscription, resource group or key; repeatable.")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="API key or resource id that the gateway calls with; others are not its; repeatable.")
    ] = None,
    tolerance: Annotated[
        list[str] | None, typer.Option(help="Differences a day and line that are accepted: USD=0.01, USD=0.5%; repeatable.")
    ] = None,
    resolve: Annotated[
        bool, typer.Option("--resolve", help="Book what the files say of ambiguous attempts, once confirmed.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --resolve: do not ask.")] = False,
    why: Annotated[str | None, typer.Option(help="With --resolve: stands in the audit log.")] = None,
    who: WhoOption = None,
    admin: AdminOption = None,
    config: ConfigOption = None,
    record: Annotated[
        Path | None, typer.Option(help="Where the record goes; else a folder beside the configuration's history.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="The findings as CSV.")] = False,
) -> None:
    """Compare a provider's files with the ledger. Exit code 0: they agree; 1: they differ; 2: a file cannot be used."""
    now = datetime.now(UTC)
    with naming("--month"):
        bounds = month_named(month, now)
    with naming("--tolerance"):
        accepted = _tolerance(tolerance or ())
    if as_json and as_csv:
        raise typer.BadParameter("Choose one of --json and --csv.", param_hint="--csv")
    with failing_clearly():
        try:
            loaded, described = load_config(config), Mapping() if mapping is None else mapping_of(mapping)
            terms = Terms(
                bounds[0].date(),
                bounds[1].date(),
                accepted,
                frozenset(map(str.lower, account or ())),
                frozenset(map(str.lower, key or ())),
                tuple(described.models.items()),
            )
            read, found = _reconciled(loaded, contract, bounds=bounds, terms=terms, mapping=described, paths=files, now=now)
            delivered = [DeliveredFile(it.path.name, it.sha256, it.size_bytes, it.format, it.lines) for it in read]
            document = {"at": now.isoformat()} | reconciliation_document(found, terms, contract, delivered)
            path = record or _record_path(loaded, contract, month, now)
            _keep(path, document)
        except (BadFile, BadMapping, ExportFailed) as failed:
            typer.echo(f"gateway: {failed}", err=True)
            raise typer.Exit(UNUSABLE) from failed
        if as_json:
            typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        elif as_csv:
            typer.echo(findings_csv(found), nl=False)
        else:
            show(*reconciliation_tables(found, f"{contract}, {month}"))
        if bounds[1] > now:
            typer.echo("gateway: the month is not over: reconcile it again when it is", err=True)
        typer.echo(f"gateway: the record is {path}", err=True)
        if found.resolutions:
            said = why or f"reconciled {contract} of {month}"
            _resolve(loaded, found, to_order(admin, config), resolve=resolve, yes=yes, who=who_of(who), why=said)
            if resolve:
                _keep(path, document | {"booked": True, "who": who_of(who), "why": said})
    if not found.agrees:
        raise typer.Exit(1)


def _reconciled(
    loaded: Loaded,
    contract: str,
    *,
    bounds: Bounds,
    terms: Terms,
    mapping: Mapping,
    paths: Sequence[Path],
    now: datetime,
) -> tuple[list[ProviderFile], Reconciliation]:
    """The files first, then the attempts of the month and of the day before, whose last ones ended in the month."""
    files = [opened(path) for path in paths]
    check_whole(files)
    begin = bounds[0] - timedelta(days=1)
    with closing(watched(books_of(loaded).attempts(begin, bounds[1]), begin, min(bounds[1], now))) as attempts:
        try:
            found, known = reconciled(_lines(files, mapping, terms), attempts, terms, contract)
        except ValueError as error:
            raise BadFile(f"The ledger contradicts itself. {error}") from error
    if not known and contract not in loaded.snapshot.contracts:
        names = ", ".join(sorted(loaded.snapshot.contracts))
        raise BadFile(f"Neither the configuration nor the ledger's month has a contract '{contract}'. Configured are: {names}.")
    return files, found


def _lines(files: Sequence[ProviderFile], mapping: Mapping, terms: Terms) -> Iterator[tuple[date | ProviderCharge, str]]:
    """All of the files, with a bar; they are whole, or ``BadFile`` is raised behind the last."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        for file in files:
            task = bar.add_task(file.path.name, total=file.size_bytes)
            with closing(file.read(mapping, everywhere=bool(terms.accounts or terms.keys))) as lines:
                for number, it in enumerate(lines):
                    yield it, file.sha256
                    if number % 1000 == 0:
                        bar.update(task, completed=file.done_bytes)
    check_whole(files)
    if any(file.lines for file in files) and all(file.counts_only for file in files):
        raise BadFile("The files count usage and name no money. Give the pages of /v1/organization/costs too.")


def _resolve(loaded: Loaded, found: Reconciliation, to: Addressee, *, resolve: bool, yes: bool, who: str, why: str) -> None:
    count = len(found.resolutions)
    what = "1 adjustment" if count == 1 else f"{count} adjustments"
    if not resolve:
        typer.echo(f"gateway: {what} can be booked: the same command with --resolve", err=True)
        return
    if not yes and not typer.confirm(f"Book {what}?", err=True):
        typer.echo("gateway: nothing was booked", err=True)
        raise typer.Exit(1)
    try:
        with posting(loaded, to, who=who, why=why) as posted:
            posted.post([it.adjustment for it in found.resolutions])
    except (Declined, OtherGateway, Unbookable) as refused:
        typer.echo(f"gateway: not booked: {refused}", err=True)
        raise typer.Exit(1) from refused
    before = f", {posted.repeated} had been before" if posted.repeated else ""
    typer.echo(f"gateway: {posted.booked} booked{before}. Reconcile again: what remains is what you have to ask about.", err=True)


def _tolerance(written: Sequence[str]) -> Tolerance:
    """``USD=0.01`` or ``USD=0.5%``."""
    absolute, relative = dict[str, Decimal](), dict[str, Decimal]()
    for text in written:
        found = re.fullmatch(r"([A-Z]{3})=([0-9]{1,9}(?:\.[0-9]{1,9})?)(%?)", text)
        if found is None:
            raise ValueError(f"'{text}' is no tolerance. Write USD=0.01 or USD=0.5%.")
        if found[3]:
            relative[found[1]] = Decimal(found[2]) / 100
        else:
            absolute[found[1]] = Decimal(found[2])
    return Tolerance(absolute, relative)


def _record_path(loaded: Loaded, contract: str, month: str, at: datetime) -> Path:
    """One a run: what an earlier one found and booked stays known."""
    name = f"{contract}-{month}-{at:%Y%m%dT%H%M%S%fZ}.json"
    return loaded.settings.history.folder / "reconciliations" / name


def _keep(path: Path, document: dict[str, Any]) -> None:
    """The record has the hash of each file: what was compared with what can be shown later."""
    try:
        private_folder(path.parent)
    except OSError as error:
        raise ExportFailed(f"{path.parent} cannot be made: {error.strerror}. Name another place with --record.") from error
    with replaced(path, mode=0o600) as stream:
        stream.write((json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())
