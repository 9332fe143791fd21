"""How far an export is, on standard error where that is a terminal."""

from collections.abc import Generator, Iterator
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.core.ledger.entry import Entry

_LOOK_EACH = 500
Attempt = tuple[Entry, ...]


def watched(attempts: Iterator[Attempt], begin: datetime | None, end: datetime) -> Generator[Attempt, None, None]:
    """The same attempts; to be closed, which removes the bar.

    They come in the order they began, so where the latest lies in the period is how far it is.
    """
    console = Console(stderr=True)
    text = TextColumn("{task.fields[count]:,} attempts")
    hidden = not console.is_terminal
    with Progress(BarColumn(), text, TimeRemainingColumn(), console=console, transient=True, disable=hidden) as bar:
        whole = None if begin is None else (end - begin).total_seconds()
        task = bar.add_task("export", total=whole, count=0)
        for count, entries in enumerate(attempts, 1):
            if count % _LOOK_EACH == 0:
                begun_at = entries[0].attribution.begun_at
                bar.update(task, count=count, completed=0 if begin is None else (begun_at - begin).total_seconds())
            yield entries
