"""The log's line of each request: written without the general logger, because every request pays for it."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

import msgspec

# Lines gather for so long before they are written together.
GATHER_S = 0.05
_ENCODER = msgspec.json.Encoder()


class RequestLog:
    """One JSON line a request. Its values are names from the configuration, closed sets and numbers: nothing to redact.

    Without a ``stream`` it writes nothing. Use it inside an event loop, and ``flush`` it before the loop ends.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._lines: list[bytes] = []

    def write(self, line: Mapping[str, object]) -> None:
        """``line`` without the members that every line has."""
        if self._stream is None:
            return
        if not self._lines:
            asyncio.get_running_loop().call_later(GATHER_S, self.flush)
        stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        self._lines.append(_ENCODER.encode({"event": "request", "level": "info", "timestamp": stamp, **line}))

    def flush(self) -> None:
        """Write what has gathered."""
        if self._stream is not None and self._lines:
            text = b"\n".join((*self._lines, b"")).decode()
            self._lines.clear()
            self._stream.write(text)
            self._stream.flush()
