"""What the books of every database make of their rows."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from gateway.core.ledger.entry import Entry, Kind
from gateway.stores.ledger.rows import INTEGER_MAX, microseconds_of


def covered_of(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """The entries that ``sql/covered.sql`` finds, as failures, each with its cover."""
    failed: list[Entry] = []
    for entry in entries:
        if entry.kind is not Kind.SETTLE:
            failed.append(entry)
            continue
        yield from ((it, entry) for it in failed)
        failed = []


def period_of(since: datetime | None, until: datetime | None) -> dict[str, int]:
    """Both ends as the tables have times; an open one is beyond all that they can hold."""
    return {
        "since": -INTEGER_MAX if since is None else microseconds_of(since),
        "until": INTEGER_MAX if until is None else microseconds_of(until),
    }
