"""``gateway config``: what a change would do in plain words, what was in force before, and the way back."""

import os
import pwd
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from gateway.app.configuration import DEFAULT_CONFIG, load_config
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption, TextFormat, TextFormatOption
from gateway.cli.terminal.tables import show_json
from gateway.config.change.difference import Change, differences
from gateway.config.change.history import History, HistoryUnusable, history_folder
from gateway.config.change.rehearsal import RollbackRefused, rehearse
from gateway.config.change.rollback import Rollback
from gateway.config.load import Loaded
from gateway.config.problem import ConfigInvalid
from gateway.config.source.document import read_tree
from gateway.reports.configuration.changes import changes_document, history_document
from gateway.reports.document import plain
from gateway.stores.audit_log import AuditLog

AUDIT_FILE = "audit.jsonl"
SET_ASIDE = "set-aside"
# Where today's configuration does not say how many: none is removed.
_REVISIONS_MAX = 10_000


HistoryOption = Annotated[
    Path | None,
    typer.Option("--history", help="The history's folder; else as the configuration says. Needed where it cannot be read."),
]


def diff(
    old: Annotated[str, typer.Argument(help="Main file of a configuration, or the id of a kept revision.")],
    new: Annotated[Path, typer.Argument(help="Main file of the configuration that would follow.")],
    format: TextFormatOption = TextFormat.TEXT,
) -> None:
    """Say in plain words what changes from OLD to NEW: money first, then data, routing, limits, access and settings."""
    with failing_clearly():
        after = load_config(new)
        before = load_config(Path(old)) if Path(old).exists() else _kept(old, new, after)
        changes = differences(before, after)
    ids = before.snapshot.revision, after.snapshot.revision
    if format is TextFormat.JSON:
        show_json(changes_document(*ids, changes))
    elif not changes:
        typer.echo("No difference.")
    else:
        typer.echo(f"From {ids[0]} to {ids[1]}:")
        _print_changes(changes, "")


def history(config: ConfigOption = None, folder: HistoryOption = None, format: TextFormatOption = TextFormat.TEXT) -> None:
    """List the configurations that were in force, newest first: when, who, why, and what changed."""
    with failing_clearly():
        kept = _house(config, folder).revisions()
    if format is TextFormat.JSON:
        show_json(history_document(kept))
        return
    if not kept:
        typer.echo("No revision is kept yet: a gateway keeps each configuration that it takes into force.")
    for revision in kept:
        typer.echo(f"{revision.id}  {revision.at:%Y-%m-%d %H:%M:%S} UTC  {revision.who}: {revision.why}")
        _print_changes(revision.changes, "    ")


def rollback(
    revision: Annotated[
        str, typer.Argument(help="Id of a kept revision, or its beginning; 'gateway config history' lists them.")
    ],
    why: Annotated[str, typer.Option(help="The reason, for the history and the audit log.")],
    config: ConfigOption = None,
    folder: HistoryOption = None,
    format: TextFormatOption = TextFormat.TEXT,
) -> None:
    """Put the files of an earlier configuration back in place; a running gateway takes it into force by itself."""
    path, at = _path(config), datetime.now(UTC)
    if not why.strip() or not why.isprintable():
        raise typer.BadParameter("Write the reason, on one line: others will look for it.", param_hint="--why")
    with failing_clearly():
        kept = _house(config, folder)
        audit, aside = AuditLog(kept.folder / AUDIT_FILE), kept.folder / SET_ASIDE
        try:
            done = Rollback(path, os.environ, kept, audit, aside).to(kept.find(revision), who=operator(), why=why, at=at)
        except RollbackRefused as refused:
            typer.echo(f"gateway: {refused}", err=True)
            raise typer.Exit(1) from refused
    if format is TextFormat.JSON:
        show_json(plain(done))
        return
    if not done.written and not done.moved:
        typer.echo(f"The files already are those of revision {done.revision}. Nothing was changed.")
        return
    typer.echo(f"Revision {done.revision} is back in place of {done.was or 'a configuration that was not valid'}.")
    for name in done.written:
        typer.echo(f"  written  {name}")
    for name in done.moved:
        typer.echo(f"  moved    {name}")
    _print_changes(done.changes, "  ")
    typer.echo(f"What stood in these files before is in {done.set_aside}. A running gateway notices by itself.")


def operator() -> str:
    """The name of the system's user who runs this command."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def house_folder(config: Path | None) -> Path:
    """The folder of a configuration's history and audit log, also where it is not valid now."""
    return _house(config, None).folder


def _house(config: Path | None, folder: Path | None) -> History:
    """The history in ``folder``, else where the configuration says that it is."""
    path = _path(config)
    try:
        said = load_config(path).settings.history
    except ConfigInvalid:
        return History(folder or history_folder(read_tree(path, os.environ)), _REVISIONS_MAX)
    return History(folder or said.folder, said.revisions_max)


def _path(config: Path | None) -> Path:
    return config or Path(os.environ.get("GATEWAY_CONFIG", DEFAULT_CONFIG))


def _kept(id: str, beside: Path, after: Loaded) -> Loaded:
    """A kept revision as it would load today in the folder of ``beside``."""
    said = after.settings.history
    try:
        revision = History(said.folder, said.revisions_max).find(id)
    except HistoryUnusable as unknown:
        raise HistoryUnusable(f"There is no file {id}, and it is no kept revision either. {unknown}") from unknown
    try:
        return rehearse(revision, beside.with_name(revision.main), os.environ, datetime.now(UTC).date())
    except RollbackRefused as refused:
        raise HistoryUnusable(str(refused)) from refused


def _print_changes(changes: Sequence[Change], indent: str) -> None:
    for weight, group in groupby(changes, key=lambda change: change.weight):
        typer.echo(f"{indent}{weight}")
        for change in group:
            typer.echo(f"{indent}  - {change}")
