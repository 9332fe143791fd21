"""Held routes and observed limits, as the engine keeps them between requests."""

import math
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.core.contract.contract import Limits, RecordedLimit
from gateway.core.outcome import Diagnosis, Outcome, Owner
from gateway.core.routing.eligibility import Reason, Suspension
from gateway.core.routing.health import State
from gateway.core.snapshot import Route
from gateway.engine.routes.health import Health, RouteHealth
from gateway.engine.routes.observed_limits import ObservedLimits
from gateway.telemetry.metrics import Metrics
from tests.unit.core.samples import CONTRACT, NOW, ROUTE

FAILED = Diagnosis(Owner.PROVIDER, "connect.failed", "check", "stop", Outcome.NOT_SENT, retryable=True)
ANSWERED = replace(FAILED, rule="provider.failed", outcome=Outcome.AMBIGUOUS)
BLOCKED = replace(FAILED, owner=Owner.MODERATION)
OTHER = replace(ROUTE, id="other")
IMAGES, TOKENS = "images_per_minute", "tokens_per_minute"
LIMITS = Limits(
    "OpenAI",
    "tier 3",
    (
        RecordedLimit("gpt-image-2", IMAGES, 50, date(2026, 11, 23), "dashboard"),
        RecordedLimit("gpt-image-2", TOKENS, 1000, date(2026, 11, 23), "dashboard"),
        RecordedLimit("gpt-image-1", IMAGES, 5, date(2026, 11, 23), "dashboard"),
    ),
)
LIMITED = replace(ROUTE, contract=replace(CONTRACT, limits=LIMITS))
DIFFERENCE = "openai-direct, gpt-image-2: the dashboard was recorded as 50 images per minute on 2026-11-23, the headers say 20"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock)


def attempts(health: Health, *ends: Diagnosis | None, route: Route = ROUTE, app: str = "shop") -> None:
    for end in ends:
        health.end(health.begin(route, app), end)


def says(limit: int, name: str = "images") -> dict[str, str]:
    return {f"x-ratelimit-limit-{name}": str(limit)}


def test_healthy_routes_are_absent(health: Health) -> None:
    """While nothing is held, asking gives the same empty mapping each time."""
    assert health.suspensions() == {}
    attempts(health, None, FAILED, BLOCKED)
    assert health.suspensions() is health.suspensions()
    assert health.suspensions() == {}


def test_a_failing_route_is_held_and_others_are_not(health: Health, clock: Clock) -> None:
    """Until its ejection is over; then one request takes it, and its delivery brings it back."""
    attempts(health, *[FAILED] * 5)
    attempts(health, None, route=OTHER)
    held = health.suspensions()
    assert list(held) == [ROUTE.id]
    assert [(suspension.reason, suspension.until) for suspension in held[ROUTE.id]] == [
        (Reason.BREAKER, NOW + timedelta(seconds=30))
    ]
    clock.forward(30)
    assert health.suspensions() == {}
    probe = health.begin(ROUTE, "shop")
    assert [suspension.until for suspension in health.suspensions()[ROUTE.id]] == [None]
    health.end(probe, None)
    assert health.suspensions() is health.suspensions()
    assert health.suspensions() == {}


def test_a_late_end_is_not_the_probe_s(health: Health, clock: Clock) -> None:
    """What began before the ejection tells nothing of the time after it."""
    late = health.begin(ROUTE, "shop")
    attempts(health, *[FAILED] * 5)
    clock.forward(30)
    probe = health.begin(ROUTE, "shop")
    health.end(late, None)
    assert ROUTE.id in health.suspensions()
    health.end(probe, FAILED)
    assert health.suspensions()[ROUTE.id][0].until == NOW + timedelta(seconds=90)


def test_a_probe_that_was_not_made_is_given_back(health: Health, clock: Clock) -> None:
    """The next request takes it."""
    attempts(health, *[FAILED] * 5)
    clock.forward(30)
    health.release(health.begin(ROUTE, "shop"))
    assert health.suspensions() == {}


def test_what_fails_for_one_app_is_held_for_that_app_alone(health: Health, clock: Clock) -> None:
    """Its requests may be why; when they succeed again, it is as before."""
    attempts(health, *[ANSWERED] * 50)
    assert list(health.suspensions("shop")) == [ROUTE.id]
    assert not health.suspensions("other")
    assert health.suspensions()[ROUTE.id][0].what.endswith("(for the app 'shop' alone)")
    (seen,) = health.states()
    assert (seen.state, seen.apps, seen.ejections) == (State.CLOSED, ("shop",), 1)
    clock.forward(30)
    attempts(health, None)
    assert not health.suspensions("shop")
    assert health.states()[0].apps == ()


def test_one_app_cannot_move_another_whatever_the_other_does_meanwhile(health: Health) -> None:
    """Bad requests without end between the other's good ones, also where one of those fails now and then."""
    for number in range(200):
        attempts(health, *[ANSWERED] * 7, app="bad")
        attempts(health, ANSWERED if number % 20 == 7 else None, app="good")
        assert not health.suspensions("good")
    assert list(health.suspensions("bad")) == [ROUTE.id]


def test_a_provider_that_is_down_is_held_for_everybody(health: Health) -> None:
    """Also for apps that have not asked, once two have failed and none was served, or as soon as it cannot be reached."""
    attempts(health, *[ANSWERED] * 3, app="one")
    attempts(health, ANSWERED, app="two")
    assert not health.suspensions("three")
    attempts(health, ANSWERED, app="two")
    assert list(health.suspensions("three")) == [ROUTE.id]
    attempts(health, *[FAILED] * 5, route=OTHER, app="one")
    assert set(health.suspensions("three")) == {ROUTE.id, OTHER.id}


def test_a_trial_that_one_app_spoils_tells_nothing_to_the_others(health: Health, clock: Clock) -> None:
    """The next request tries; a second app's failure tells, and so does what serves."""
    attempts(health, *[FAILED] * 5)
    clock.forward(31)
    attempts(health, *[ANSWERED] * 3, app="bad")
    assert not health.suspensions("good")
    attempts(health, ANSWERED, app="good")
    assert list(health.suspensions("third")) == [ROUTE.id]
    clock.forward(70)
    attempts(health, ANSWERED, app="bad")
    attempts(health, None, app="good")
    assert not health.suspensions("third")


@pytest.mark.parametrize(("seconds", "held_s"), [(12.5, 12.5), (1e9, 3600), (math.inf, 3600)])
def test_a_parked_route_is_held_until_then(health: Health, clock: Clock, seconds: float, held_s: float) -> None:
    """An hour at most; then the park vanishes."""
    health.park(ROUTE, seconds, "the provider asked to be left alone until then")
    until = NOW + timedelta(seconds=held_s)
    assert health.suspensions() == {
        ROUTE.id: (Suspension(Reason.LIMIT, until, "the provider asked to be left alone until then"),)
    }
    clock.forward(held_s)
    assert health.suspensions() == {}
    assert health.suspensions() is health.suspensions()


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan])
def test_a_wait_of_nothing_parks_nothing(health: Health, seconds: float) -> None:
    """Neither does one that is no number."""
    health.park(ROUTE, seconds, "never")
    assert health.suspensions() == {}


def test_the_longest_park_counts(health: Health) -> None:
    """A shorter one does not let requests through early."""
    for seconds in (10, 30, 20):
        health.park(ROUTE, seconds, f"{seconds} s")
    assert [suspension.what for suspension in health.suspensions()[ROUTE.id]] == ["30 s"]


def test_a_clock_that_was_set_back_frees_a_parked_route(health: Health, clock: Clock) -> None:
    """Nothing is held for longer than its bound."""
    health.park(ROUTE, 3600, "used up")
    clock.forward(-1)
    assert health.suspensions() == {}


def test_a_route_can_be_parked_and_ejected(health: Health) -> None:
    """Both reasons stand beside each other."""
    attempts(health, *[FAILED] * 5)
    health.park(ROUTE, 10, "used up")
    assert [suspension.reason for suspension in health.suspensions()[ROUTE.id]] == [Reason.BREAKER, Reason.LIMIT]


def test_states_are_for_people(health: Health, clock: Clock) -> None:
    """Each breaker that has been asked: its state, since when, until when, and why."""
    attempts(health, None, route=OTHER)
    attempts(health, *[FAILED] * 5)
    why, until = "its provider failed 5 times in a row, the last time with connect.failed", NOW + timedelta(seconds=30)
    other = RouteHealth("other", State.CLOSED, None, None, "", 0)
    assert health.states() == (RouteHealth("direct", State.OPEN, NOW, until, why, 1), other)
    clock.forward(40)
    assert health.states() == (RouteHealth("direct", State.HALF_OPEN, until, None, why, 1), other)
    attempts(health, BLOCKED, None)
    assert health.states() == (RouteHealth("direct", State.CLOSED, NOW + timedelta(seconds=40), None, "", 1), other)


def test_ejections_are_counted(health: Health, clock: Clock) -> None:
    """Every one, also a second in a row; a probe that tells nothing is none."""
    attempts(health, *[FAILED] * 5)
    clock.forward(30)
    attempts(health, BLOCKED, FAILED)
    attempts(health, None, route=OTHER)
    assert health.ejections() == {"direct": 2, "other": 0}


def test_a_route_that_is_gone_is_forgotten(health: Health) -> None:
    """With its parks and counts; an attempt that ends later does not bring it back."""
    late = health.begin(ROUTE, "shop")
    attempts(health, *[FAILED] * 5)
    health.park(ROUTE, 10, "used up")
    health.forget(["direct", "never-there"])
    health.end(late, FAILED)
    health.release(late)
    assert (health.suspensions(), health.states(), health.ejections()) == ({}, (), {})


@pytest.fixture
def reported() -> list[str]:
    return []


@pytest.fixture
def observed(clock: Clock, reported: list[str]) -> ObservedLimits:
    return ObservedLimits(clock, reported.append)


def limits(observed: ObservedLimits, route: Route = LIMITED) -> dict[str, int]:
    return {limit.dimension: limit.value for limit in observed.effective(route)}


def test_headers_lower_a_recorded_limit(observed: ObservedLimits, clock: Clock) -> None:
    """Of that model and dimension, for as long as they are fresh; they raise none and add none."""
    assert limits(observed) == {IMAGES: 50, TOKENS: 1000}
    observed.note(LIMITED, says(20) | says(9000, "tokens") | says(3, "requests"))
    assert limits(observed) == {IMAGES: 20, TOKENS: 1000}
    assert limits(observed, replace(LIMITED, id="twin")) == {IMAGES: 20, TOKENS: 1000}
    assert limits(observed, replace(LIMITED, upstream_model="gpt-image-1")) == {IMAGES: 5}
    assert limits(observed, ROUTE) == {}
    clock.forward(301)
    assert limits(observed) == {IMAGES: 50, TOKENS: 1000}


def test_of_two_headers_for_images_the_lower_counts(observed: ObservedLimits) -> None:
    """Whichever of them it is."""
    observed.note(LIMITED, says(20) | says(30, "input-images"))
    assert limits(observed)[IMAGES] == 20
    observed.note(LIMITED, says(20) | says(10, "input-images"))
    assert limits(observed)[IMAGES] == 10


def test_an_exhausted_limit_says_for_how_long(observed: ObservedLimits) -> None:
    """Nothing left, and when that ends."""
    spent = {"x-ratelimit-remaining-images": "0", "x-ratelimit-reset-images": "12s"}
    assert observed.exhausted(LIMITED, spent) == 12.0
    assert observed.exhausted(LIMITED, says(20)) is None


def test_a_lasting_difference_is_reported_once(observed: ObservedLimits, clock: Clock, reported: list[str]) -> None:
    """After five answers and a minute, and it stands until the headers say otherwise."""
    observed.note(LIMITED, {"x-request-id": "req_1", "x-ratelimit-remaining-images": "3"})
    for _ in range(4):
        observed.note(LIMITED, says(20))
        clock.forward(20)
    assert (observed.lasting(), reported) == ((), [])
    for _ in range(10):
        observed.note(LIMITED, says(20) | {"x-ratelimit-remaining-images": "3"})
    assert (observed.lasting(), reported) == ((DIFFERENCE,), [DIFFERENCE])
    observed.note(LIMITED, says(50))
    assert (observed.lasting(), reported) == ((), [DIFFERENCE])


def test_a_limit_that_nobody_recorded_is_reported_but_not_enforced(
    observed: ObservedLimits, clock: Clock, reported: list[str]
) -> None:
    """The contract's keepers can write it down."""
    for _ in range(5):
        observed.note(ROUTE, says(20))
        clock.forward(20)
    assert observed.effective(ROUTE) == ()
    assert reported == ["openai-direct, gpt-image-2: no images per minute were recorded, the headers say 20"]


def test_what_was_observed_of_others_is_forgotten(observed: ObservedLimits, clock: Clock) -> None:
    """A contract and model that no route has any more."""
    gone = replace(LIMITED, upstream_model="gpt-image-1")
    for _ in range(5):
        observed.note(gone, says(2))
        observed.note(LIMITED, says(20))
        clock.forward(20)
    assert len(observed.lasting()) == 2
    observed.keep([LIMITED])
    assert observed.lasting() == (DIFFERENCE,)
    assert limits(observed, gone) == {IMAGES: 5}
    assert limits(observed) == {IMAGES: 20, TOKENS: 1000}


def test_a_new_record_is_compared_anew(observed: ObservedLimits, clock: Clock) -> None:
    """Once a person has written down what the headers say, nothing differs."""
    for _ in range(5):
        observed.note(LIMITED, says(20))
        clock.forward(20)
    mended = replace(
        LIMITED, contract=replace(CONTRACT, limits=replace(LIMITS, recorded=(replace(LIMITS.recorded[0], value=20),)))
    )
    assert [(it.recorded, it.observed, it.differs) for it in observed.readings([LIMITED])] == [
        (50, 20, True),
        (1000, None, False),
    ]
    assert [(it.recorded, it.observed, it.differs) for it in observed.readings([mended])] == [(20, 20, False)]
    observed.note(mended, says(20))
    assert observed.lasting() == ()


def test_of_two_records_for_one_dimension_the_lower_is_compared(observed: ObservedLimits) -> None:
    """It is the one that binds."""
    twice = (LIMITS.recorded[0], replace(LIMITS.recorded[0], value=40), replace(LIMITS.recorded[0], value=45))
    route = replace(LIMITED, contract=replace(CONTRACT, limits=replace(LIMITS, recorded=twice)))
    assert [it.recorded for it in observed.readings([route])] == [40]


def test_metrics_show_routes_as_they_are_at_the_scrape(health: Health, observed: ObservedLimits, clock: Clock) -> None:
    """Holds, ejections and limits; nothing lingers of a hold that is over."""
    metrics = Metrics(lambda: 0.0, lambda: 0, "abc123")
    metrics.watch_routes(health.suspensions, health.ejections, lambda: observed.readings([LIMITED, replace(LIMITED, id="twin")]))
    assert not [name for name, *_ in scraped(metrics) if name == "gateway_route_held"]
    attempts(health, *[FAILED] * 5)
    health.park(ROUTE, 10, "used up")
    for _ in range(5):
        observed.note(LIMITED, says(20) | says(7, "requests"))
        clock.forward(5)
    found = scraped(metrics)
    assert ("gateway_route_held", ("breaker", "direct"), 1.0) in found
    assert ("gateway_route_held", ("limit", "direct"), 1.0) not in found
    assert ("gateway_breaker_ejections_total", ("direct",), 1.0) in found
    assert {it for it in found if it[0].startswith("gateway_limit_")} == {
        ("gateway_limit_recorded", labels(IMAGES), 50.0),
        ("gateway_limit_recorded", labels(TOKENS), 1000.0),
        ("gateway_limit_observed", labels(IMAGES), 20.0),
        ("gateway_limit_observed", labels("requests_per_minute"), 7.0),
        ("gateway_limit_differs", labels(IMAGES), 0.0),
        ("gateway_limit_differs", labels(TOKENS), 0.0),
        ("gateway_limit_differs", labels("requests_per_minute"), 0.0),
    }
    clock.forward(40)
    observed.note(LIMITED, says(20))
    assert ("gateway_limit_differs", labels(IMAGES), 1.0) in scraped(metrics)
    assert not [name for name, *_ in scraped(metrics) if name == "gateway_route_held"]


def labels(dimension: str) -> tuple[str, ...]:
    return "openai-direct", dimension, "gpt-image-2"


def scraped(metrics: Metrics) -> set[tuple[str, tuple[str, ...], float]]:
    """Name, label values by label name, and value of each of the gateway's samples."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (it.name, tuple(it.labels[name] for name in sorted(it.labels)), it.value) for family in families for it in family.samples
    }
