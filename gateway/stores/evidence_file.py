"""The file of evidence as its readers see it, whether or not a gateway writes to it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from gateway.core.evidence.bundle import Evidence
from gateway.ports import EvidenceUnavailable
from gateway.stores.evidence_failure import failure_text
from gateway.stores.ledger.rows import microseconds_of

LOCK_WAIT_S_MAX = 5.0
_FIND = "SELECT document FROM evidence WHERE request_id = ? AND at >= ?"
_DECODER = msgspec.json.Decoder(Evidence)


class EvidenceFile:
    """The file as its readers see it, whether or not a gateway writes to it."""

    def __init__(self, path: Path, days_max: int, clock: Callable[[], datetime]) -> None:
        self._path, self._days_max, self._clock = path.resolve(), days_max, clock

    def find(self, request_id: str) -> Evidence | None:
        """``None`` where nothing is kept of that request; raises ``EvidenceUnavailable``."""
        since = microseconds_of(since_of(self._clock(), self._days_max))
        try:
            if not self._path.exists():
                return None
            with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, timeout=LOCK_WAIT_S_MAX)) as connection:
                row = connection.execute(_FIND, (request_id, since)).fetchone()
        except (OSError, sqlite3.Error) as error:
            raise EvidenceUnavailable(failure_text(self._path, "read", error)) from error
        try:
            return None if row is None else _DECODER.decode(row[0])
        except msgspec.DecodeError as error:
            raise EvidenceUnavailable(
                f"The evidence of {request_id} in {self._path} was written by another version of the gateway. "
                "Read it with that version; `gateway requests` has the ledger's entries."
            ) from error


def since_of(now: datetime, days_max: int) -> datetime:
    """From when on evidence is still kept."""
    return now.astimezone(UTC) - timedelta(days=days_max)
