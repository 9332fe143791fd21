"""Readiness of a route: the steps of the path to production, what became of each, and how long that counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.core.money.amount import Cost
from gateway.core.outcome import Diagnosis, Owner
from gateway.core.routing.eligibility import Reason, Suspension
from gateway.core.snapshot import Route

# The path in its order. Nothing from LIVE_BEGINS on happens without an order to spend.
PATH: Mapping[str, str] = {
    "model": "The model is current",
    "listed": "The provider lists the model",
    "free": "Free is not assumed",
    "limits": "Usage tier and dashboard limits are recorded",
    "verification": "Verification is recorded",
    "mapping": "The provider names its model, and that can be verified",
    "ownership": "Billing, refunds, limits, retries and support have owners",
    "data": "What happens to images is known",
    "reproduction": "What the route supports is declared",
    "minimal": "A minimal request for an image works",
    "size": "Another size works",
    "quality": "Another quality works",
    "edits": "An edit with a reference image works",
    "streaming": "Streaming works",
    "responses": "The image tool of Responses works",
}
LIVE_BEGINS = "minimal"
# A clock may be set back a little; what is dated later than that was not written here.
CLOCK_SLACK = timedelta(days=1)


class StepState(StrEnum):
    """What became of a step. ``stopped`` ends the walk; ``skipped`` was not tried, and its detail says why."""

    PASSED = "passed"
    WARNED = "warned"
    STOPPED = "stopped"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of ``PATH``. Owner, first check and stop rule are those of a stop, ``cost`` is that of a live request."""

    id: str
    state: StepState
    detail: str
    owner: Owner | None = None
    first_check: str = ""
    stop_rule: str = ""
    cost: Cost | None = None

    @property
    def title(self) -> str:
        """What the step asks for."""
        return PATH[self.id]


@dataclass(frozen=True, slots=True)
class Walk:
    """One walk along the path, ``at`` a time that is aware, in UTC.

    ``subject`` names what was examined, ``live`` says whether a paid request was made. What was ``spent`` is booked under
    ``request_id``; what nobody knows counts as its estimate.
    """

    route: str
    subject: str
    at: datetime
    live: bool
    steps: tuple[Step, ...]
    request_id: str = ""
    spent: Cost | None = None

    @property
    def stop(self) -> Step | None:
        """The step that ended the walk before its end."""
        return next((step for step in self.steps if step.state is StepState.STOPPED), None)

    @property
    def failed(self) -> bool:
        """Whether something is wrong with the route; a budget that was too small is not."""
        return self.stop is not None and self.stop.owner is not Owner.CALLER


@dataclass(frozen=True, slots=True)
class Proof:
    """What the latest walk with a paid request has shown."""

    subject: str
    at: datetime
    ready: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one route: its latest walk, and its latest proof, which may be an earlier walk's."""

    walk: Walk
    proof: Proof | None = None


class Verdict(StrEnum):
    """``unproven``: no paid request has been tried for what the route is now; ``stale``: that was too long ago."""

    READY = "ready"
    NOT_READY = "not_ready"
    STALE = "stale"
    UNPROVEN = "unproven"


def subject_of(route: Route) -> str:
    """What a walk examines: another model, provider or contract under the same route's id must be examined anew."""
    return f"{route.upstream_model} at {route.provider.id} under {route.contract.id}"


def known_after(before: Known | None, walk: Walk) -> Known:
    """What is known once the walk has ended."""
    if walk.live:
        return Known(walk, Proof(walk.subject, walk.at, ready=not walk.failed))
    return Known(walk, before.proof if before else None)


def verdict(route: Route, known: Known | None, now: datetime) -> Verdict:
    """Whether the route is ready now. Only a paid request proves it; a later stop of any walk takes that back."""
    subject = subject_of(route)
    if known is not None and known.walk.subject == subject and known.walk.failed:
        return Verdict.NOT_READY
    proof = known.proof if known else None
    if proof is None or proof.subject != subject:
        return Verdict.UNPROVEN
    if not proof.ready:
        return Verdict.NOT_READY
    return Verdict.READY if -CLOCK_SLACK <= now - proof.at <= _counts_for(route) else Verdict.STALE


def ready_until(route: Route, known: Known | None) -> datetime | None:
    """When the proof there is becomes stale."""
    return known.proof.at + _counts_for(route) if known and known.proof else None


def suspension_of(route: Route, known: Known | None, now: datetime) -> Suspension | None:
    """What keeps requests off a route that requires readiness and is not ready; ``None`` where it is, or need not be."""
    if not route.require_ready:
        return None
    found = verdict(route, known, now)
    return None if found is Verdict.READY else Suspension(Reason.NOT_READY, None, _SAID[found])


def passed(id: str, detail: str, cost: Cost | None = None) -> Step:
    """A step that is as it should be."""
    return Step(id, StepState.PASSED, detail, cost=cost)


def warned(id: str, detail: str, cost: Cost | None = None) -> Step:
    """A step behind which a person should look; the walk goes on."""
    return Step(id, StepState.WARNED, detail, cost=cost)


def skipped(id: str, detail: str) -> Step:
    """A step that is not tried."""
    return Step(id, StepState.SKIPPED, detail)


def stopped_by(id: str, diagnosis: Diagnosis, detail: str, cost: Cost | None = None) -> Step:
    """A step whose failure has been diagnosed."""
    return Step(id, StepState.STOPPED, detail, diagnosis.owner, diagnosis.first_check, diagnosis.stop_rule, cost)


def completed(steps: Iterable[Step], rest: str) -> tuple[Step, ...]:
    """All steps of the path; those that were not reached are skipped, and ``rest`` says why."""
    reached = {step.id: step for step in steps}
    return tuple(reached.get(name) or skipped(name, rest) for name in PATH)


def _counts_for(route: Route) -> timedelta:
    return timedelta(days=route.ready_days_max)


_SAID = {
    Verdict.NOT_READY: "it was found not ready",
    Verdict.STALE: "its readiness was proven too long ago",
    Verdict.UNPROVEN: "its readiness has not been proven",
}
