"""Options that several commands have, and what they mean."""

import getpass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"


class TextFormat(StrEnum):
    """How an answer without a table is written."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="table for people, json for programs.")]
TextFormatOption = Annotated[TextFormat, typer.Option("--format", help="text for people, json for programs.")]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The configuration; else $GATEWAY_CONFIG or config/gateway.yaml.")
]
AdminOption = Annotated[
    str | None, typer.Option(envvar="GATEWAY_ADMIN_URL", help="The gateway's admin plane; else as the configuration says.")
]
WhoOption = Annotated[str | None, typer.Option(help="Who does it; else the name of the user who is logged in.")]


def who_of(who: str | None) -> str:
    """The name that is given, or that of the user who is logged in."""
    if who:
        return who
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
