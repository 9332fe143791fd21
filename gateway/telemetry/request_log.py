"""The log's line of each request: written without the general logger, because every request pays for it."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from gateway.telemetry.log_queue import LogQueue

_ENCODER = msgspec.json.Encoder()


class RequestLog:
    """One JSON line a request. Its values are names from the configuration, closed sets and numbers: nothing to redact.

    Without a ``queue``, or where it is not ``on``, it writes nothing.
    """

    def __init__(self, queue: LogQueue | None, *, on: bool = True) -> None:
        self._queue = queue
        self._written_to = queue if on else None

    def write(self, line: Mapping[str, object]) -> None:
        """``line`` without the members that every line has."""
        if self._written_to is not None:
            told = {"event": "request", "level": "info", "timestamp": datetime.now(UTC), **line}
            self._written_to.put(_ENCODER.encode(told) + b"\n")

    @property
    def dropped(self) -> int:
        """How many lines the log has lost, of requests and of everything else."""
        return self._queue.dropped if self._queue is not None else 0
