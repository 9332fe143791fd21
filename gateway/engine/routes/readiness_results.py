"""What walks along the readiness path have found, kept on disk: shown to people, and a condition for routes that require it."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gateway.core.money.amount import Basis, Cost
from gateway.core.outcome import Owner
from gateway.core.readiness.path import (
    PATH,
    Known,
    Proof,
    Step,
    StepState,
    Verdict,
    Walk,
    known_after,
    ready_until,
    suspension_of,
    verdict,
)
from gateway.core.routing.eligibility import Suspension
from gateway.core.snapshot import Snapshot
from gateway.durable import replace_file
from gateway.ports import Unusable

FILE_BYTES_MAX = 64 * 1024 * 1024


class ReadinessUnavailable(Unusable):
    """The results cannot be written. Its text says what to do."""


class ReadyResults:
    """The latest result of each route, kept at ``path``. ``snapshot`` is that in force, ``clock`` is aware, in UTC.

    What cannot be read counts as never walked, and ``warn`` is told: a route that requires readiness then takes no request.
    """

    def __init__(
        self, path: Path, snapshot: Callable[[], Snapshot], clock: Callable[[], datetime], warn: Callable[[str], None]
    ) -> None:
        self._path, self._snapshot, self._clock = path, snapshot, clock
        self._one_at_a_time = asyncio.Lock()
        self._known = _read(path, warn)
        self._holds_until: datetime | None = None
        self._renew(snapshot())

    def suspensions(self) -> Mapping[str, tuple[Suspension, ...]]:
        """The routes that require readiness and are not ready. Costs next to nothing: every request asks."""
        snapshot = self._snapshot()
        if snapshot is not self._holds_of or (self._holds_until is not None and self._clock() > self._holds_until):
            self._renew(snapshot)
        return self._suspensions

    def known(self) -> Mapping[str, Known]:
        """What has been found, by route id."""
        return MappingProxyType(self._known)

    def verdicts(self) -> Mapping[str, Verdict]:
        """How ready each route of the configuration in force is."""
        now = self._clock()
        return {route.id: verdict(route, self._known.get(route.id), now) for route in self._snapshot().routes.values()}

    async def keep(self, walk: Walk) -> None:
        """In force and durable on return; raises ``ReadinessUnavailable``. Results of routes that are gone are let go."""
        await asyncio.shield(asyncio.ensure_future(self._keep(walk)))

    async def _keep(self, walk: Walk) -> None:
        async with self._one_at_a_time:
            snapshot = self._snapshot()
            known = {route: it for route, it in self._known.items() if route in snapshot.routes}
            known[walk.route] = known_after(self._known.get(walk.route), walk)
            await asyncio.to_thread(_write, self._path, known)
            self._known = known
            self._renew(snapshot)

    def _renew(self, snapshot: Snapshot) -> None:
        now = self._clock()
        required = [route for route in snapshot.routes.values() if route.require_ready]
        found = {
            route.id: (suspension,) for route in required if (suspension := suspension_of(route, self._known.get(route.id), now))
        }
        self._suspensions: Mapping[str, tuple[Suspension, ...]] = MappingProxyType(found)
        self._holds_of = snapshot
        ends = (ready_until(route, self._known.get(route.id)) for route in required if route.id not in found)
        self._holds_until = min((end for end in ends if end is not None), default=None)


def walk_report(walk: Walk) -> dict[str, Any]:
    """The walk as JSON holds it."""
    stop = walk.stop
    return {
        "route": walk.route,
        "subject": walk.subject,
        "at": walk.at.isoformat(),
        "live": walk.live,
        "ready": stop is None,
        "stopped_at": None if stop is None else stop.id,
        "owner": None if stop is None or stop.owner is None else stop.owner.value,
        "request_id": walk.request_id,
        "spent": None if walk.spent is None else _cost_report(walk.spent),
        "steps": [_step_report(step) for step in walk.steps],
    }


def _step_report(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "title": step.title,
        "state": step.state.value,
        "detail": step.detail,
        "owner": step.owner.value if step.owner else None,
        "first_check": step.first_check,
        "stop_rule": step.stop_rule,
        "cost": None if step.cost is None else _cost_report(step.cost),
    }


def _cost_report(cost: Cost) -> dict[str, str]:
    return {"amount": cost.text, "currency": cost.currency, "basis": cost.basis.value}


def _read(path: Path, warn: Callable[[str], None]) -> dict[str, Known]:
    try:
        if not path.exists():
            return {}
        with path.open("rb") as file:
            written = json.loads(file.read(FILE_BYTES_MAX))["routes"]
        return {route: Known(_walk(it["walk"]), _proof(it["proof"])) for route, it in written.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        warn(f"the results of readiness walks at {path} cannot be read ({error!r}): every route counts as never walked")
        return {}


def _walk(written: Mapping[str, Any]) -> Walk:
    steps = tuple(_step(step) for step in written["steps"] if step["id"] in PATH)
    spent = written["spent"]
    return Walk(
        str(written["route"]),
        str(written["subject"]),
        _moment(written["at"]),
        bool(written["live"]),
        steps,
        str(written["request_id"]),
        None if spent is None else _cost(spent),
    )


def _step(written: Mapping[str, Any]) -> Step:
    owner, cost = written["owner"], written["cost"]
    return Step(
        str(written["id"]),
        StepState(written["state"]),
        str(written["detail"]),
        None if owner is None else Owner(owner),
        str(written["first_check"]),
        str(written["stop_rule"]),
        None if cost is None else _cost(cost),
    )


def _cost(written: Mapping[str, Any]) -> Cost:
    basis = Basis(written["basis"])
    return Cost(None if basis is Basis.UNKNOWN else Decimal(written["amount"]), str(written["currency"]), basis)


def _proof(written: Mapping[str, Any] | None) -> Proof | None:
    return None if written is None else Proof(str(written["subject"]), _moment(written["at"]), ready=written["ready"] is True)


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time has no zone")
    return found


def _write(path: Path, known: Mapping[str, Known]) -> None:
    routes = {
        route: {"walk": walk_report(it.walk), "proof": None if it.proof is None else asdict(it.proof)}
        for route, it in known.items()
    }
    text = json.dumps({"routes": routes}, default=datetime.isoformat, indent=1)
    try:
        replace_file(path, f"{text}\n".encode())
    except OSError as error:
        raise ReadinessUnavailable(
            f"the results of readiness walks at {path} cannot be written: {error.strerror}. This one does not count; what it "
            "spent is in the ledger."
        ) from error
