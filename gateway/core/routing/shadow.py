"""What another configuration would have decided: recorded decisions, planned again under both."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from gateway.core.money.amount import Cost
from gateway.core.outcome import Refusal
from gateway.core.routing.choice import Candidate
from gateway.core.routing.decision import Decision, request_of
from gateway.core.routing.eligibility import Conditions
from gateway.core.routing.plan import plan
from gateway.core.snapshot import App, Snapshot

APP_GONE = "unknown_app"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request would go first, by ids."""

    contract: str
    route: str


@dataclass(slots=True)
class Sum:
    """The most that requests can cost, and how many of them have no price: those are not in ``amount``."""

    amount: Decimal = Decimal(0)
    unknown: int = 0

    def add(self, cost: Cost) -> None:
        """One more request."""
        if cost.amount is None:
            self.unknown += 1
        else:
            self.amount += cost.amount


@dataclass(slots=True)
class Total:
    """In one currency, under the old and under the new configuration."""

    old: Sum = field(default_factory=Sum)
    new: Sum = field(default_factory=Sum)

    @property
    def difference(self) -> Decimal:
        """New less old."""
        return self.new.amount - self.old.amount


@dataclass(slots=True)
class Shadow:
    """Counts of decisions. ``moved`` by where from and where to; ``refused`` (by error code) and ``served`` only by the new one.

    ``neither`` are refused by both. ``totals`` are by currency.
    """

    decisions: int = 0
    unmoved: int = 0
    neither: int = 0
    moved: Counter[tuple[Place, Place]] = field(default_factory=Counter)
    refused: Counter[tuple[Place, str]] = field(default_factory=Counter)
    served: Counter[Place] = field(default_factory=Counter)
    totals: dict[str, Total] = field(default_factory=dict)


def shadow(decisions: Iterable[Decision], old: Snapshot, new: Snapshot, now: datetime) -> Shadow:
    """Plan each decision under both, as if all routes were healthy and it were ``now``: only the files make the difference."""
    found, old_apps, new_apps = Shadow(), _by_id(old), _by_id(new)
    for decision in decisions:
        found.decisions += 1
        before = _first(decision, old, old_apps, now)
        after = _first(decision, new, new_apps, now)
        _count(found, before, after)
        _add(found.totals, before, after)
    return found


def _by_id(snapshot: Snapshot) -> Mapping[str, App]:
    return {app.id: app for app in snapshot.apps.values()}


def _first(decision: Decision, snapshot: Snapshot, apps: Mapping[str, App], now: datetime) -> Candidate | str:
    """The first candidate, or the code of the refusal."""
    app = apps.get(decision.app)
    if app is None:
        return APP_GONE
    try:
        return plan(request_of(decision), app, snapshot, Conditions(now, draw=decision.draw)).candidates[0]
    except Refusal as refusal:
        return refusal.code


def _count(found: Shadow, before: Candidate | str, after: Candidate | str) -> None:
    match before, after:
        case Candidate(), Candidate():
            was, becomes = _place(before), _place(after)
            if was == becomes:
                found.unmoved += 1
            else:
                found.moved[was, becomes] += 1
        case Candidate(), str():
            found.refused[_place(before), after] += 1
        case str(), Candidate():
            found.served[_place(after)] += 1
        case _:
            found.neither += 1


def _place(candidate: Candidate) -> Place:
    return Place(candidate.route.contract.id, candidate.route.id)


def _add(totals: dict[str, Total], before: Candidate | str, after: Candidate | str) -> None:
    if isinstance(before, Candidate):
        totals.setdefault(before.estimate.currency, Total()).old.add(before.estimate)
    if isinstance(after, Candidate):
        totals.setdefault(after.estimate.currency, Total()).new.add(after.estimate)
