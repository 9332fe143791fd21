"""Which routes are held for now: by their breaker, or until a limit has room again. In this process, by route id."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from gateway.core.outcome import Diagnosis, Outcome
from gateway.core.routing.eligibility import Reason, Suspension
from gateway.core.routing.health import Breaker, Ejection, State, begun, ended, released, state_of, suspension_of
from gateway.core.snapshot import Route

PARK_S_MAX = 3600.0
_NO_SUSPENSIONS: Mapping[str, tuple[Suspension, ...]] = MappingProxyType({})
_FRESH = Breaker()


@dataclass(frozen=True, slots=True)
class Ticket:
    """An attempt that has begun: how it ended is told with this, so that a late end is not taken for another's.

    ``era`` is that of the route's breaker, ``own_era`` that of the app's own.
    """

    route: str
    app: str
    era: int
    own_era: int


@dataclass(frozen=True, slots=True)
class RouteHealth:
    """A route's breaker as people see it. ``since`` is when the state began, ``until`` when it ends by itself.

    ``why`` is that of the latest ejection, empty while there is none; ``ejections`` counts all since the process began, those
    for one app included. ``apps`` are those for which alone it is ejected.
    """

    route: str
    state: State
    since: datetime | None
    until: datetime | None
    why: str
    ejections: int
    apps: tuple[str, ...] = ()


class Health:
    """Holds the breakers and parks of routes; it is told of attempts and spends nothing itself. ``clock`` is aware, in UTC.

    It outlives a snapshot: a route that keeps its id keeps its health. Each app has a breaker of its own on each route, beside
    the one that all share: what fails for one app may serve all others. A connection that fails is no app's.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}
        self._ejected: set[str] = set()
        # By route and app; only where one has failed of late, and those that are ejected.
        self._own: dict[tuple[str, str], Breaker] = {}
        self._own_ejected: set[tuple[str, str]] = set()
        self._parks: dict[str, Suspension] = {}
        self._ejections: dict[str, int] = {}

    def suspensions(self, app: str | None = None) -> Mapping[str, tuple[Suspension, ...]]:
        """All that keep requests of that app off routes now, by route id; without an app those of any, for people to see.

        A route that may be asked is absent.
        """
        if not self._ejected and not self._parks and not self._own_ejected:
            return _NO_SUSPENSIONS
        now = self._clock()
        found = {route: (suspension,) for route in self._ejected if (suspension := suspension_of(self._breakers[route], now))}
        for route, whose in sorted(self._own_ejected):
            if app in (None, whose) and route not in found and (suspension := suspension_of(self._own[route, whose], now)):
                found[route] = (replace(suspension, what=f"{suspension.what} (for the app '{whose}' alone)"),)
        for route, park in tuple(self._parks.items()):
            if park.until is not None and 0 < (park.until - now).total_seconds() <= PARK_S_MAX:
                found[route] = (*found.get(route, ()), park)
            else:
                del self._parks[route]
        return found

    def begin(self, route: Route, app: str) -> Ticket:
        """An attempt begins there: after an ejection the first one is the probe, and until it ends the route is held."""
        breaker, own = self._breakers.setdefault(route.id, _FRESH), self._own.get((route.id, app), _FRESH)
        era, own_era = breaker.era, own.era
        if breaker.ejection is not None:
            self._breakers[route.id], era = begun(breaker, self._clock())
        if own.ejection is not None:
            self._own[route.id, app], own_era = begun(own, self._clock())
        return Ticket(route.id, app, era, own_era)

    def end(self, ticket: Ticket, diagnosis: Diagnosis | None) -> None:
        """The attempt delivered (``None``) or failed. No effect where the route was forgotten meanwhile; so with ``release``."""
        before = self._breakers.get(ticket.route)
        if before is None:
            return
        now, anybodys = self._clock(), diagnosis is not None and diagnosis.outcome is Outcome.NOT_SENT
        self._become(ticket.route, before, ended(before, ticket.era, diagnosis, now, None if anybodys else ticket.app))
        own = self._own.get((ticket.route, ticket.app), _FRESH)
        if own is not _FRESH or (diagnosis is not None and not anybodys):
            ended_ = released(own, ticket.own_era) if anybodys else ended(own, ticket.own_era, diagnosis, now)
            self._become_own(ticket, own, ended_)

    def release(self, ticket: Ticket) -> None:
        """The attempt was not made."""
        before, own = self._breakers.get(ticket.route), self._own.get((ticket.route, ticket.app))
        if before is not None:
            self._become(ticket.route, before, released(before, ticket.era))
        if own is not None:
            self._become_own(ticket, own, released(own, ticket.own_era))

    def park(self, route: Route, seconds: float, what: str) -> None:
        """Hold the route for so long, at most ``PARK_S_MAX``, unless it is held for longer. ``what``: see ``Suspension``."""
        if not seconds > 0:
            return
        until = self._clock() + timedelta(seconds=min(seconds, PARK_S_MAX))
        earlier = self._parks.get(route.id)
        if earlier is None or earlier.until is None or earlier.until < until:
            self._parks[route.id] = Suspension(Reason.LIMIT, until, what)

    def states(self) -> tuple[RouteHealth, ...]:
        """Of the routes that have been asked, by id; one that has not is closed."""
        now = self._clock()
        return tuple(self._seen(route, self._breakers[route], now) for route in sorted(self._breakers))

    def ejections(self) -> Mapping[str, int]:
        """How often each route that has been asked was ejected since the process began."""
        return {route: self._ejections.get(route, 0) for route in self._breakers}

    def forget(self, ids: Iterable[str]) -> None:
        """These routes are gone from the configuration."""
        gone = set(ids)
        for key in [it for it in self._own if it[0] in gone]:
            self._own_ejected.discard(key)
            del self._own[key]
        for route in gone:
            self._ejected.discard(route)
            for kept in (self._breakers, self._parks, self._ejections):
                kept.pop(route, None)

    def _become(self, route: str, before: Breaker, after: Breaker) -> None:
        self._breakers[route] = after
        if after.ejection is None:
            self._ejected.discard(route)
            return
        self._ejected.add(route)
        self._count(route, before, after.ejection)

    def _become_own(self, ticket: Ticket, before: Breaker, after: Breaker) -> None:
        key = ticket.route, ticket.app
        if after.ejection is not None:
            self._own_ejected.add(key)
            self._count(ticket.route, before, after.ejection)
        else:
            self._own_ejected.discard(key)
        if after.era == _FRESH.era and not after.row and not any(it.failed for it in after.seconds):
            self._own.pop(key, None)  # as good as one that never failed
        else:
            self._own[key] = after

    def _count(self, route: str, before: Breaker, ejection: Ejection) -> None:
        if before.ejection is None or before.ejection.since != ejection.since:
            self._ejections[route] = self._ejections.get(route, 0) + 1

    def _seen(self, route: str, breaker: Breaker, now: datetime) -> RouteHealth:
        state, ejection, count = state_of(breaker, now), breaker.ejection, self._ejections.get(route, 0)
        apps = tuple(sorted(app for own, app in self._own_ejected if own == route))
        if ejection is None:
            return RouteHealth(route, state, breaker.closed_at, None, "", count, apps)
        if state is State.OPEN:
            return RouteHealth(route, state, ejection.since, ejection.until, ejection.why, count, apps)
        return RouteHealth(route, state, ejection.until, None, ejection.why, count, apps)
