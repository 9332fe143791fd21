"""How a command says that it cannot do its work: the reason on standard error, exit code 1, no traceback.

Where standard error cannot be written, the reason stands on standard output.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from gateway.cli.terminal.words import say
from gateway.config.problem import ConfigInvalid
from gateway.ports import Unusable


@contextmanager
def failing_clearly() -> Iterator[None]:
    """Turn the errors that a user can mend into messages."""
    try:
        yield
    except ConfigInvalid as invalid:
        _tell("\n".join(map(str, invalid.problems)))
        raise typer.Exit(1) from invalid
    except asyncio.CancelledError as stopped:
        _tell("gateway: stopped without waiting for the requests in flight")
        raise typer.Exit(1) from stopped
    except Unusable as failed:
        _tell(f"gateway: {failed}")
        raise typer.Exit(1) from failed


def _tell(text: str) -> None:
    say(text, sys.stderr, sys.stdout)
