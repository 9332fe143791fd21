"""What changes for a model from one configuration to another: who serves it, who bills, and what an image costs."""

from decimal import Decimal
from itertools import groupby

from gateway.config.change.value_difference import Said, compared
from gateway.core.money.amount import Basis, Cost, unknown
from gateway.core.money.pricing import estimate
from gateway.core.request.images import ImageRequest, Operation
from gateway.core.snapshot import Model, Route, RouteState

_SAMPLE = ImageRequest(Operation.GENERATION, "", prompt_bytes=0, n=1, size="1024x1024", quality="high")
_NAMED = f"a {_SAMPLE.size} image of {_SAMPLE.quality} quality"
_NANO = Decimal("1e-9")


def model_changes(old: Model, new: Model) -> Said:
    """Who bills, what an image costs, who serves, and what happens when that fails."""
    if (was := billers_of(old)) != (now := billers_of(new)):
        yield "money", f"who bills for {new.name} changes from {was} to {now}"
    # Where nobody serves, there is no price to compare.
    if _takers(old) and _takers(new) and (moved := _moved(_price(old), _price(new))):
        whose = "" if len(_takers(new)) < 2 else " at its cheapest" if new.cheapest_first else " on average"
        yield "money", f"{_NAMED} costs{whose} {moved}"
    before = {it.id: it for it in old.routes if len(new.routes) > 1}
    for route in new.routes:
        if route.id in before and (moved := _moved(_sample_cost(before[route.id]), _sample_cost(route))):
            yield "money", f"{_NAMED} by route {route.id} costs {moved}"
    if (was := choice_of(old)) != (now := choice_of(new)):
        yield "routing", f"requests move from {was} to {now}"
    elif (was := _listed(old)) != (now := _listed(new)):
        yield "routing", f"its routes change from {was} to {now}"
    if (was := fallback_of(old)) != (now := fallback_of(new)):
        yield "routing", f"{was} → {now}"
    yield from compared(old, new, "routing", {"routes", "tiers", "split", "cheapest_first", "fallback"})


def choice_of(model: Model) -> str:
    """The contracts in the order in which they are tried, with their shares; the route too where two share a contract."""
    ids = [route.contract.id for route in model.routes]

    def name(route: Route) -> str:
        return route.contract.id if ids.count(route.contract.id) == 1 else f"{route.contract.id} (route {route.id})"

    said = []
    for tier in _tiers(model):
        weights = {route.id: model.split.get(route.id, 0) for route in tier}
        total = sum(weights.values())
        shared = [f"{100 * weights[it.id] / total:.4g} % {name(it)}" for it in tier if weights[it.id]]
        others = [name(it) for it in tier if not weights[it.id]]
        together = model.cheapest_first and len(others) > 1
        said += [", ".join(shared)] if shared else []
        said += [f"the cheapest of {', '.join(others)}"] if together else others
    return ", then ".join(said) or "no active route"


def billers_of(model: Model) -> str:
    """Who bills as long as nothing fails."""
    return " and ".join(dict.fromkeys(route.contract.billing.owner for route, _ in _takers(model))) or "nobody"


def fallback_of(model: Model) -> str:
    """The policy in one phrase."""
    policy, billers = model.fallback, {it.contract.id: it.contract.billing.owner for it in model.routes}
    if policy is None:
        return "no fallback"
    to = ", ".join(f"{it} (billed by {billers[it]})" if it in billers else it for it in sorted(policy.contracts))
    within = "" if policy.failed_within_s is None else f", only after failures within {policy.failed_within_s:g} s"
    causes = ", ".join(sorted(policy.owners))
    return f"fallback to {to} after failures of {causes}: {policy.attempts_max} attempts within {policy.deadline_s:g} s{within}"


def _listed(model: Model) -> str:
    return ", ".join(f"{it.id} (tier {model.tiers.get(it.id, 1)}, weight {model.split.get(it.id, 0)})" for it in model.routes)


def _tiers(model: Model) -> list[list[Route]]:
    """The active routes, by tier."""
    active = [route for route in model.routes if route.state is RouteState.ACTIVE]
    tiered = sorted(active, key=lambda it: model.tiers.get(it.id, 1))
    return [list(group) for _, group in groupby(tiered, key=lambda it: model.tiers.get(it.id, 1))]


def _takers(model: Model) -> list[tuple[Route, int]]:
    """Who gets requests as long as nothing fails, and how large a share."""
    first = next(iter(_tiers(model)), [])
    shares = [(route, model.split.get(route.id, 0)) for route in first]
    if any(share for _, share in shares):
        return [(route, share) for route, share in shares if share]
    return [(route, 1) for route in (first if model.cheapest_first else first[:1])]


def _price(model: Model) -> Cost:
    """Of the sample: the mean over a split, the least where the cheapest is tried first."""
    costs = [(_sample_cost(route), share) for route, share in _takers(model)]
    known = [(cost.amount, share) for cost, share in costs if cost.amount is not None]
    currency = "/".join(sorted({cost.currency for cost, _ in costs}))
    if not known or "/" in currency or (len(known) < len(costs) and not model.cheapest_first):
        return unknown(currency)
    if model.cheapest_first:
        return Cost(min(amount for amount, _ in known), currency, Basis.ESTIMATED)
    mean = sum((amount * share for amount, share in known), Decimal(0)) / sum(share for _, share in known)
    return Cost(mean.quantize(_NANO), currency, Basis.ESTIMATED)


def _sample_cost(route: Route) -> Cost:
    return estimate(_SAMPLE, route.price_list, route.upstream_model, route.price_list.effective_from)


def _moved(old: Cost, new: Cost) -> str:
    """``from 0.211 to 0.250 USD (+18.5 %)``; empty where nothing changes."""
    if old.amount == new.amount and (old.amount is None or old.currency == new.currency):
        return ""
    if old.amount is None or new.amount is None or old.currency != new.currency:
        was, now = (it.text if it.amount is None else f"{it.amount:.3f} {it.currency}" for it in (old, new))
        return f"from {was} to {now}"
    rounded = ((f"{old.amount:.{places}f}", f"{new.amount:.{places}f}") for places in range(3, 10))
    was, now = next((pair for pair in rounded if pair[0] != pair[1]), (old.text, new.text))
    share = f" ({100 * (new.amount - old.amount) / old.amount:+.1f} %)" if old.amount else ""
    return f"from {was} to {now} {new.currency}{share}"
