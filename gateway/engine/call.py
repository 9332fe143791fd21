"""One client call and its client, as the engine sees them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gateway.core.contract.wire import NO_MEMBERS, Scalar
from gateway.core.discrepancy import Discrepancy
from gateway.core.money.amount import Cost
from gateway.core.outcome import Diagnosis
from gateway.core.request.images import ImageRequest
from gateway.core.routing.eligibility import Drop
from gateway.core.snapshot import App, Route, Snapshot
from gateway.core.tag import Fallback, Header, Tag
from gateway.engine.admission import Lease
from gateway.engine.attempt_trace import RequestTrace
from gateway.ports import Content


class Body(Protocol):
    """What the caller sent, as it came."""

    @property
    def links(self) -> frozenset[str]:
        """Those that the caller wrote: a provider's failure at one of them is not its own. Asked for where one has failed."""
        ...

    def for_upstream(
        self, model: str | None, members: Mapping[str, Scalar] = NO_MEMBERS, image_model: str = ""
    ) -> bytes | Content:
        """The body as the upstream gets it; any number of times.

        It has the upstream's name of the model in the place of the caller's, or no such member, and those of ``members``
        that the caller has not sent, be it as ``null``. ``image_model`` is for the image tool of a body that has one.
        """
        ...


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request says of itself: the hash of all that it asks for, its key if it has one, and which try of its SDK it is.

    ``left`` tells whether its client has gone before the answer was complete.
    """

    fingerprint: str
    key: str
    retries: int
    left: Callable[[], bool]


def _never() -> bool:
    return False


NOTHING_PRESENTED = Presented("", "", 0, _never)


@dataclass(frozen=True, slots=True)
class Call:
    """What came in. The snapshot is the one in force then, and stays the call's own until its end.

    ``prompt`` is known so that a provider's echo of it can be taken out of what is kept.
    """

    request_id: str
    received_at: datetime
    app: App
    snapshot: Snapshot
    request: ImageRequest
    body: Body
    tags: tuple[tuple[str, str], ...]
    prompt: str = field(default="", repr=False)
    presented: Presented = NOTHING_PRESENTED


class Client(Protocol):
    """Where the answer goes. Writing waits while the client is slow; to one that has left, it does nothing."""

    async def start(self, status: int, headers: Sequence[Header]) -> None:
        """Send the answer's head."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Send a part of the body."""
        ...

    async def finish(self, chunk: bytes) -> None:
        """Send the last part of the body."""
        ...

    async def gone(self) -> None:
        """Returns once the client has left."""
        ...


@dataclass(frozen=True, slots=True)
class Allowance:
    """One limit of an app and what is left of it: ``remaining`` of ``limit`` units a minute.

    ``reset_s`` is when all of them are there again or, where the request did not fit, when it would.
    """

    name: str
    limit: int
    remaining: int
    reset_s: float


class Arrival(Protocol):
    """A request at the door: its app is known, its body is still to be read."""

    @property
    def request_id(self) -> str:
        """The gateway's own id of it."""
        ...

    @property
    def app(self) -> App:
        """Who sends it."""
        ...

    @property
    def client(self) -> Client:
        """Who waits for the answer."""
        ...

    async def read(self, lease: Lease, held: AsyncExitStack) -> Call:
        """The whole request. What it keeps on disk is let go of with ``held``. Raises ``Refusal``."""
        ...


@dataclass(slots=True)
class Progress:
    """How far a call has come: what its log line, its metrics and an error's tag can say. Filled in as the call goes on.

    ``attempts`` counts the calls that were made; ``failed`` are the attempts that delivered nothing, in their order, with
    those for which a contract's limit had no room. ``request_trace`` is what its evidence is made of, once there is a plan or
    none; ``receipt`` is that of the delivery, where the app wants one. ``original_id`` is the earlier request that this one
    repeats; ``budget`` says which is nearly used up; ``allowances`` are what is left of the app's
    limits; ``held`` is why the preferred route was not even tried.
    """

    attempts: int = 0
    failed: list[tuple[Route, Diagnosis]] = field(default_factory=list)
    route: Route | None = None
    cost: Cost | None = None
    images: int = 0
    discrepancies: tuple[Discrepancy, ...] = ()
    diagnosis: Diagnosis | None = None
    upstream_wait_s: float = 0.0
    head_sent: bool = False
    request_trace: RequestTrace | None = None
    receipt: str = ""
    original_id: str = ""
    budget: str = ""
    allowances: Sequence[Allowance] = ()
    held: Drop | None = None

    def tag(self, request_id: str) -> Tag:
        """What is known now."""
        request_trace = self.request_trace
        evidence = request_trace is not None and request_trace.linked and request_trace.kept(failed=self.blemished)
        return Tag(
            request_id,
            self.attempts,
            self.route,
            self.cost,
            self.diagnosis,
            self.fallback,
            evidence=evidence,
            receipt=self.receipt,
            original_id=self.original_id,
            budget=self.budget,
        )

    @property
    def blemished(self) -> bool:
        """Whether something has failed on the way, however it ends."""
        return bool(self.failed) or self.diagnosis is not None

    @property
    def fallback(self) -> Fallback | None:
        """Where the request would have been served, had that not failed or been held; ``None`` where it is served there."""
        held, route = self.held, self.route
        if held is not None and route is not None and held.route.contract.id != route.contract.id:
            return Fallback(held.route.contract.id, held.owner, held.reason.value)
        if not self.failed or self.failed[0][0] is self.route:
            return None
        route, diagnosis = self.failed[0]
        return Fallback(route.contract.id, diagnosis.owner)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no image, as the caller is told: an OpenAI-shaped error and its status, whose it is, how long to wait.

    ``upstream_status`` is the provider's own where the caller is told another one, because that one misleads; else 0.
    """

    status: int
    error: dict[str, object]
    diagnosis: Diagnosis
    retry_after: tuple[tuple[str, str], ...] = ()
    upstream_status: int = 0
