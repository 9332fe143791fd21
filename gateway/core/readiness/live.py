"""The steps to readiness that cost money: which requests they are, whether they fit the budget, and what their answers show."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from math import isqrt

from gateway.core.contract.capability import Capabilities, SizeRule, size_possible
from gateway.core.discrepancy import Aspect, Discrepancy
from gateway.core.money.amount import Cost, amount_text
from gateway.core.money.pricing import ANY, Delivery, Price
from gateway.core.outcome import Owner
from gateway.core.readiness.path import LIVE_BEGINS, Step, StepState, passed, skipped, warned
from gateway.core.request.body_field import AUTO
from gateway.core.request.images import ImageRequest, Operation, TextWish, pixels_of
from gateway.core.routing.choice import Candidate
from gateway.core.snapshot import Route

PROMPT = "A grey circle on a white background"
BUDGET_MAX = Decimal(1000)
_BUDGET = re.compile(r"[0-9]{1,4}(\.[0-9]{1,9})?")
_COMMON_SIZES = ("1024x1024", "1024x1536", "1536x1024")
_MEMBERS = frozenset({"model", "prompt", "n", "size", "quality"})


def minimal(route: Route, on: date) -> ImageRequest | str:
    """The cheapest request that the route declares to support, by its price list on that UTC day; or why there is none."""
    wanted = (Operation.GENERATION, Operation.EDIT, Operation.RESPONSE)
    operation = next((it for it in wanted if it in route.operations), None)
    if operation is None:
        return "The route serves neither generations nor edits nor Responses."
    text = TextWish(forced=True) if operation is Operation.RESPONSE else None
    references = int(operation is Operation.EDIT)
    requests = (
        ImageRequest(operation, route.model, len(PROMPT), 1, size, quality, references=references, members=_MEMBERS, text=text)
        for size in _sizes(route, on)
        for quality in _qualities(route, on)
    )
    return _cheapest(requests, route, on)


def budget_of(text: str) -> Decimal:
    """The budget that is written so; ``ValueError`` with the rule."""
    if not _BUDGET.fullmatch(text) or Decimal(text) > BUDGET_MAX:
        raise ValueError(f"a budget is an amount such as 0.50, at most {BUDGET_MAX}, with at most nine decimals")
    return Decimal(text)


def following(step: str, first: ImageRequest, route: Route, on: date) -> ImageRequest | str:
    """The request of a later step: ``first``, the minimal one, with one thing changed; or why there is nothing to try."""
    can = route.capabilities or Capabilities()
    if step == "size":
        sizes = [replace(first, size=size) for size in _sizes(route, on) if size != first.size]
        return _cheapest(sizes, route, on) if sizes else "No other size is declared."
    if step == "quality":
        qualities = [replace(first, quality=quality) for quality in _qualities(route, on) if quality != first.quality]
        return _cheapest(qualities, route, on) if qualities else "No other quality is declared."
    if step == "edits":
        if first.operation is Operation.EDIT:
            return "The minimal request is one already."
        if Operation.EDIT not in route.operations or can.references_max == 0:
            return "The route does not declare edits."
        return replace(first, operation=Operation.EDIT, references=1, members=_MEMBERS | {"image"})
    if step == "responses":
        return "The minimal request is one already." if first.text else "The route does not declare Responses."
    if not can.stream:
        return "The route does not declare streaming."
    partials = min(can.partial_images_max or 0, 1)
    return replace(first, stream=True, partial_images=partials, members=_MEMBERS | {"stream", "partial_images"})


def unaffordable(step: str, expected: Cost, left: Decimal) -> Step | None:
    """The step in place of a request that is not sent, because what it can cost is unknown or more than is ``left``."""
    if expected.amount is not None and expected.amount <= left:
        return None
    has, currency = amount_text(left), expected.currency
    if expected.amount is None:
        detail, owner = "What it would cost cannot be estimated by the contract's price list.", Owner.ROUTE
        first_check, stop_rule = (
            "Does the price list have this model, with output_tokens?",
            "Spend nothing whose cost is unknown.",
        )
    else:
        detail, owner = f"It can cost {expected.text} {currency}, and {has} {currency} of the budget are left.", Owner.CALLER
        first_check, stop_rule = "Is the budget meant to be that small?", "Give a larger --budget, or stay without this proof."
    if step != LIVE_BEGINS:
        return skipped(step, detail)
    return Step(step, StepState.STOPPED, f"{detail} Nothing was sent.", owner, first_check, stop_rule)


def judged(step: str, route: Route, delivery: Delivery, *, found: tuple[Discrepancy, ...], cost: Cost, note: str) -> Step:
    """What the delivery shows. ``found`` is how it differs from the request, ``note`` is what else is to be written down."""
    said = f"{_described(delivery)}, {cost.text} {cost.currency}; {note}"
    differs = [str(it) for it in found if it.aspect is not Aspect.TOKENS]
    declared = route.capabilities.output_formats if route.capabilities else None
    undeclared = sorted({it.format for it in delivery.pictures} - declared) if declared is not None else []
    if undeclared:
        differs.append(f"format: {', '.join(undeclared)} is not declared")
    if differs:
        return Step(
            step,
            StepState.STOPPED,
            f"It was delivered otherwise than declared ({'; '.join(differs)}): {said}.",
            Owner.PROVIDER,
            "Compare the provider's reference with the route's declared capabilities.",
            "Declare only what is delivered, or have the provider mend it; the image is billed.",
            cost,
        )
    billed = [str(it) for it in found]
    if billed or cost.amount is None:
        doubt = "; ".join(billed) or "what it cost is unknown"
        return warned(step, f"It works, but its bill is in doubt ({doubt}): {said}.", cost)
    return passed(step, f"{said}.", cost)


def _described(delivery: Delivery) -> str:
    kinds = sorted({f"{it.width}x{it.height} {it.format}" if it.width else it.format for it in delivery.pictures})
    partials = f" and {delivery.partials} partial" if delivery.partials else ""
    return f"{delivery.images} image{partials} ({', '.join(kinds) or 'by link'})"


def _cheapest(requests: Iterable[ImageRequest], route: Route, on: date) -> ImageRequest:
    """By estimate; one that cannot be estimated comes last, and of equals the first."""

    def dearness(request: ImageRequest) -> tuple[bool, Decimal]:
        amount = Candidate(route, request, on).estimate.amount
        return amount is None, amount or Decimal(0)

    return min(requests, key=dearness)


def _sizes(route: Route, on: date) -> list[str]:
    """Sizes worth trying among those declared: no list can hold all that a rule allows."""
    can, price = route.capabilities or Capabilities(), _price(route, on)
    candidates = (*sorted(can.sizes or ()), *(it.size for it in price.images), *_smallest(can.size_rule), *_COMMON_SIZES)
    return [size for size in dict.fromkeys(candidates) if pixels_of(size) and size_possible(size, can)] or [AUTO]


def _smallest(rule: SizeRule | None) -> tuple[str, ...]:
    if rule is None:
        return ()
    edge = isqrt(rule.pixels_min - 1) + 1
    edge += -edge % rule.edge_multiple
    return (f"{edge}x{edge}",)


def _qualities(route: Route, on: date) -> list[str]:
    can, price = route.capabilities or Capabilities(), _price(route, on)
    if can.qualities is not None:
        return sorted(can.qualities) or [AUTO]
    factors = price.output_tokens.factors if price.output_tokens else ()
    return [it for it in dict.fromkeys((*factors, *(it.quality for it in price.images))) if it != ANY] or [AUTO]


def _price(route: Route, on: date) -> Price:
    return route.price_list.price_of(route.upstream_model, on) or Price()
