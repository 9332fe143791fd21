"""A period as two options name it, ``--since`` and ``--until``."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import typer

from gateway.cli.spend_query import moment_of

Period = tuple[datetime | None, datetime | None]


def period_of(since: str | None, until: str | None, now: datetime) -> Period:
    """Begin and end, ``None`` where the option is not given; a mistake in one ends the command with exit code 2."""
    with naming("--since"):
        begin = None if since is None else moment_of(since, now)
    with naming("--until"):
        end = None if until is None else moment_of(until, now)
        if begin is not None and end is not None and begin >= end:
            raise ValueError("The period is empty: --until must be later than --since.")
    return begin, end


def period_text(since: datetime | None, until: datetime | None) -> str:
    """To be put behind a noun; empty where both ends are open."""
    begin = "" if since is None else f" from {since:%Y-%m-%d %H:%M}"
    end = "" if until is None else f" until {until:%Y-%m-%d %H:%M}"
    return f"{begin}{end} UTC" if begin or end else ""


@contextmanager
def naming(option: str) -> Iterator[None]:
    """Say which option is at fault; exit code 2."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
