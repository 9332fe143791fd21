"""The limits that people have recorded in contracts, kept before the provider has to keep them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gateway.core.contract.contract import OnUnavailable, RecordedLimit
from gateway.core.money.pricing import tokens_max
from gateway.core.routing.choice import Candidate
from gateway.core.snapshot import Route
from gateway.ports import Charge, SharedState, StateUnavailable

PERIOD_S = 60.0
# How long a request that needs the shared state waits until it is asked again.
UNAVAILABLE_S = 1.0


@dataclass(frozen=True, slots=True)
class Shortage:
    """There is no room for ``wait_s`` (infinite where the request can never fit).

    ``known``: whether the limit is used up, or cannot be looked up and the contract says not to send then.
    """

    wait_s: float
    known: bool = True


class ContractLimiter:
    """Takes each request's part of its contract's limits. ``limits_of`` says which are in force for a route.

    ``failed`` is told whenever the shared state could not be asked, and what the contract says of that.
    """

    def __init__(
        self,
        state: SharedState,
        limits_of: Callable[[Route], tuple[RecordedLimit, ...]],
        failed: Callable[[str, OnUnavailable], None],
    ) -> None:
        self._state, self._limits_of, self._failed = state, limits_of, failed

    async def take(self, candidate: Candidate) -> Shortage | None:
        """``None`` where there was room, which is taken now."""
        contract = candidate.route.contract
        if not contract.limits.recorded:
            return None
        charges = tuple(_charges(candidate, self._limits_of(candidate.route)))
        if not charges:
            return None
        try:
            grant = await self._state.take(f"contract:{contract.id}:{candidate.route.upstream_model}", charges)
        except StateUnavailable:
            policy = contract.limits.on_unavailable
            self._failed("contract", policy)
            return None if policy is OnUnavailable.FAIL_OPEN else Shortage(UNAVAILABLE_S, known=False)
        return None if grant.allowed else Shortage(grant.retry_after_s)


def _charges(candidate: Candidate, limits: tuple[RecordedLimit, ...]) -> Iterator[Charge]:
    for limit in limits:
        cost = _cost(candidate, limit.dimension)
        if cost is not None:
            yield Charge(limit.dimension, limit.value, PERIOD_S, cost)


def _cost(candidate: Candidate, dimension: str) -> int | None:
    """Units of the dimension; ``None`` where nobody can tell beforehand: then only the provider's headers can."""
    match dimension:
        case "requests_per_minute":
            return 1
        case "images_per_minute":
            return candidate.request.n
        case "tokens_per_minute":
            route = candidate.route
            return tokens_max(candidate.drawing, route.price_list, route.upstream_model, candidate.on)
        case _:
            return None
