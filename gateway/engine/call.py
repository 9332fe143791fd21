"""One client call and its client, as the engine sees them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.core.diagnosis import Diagnosis
from gateway.core.images import ImageRequest
from gateway.core.money import Cost
from gateway.core.snapshot import App, Route, Snapshot
from gateway.relay.request_body import RequestBody


@dataclass(frozen=True, slots=True)
class Call:
    """What came in. The snapshot is the one in force then, and stays the call's own until its end."""

    request_id: str
    received_at: datetime
    app: App
    snapshot: Snapshot
    request: ImageRequest
    body: RequestBody
    tags: tuple[tuple[str, str], ...]


class Client(Protocol):
    """Where the answer goes. Writing waits while the client is slow; to one that has left, it does nothing."""

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Send the answer's head."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Send a part of the body."""
        ...

    async def finish(self, chunk: bytes) -> None:
        """Send the last part of the body."""
        ...


@dataclass(slots=True)
class Progress:
    """How far a call has come: what its log line, its metrics and an error's tag can say. Filled in as the call goes on."""

    attempts: int = 0
    route: Route | None = None
    cost: Cost | None = None
    images: int = 0
    diagnosis: Diagnosis | None = None
    upstream_wait_s: float = 0.0
    head_sent: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no image, as the caller is told: an OpenAI-shaped error and its status, whose it is, how long to wait."""

    status: int
    error: dict[str, object]
    diagnosis: Diagnosis
    retry_after: tuple[tuple[str, str], ...] = ()
