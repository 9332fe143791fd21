"""What is noted while a request runs so that its evidence can be made afterwards: references only, no text is built."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gateway.core.money.amount import Cost
from gateway.core.outcome import Diagnosis, Refusal
from gateway.core.request.images import ImageRequest
from gateway.core.routing.choice import Candidate
from gateway.core.routing.eligibility import Conditions
from gateway.core.routing.plan import Plan
from gateway.core.snapshot import App, Snapshot

# A request that waits for a contract's limit may find it used up time and again.
TRACES_MAX = 32


class Keep(StrEnum):
    """Of which requests evidence is kept: of all, of those with a failure in them, of none."""

    ALL = "all"
    FAILURES = "failures"
    NOTHING = "nothing"


@dataclass(slots=True)
class AttemptTrace:
    """One attempt. ``error`` is what the caller would be told of its failure; times are seconds since the request came in.

    ``called``: the provider was asked. ``ended_s`` is ``None`` until the attempt has ended.
    """

    candidate: Candidate
    began_s: float
    called: bool = False
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    upstream_s: float = 0.0
    ended_s: float | None = None
    error: Mapping[str, object] | None = None
    diagnosis: Diagnosis | None = None
    cost: Cost | None = None


@dataclass(slots=True)
class RequestTrace:
    """One request. ``linked``: its tag may say where its evidence is.

    ``prompt`` is there to be found in a provider's error, and taken out of it; it is never kept.
    """

    request_id: str
    received_at: datetime
    app: App
    snapshot: Snapshot
    request: ImageRequest
    prompt: str = field(repr=False)
    conditions: Conditions
    found: Plan | Refusal
    keep: Keep
    linked: bool
    traces: list[AttemptTrace] = field(default_factory=list)

    def begin(self, candidate: Candidate, began_s: float) -> AttemptTrace:
        """The trace of an attempt that begins now."""
        trace = AttemptTrace(candidate, began_s)
        if len(self.traces) < TRACES_MAX:
            self.traces.append(trace)
        return trace

    def kept(self, *, failed: bool) -> bool:
        """Whether there will be evidence of it. ``failed``: the request or one of its attempts has."""
        return self.keep is Keep.ALL or (failed and self.keep is Keep.FAILURES)
