"""Options that several commands have, and what they mean."""

import getpass
from pathlib import Path
from typing import Annotated

import typer

from gateway.app.configuration import admin_address
from gateway.cli.admin_client import admin_url

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The configuration; else $GATEWAY_CONFIG or config/gateway.yaml.")
]
AdminOption = Annotated[
    str | None, typer.Option(envvar="GATEWAY_ADMIN_URL", help="The gateway's admin plane; else as the configuration says.")
]
WhoOption = Annotated[str | None, typer.Option(help="Who does it; else the name of the user who is logged in.")]


def admin_of(admin: str | None, config: Path | None) -> str:
    """The URL of the admin plane that is named, or that the configuration says."""
    return admin.rstrip("/") if admin is not None else admin_url(*admin_address(config))


def who_of(who: str | None) -> str:
    """The name that is given, or that of the user who is logged in."""
    if who:
        return who
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
