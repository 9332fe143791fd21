"""In which order eligible routes are tried: by tier, and within a tier by split, by cost or as listed."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from gateway.core.money.amount import Cost, together
from gateway.core.money.pricing import estimate, most
from gateway.core.request.images import ImageRequest
from gateway.core.snapshot import Model, Route

_MASK = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """An eligible route for a request that came in on that UTC day."""

    route: Route
    request: ImageRequest
    on: date

    @property
    def estimate(self) -> Cost:
        """The most that the request can cost there. Worked out anew each time: most candidates are never asked."""
        text = self.text_estimate
        return self.image_estimate if text is None else together(self.image_estimate, text)

    @property
    def image_estimate(self) -> Cost:
        """What of it the image model can take."""
        return estimate(self.drawing, self.route.price_list, self.route.upstream_model, self.on)

    @property
    def text_estimate(self) -> Cost | None:
        """What of it the text model in front can take; ``None`` where there is none."""
        text = self.route.text_model
        return None if text is None else most(text.largest_usage(self.request), self.route.price_list, text.name, self.on)

    @property
    def drawing(self) -> ImageRequest:
        """The request as the image model sees it."""
        text = self.route.text_model
        return self.request if text is None else text.drawing(self.request)


def in_order(candidates: Sequence[Candidate], model: Model, draw: int) -> tuple[Candidate, ...]:
    """The candidates, given as the model lists them, in the order to try them."""
    if len(candidates) < 2:
        return tuple(candidates)
    rank: Callable[[Candidate], Any]
    if model.cheapest_first:
        rank = _by_cost(candidates)
    elif model.split:
        rank = _by_share(model, draw)
    elif model.tiers:
        rank = _as_listed
    else:
        return tuple(candidates)
    tiers = model.tiers
    return tuple(sorted(candidates, key=lambda it: (tiers.get(it.route.id, 1), rank(it))))


def _as_listed(candidate: Candidate) -> Any:
    return 0


def _by_cost(candidates: Sequence[Candidate]) -> Callable[[Candidate], tuple[bool, Decimal]]:
    """By estimate; what is unknown, or in another currency than the first that is known, cannot be compared and comes last."""
    by_price = {(it.route.price_list.id, it.route.upstream_model): it for it in candidates}
    estimates = {price: it.estimate for price, it in by_price.items()}
    costs = {it.route.id: estimates[it.route.price_list.id, it.route.upstream_model] for it in candidates}
    currency = next((cost.currency for cost in costs.values() if cost.amount is not None), "")

    def rank(candidate: Candidate) -> tuple[bool, Decimal]:
        cost = costs[candidate.route.id]
        known = cost.amount is not None and cost.currency == currency
        return not known, cost.amount if known and cost.amount is not None else Decimal(0)

    return rank


def _by_share(model: Model, draw: int) -> Callable[[Candidate], float]:
    """Weighted rendezvous: every route draws a number for the caller, and the smallest wins.

    A caller keeps its route while the weights stay; raising one route's weight moves callers to that route only. A route
    without weight comes after those that have one.
    """

    def rank(candidate: Candidate) -> float:
        route = candidate.route
        weight = model.split.get(route.id, 0)
        return -math.log((_mixed(draw ^ _seed(route.id)) + 1) / 2**64) / weight if weight else math.inf

    return rank


@lru_cache(maxsize=4096)
def _seed(route: str) -> int:
    return draw_of(route)


def draw_of(*parts: str) -> int:
    """A number below 2^64 that stands for these texts."""
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).digest()[:8])


def _mixed(number: int) -> int:
    """A number below 2^64 that looks like chance (the finalizer of splitmix64, public domain)."""
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    number = (number ^ number >> 27) * 0x94D049BB133111EB & _MASK
    return number ^ number >> 31
