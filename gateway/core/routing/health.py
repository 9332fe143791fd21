"""The breaker of one route: when its provider's failures take the route out, for how long, and what brings it back.

After Envoy's outlier detection and its defaults (5 in a row, 30 s x times ejected, at most 300 s; envoyproxy.io, API v3, read
2026-11-23), adapted to jobs that are slow and rare: there is no sweep in intervals and no paid probe; one real request is.

What an app asks for can make a provider fail where it serves everybody else. So a breaker may belong to one app, and one that
all share believes no app alone.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from gateway.core.outcome import Diagnosis, Owner
from gateway.core.routing.eligibility import Reason, Suspension

FAILURES_IN_A_ROW_MAX = 5
# So many of these at most are of one app, where the breaker is shared.
OF_ONE_APP_MAX = 3
WINDOW_S = 60
WINDOW_ATTEMPTS_MIN = 20
WINDOW_FAILED_SHARE = 0.5
EJECTION_S = 30
EJECTION_S_MAX = 300
# An ejection that is over and was not followed by another for so long is forgotten; Envoy forgets one an interval.
FORGET_EJECTION_S = 300
# The era of an attempt whose end tells nothing: it began while the route was ejected, and was not the probe.
NO_SAY = 0
NONE: Mapping[str | None, int] = MappingProxyType({})


class State(StrEnum):
    """``half_open``: an ejection is over, and one request will show, or is showing, whether the provider has recovered."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Second:
    """What ended within one second, ``at`` since the epoch. ``failed``: how often, by the app that it is ascribed to."""

    at: int
    delivered: int
    failed: Mapping[str | None, int]


@dataclass(frozen=True, slots=True)
class Ejection:
    """``times`` counts the ejections in a row, this one included. ``why`` is a sentence without its full stop.

    ``probing``: its time is over, and one request is out to see whether the provider has recovered.
    """

    since: datetime
    until: datetime
    times: int
    why: str
    probing: bool = False


@dataclass(frozen=True, slots=True)
class Breaker:
    """``era`` numbers the stretches between two changes of state: an attempt is heard only in the one in which it began.

    ``seconds`` are those of the last ``WINDOW_S`` in which an attempt ended, so there are at most so many. ``ejection`` is
    ``None`` while the route is in use, and ``closed_at`` the end of the last one. ``row``: the failures since the last delivery,
    each by the app that it is ascribed to, ``None`` where it is the provider's whoever asks.
    """

    era: int = NO_SAY + 1
    row: tuple[str | None, ...] = ()
    seconds: tuple[Second, ...] = ()
    ejection: Ejection | None = None
    closed_at: datetime | None = None


def state_of(breaker: Breaker, now: datetime) -> State:
    """At that time, aware. A clock that was set back by far ends an ejection rather than drawing it out."""
    ejection = breaker.ejection
    if ejection is None:
        return State.CLOSED
    left_s = (ejection.until - now).total_seconds()
    return State.OPEN if 0 < left_s <= EJECTION_S_MAX and not ejection.probing else State.HALF_OPEN


def suspension_of(breaker: Breaker, now: datetime) -> Suspension | None:
    """What keeps requests off the route; ``None`` where one may go there: in use, or waiting for its probe."""
    ejection = breaker.ejection
    if ejection is None:
        return None
    if ejection.probing:
        return Suspension(Reason.BREAKER, None, f"{ejection.why}, and a request that tries it again is under way")
    return Suspension(Reason.BREAKER, ejection.until, ejection.why) if state_of(breaker, now) is State.OPEN else None


def begun(breaker: Breaker, now: datetime) -> tuple[Breaker, int]:
    """An attempt begins. Returns its era too, by which its end is heard. The first one after an ejection is the probe."""
    ejection = breaker.ejection
    if ejection is None:
        return breaker, breaker.era
    if ejection.probing or state_of(breaker, now) is State.OPEN:
        return breaker, NO_SAY
    probed = replace(breaker, era=breaker.era + 1, ejection=replace(ejection, probing=True))
    return probed, probed.era


def ended(breaker: Breaker, era: int, diagnosis: Diagnosis | None, now: datetime, app: str | None = None) -> Breaker:
    """The attempt of that era delivered (``None``) or failed. Only the provider's own failures count against the route.

    Whatever else ends an attempt (moderation, a limit, the account, the caller ...) says nothing of the provider's health.
    ``app``: whose request may be why, if the breaker is shared. What fails for one app alone does not count there.
    """
    if era != breaker.era:
        return breaker
    if diagnosis is not None and diagnosis.owner is not Owner.PROVIDER:
        return _freed(breaker)
    if diagnosis is None:
        return _delivered(breaker, now)
    if breaker.ejection is None:
        return _failed(breaker, app, diagnosis, now)
    if app is not None and set(breaker.row) <= {app}:
        return replace(_freed(breaker), row=_row(breaker, app))
    return _ejected_again(breaker, breaker.ejection, diagnosis, now)


def released(breaker: Breaker, era: int) -> Breaker:
    """The attempt of that era was not made after all: a probe is free for another request."""
    return _freed(breaker) if era == breaker.era else breaker


def _delivered(breaker: Breaker, now: datetime) -> Breaker:
    if breaker.ejection is not None:
        return _closed(breaker, now)
    return replace(breaker, row=(), seconds=_with(breaker.seconds, int(now.timestamp()), delivered=1))


def _failed(breaker: Breaker, app: str | None, diagnosis: Diagnosis, now: datetime) -> Breaker:
    row, seconds = _row(breaker, app), _with(breaker.seconds, int(now.timestamp()), failed={app: 1})
    failed = _failures(seconds)
    attempts = failed + sum(second.delivered for second in seconds)
    if len(row) >= FAILURES_IN_A_ROW_MAX:
        return _ejected(breaker, 1, f"its provider failed {len(row)} times in a row, the last time with {diagnosis.rule}", now)
    if attempts >= WINDOW_ATTEMPTS_MIN and failed >= WINDOW_FAILED_SHARE * attempts:
        why = f"its provider failed {failed} of {attempts} times within {WINDOW_S} s, the last time with {diagnosis.rule}"
        return _ejected(breaker, 1, why, now)
    return replace(breaker, row=row, seconds=seconds)


def _row(breaker: Breaker, app: str | None) -> tuple[str | None, ...]:
    """The failures since the last delivery, of one app a few at most."""
    full = app is not None and breaker.row.count(app) >= OF_ONE_APP_MAX
    return breaker.row if full else (*breaker.row, app)


def _failures(seconds: Iterable[Second]) -> int:
    """How many count: all but those of the app that has most, which its requests may have caused."""
    by_app: Counter[str | None] = Counter()
    for second in seconds:
        by_app.update(second.failed)
    return by_app.total() - max((count for app, count in by_app.items() if app is not None), default=0)


def _with(
    seconds: Iterable[Second], at: int, *, delivered: int = 0, failed: Mapping[str | None, int] = NONE
) -> tuple[Second, ...]:
    """One more end at that second, and none that is older than the window, or later than now where the clock was set back."""
    kept = {second.at: second for second in seconds if at - WINDOW_S < second.at <= at}
    this = kept.get(at, Second(at, 0, NONE))
    kept[at] = Second(at, this.delivered + delivered, Counter(this.failed) + Counter(failed) if failed else this.failed)
    return tuple(kept.values())


def _ejected(breaker: Breaker, times: int, why: str, now: datetime) -> Breaker:
    """Nothing that was counted before counts again afterwards."""
    until = now + timedelta(seconds=min(EJECTION_S * times, EJECTION_S_MAX))
    return Breaker(breaker.era + 1, ejection=Ejection(now, until, times, why), closed_at=breaker.closed_at)


def _ejected_again(breaker: Breaker, last: Ejection, diagnosis: Diagnosis, now: datetime) -> Breaker:
    """For longer than the last time, unless that has been over for long: then nothing is known of the time between."""
    over_s = max((now - last.until).total_seconds(), 0.0)
    times = max(last.times - int(over_s // FORGET_EJECTION_S), 0) + 1
    return _ejected(breaker, times, f"its provider failed again when it was tried, with {diagnosis.rule}", now)


def _closed(breaker: Breaker, now: datetime) -> Breaker:
    return Breaker(breaker.era + 1, closed_at=now)


def _freed(breaker: Breaker) -> Breaker:
    """The probe told nothing: the next request is one. In use, nothing changes."""
    ejection = breaker.ejection
    return breaker if ejection is None else replace(breaker, era=breaker.era + 1, ejection=replace(ejection, probing=False))
