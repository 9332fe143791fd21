"""Where answers go: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping

import typer
from rich.console import Console, RenderableType

_WIDTH_OF_A_FILE = 200


def show(*parts: RenderableType) -> None:
    """Print to standard output, as wide as the terminal; wide enough for whole rows where that is a file or a pipe."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE)
    for part in parts:
        console.print(part)


def show_json(document: Mapping[str, object]) -> None:
    """Print a report's document to standard output."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
