"""How the routes stand: what the file says, what is switched or suspended, how ready they are, what of theirs ends soon."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from gateway.core.readiness.path import Known, verdict
from gateway.core.readiness.staleness import Deadline, deadlines
from gateway.core.routing.eligibility import Reason, Suspension
from gateway.core.snapshot import Route, RouteState, Snapshot
from gateway.engine.routes.health import RouteHealth
from gateway.engine.routes.overrides import Override
from gateway.reports.document import Document, plain


class RouteStatuses:
    """How each route stands at one moment."""

    def __init__(
        self,
        snapshot: Snapshot,
        overrides: Mapping[str, Override],
        suspensions: Mapping[str, tuple[Suspension, ...]],
        health: Iterable[RouteHealth],
        readiness: Mapping[str, Document],
        *,
        today: date,
    ) -> None:
        self._snapshot, self._overrides, self._suspensions, self._readiness = snapshot, overrides, suspensions, readiness
        self._today, self._due = today, [it for it in deadlines(snapshot) if it.due(today)]
        self._health = {it.route: it for it in health}

    def document(self) -> Document:
        """``{"revision", "routes"}``: every route of the configuration in force, in its order."""
        return {"revision": self._snapshot.revision, "routes": [self.one(route) for route in self._snapshot.routes.values()]}

    def one(self, route: Route) -> Document:
        """What the file says of it, what is so in effect, and why; ``state`` is for people, the rest for programs too."""
        model, override, health = self._snapshot.models[route.model], self._overrides.get(route.id), self._health.get(route.id)
        suspensions = self._suspensions.get(route.id, ())
        return {
            "id": route.id,
            "model": route.model,
            "provider": route.provider.id,
            "upstream_model": route.upstream_model,
            "contract": route.contract.reference,
            "tier": model.tiers.get(route.id, 1),
            "weight": model.split.get(route.id),
            "file_state": route.state.value,
            "state": _effective(route, override, suspensions),
            "override": plain(override),
            "breaker": plain(health),
            "holds": plain(suspensions),
            "readiness": self._readiness.get(route.id),
            "due": [self._told(it) for it in self._due if route.id in it.routes],
        }

    def _told(self, due: Deadline) -> Document:
        return {
            "kind": due.kind.value,
            "name": due.name,
            "on": due.on.isoformat(),
            "days_left": due.days_left(self._today),
            "what": due.what(self._today),
            "fix": due.fix,
        }


def readiness_document(route: Route, known: Known | None, now: datetime) -> Document:
    """How ready a route is, in one line's worth: the verdict, and what its latest walk and its proof say."""
    walk, proof = (known.walk, known.proof) if known else (None, None)
    stop = walk.stop if walk else None
    return {
        "verdict": verdict(route, known, now).value,
        "required": route.require_ready,
        "walked_at": walk.at.isoformat() if walk else None,
        "stopped_at": stop.id if stop else None,
        "owner": stop.owner.value if stop and stop.owner else None,
        "proven_at": proof.at.isoformat() if proof and proof.ready else None,
    }


def _effective(route: Route, override: Override | None, suspensions: tuple[Suspension, ...]) -> str:
    """What the file says, unless an operator, its readiness or the breaker says less: the most severe of them."""
    said = {route.state.value} | ({override.state.value} if override else set())
    for state in (RouteState.DISABLED, RouteState.DRAINING):
        if state.value in said:
            return state.value
    reasons = {suspension.reason for suspension in suspensions}
    if Reason.NOT_READY in reasons:
        return "not_ready"
    return "ejected" if Reason.BREAKER in reasons else "parked" if reasons else "active"
