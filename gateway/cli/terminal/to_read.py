"""The configuration of a command that reads the books and nothing else."""

from pathlib import Path

import typer

from gateway.app.configuration import load_to_read
from gateway.config.load import Loaded


def config_to_read(config: Path | None, *, paths_only: bool = False) -> Loaded:
    """Without a provider's secret. Where the files are not valid, what is used in their place is said on standard error.

    ``paths_only``: the command needs nothing but the paths. Raises ``ConfigInvalid``.
    """
    found = load_to_read(config, paths_only=paths_only)
    if found.note:
        typer.echo(f"gateway: {found.note}", err=True)
    return found.loaded
