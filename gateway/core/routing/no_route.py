"""The one error of a request that no route can take: its owner and its member come from the reasons against the routes."""

from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.core.outcome import Owner, Refusal
from gateway.core.routing.eligibility import Drop, Reason
from gateway.core.snapshot import Model

# Why a route may not stand in for the preferred one, which is held.
_IN_ITS_PLACE = (Reason.FALLBACK, Reason.CONSENT)
_BY_REQUEST = frozenset({Reason.OPERATION, Reason.CAPABILITY})
_BY_POLICY = frozenset({Reason.APP_POLICY, Reason.REQUIRED_CONTRACT, Reason.DATA_POLICY, *_IN_ITS_PLACE})
_BY_CALLER = _BY_REQUEST | {Reason.REQUIRED_CONTRACT}
_PASSING = frozenset({Reason.BREAKER, Reason.LIMIT})
RETRY_AFTER_S_MAX = 120.0


def no_route_refusal(model: Model, dropped: Sequence[Drop], now: datetime) -> Refusal:
    """Whoever could have made one route serve is told: first the caller, then the app's policy, then time, then operators."""
    by_route: dict[str, list[Drop]] = {}
    for drop in dropped:
        by_route.setdefault(drop.route.id, []).append(drop)
    # The caller itself has set all other contracts aside: what it asks for is looked at under the one that it requires.
    required = [found for found in by_route.values() if all(drop.reason is not Reason.REQUIRED_CONTRACT for drop in found)]
    routes = required or list(by_route.values())
    others = [found for found in routes if not any(drop.reason in _BY_REQUEST for drop in found)]
    if not others:
        return _wrong_request(model, routes)
    allowed = [found for found in others if not any(drop.reason in _BY_POLICY for drop in found)]
    if not allowed:
        return _not_allowed(model, others)
    passing = [max(found, key=_lasting(now)) for found in allowed if all(drop.reason in _PASSING for drop in found)]
    barred = next((f"No other may take its place: {drop.what}. " for drop in dropped if drop.reason in _IN_ITS_PLACE), "")
    if passing:
        return _later(model, passing, now, barred)
    return _no_route_at_all(model, [drop for found in allowed for drop in found], barred)


def _wrong_request(model: Model, routes: list[list[Drop]]) -> Refusal:
    """Of the route that lacks least, what it lacks."""
    nearest = min(routes, key=len)
    found = next(drop for drop in nearest if drop.reason in _BY_REQUEST)
    rule = "operation" if found.reason is Reason.OPERATION else "capability"
    return Refusal(
        status=400,
        type="invalid_request_error",
        code="unsupported_operation" if found.reason is Reason.OPERATION else "unsupported_parameter",
        param=found.param,
        message=f"No route of '{model.name}' can serve this request: {_listed(nearest, _BY_REQUEST)}. "
        "Nothing was dropped and nothing was sent: change the request, or use another model.",
        owner=Owner.REQUEST_SHAPE,
        rule=f"shape.{rule}",
        first_check=_remedies(routes),
        stop_rule="Do not send it again unchanged: it will be refused again.",
    )


def _not_allowed(model: Model, routes: list[list[Drop]]) -> Refusal:
    nearest = min(routes, key=len)
    found = next(drop for drop in nearest if drop.reason in _BY_POLICY)
    return Refusal(
        status=403,
        type="invalid_request_error",
        code=f"{found.reason}_forbids",
        param=found.param,
        message=f"No route of '{model.name}' may serve this request: {_listed(nearest, _BY_POLICY)}. Nothing was sent.",
        owner=found.owner,
        rule=f"{found.owner}.{found.reason}",
        first_check=_remedies(routes),
        stop_rule="Do not retry: the policy or the request must change first.",
    )


def _lasting(now: datetime) -> Callable[[Drop], tuple[bool, datetime]]:
    """What keeps a route out longest; a limit before the breaker, which alone mostly lets a model's last route be tried."""
    return lambda drop: (drop.reason is Reason.LIMIT, drop.until or now)


def _later(model: Model, passing: Sequence[Drop], now: datetime, barred: str) -> Refusal:
    """A limit or the breaker: 429 and 503 as OpenAI's SDKs expect them, with the wait until the first route is back."""
    first = min(passing, key=lambda drop: drop.until or now)
    limited = first.reason is Reason.LIMIT
    wait_s = max((first.until - now).total_seconds(), 1.0) if first.until else 1.0
    return Refusal(
        status=429 if limited else 503,
        type="rate_limit_error" if limited else "server_error",
        code="rate_limit_exceeded" if limited else "no_eligible_route",
        param="model",
        message=f"No route for '{model.name}' can take the request now: {first.what}. {barred}Nothing was sent; try again later.",
        owner=first.owner,
        rule=f"{first.owner}.{first.reason}",
        first_check=first.remedy,
        stop_rule="Wait for retry-after, then send it again.",
        retryable=True,
        retry_after_s=min(wait_s, RETRY_AFTER_S_MAX),
    )


def _no_route_at_all(model: Model, dropped: Sequence[Drop], barred: str) -> Refusal:
    reasons = "; ".join(sorted({drop.reason.replace("_", " ") for drop in dropped}))
    return Refusal(
        status=503,
        type="server_error",
        code="no_eligible_route",
        param="model",
        message=f"No route for '{model.name}' can take the request ({reasons}). {barred}"
        "The gateway's operators must mend the routes.",
        owner=Owner.ROUTE,
        rule="route.none_eligible",
        first_check=" ".join(f"{drop.route.id}: {drop.remedy}" for drop in dropped),
        stop_rule="Do not retry before a route is back.",
    )


def _listed(drops: Sequence[Drop], reasons: frozenset[Reason]) -> str:
    return "; ".join(drop.what for drop in drops if drop.reason in reasons)


def _remedies(routes: list[list[Drop]]) -> str:
    """Of the request, for this text goes to the caller: what is said of routes and contracts names some that are not its."""
    found = dict.fromkeys(drop.remedy for found in routes for drop in found if drop.reason in _BY_CALLER)
    return " ".join(found) or "Ops: gateway explain says what is against each route."
