"""Options that several commands have, and what they mean."""

import getpass
from pathlib import Path
from typing import Annotated

import typer

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
