"""What the engine needs from the world, as small protocols named for the domain. Only ``app.py`` names who implements them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from gateway.core.budget import Account
from gateway.core.contract.links import LinkRules
from gateway.core.evidence.bundle import Evidence
from gateway.core.finance.spend import SpendQuery, SpendRow
from gateway.core.idempotency.claims import Claimed
from gateway.core.ledger.entry import Entry, ReplayEntry
from gateway.core.ledger.request_query import EVERY_REQUEST, RequestQuery
from gateway.core.outcome import Stage
from gateway.core.request.images import ImageRequest
from gateway.core.snapshot import ProviderSettings, Route


class Content(Protocol):
    """A body that is too large for memory. It can be read any number of times."""

    @property
    def content_type(self) -> str:
        """The header's value."""
        ...

    @property
    def length(self) -> int:
        """In bytes."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes, from the beginning."""
        ...


@dataclass(frozen=True, slots=True)
class UpstreamCall:
    """One request as the provider gets it: ``path`` is relative to its base URL, a ``body`` of bytes is JSON.

    With ``links``, images that come as links are fetched by these rules.
    """

    provider: ProviderSettings
    path: str
    request_id: str
    body: bytes | Content
    links: LinkRules | None = None


class UpstreamFailed(Exception):
    """The one error of a call that brought no usable answer; ``stage`` says how far it came. Its text names no URL and no key."""

    def __init__(self, stage: Stage, text: str) -> None:
        super().__init__(text)
        self.stage = stage


class UpstreamResponse(Protocol):
    """An answer whose head has arrived."""

    @property
    def status(self) -> int:
        """HTTP's."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """By lower-case name."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, decoded of any content coding; raises ``UpstreamFailed`` where it breaks off."""
        ...

    def release(self) -> None:
        """Let go of the connection; it is closed where the body was not read to its end."""
        ...


class Provider(Protocol):
    """One dialect of upstream: sends a call and returns the answer's head, or raises ``UpstreamFailed``."""

    async def send(self, call: UpstreamCall) -> UpstreamResponse:
        """One attempt, never repeated."""
        ...


class UpstreamRefused(Exception):
    """The provider has answered with an error status; ``response`` is its answer."""

    def __init__(self, response: UpstreamResponse) -> None:
        super().__init__(f"the provider answered with status {response.status}")
        self.response = response


class Probe(Protocol):
    """One provider as its official SDK sees it, for readiness. Both raise ``UpstreamRefused`` and ``UpstreamFailed``."""

    async def models(self) -> frozenset[str]:
        """The names that ``GET /v1/models`` lists. It costs nothing."""
        ...

    def images(self, route: Route, request: ImageRequest) -> AbstractAsyncContextManager[UpstreamResponse]:
        """Ask for images as an app would; it costs what it costs. The answer is read inside the block."""
        ...


class Unusable(Exception):
    """Something that the gateway needs cannot be used. Its text says what to do."""


class LedgerUnavailable(Unusable):
    """The ledger cannot be opened, read or written. Its text says what to do."""


class EntryRefused(LedgerUnavailable):
    """The ledger can be written, and what it holds or its rules contradict the entry: trying again does not help."""


class Ledger(Protocol):
    """Append-only, durable. Writing an entry again (same ``event_id``) changes nothing."""

    def append(self, *entries: Entry, spool: bool = False) -> Awaitable[None]:
        """Queue the entries; what is returned is done once they are durable, or raises ``LedgerUnavailable``, as may the call.

        Entries are written in the order of the calls, and whoever is cancelled while it waits does not take them back. With
        ``spool`` they may also be kept durably elsewhere, in their order, until the ledger can be written again.
        """
        ...

    @property
    def lag_s(self) -> float:
        """Age in seconds of the oldest entry that waits to be written; 0 when none waits."""
        ...

    @property
    def failing(self) -> bool:
        """Whether the latest write was refused; true until one succeeds."""
        ...


@dataclass(frozen=True, slots=True)
class Charge:
    """What one request takes of one limit: ``cost`` units of ``limit`` in ``period_s``; as many may come at once."""

    name: str
    limit: int
    period_s: float
    cost: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What became of charges: all of them were taken, or none.

    ``retry_after_s`` is when all could be (0 where they were, infinite where a cost exceeds its limit). ``remaining`` and
    ``reset_s`` are one a charge, in their order: units left now, and seconds until the limit is unused again.
    """

    allowed: bool
    retry_after_s: float
    remaining: tuple[int, ...]
    reset_s: tuple[float, ...]


class StateUnavailable(Unusable):
    """The shared state cannot be asked now."""


class SharedState(Protocol):
    """Counters that all replicas share. Every method may raise ``StateUnavailable``."""

    async def take(self, subject: str, charges: Sequence[Charge]) -> Grant:
        """Take all charges of a subject (such as ``app:storefront``), or none."""
        ...

    async def enter(self, subject: str, member: str, members_max: int, lease_s: float) -> bool:
        """Become one of at most ``members_max`` until ``leave``, or until ``lease_s`` have passed; whether there was room."""
        ...

    async def leave(self, subject: str, member: str) -> None:
        """Give the place back; without effect where there is none."""
        ...


class ClaimsStore(Protocol):
    """Where replicas agree which requests are the same. Every method may raise ``StateUnavailable``.

    ``replica`` names this process: what it claims counts as lost once it is gone.
    """

    @property
    def replica(self) -> str:
        """Unique among all processes, ever."""
        ...

    async def read(self, name: str) -> Claimed:
        """What stands under the name; empty where nothing does."""
        ...

    async def swap(self, name: str, old: Claimed, new: Claimed, lifetime_s: int) -> Claimed | None:
        """Put ``new`` in the place of ``old`` for so long and return ``None``; or return what stands there instead of ``old``."""
        ...

    async def alive(self, replica: str) -> bool:
        """Whether that process still runs, as far as anybody can know."""
        ...


class Replays(Protocol):
    """What repeated requests did not cost, in the ledger's own table."""

    async def saved(self, saving: ReplayEntry) -> None:
        """Durable on return, once a request id; raises ``LedgerUnavailable``."""
        ...

    async def saving(self, request_id: str) -> ReplayEntry | None:
        """What that request saved; ``None`` where it saved nothing. Raises ``LedgerUnavailable``."""
        ...


@dataclass(frozen=True, slots=True)
class Stake:
    """A budget's counter by its name, and how many nano-units it may come to; ``None`` where it only warns."""

    key: str
    limit_nanos: int | None


@dataclass(frozen=True, slots=True)
class Taken:
    """What is used of each counter in their order, ``None`` of one that is missing.

    ``refused`` is the position of the one that has no room; where one has none or is missing, nothing was taken of any.
    """

    used_nanos: tuple[int | None, ...]
    refused: int | None = None


class BudgetCounters(Protocol):
    """How much of each budget is used, holds included. Every method may raise ``StateUnavailable``."""

    async def hold(self, stakes: Sequence[Stake], nanos: int) -> Taken:
        """Add so much to all counters in one step, or to none."""
        ...

    async def add(self, key: str, nanos: int) -> int | None:
        """Change a counter whatever its limit; what is used then, ``None`` where it is missing: then it stays so."""
        ...

    async def seed(self, key: str, nanos: int, lifetime_s: float | None) -> None:
        """Begin a counter that is missing, for so long (``None``: for ever); without effect on one that is there."""
        ...


class Books(Protocol):
    """The ledger as its readers see it."""

    def spent(self, account: Account) -> Decimal:
        """What the attempts of its period have cost or may still cost, each as ``balance.counted`` says."""
        ...

    def spend(self, query: SpendQuery, *, kept_sums: bool = True) -> Sequence[SpendRow]:
        """One row a group and currency, ordered by the groups' keys; of the ledger as it is at one moment.

        Days that are over are read from sums that were kept of them, unless told not to; what they say is the same.
        """
        ...

    def requests(self, limit: int, query: RequestQuery = EVERY_REQUEST) -> Sequence[Entry]:
        """The latest entry of each of the latest ``limit`` attempts that the query finds, newest first."""
        ...

    def request(self, request_id: str) -> Sequence[Entry]:
        """All entries of one request, in the order they were written; empty where it is not known."""
        ...

    def replay(self, request_id: str) -> ReplayEntry | None:
        """What that request saved because it got an earlier one's result; ``None`` where it did not."""
        ...

    def replays_of(self, original_id: str, since: datetime) -> Sequence[ReplayEntry]:
        """The requests that got that one's result, in their order; it began at ``since``. At most a hundred."""
        ...

    def covered(self, since: datetime | None, until: datetime | None) -> Iterator[tuple[Entry, Entry]]:
        """Failures in ``[since, until)`` that another contract covered, each with its cover; ``None`` leaves that end open.

        A failure is the entry that closed an attempt as void or expired; its cover is the settle of a later attempt of the same
        request under another contract. A request's failures come together, in their order. The ledger is read meanwhile.
        """
        ...

    def stood_in(self, since: datetime | None, until: datetime | None) -> Iterator[Entry]:
        """The settlements in ``[since, until)`` in the place of a held route, by time: their ``reason`` is a ``StandIn``."""
        ...

    def attempts(self, since: datetime | None, until: datetime | None) -> Iterator[tuple[Entry, ...]]:
        """All entries of each attempt begun in ``[since, until)``, in the order they began; ``None`` leaves that end open.

        Of an attempt the reserve comes first, then the entry that closes it, then its adjustments in the order they were made.
        The ledger is read meanwhile: memory does not depend on its size.
        """
        ...


class Rollups(Protocol):
    """Keeps sums of the ledger's days that are over, so that ``Books.spend`` need not read their entries."""

    def roll_up_a_day(self) -> bool:
        """Sum the next one that has no sums, or whose entries have changed since; false where there is none.

        It waits for the database, and for seconds where the day is large. Raises ``LedgerUnavailable``.
        """
        ...


class AuditUnavailable(Unusable):
    """The audit log cannot be read or written. Its text says what to do."""


class AuditTrail(Protocol):
    """Who changed what, when and why. Append-only; several processes may write it."""

    def append(self, who: str, what: str, why: str, details: Mapping[str, object], at: datetime) -> None:
        """Add one entry, durable on return; ``what`` is a word such as ``config.reload``. Raises ``AuditUnavailable``.

        It waits for the disk, for some milliseconds: in an event loop, call it in a thread.
        """
        ...


class EvidenceUnavailable(Unusable):
    """What is kept of requests cannot be read now. Its text says what to do."""


class EvidenceStore(Protocol):
    """Keeps evidence for a while. Losing some is better than standing in a request's way."""

    def put(self, make: Callable[[], Evidence]) -> None:
        """Keep what ``make`` returns, soon; it is called in another thread. Returns at once and never raises."""
        ...

    def find(self, request_id: str) -> Evidence | None:
        """What is kept of that request; ``None`` where nothing is. Raises ``EvidenceUnavailable``.

        It waits for the disk: in an event loop, call it in a thread.
        """
        ...

    @property
    def failing(self) -> bool:
        """Whether what was kept last could not be written."""
        ...
