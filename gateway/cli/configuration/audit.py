"""``gateway audit``: is the audit log what was written, and what does it say."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.configuration.config import AUDIT_FILE, house_folder
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption, TextFormat, TextFormatOption
from gateway.cli.terminal.tables import show_json
from gateway.stores.audit_log import AuditBroken, latest
from gateway.stores.audit_log import verify as verified

FileArgument = Annotated[Path | None, typer.Argument(help="The log; else audit.jsonl in the configuration's history folder.")]


def verify(file: FileArgument = None, config: ConfigOption = None) -> None:
    """Check the whole chain: exit 0 and its head where it is unbroken, exit 1 and the first fault where it is not."""
    with failing_clearly():
        path = _path(file, config)
        try:
            found = verified(path)
        except AuditBroken as broken:
            typer.echo(f"gateway: {path}: {broken}. Keep the file as it is, and compare it with a backup.", err=True)
            raise typer.Exit(1) from broken
    if not found.entries:
        typer.echo(f"{path}: nothing has been written yet.")
        return
    typer.echo(f"{path}: {found.entries} entries, unbroken.\nhead: {found.head}")


def entries(
    file: FileArgument = None,
    last: Annotated[int, typer.Option(min=1, max=100_000, help="How many of the latest entries are listed.")] = 20,
    config: ConfigOption = None,
    format: TextFormatOption = TextFormat.TEXT,
) -> None:
    """List the latest entries, the newest last: who changed what, when and why. It does not verify them."""
    with failing_clearly():
        found = latest(_path(file, config), last)
    if format is TextFormat.JSON:
        show_json({"entries": found})
        return
    for entry in found:
        at = entry["at"][:19].replace("T", " ")
        typer.echo(_printable(f"{entry['seq']:>6}  {at} UTC  {entry['who']}  {entry['what']}: {entry['why']}"))
        for line in _details(entry["details"]):
            typer.echo(_printable(f"        {line}"))


def _path(file: Path | None, config: Path | None) -> Path:
    if file is None:
        return house_folder(config) / AUDIT_FILE
    if not file.exists() and not file.with_name(file.name + ".head").exists():
        raise typer.BadParameter(f"There is no file {file}.", param_hint="FILE")
    return file


def _details(details: dict[str, Any]) -> list[str]:
    lines = []
    for name, value in details.items():
        if isinstance(value, list) and value:
            lines += [f"{name}:", *(f"  - {item}" for item in value)]
        else:
            lines.append(f"{name}: {'none' if value == [] else value}")
    return lines


def _printable(text: str) -> str:
    """Without characters that could command a terminal: whoever changed the log could have put them there."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
