"""What the books of every database make of their rows."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from gateway.core.ledger.entry import Entry, Kind
from gateway.stores.ledger.rows import INTEGER_MAX, microseconds_of

REPLAYS_MAX = 100
# A result is given again for 30 days at most (idempotency.keys_s), from its request's end on.
_REPLAYED_FOR = timedelta(days=31)


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


def replays_asked(original_id: str, since: datetime) -> dict[str, int | str]:
    """The parameters of ``sql/replays_of.sql`` for a request that began at ``since``."""
    return {"original_id": original_id, "limit": REPLAYS_MAX, **period_of(since, since + _REPLAYED_FOR)}
