"""Where a request may go: the plan, and for every route that is left out each reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from gateway.core.outcome import Owner, Refusal
from gateway.core.request.images import ImageRequest
from gateway.core.routing.choice import Candidate, in_order
from gateway.core.routing.consent import unmoved, unreceivable
from gateway.core.routing.eligibility import HOLDS, Conditions, Drop, Reason, Screen
from gateway.core.routing.no_route import no_route_refusal
from gateway.core.routing.placement import NAME_CHARS_SHOWN, text_model_here, unknown_model
from gateway.core.snapshot import App, Model, Route, Snapshot


@dataclass(frozen=True, slots=True)
class Plan:
    """Eligible routes in the order to try them, and every reason against each of the others.

    ``held`` is why the preferred route is not among them, although it would take the request: ``None`` where it is the first.
    """

    model: Model
    app: App
    candidates: tuple[Candidate, ...]
    dropped: tuple[Drop, ...]
    held: Drop | None = None

    @property
    def preferred(self) -> Route:
        """The route that the request would leave, whether it has failed there or never came there."""
        return self.candidates[0].route if self.held is None else self.held.route


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
    found = Plan(model, app, in_order(candidates, model, conditions.draw), tuple(dropped))
    if dropped and conditions.suspensions:
        found = _permitted(found, request, conditions)
    return found


def models_for(app: App, snapshot: Snapshot) -> tuple[Model, ...]:
    """The models an app may use, each once, by name."""
    mine = {model.name: model for model in snapshot.models.values() if app.may_use(model.name)}
    return tuple(mine[name] for name in sorted(mine))


def _permitted(found: Plan, request: ImageRequest, conditions: Conditions) -> Plan:
    """Without the routes that may not stand in for the preferred one while that is held."""
    model, app, today = found.model, found.app, conditions.now.date()
    held = _held(found.dropped)
    if not held:
        return found
    known = {it.route.id: it for it in found.candidates}
    known |= {name: Candidate(drop.route, request, today) for name, drop in held.items()}
    ordered = in_order([known[route.id] for route in model.routes if route.id in known], model, conditions.draw)
    preferred = held.get(ordered[0].route.id)
    if preferred is None:
        return found
    ahead, candidates, dropped = [preferred], list[Candidate](), list(found.dropped)
    for candidate in ordered[1:]:
        if drop := held.get(candidate.route.id):
            ahead.append(drop)
        elif drop := _not_in_its_place(candidate.route, ahead, model, app):
            dropped.append(drop)
        else:
            candidates.append(candidate)
    if not candidates and not model.eject_last:
        # A route that only the breaker keeps out is better than none: the one whose ejection ends first is tried.
        ejected = [it for it in held.values() if it.reason is Reason.BREAKER]
        possible = [it for it in ejected if it is preferred or not _not_in_its_place(it.route, [preferred], model, app)]
        if possible:
            last = min(possible, key=lambda drop: drop.until or conditions.now).route
            candidates, dropped = [Candidate(last, request, today)], [it for it in dropped if it.route is not last]
            preferred = None if last is preferred.route else preferred
    return Plan(model, app, tuple(candidates), tuple(dropped), preferred)


def _held(dropped: Sequence[Drop]) -> dict[str, Drop]:
    """The routes that only a hold keeps out, by id, each with what holds it: of several, what is not the breaker."""
    otherwise = {drop.route.id for drop in dropped if drop.reason not in HOLDS}
    held: dict[str, Drop] = {}
    for drop in dropped:
        if drop.route.id not in otherwise and held.get(drop.route.id, drop).reason is Reason.BREAKER:
            held[drop.route.id] = drop
        elif drop.route.id not in otherwise:
            held.setdefault(drop.route.id, drop)
    return held


def _not_in_its_place(route: Route, ahead: Sequence[Drop], model: Model, app: App) -> Drop | None:
    """Why the route may not take a request whose preferred routes, the first of ``ahead``, are held."""
    contract, preferred = route.contract, ahead[0].route.contract
    if contract.id == preferred.id:
        return None
    what = f"the preferred route is held ({ahead[0].reason})"
    if why := unreceivable(model, app, preferred, contract):
        if model.fallback is not None and contract.id not in model.fallback.contracts:
            remedy = f"Add '{contract.id}' to models.{model.name}.fallback.to."
            return Drop(route, Reason.FALLBACK, Owner.ROUTE, f"{what}, and {why}", remedy)
        remedy = f"Set apps.{app.id}.biller_change to true, if the app's owner consents."
        return Drop(route, Reason.CONSENT, Owner.APP_POLICY, f"{what}, and {why}", remedy)
    for drop in ahead:
        # A contract's budget is a limit that operators have set, to move what is above it: it is nobody's failure.
        if drop.reason is not Reason.BUDGET and (why := unmoved(model, drop.owner)):
            remedy = f"Write models.{model.name}.fallback, with '{drop.owner}' under on and '{contract.id}' under to."
            return Drop(route, Reason.FALLBACK, drop.owner, f"{what}, and {why}", remedy)
    return None


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
