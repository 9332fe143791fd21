"""A period as options name it: ``--since`` and ``--until``, or ``--month``."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import typer

from gateway.core.money.month import month_named

Period = tuple[datetime | None, datetime | None]

_AGE = re.compile(r"([0-9]{1,6})([dhm])")
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


def period_of(since: str | None, until: str | None, now: datetime) -> Period:
    """Begin and end, ``None`` where the option is not given; a mistake in one ends the command with exit code 2."""
    with naming("--since"):
        begin = None if since is None else moment_of(since, now)
    with naming("--until"):
        end = None if until is None else moment_of(until, now)
        if begin is not None and end is not None and begin >= end:
            raise ValueError("The period is empty: --until must be later than --since.")
    return begin, end


def month_or_period(month: str | None, since: str | None, until: str | None, now: datetime) -> Period:
    """As ``period_of``, or the month that ``--month`` names instead."""
    if month is None:
        return period_of(since, until, now)
    if since is not None or until is not None:
        raise typer.BadParameter("It goes without --since and --until.", param_hint="--month")
    with naming("--month"):
        return month_named(month, now)


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


def moment_of(text: str, now: datetime) -> datetime:
    """A date (its UTC midnight), a date and time (UTC unless it has an offset), or an age before ``now``: ``7d 24h 30m``."""
    try:
        if age := _AGE.fullmatch(text):
            return now - int(age[1]) * _UNITS[age[2]]
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"'{text}' is not a point in time. Write a date (2026-10-01: its UTC midnight), a date and time "
            "(2026-10-01T12:00:00Z), or how long ago (7d, 24h, 30m)."
        ) from None
