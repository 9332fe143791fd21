"""The limits of contracts as providers' headers say them, held against those that people have recorded."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from gateway.core.contract.contract import RecordedLimit
from gateway.core.routing.observed_limits import Reading, Sighting, corrected, exhausted_s, observed_limits, seen
from gateway.core.snapshot import Route

# Contract id, upstream model.
_Subject = tuple[str, str]


class ObservedLimits:
    """Told of every answer's headers. ``report`` gets a sentence, once, where they lastingly differ from what was recorded.

    Routes with the same contract and upstream model share what was observed: the limit is the account's.
    """

    def __init__(self, clock: Callable[[], datetime], report: Callable[[str], None]) -> None:
        self._clock, self._report = clock, report
        self._sightings: dict[_Subject, dict[str, Sighting]] = {}
        self._lasting: dict[_Subject, dict[str, str]] = {}

    def note(self, route: Route, headers: Mapping[str, str]) -> None:
        """An answer's headers, by lower-case name."""
        said: dict[str, int] = {}
        for it in observed_limits(headers):
            if it.limit is not None:
                said[it.dimension] = min(it.limit, said.get(it.dimension, it.limit))
        if not said:
            return
        now, recorded = self._clock(), _by_dimension(route)
        sightings = self._sightings.setdefault(_subject(route), {})
        for dimension, limit in said.items():
            of_record = recorded.get(dimension)
            sighting = seen(sightings.get(dimension), limit, of_record.value if of_record else None, now)
            sightings[dimension] = sighting
            self._compare(_reading(route, dimension, of_record, sighting))

    def exhausted(self, route: Route, headers: Mapping[str, str]) -> float | None:
        """For how many seconds an answer says that nothing of the route's limits is left; ``None`` where it does not."""
        return exhausted_s(observed_limits(headers))

    def effective(self, route: Route) -> tuple[RecordedLimit, ...]:
        """The limits recorded for the route's upstream model, those lowered that the headers have lately said are lower."""
        recorded = tuple(limit for limit in route.contract.limits.recorded if limit.model == route.upstream_model)
        sightings = self._sightings.get(_subject(route))
        if not recorded or not sightings:
            return recorded
        now = self._clock()
        return tuple(corrected(limit, sightings.get(limit.dimension), now) for limit in recorded)

    def lasting(self) -> tuple[str, ...]:
        """The lasting differences there are now, a sentence each."""
        return tuple(sentence for found in self._lasting.values() for sentence in found.values())

    def readings(self, routes: Iterable[Route]) -> tuple[Reading, ...]:
        """Every limit of these routes' contracts and upstream models that was recorded or observed, each once."""
        subjects = {_subject(route): route for route in routes}
        return tuple(reading for route in subjects.values() for reading in self._readings(route))

    def keep(self, routes: Iterable[Route]) -> None:
        """Only these routes are configured now: what was observed for others is forgotten."""
        configured = {_subject(route) for route in routes}
        for gone in self._sightings.keys() - configured:
            del self._sightings[gone]
            self._lasting.pop(gone, None)

    def _readings(self, route: Route) -> Iterator[Reading]:
        recorded, sightings = _by_dimension(route), self._sightings.get(_subject(route), {})
        for dimension in sorted(recorded.keys() | sightings.keys()):
            yield _reading(route, dimension, recorded.get(dimension), sightings.get(dimension))

    def _compare(self, reading: Reading) -> None:
        known, dimension = self._lasting.setdefault((reading.contract, reading.model), {}), reading.dimension
        if not reading.differs:
            known.pop(dimension, None)
        elif known.get(dimension) != reading.sentence:
            known[dimension] = reading.sentence
            self._report(reading.sentence)


def _subject(route: Route) -> _Subject:
    return route.contract.id, route.upstream_model


def _by_dimension(route: Route) -> dict[str, RecordedLimit]:
    """The records of the route's upstream model; of two for one dimension the lower, which binds."""
    found: dict[str, RecordedLimit] = {}
    for limit in route.contract.limits.recorded:
        other = found.get(limit.dimension)
        if limit.model == route.upstream_model and (other is None or limit.value < other.value):
            found[limit.dimension] = limit
    return found


def _reading(route: Route, dimension: str, recorded: RecordedLimit | None, sighting: Sighting | None) -> Reading:
    value = recorded.value if recorded else None
    return Reading(
        route.contract.id,
        route.upstream_model,
        dimension,
        value,
        recorded.recorded_on if recorded else None,
        sighting.limit if sighting else None,
        # What was compared with another record is not a difference from this one.
        differs=sighting is not None and sighting.lasting and sighting.recorded == value,
    )
