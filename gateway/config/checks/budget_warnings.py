"""Warnings about hard budgets: which requests they refuse because nobody can tell beforehand what these cost."""

from collections.abc import Iterator
from datetime import date

from gateway.config.checks.routing_warnings import ConfigWarning
from gateway.core.budget import ANY, Budget, Scope
from gateway.core.money.pricing import estimate
from gateway.core.request.body_field import AUTO
from gateway.core.request.images import ImageRequest, Operation
from gateway.core.snapshot import Route, Snapshot

_GENERATION = ImageRequest(Operation.GENERATION, "", prompt_bytes=0, n=1, size=AUTO, quality=AUTO)
_EDIT = ImageRequest(Operation.EDIT, "", prompt_bytes=0, n=1, size=AUTO, quality=AUTO, references=1)
_SAMPLES = (("generations", _GENERATION), ("edits", _EDIT))


def budget_warnings(snapshot: Snapshot, today: date) -> Iterator[ConfigWarning]:
    """Of each hard budget that does not say what to hold for them, on that UTC day."""
    for budget in snapshot.budgets:
        if budget.hard and budget.unknown_estimate is None:
            refused = [it for route in snapshot.routes.values() if _pays_for(budget, route) for it in _inestimable(route, today)]
            if refused:
                what = f"refuses requests whose cost nobody can tell beforehand: {', '.join(refused)}"
                fix = (
                    "Complete output_tokens of the price list, or write unknown_estimate: the amount to hold for such a request."
                )
                yield ("budgets", budget.id), what, fix


def _pays_for(budget: Budget, route: Route) -> bool:
    """As far as the route's contract tells: which routes an app reaches depends on more."""
    of_its_contract = budget.scope is not Scope.CONTRACT or budget.subject in (ANY, route.contract.id)
    return of_its_contract and route.price_list.currency == budget.currency


def _inestimable(route: Route, today: date) -> Iterator[str]:
    for name, sample in _SAMPLES:
        served = sample.operation in route.operations
        if served and estimate(sample, route.price_list, route.upstream_model, today).amount is None:
            yield f"{name} by route {route.id}"
