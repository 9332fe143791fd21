"""Which routes are held for now: by their breaker, or until a limit has room again. In this process, by route id."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from gateway.core.diagnosis import Diagnosis
from gateway.core.eligibility import Hold, Reason
from gateway.core.health import Breaker, State, begun, ended, hold_of, released, state_of
from gateway.core.snapshot import Route

PARK_S_MAX = 3600.0
_NO_HOLDS: Mapping[str, tuple[Hold, ...]] = MappingProxyType({})
_FRESH = Breaker()


@dataclass(frozen=True, slots=True)
class Ticket:
    """An attempt that has begun: how it ended is told with this, so that a late end is not taken for another's."""

    route: str
    era: int


@dataclass(frozen=True, slots=True)
class RouteHealth:
    """A route's breaker as people see it. ``since`` is when the state began, ``until`` when it ends by itself.

    ``why`` is that of the latest ejection, empty while there is none; ``ejections`` counts all since the process began.
    """

    route: str
    state: State
    since: datetime | None
    until: datetime | None
    why: str
    ejections: int


class Health:
    """Holds the breakers and parks of routes; it is told of attempts and spends nothing itself. ``clock`` is aware, in UTC.

    It outlives a snapshot: a route that keeps its id keeps its health.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}
        self._ejected: set[str] = set()
        self._parks: dict[str, Hold] = {}
        self._ejections: dict[str, int] = {}

    def holds(self) -> Mapping[str, tuple[Hold, ...]]:
        """All that keep requests off routes now, by route id; a route that may be asked is absent."""
        if not self._ejected and not self._parks:
            return _NO_HOLDS
        now = self._clock()
        found = {route: (hold,) for route in self._ejected if (hold := hold_of(self._breakers[route], now))}
        for route, park in tuple(self._parks.items()):
            if park.until is not None and 0 < (park.until - now).total_seconds() <= PARK_S_MAX:
                found[route] = (*found.get(route, ()), park)
            else:
                del self._parks[route]
        return found

    def begin(self, route: Route) -> Ticket:
        """An attempt begins there: after an ejection the first one is the probe, and until it ends the route is held."""
        breaker = self._breakers.setdefault(route.id, _FRESH)
        if breaker.ejection is None:
            return Ticket(route.id, breaker.era)
        self._breakers[route.id], era = begun(breaker, self._clock())
        return Ticket(route.id, era)

    def end(self, ticket: Ticket, diagnosis: Diagnosis | None) -> None:
        """The attempt delivered (``None``) or failed. No effect where the route was forgotten meanwhile; so with ``release``."""
        before = self._breakers.get(ticket.route)
        if before is not None:
            self._become(ticket.route, before, ended(before, ticket.era, diagnosis, self._clock()))

    def release(self, ticket: Ticket) -> None:
        """The attempt was not made."""
        before = self._breakers.get(ticket.route)
        if before is not None:
            self._become(ticket.route, before, released(before, ticket.era))

    def park(self, route: Route, seconds: float, what: str) -> None:
        """Hold the route for so long, at most ``PARK_S_MAX``, unless it is held for longer. ``what``: see ``Hold``."""
        if not seconds > 0:
            return
        until = self._clock() + timedelta(seconds=min(seconds, PARK_S_MAX))
        earlier = self._parks.get(route.id)
        if earlier is None or earlier.until is None or earlier.until < until:
            self._parks[route.id] = Hold(Reason.LIMIT, until, what)

    def states(self) -> tuple[RouteHealth, ...]:
        """Of the routes that have been asked, by id; one that has not is closed."""
        now = self._clock()
        return tuple(self._seen(route, self._breakers[route], now) for route in sorted(self._breakers))

    def ejections(self) -> Mapping[str, int]:
        """How often each route that has been asked was ejected since the process began."""
        return {route: self._ejections.get(route, 0) for route in self._breakers}

    def forget(self, ids: Iterable[str]) -> None:
        """These routes are gone from the configuration."""
        for route in ids:
            self._ejected.discard(route)
            for kept in (self._breakers, self._parks, self._ejections):
                kept.pop(route, None)

    def _become(self, route: str, before: Breaker, after: Breaker) -> None:
        self._breakers[route] = after
        if after.ejection is None:
            self._ejected.discard(route)
            return
        self._ejected.add(route)
        if before.ejection is None or before.ejection.since != after.ejection.since:
            self._ejections[route] = self._ejections.get(route, 0) + 1

    def _seen(self, route: str, breaker: Breaker, now: datetime) -> RouteHealth:
        state, ejection, count = state_of(breaker, now), breaker.ejection, self._ejections.get(route, 0)
        if ejection is None:
            return RouteHealth(route, state, breaker.closed_at, None, "", count)
        if state is State.OPEN:
            return RouteHealth(route, state, ejection.since, ejection.until, ejection.why, count)
        return RouteHealth(route, state, ejection.until, None, ejection.why, count)
