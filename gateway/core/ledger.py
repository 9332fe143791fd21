"""The ledger's immutable rows: money held before a call, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.core.diagnosis import Outcome
from gateway.core.money import Cost
from gateway.core.tokens import Usage


class Kind(StrEnum):
    """``reserve`` opens an attempt; exactly one of ``settle``, ``void`` and ``expire`` closes it.

    ``settle``: it was delivered, at its cost. ``void``: it surely cost nothing, and is booked as nothing. ``expire``: it may
    have been billed; the row stands at the estimate as exposure until somebody knows better.
    """

    RESERVE = "reserve"
    SETTLE = "settle"
    VOID = "void"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whom and what an attempt is booked to; the same in all entries of one attempt. ``tags`` are the app's free tags."""

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
    price_list: str
    config_revision: str
    operation: str
    tags: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One immutable row. ``occurred_at`` is aware, in UTC; ``images`` were asked for (reserve) or delivered (settle).

    ``owner`` names who owns a failure, ``upstream_request_id`` is the provider's own id; both empty where there is none.
    ``discrepancies`` say where the delivery differs from the request, one sentence each.
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

    @property
    def event_id(self) -> str:
        """Unique and the same on every repetition of the same booking, so that writing twice books once."""
        return f"{self.attribution.request_id}.{self.attribution.attempt}.{self.kind}"


_CLOSING = {
    Outcome.COMPLETED: Kind.SETTLE,
    Outcome.AMBIGUOUS: Kind.EXPIRE,
    Outcome.NOT_SENT: Kind.VOID,
    Outcome.REJECTED: Kind.VOID,
}


def closing_kind(outcome: Outcome) -> Kind:
    """How an attempt with that outcome is closed."""
    return _CLOSING[outcome]
