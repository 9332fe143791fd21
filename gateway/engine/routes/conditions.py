"""What is known of the routes beside the configuration: operators' overrides, breakers, and limits with no room."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from gateway.core.outcome import Owner
from gateway.core.routing.choice import Candidate, draw_of
from gateway.core.routing.eligibility import Conditions, Suspension
from gateway.core.routing.observed_limits import retry_after_s
from gateway.core.snapshot import Route
from gateway.engine.call import Call, Failure
from gateway.engine.routes.contract_limits import ContractLimiter, Shortage
from gateway.engine.routes.health import Health, Ticket
from gateway.engine.routes.observed_limits import ObservedLimits
from gateway.ports import UpstreamResponse

Suspensions = Mapping[str, tuple[Suspension, ...]]


class RouteConditions:
    """Asked before a plan, told of every attempt. ``overrides`` hold whatever the routes' health is, by route id."""

    def __init__(
        self,
        health: Health,
        observed: ObservedLimits,
        limiter: ContractLimiter,
        overrides: Callable[[], Suspensions],
        clock: Callable[[], datetime],
    ) -> None:
        self._health, self._observed, self._limiter = health, observed, limiter
        self._overrides, self._clock = overrides, clock

    def of(self, call: Call) -> Conditions:
        """What the call's plan depends on. A caller is who the app says that it is, otherwise the request itself."""
        return Conditions(
            self._clock(), self.suspensions(call.app.id), draw_of(call.app.id, call.request.end_user or call.request_id)
        )

    def suspensions(self, app: str | None = None) -> Suspensions:
        """All that keep requests of that app off routes now, by route id; without an app those of any, for people to see."""
        return _joined(self._overrides(), self._health.suspensions(app))

    async def shortage(self, candidate: Candidate) -> Shortage | None:
        """Take the request's part of the contract's limits; ``None`` where there was room.

        It does not park the route: a smaller request may still fit.
        """
        return await self._limiter.take(candidate)

    def heard(self, route: Route, response: UpstreamResponse) -> None:
        """A provider's answer has begun: its headers say what limits it keeps, and how much of them is left."""
        self._observed.note(route, response.headers)
        spent_s = self._observed.exhausted(route, response.headers)
        if spent_s is not None:
            self._health.park(route, spent_s, "the provider's rate-limit headers say that nothing is left")

    @contextmanager
    def attempt(self, route: Route, app: str) -> Iterator["Watch"]:
        """An attempt of that app is made there, unless the block is left without a verdict."""
        ticket = self._health.begin(route, app)
        watch = Watch(route, ticket, self._health, self._clock)
        try:
            yield watch
        finally:
            if not watch.told:
                self._health.release(ticket)


class Watch:
    """Tells a route's health how its attempt ended."""

    def __init__(self, route: Route, ticket: Ticket, health: Health, clock: Callable[[], datetime]) -> None:
        self._route, self._ticket, self._health, self._clock = route, ticket, health, clock
        self.told = False

    def end(self, failure: Failure | None) -> float | None:
        """``None``: it delivered. Returns how long the provider asked to be left alone, in seconds; ``None`` where it did not."""
        self.told = True
        self._health.end(self._ticket, failure.diagnosis if failure else None)
        wait_s = retry_after_s(dict(failure.retry_after), self._clock()) if failure else None
        if failure and wait_s and failure.diagnosis.owner is Owner.RATE_LIMIT:
            self._health.park(self._route, wait_s, "the provider asked to be left alone until then")
        return wait_s


def both_suspended(first: Callable[[], Suspensions], second: Callable[[], Suspensions]) -> Callable[[], Suspensions]:
    """What either of the two holds."""
    return lambda: _joined(first(), second())


def _joined(first: Suspensions, second: Suspensions) -> Suspensions:
    """Mostly nothing is held, and nothing is made then."""
    if not first or not second:
        return first or second
    return {route: (*first.get(route, ()), *second.get(route, ())) for route in first.keys() | second.keys()}
