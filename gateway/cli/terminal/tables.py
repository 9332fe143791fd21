"""Where tables for people go."""

import sys

from rich.console import Console, RenderableType

_WIDTH_OF_A_FILE = 200


def show(*parts: RenderableType) -> None:
    """Print to standard output, as wide as the terminal; wide enough for whole rows where that is a file or a pipe."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE)
    for part in parts:
        console.print(part)
