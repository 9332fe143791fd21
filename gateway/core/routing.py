"""Where a request may go: the plan, and for every route that is left out the reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum

from gateway.core.diagnosis import Owner, Refusal, shape_refusal
from gateway.core.images import ImageRequest
from gateway.core.money import Cost
from gateway.core.pricing import estimate
from gateway.core.snapshot import App, Model, Route, RouteState, Snapshot

NAME_CHARS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the plan depends on besides its other arguments. ``now`` is aware, in UTC."""

    now: datetime


class Reason(StrEnum):
    """Why a route was left out."""

    STATE = "state"
    CONTRACT_NOT_EFFECTIVE = "contract_not_effective"
    OPERATION = "operation"


@dataclass(frozen=True, slots=True)
class Drop:
    """A route that was left out: why, who owns that, and what would bring it back."""

    route: Route
    reason: Reason
    owner: Owner
    remedy: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """An eligible route and the most that the request can cost there."""

    route: Route
    estimate: Cost


@dataclass(frozen=True, slots=True)
class Plan:
    """Eligible routes in the order to try them, and the drops."""

    model: Model
    candidates: tuple[Candidate, ...]
    dropped: tuple[Drop, ...]


def plan(request: ImageRequest, app: App, snapshot: Snapshot, conditions: Conditions) -> Plan:
    """Every route of the model is either a candidate or a drop; raises ``Refusal`` where no route is eligible."""
    model = _model_for(request.model, app, snapshot)
    today = conditions.now.date()
    candidates, dropped = [], []
    for route in model.routes:
        drop = _drop(route, request, conditions)
        if drop is None:
            candidates.append(Candidate(route, estimate(request, route.price_list, route.upstream_model, today)))
        else:
            dropped.append(drop)
    if not candidates:
        raise _not_served(model, request) if _only_the_request(dropped) else _no_route(model, tuple(dropped))
    return Plan(model, tuple(candidates), tuple(dropped))


def models_for(app: App, snapshot: Snapshot) -> tuple[Model, ...]:
    """The models an app may use, each once, by name."""
    mine = {model.name: model for model in snapshot.models.values() if app.may_use(model.name)}
    return tuple(mine[name] for name in sorted(mine))


def _model_for(asked: str, app: App, snapshot: Snapshot) -> Model:
    model, name = snapshot.models.get(asked), asked[:NAME_CHARS_SHOWN]
    if model is None:
        names = [known.name for known in models_for(app, snapshot)]
        near = get_close_matches(name, names, n=1)
        hint = f"Did you mean '{near[0]}'?" if near else f"Models of this app: {', '.join(names) or 'none'}."
        raise Refusal(
            status=400,
            type="image_generation_user_error",
            code="invalid_value",
            param="model",
            message=f"The model '{name}' does not exist. {hint}",
            owner=Owner.REQUEST_SHAPE,
            rule="shape.model_unknown",
            first_check="GET /v1/models lists the models of this app.",
            stop_rule="Do not send it again unchanged: it will be refused again.",
        )
    if not app.may_use(model.name):
        raise Refusal(
            status=403,
            type="invalid_request_error",
            code="model_not_allowed",
            param="model",
            message=f"The app '{app.id}' may not use the model '{name}'. Ask the gateway's operators to allow it.",
            owner=Owner.APP_POLICY,
            rule="app_policy.model",
            first_check="GET /v1/models lists the models of this app.",
            stop_rule="Do not retry: the app's policy must change first.",
        )
    return model


def _drop(route: Route, request: ImageRequest, conditions: Conditions) -> Drop | None:
    if route.state is not RouteState.ACTIVE:
        return Drop(route, Reason.STATE, Owner.ROUTE, f"Set the route's state to active; it is {route.state}.")
    if not route.contract.effective(conditions.now.date()):
        remedy = f"Renew the contract {route.contract.reference}, or give the route one that is in force."
        return Drop(route, Reason.CONTRACT_NOT_EFFECTIVE, Owner.ROUTE, remedy)
    if request.operation not in route.operations:
        remedy = f"Declare the operation '{request.operation}' on the route if its provider serves it."
        return Drop(route, Reason.OPERATION, Owner.REQUEST_SHAPE, remedy)
    return None


def _only_the_request(dropped: Sequence[Drop]) -> bool:
    """Whether every route would take another request now."""
    return all(drop.reason is Reason.OPERATION for drop in dropped)


def _not_served(model: Model, request: ImageRequest) -> Refusal:
    message = f"No route of '{model.name}' serves the operation '{request.operation}'. Use another model or another endpoint."
    return shape_refusal("unsupported_operation", message, param="model")


def _no_route(model: Model, dropped: tuple[Drop, ...]) -> Refusal:
    reasons = "; ".join(sorted({drop.reason.replace("_", " ") for drop in dropped}))
    return Refusal(
        status=503,
        type="server_error",
        code="no_eligible_route",
        param="model",
        message=f"No route for '{model.name}' can take the request ({reasons}). The gateway's operators must mend the routes.",
        owner=Owner.ROUTE,
        rule="route.none_eligible",
        first_check=" ".join(f"{drop.route.id}: {drop.remedy}" for drop in dropped),
        stop_rule="Do not retry before a route is back.",
    )
