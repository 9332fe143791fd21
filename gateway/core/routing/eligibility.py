"""Whether a route may take a request: for each one that may not, every reason, with its owner and what would mend it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gateway.core.contract.capability import Capabilities, Shortfall, shortfalls
from gateway.core.contract.contract import Contract
from gateway.core.contract.data_policy import DataPolicy, breach
from gateway.core.contract.text_model import text_shortfalls
from gateway.core.outcome import Owner
from gateway.core.request.images import ImageRequest
from gateway.core.snapshot import App, Route, RouteState

_NO_POLICY = DataPolicy()


class Reason(StrEnum):
    """Why a route was left out."""

    STATE = "state"
    OVERRIDE = "override"
    CONTRACT_NOT_EFFECTIVE = "contract_not_effective"
    OPERATION = "operation"
    CAPABILITY = "capability"
    DATA_POLICY = "data_policy"
    APP_POLICY = "app_policy"
    REQUIRED_CONTRACT = "required_contract"
    BREAKER = "breaker"
    LIMIT = "limit"
    NOT_READY = "not_ready"
    BUDGET = "budget"
    FALLBACK = "fallback"
    CONSENT = "consent"


@dataclass(frozen=True, slots=True)
class Suspension:
    """What keeps a route from requests: an override, the breaker, a limit or a budget that is used up, readiness not proven.

    ``until`` is aware, in UTC; ``None`` where nobody knows. ``what`` is a sentence without its full stop.
    """

    reason: Reason
    until: datetime | None
    what: str


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the plan depends on besides its other arguments.

    ``now`` is aware, in UTC. ``suspensions`` are those in force, by route id. ``draw`` stands for who asks: the same draw gives
    the same share of a split (any number up to 2^64).
    """

    now: datetime
    suspensions: Mapping[str, tuple[Suspension, ...]] = field(default_factory=dict)
    draw: int = 0


@dataclass(frozen=True, slots=True)
class Drop:
    """One reason for which a route was left out. ``what`` is for the caller, ``remedy`` for whoever owns it.

    ``param`` is the request's member that it is about, ``until`` when it ends by itself.
    """

    route: Route
    reason: Reason
    owner: Owner
    what: str
    remedy: str
    param: str | None = None
    until: datetime | None = None


# What holds a route that would take the request otherwise. A route whose readiness is not proven is not yet preferred.
HOLDS = frozenset({Reason.OVERRIDE, Reason.BREAKER, Reason.LIMIT, Reason.BUDGET})


class Screen:
    """Holds one request against routes. What is the same for all of them is looked at once."""

    __slots__ = ("_app", "_conditions", "_lacking", "_objections", "_request", "_today", "_unrestricted")

    def __init__(self, request: ImageRequest, app: App, conditions: Conditions) -> None:
        self._request, self._app, self._conditions = request, app, conditions
        self._today = conditions.now.date()
        self._unrestricted = not (request.contract or app.contracts is not None or app.pins or app.data_policy != _NO_POLICY)
        # Routes of a model mostly share one catalogue entry.
        self._lacking: dict[int, tuple[Shortfall, ...]] = {}
        self._objections: dict[str, tuple[_Objection, ...]] = {}

    def drops(self, route: Route) -> tuple[Drop, ...]:
        """Every reason against the route; none where it is eligible."""
        lacking = self._shortfalls(route.capabilities)
        if self._request.text is not None and route.text_model is not None:
            lacking = (*lacking, *text_shortfalls(self._request.text, route.text_model, route.upstream_model))
        objections = () if self._unrestricted else self._of_the_policy(route)
        eligible = (
            not objections
            and not lacking
            and route.state is RouteState.ACTIVE
            and self._request.operation in route.operations
            and route.contract.effective(self._today)
            and route.id not in self._conditions.suspensions
        )
        if eligible:
            return ()
        of_the_policy = (Drop(route, it.reason, it.owner, it.what, it.remedy) for it in objections)
        return (*_of_the_route(route, self._conditions), *_of_the_request(route, self._request, lacking), *of_the_policy)

    def _of_the_policy(self, route: Route) -> tuple["_Objection", ...]:
        contract = route.contract
        found = self._objections.get(contract.id)
        if found is None:
            found = self._objections[contract.id] = tuple(_to_the_contract(contract, self._request, self._app))
        pinned = self._app.pins.get(route.model, route.id)
        return found if pinned == route.id else (*found, _pinned_elsewhere(pinned, self._app))

    def _shortfalls(self, capabilities: Capabilities | None) -> tuple[Shortfall, ...]:
        if capabilities is None:
            return ()
        found = self._lacking.get(id(capabilities))
        if found is None:
            found = self._lacking[id(capabilities)] = shortfalls(self._request, capabilities)
        return found


def _of_the_route(route: Route, conditions: Conditions) -> Iterator[Drop]:
    if route.state is not RouteState.ACTIVE:
        remedy = f"Set the route's state to active; it is {route.state}."
        yield Drop(route, Reason.STATE, Owner.ROUTE, f"it is {route.state}", remedy)
    if not route.contract.effective(conditions.now.date()):
        remedy = f"Renew the contract {route.contract.reference}, or give the route one that is in force."
        yield Drop(route, Reason.CONTRACT_NOT_EFFECTIVE, Owner.ROUTE, "its contract is not in force", remedy)
    for suspension in conditions.suspensions.get(route.id, ()):
        owner, remedy = _HOLDS[suspension.reason]
        yield Drop(route, suspension.reason, owner, suspension.what, remedy, until=suspension.until)


_HOLDS = {
    Reason.OVERRIDE: (Owner.ROUTE, "Wait until the override ends, or lift it: gateway routes enable ROUTE."),
    Reason.BREAKER: (Owner.PROVIDER, "Look at the provider's status page; the route is tried again by itself."),
    Reason.LIMIT: (Owner.RATE_LIMIT, "Wait, send less, or have the contract's limit raised."),
    Reason.BUDGET: (Owner.APP_POLICY, "Raise the contract's budget, or wait until it begins anew: gateway budgets."),
    Reason.NOT_READY: (Owner.ROUTE, "Walk its readiness path: gateway ready ROUTE --live."),
}


def _of_the_request(route: Route, request: ImageRequest, lacking: tuple[Shortfall, ...]) -> Iterator[Drop]:
    if request.operation not in route.operations:
        what = f"it does not serve the operation '{request.operation}'"
        remedy = f"Declare the operation '{request.operation}' on the route if its provider serves it."
        yield Drop(route, Reason.OPERATION, Owner.REQUEST_SHAPE, what, remedy, param="model")
    for it in lacking:
        what = f"it does not support '{it.param}' as {it.asked} (possible: {it.possible})"
        remedy = f"Send '{it.param}' as the route supports it, or declare the capability if its provider has it."
        yield Drop(route, Reason.CAPABILITY, Owner.REQUEST_SHAPE, what, remedy, param=it.param)


@dataclass(frozen=True, slots=True)
class _Objection:
    """What the app's policy or its caller has against a contract or a route; see ``Drop``."""

    reason: Reason
    owner: Owner
    what: str
    remedy: str


def _pinned_elsewhere(pinned: str, app: App) -> _Objection:
    what = f"the app is pinned to the route '{pinned}'"
    return _Objection(Reason.APP_POLICY, Owner.APP_POLICY, what, f"Change apps.{app.id}.pins.")


def _to_the_contract(contract: Contract, request: ImageRequest, app: App) -> Iterator[_Objection]:
    if app.contracts is not None and contract.id not in app.contracts:
        remedy = f"Add '{contract.id}' to apps.{app.id}.contracts."
        yield _Objection(Reason.APP_POLICY, Owner.APP_POLICY, "the app may not use its contract", remedy)
    if request.contract and request.contract != contract.id:
        what = f"the caller requires the contract '{request.contract}'"
        remedy = "Send x-gateway-require-contract with another id, or none."
        yield _Objection(Reason.REQUIRED_CONTRACT, Owner.CALLER, what, remedy)
    if broken := breach(app.data_policy, contract.data.handling, references=request.references > 0):
        subject, what = broken
        remedy = f"Record the terms under contracts.{contract.id}.data.handling, or change apps.{app.id}.data_policy."
        said = f"the app's data policy for {subject.replace('_', ' ')}: {what}"
        yield _Objection(Reason.DATA_POLICY, Owner.APP_POLICY, said, remedy)
