"""Where a request may go: the plan, and for every route that is left out each reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from gateway.core.outcome import Owner, Refusal
from gateway.core.request.images import ImageRequest
from gateway.core.routing.choice import Candidate, in_order
from gateway.core.routing.eligibility import Conditions, Drop, Reason, Screen
from gateway.core.routing.no_route import no_route_refusal
from gateway.core.routing.placement import NAME_CHARS_SHOWN, text_model_here, unknown_model
from gateway.core.snapshot import App, Model, Snapshot


@dataclass(frozen=True, slots=True)
class Plan:
    """Eligible routes in the order to try them, and every reason against each of the others."""

    model: Model
    app: App
    candidates: tuple[Candidate, ...]
    dropped: tuple[Drop, ...]


def plan(request: ImageRequest, app: App, snapshot: Snapshot, conditions: Conditions) -> Plan:
    """Every route of the model is either a candidate or dropped; raises ``Refusal`` where no route is eligible."""
    found = survey(request, app, snapshot, conditions)
    if not found.candidates:
        raise no_route_refusal(found.model, found.dropped, conditions.now)
    return found


def survey(request: ImageRequest, app: App, snapshot: Snapshot, conditions: Conditions) -> Plan:
    """The plan even where it has no candidate; raises ``Refusal`` only where the app cannot ask for that model or contract."""
    today = conditions.now.date()
    model = _model_for(request.model, app, snapshot, today)
    if request.text is None and model.routes and all(route.text_model for route in model.routes):
        raise text_model_here(model)
    if request.contract:
        _check_contract(request.contract, app, snapshot)
    screen = Screen(request, app, conditions)
    candidates: list[Candidate] = []
    dropped: list[Drop] = []
    for route in model.routes:
        if reasons := screen.drops(route):
            dropped += reasons
        else:
            candidates.append(Candidate(route, request, today))
    if not candidates and not model.eject_last:
        candidates, dropped = _with_the_last_ejected(dropped, request, conditions)
    return Plan(model, app, in_order(candidates, model, conditions.draw), tuple(dropped))


def models_for(app: App, snapshot: Snapshot) -> tuple[Model, ...]:
    """The models an app may use, each once, by name."""
    mine = {model.name: model for model in snapshot.models.values() if app.may_use(model.name)}
    return tuple(mine[name] for name in sorted(mine))


def _with_the_last_ejected(
    dropped: Sequence[Drop], request: ImageRequest, conditions: Conditions
) -> tuple[list[Candidate], list[Drop]]:
    """A route that only the breaker keeps out is better than none: the one whose ejection ends first is tried."""
    otherwise = {drop.route.id for drop in dropped if drop.reason is not Reason.BREAKER}
    ejected = [drop for drop in dropped if drop.route.id not in otherwise]
    if not ejected:
        return [], list(dropped)
    last = min(ejected, key=lambda drop: drop.until or conditions.now).route
    return [Candidate(last, request, conditions.now.date())], [drop for drop in dropped if drop.route is not last]


def _model_for(asked: str, app: App, snapshot: Snapshot, today: date) -> Model:
    """A model of the app; whether there are others it does not learn."""
    model = snapshot.models.get(asked)
    if model is None or not app.may_use(model.name):
        raise unknown_model(asked, [known.name for known in models_for(app, snapshot)], snapshot, today)
    return model


def _check_contract(asked: str, app: App, snapshot: Snapshot) -> None:
    """A caller may narrow the choice to a contract of its app, and learns nothing about others."""
    if asked in snapshot.contracts and (app.contracts is None or asked in app.contracts):
        return
    raise Refusal(
        status=400,
        type="invalid_request_error",
        code="contract_not_allowed",
        param=None,
        message=f"x-gateway-require-contract: the contract '{asked[:NAME_CHARS_SHOWN]}' is none of this app's. "
        "Send the id of one that it may use, as x-gateway-contract names it before the '@', or leave the header out.",
        owner=Owner.CALLER,
        rule="caller.contract",
        first_check="Compare it with x-gateway-contract on an earlier answer.",
        stop_rule="Do not send it again unchanged: it will be refused again.",
    )
