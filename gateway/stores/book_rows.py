"""What the books of every database make of their rows."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from gateway.core.ledger import Entry, Kind
from gateway.core.money import from_nanos
from gateway.core.spend import SpendRow
from gateway.stores.ledger_rows import INTEGER_MAX, Columns, microseconds_of


def spend_row_of(row: Columns, keys: Sequence[str]) -> SpendRow:
    """A row of ``sql/spend.sql``, grouped by these columns."""
    return SpendRow(
        keys=tuple(row[key] for key in keys),
        currency=row["currency"],
        requests=row["requests"],
        images=int(row["images"]),
        cost=from_nanos(int(row["cost_nanos"])),
        exposure=from_nanos(int(row["exposure_nanos"])),
        unknown_costs=row["unknown_costs"],
        unknown_exposures=row["unknown_exposures"],
    )


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
