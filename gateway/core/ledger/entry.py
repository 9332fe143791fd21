"""The ledger's immutable rows: money held before a call, and what became of it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from gateway.core.money.amount import Cost
from gateway.core.money.tokens import Usage
from gateway.core.outcome import Outcome, Owner

# What the text model in front of an image model did for a response: booked beside what the image model did.
TEXT_OPERATION = "response_text"


class Kind(StrEnum):
    """``reserve`` opens an attempt; exactly one of ``settle``, ``void`` and ``expire`` closes it; ``adjust`` corrects it later.

    ``settle``: it was delivered, at its cost. ``void``: it surely cost nothing, and is booked as nothing. ``expire``: it may
    have been billed; the row stands at the estimate as exposure until somebody knows better. ``adjust``: what is to be added to
    the booked cost, or taken from it (a negative amount). Neither an exposure nor an unknown amount is a booked cost: with its
    first adjustment the attempt has one, the sum of its adjustments, and is neither exposed nor unknown any more.
    """

    RESERVE = "reserve"
    SETTLE = "settle"
    VOID = "void"
    EXPIRE = "expire"
    ADJUST = "adjust"


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whom and what an attempt is booked to; the same in all entries of one attempt. ``tags`` are the app's free tags.

    ``operation`` is one of ``images.Operation``, or ``TEXT_OPERATION``. ``begun_at`` (aware, in UTC) is when the attempt began:
    the period that all of its entries belong to.
    """

    request_id: str
    attempt: int
    app: str
    team: str
    cost_centre: str
    model: str
    route: str
    provider: str
    upstream_model: str
    contract: str
    contract_revision: str
    billing_owner: str
    invoice_issuer: str
    price_list: str
    config_revision: str
    operation: str
    tags: tuple[tuple[str, str], ...]
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One immutable row. ``occurred_at`` is aware, in UTC; ``images`` were asked for (reserve) or delivered (settle).

    ``owner`` names who owns a failure, ``upstream_request_id`` is the provider's own id; both empty where there is none.
    ``discrepancies`` say where the delivery differs from the request, one sentence each. ``images_sha256`` are the delivered
    images' hashes (hex), where they were asked for. An adjustment has a ``reference``, which names what made it and makes it
    unique, and a ``reason``, a sentence for people. Of a settlement the ``reason`` says for which held route it stands in
    (``masked.StandIn``); it is empty where the request was served where it wanted to be, or an attempt had failed there.
    """

    kind: Kind
    attribution: Attribution
    occurred_at: datetime
    cost: Cost
    images: int
    size: str
    quality: str
    usage: Usage | None = None
    outcome: Outcome | None = None
    owner: str = ""
    upstream_request_id: str = ""
    discrepancies: tuple[str, ...] = ()
    images_sha256: tuple[str, ...] = ()
    reference: str = ""
    reason: str = ""

    @property
    def event_id(self) -> str:
        """Unique and the same on every repetition of the same booking, so that writing twice books once."""
        attempt = f"{self.attribution.request_id}.{self.attribution.attempt}"
        return f"{attempt}.{self.kind}.{self.reference}" if self.kind is Kind.ADJUST else f"{attempt}.{self.kind}"


def expired(reserve: Entry, at: datetime) -> Entry:
    """What closes an attempt that nobody will finish: it may have been billed, so it stands at its estimate."""
    return replace(reserve, kind=Kind.EXPIRE, occurred_at=at, images=0, outcome=Outcome.AMBIGUOUS, owner=Owner.GATEWAY.value)


_ORDER = {Kind.RESERVE: 0, Kind.ADJUST: 2}


def in_order(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries of one attempt: its reserve, what closes it, its adjustments by time."""
    return tuple(sorted(entries, key=lambda entry: (_ORDER.get(entry.kind, 1), entry.occurred_at, entry.event_id)))


_CLOSING = {
    Outcome.COMPLETED: Kind.SETTLE,
    Outcome.AMBIGUOUS: Kind.EXPIRE,
    Outcome.NOT_SENT: Kind.VOID,
    Outcome.REJECTED: Kind.VOID,
}


def closing_kind(outcome: Outcome) -> Kind:
    """How an attempt with that outcome is closed."""
    return _CLOSING[outcome]


class How(StrEnum):
    """How a repeated request got its result: it waited for the earlier one, or that one had been answered already."""

    JOIN = "join"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class ReplayEntry:
    """What a request did not cost because it got an earlier one's result. ``cost`` is that one's, ``occurred_at`` is UTC."""

    request_id: str
    original_id: str
    how: How
    occurred_at: datetime
    app: str
    team: str
    cost_centre: str
    model: str
    contract: str
    tags: tuple[tuple[str, str], ...]
    cost: Cost
