"""``gateway diagnose``: who owns an error, by the rules of the gateway itself; and the errors that no rule recognises yet."""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gateway.app.configuration import load_config
from gateway.app.reading import books_of
from gateway.cli.operations.requests_table import list_table
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption, Format, FormatOption
from gateway.cli.terminal.tables import show, show_json
from gateway.cli.terminal.to_read import config_to_read
from gateway.config.problem import ConfigInvalid
from gateway.core.contract.contract import VerificationState
from gateway.core.diagnosis.facts import Facts
from gateway.core.diagnosis.provider_error import read_error
from gateway.core.diagnosis.rules import diagnose as diagnosed
from gateway.core.ledger.request_query import Member, RequestQuery
from gateway.core.outcome import Owner, Stage
from gateway.core.redaction.provider_settings import ours_at
from gateway.core.redaction.secrets import redact_foreign
from gateway.reports.operations.diagnosis import diagnosis_document
from gateway.reports.operations.requests import requests_document

BODY_BYTES_MAX = 64 * 1024
LISTED_MAX = 1_000
_UNKNOWN = RequestQuery(only={Member.OWNER: frozenset({Owner.UNKNOWN.value})})


def diagnose(  # noqa: PLR0917 -- typer calls it by name
    body: Annotated[Path | None, typer.Argument(help="A file with the provider's answer; absent or '-': standard input.")] = None,
    status: Annotated[
        int, typer.Option(min=0, max=999, help="The answer's HTTP status; 0 for an error event in a stream.")
    ] = 400,
    header: Annotated[list[str] | None, typer.Option(help="One of the answer's headers, as NAME:VALUE.")] = None,
    verification: Annotated[
        VerificationState, typer.Option(help="What the contract records of the organization's verification.")
    ] = VerificationState.UNKNOWN,
    usage_tier: Annotated[str, typer.Option(help="The usage tier that the contract records.")] = "",
    unknown: Annotated[
        bool, typer.Option("--unknown", help="List the latest attempts whose failure no rule recognises yet.")
    ] = False,
    config: ConfigOption = None,
    format: FormatOption = Format.TABLE,
) -> None:
    """Say whose an error is: owner, rule, what to check first, when to stop, whether money may be gone. Nothing is sent."""
    if unknown:
        _list_unknown(config, format)
        return
    headers = dict(_header(text) for text in header or ())
    error = read_error(_value(_read(body)), headers)
    found = diagnosed(Facts(Stage.STATUS, status, error, verification=verification, usage_tier=usage_tier))
    report = diagnosis_document(found, _unsaid(error.message, config))
    if format is Format.JSON:
        show_json(report)
        return
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in report.items():
        table.add_row(name.replace("_", " "), str(value))
    show(table)


def _unsaid(text: str, config: Path | None) -> str:
    """What the provider said, as it may stand in a ticket: also without what is ours, where a configuration says what that is."""
    with suppress(ConfigInvalid):
        for provider in load_config(config).snapshot.providers.values():
            text = ours_at(provider).without(text)
    return redact_foreign(text)


def _list_unknown(config: Path | None, format: Format) -> None:
    with failing_clearly():
        entries = books_of(config_to_read(config, paths_only=True)).requests(LISTED_MAX, _UNKNOWN)
    if format is Format.JSON:
        show_json(requests_document(entries))
    elif entries:
        show(list_table(entries))
    else:
        typer.echo("Every failure in the ledger has an owner.")


def _read(body: Path | None) -> bytes:
    try:
        if body is None or str(body) == "-":
            return sys.stdin.buffer.read(BODY_BYTES_MAX)
        with body.open("rb") as file:
            return file.read(BODY_BYTES_MAX)
    except OSError as error:
        raise typer.BadParameter(f"{body} cannot be read: {error.strerror}.", param_hint="BODY") from error


def _value(body: bytes) -> object:
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")
    return found


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise typer.BadParameter(f"'{text}' has no colon. Write NAME:VALUE.", param_hint="--header")
    return name.strip().lower(), value.strip()
