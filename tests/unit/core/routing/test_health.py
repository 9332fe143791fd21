"""The breaker: tables of what trips it and what does not, and a machine that tries every order of events."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.core.outcome import Diagnosis, Outcome, Owner
from gateway.core.routing.eligibility import Reason, Suspension
from gateway.core.routing.health import (
    EJECTION_S_MAX,
    FAILURES_IN_A_ROW_MAX,
    NO_SAY,
    WINDOW_ATTEMPTS_MIN,
    WINDOW_S,
    Breaker,
    State,
    begun,
    ended,
    released,
    state_of,
    suspension_of,
)

T0 = datetime(2026, 11, 23, 12, tzinfo=UTC)


def of(owner: Owner) -> Diagnosis:
    return Diagnosis(owner, f"{owner}.rule", "check", "stop", Outcome.REJECTED, retryable=False)


FAILED = of(Owner.PROVIDER)
NEUTRAL = [of(owner) for owner in Owner if owner is not Owner.PROVIDER]


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def attempt(breaker: Breaker, diagnosis: Diagnosis | None, seconds: float = 0.0) -> Breaker:
    """One attempt that begins and ends at that second."""
    breaker, era = begun(breaker, at(seconds))
    return ended(breaker, era, diagnosis, at(seconds))


def after(*diagnoses: Diagnosis | None, breaker: Breaker | None = None, step_s: float = 0.0) -> Breaker:
    found = breaker or Breaker()
    for index, diagnosis in enumerate(diagnoses):
        found = attempt(found, diagnosis, index * step_s)
    return found


TRIPPED = after(*[FAILED] * 5)


@pytest.mark.parametrize(
    ("ends", "state"),
    [
        ([], State.CLOSED),
        ([FAILED] * 4, State.CLOSED),
        ([FAILED] * 5, State.OPEN),
        ([FAILED] * 4 + [None, FAILED], State.CLOSED),
        ([FAILED] * 4 + [of(Owner.MODERATION), FAILED], State.OPEN),
        ([FAILED, None] * 9 + [FAILED], State.CLOSED),
        ([FAILED, None] * 9 + [None, FAILED], State.OPEN),
        ([FAILED, None] * 10, State.CLOSED),
        ([FAILED, None, None] * 40, State.CLOSED),
        ([FAILED, None] * 9 + [of(Owner.ACCOUNT)] * 30, State.CLOSED),
    ],
)
def test_what_trips_it(ends: list[Diagnosis | None], state: State) -> None:
    """Five in a row, or half of at least 20 within a minute; a delivery ends a row, what is no fault of the provider does not."""
    assert state_of(after(*ends), T0) is state


@pytest.mark.parametrize(
    ("apps", "state"),
    [
        ("aaaaaaaaaaaaaaaaaaaaaaaaa", State.CLOSED),
        ("aaaab", State.CLOSED),
        ("aaaaaaab", State.CLOSED),
        ("aaabb", State.OPEN),
        ("abaaaaaa", State.CLOSED),
        ("abcde", State.OPEN),
        ("aaa.b.aaa.b.aaa.b.aaa.b.aaa.b.aaa.b", State.CLOSED),
        ("ab." * 11, State.OPEN),
        ("b" + "a" * 100, State.CLOSED),
    ],
)
def test_a_shared_breaker_believes_no_app_alone(apps: str, state: State) -> None:
    """Of five in a row three count at most of one app; in the window what fails for one alone does not count ('.': delivered)."""
    breaker = Breaker()
    for app in apps:
        breaker, era = begun(breaker, T0)
        breaker = ended(breaker, era, None if app == "." else FAILED, T0, app)
    assert state_of(breaker, T0) is state


def test_many_apps_for_which_it_fails_now_and_then_open_a_shared_breaker() -> None:
    """Never five in a row, and no app more often than the others: two in three is more than half."""
    breaker = Breaker()
    for count in range(60):
        breaker, era = begun(breaker, T0)
        breaker = ended(breaker, era, None if count % 3 == 2 else FAILED, T0, f"app-{count}")
    assert state_of(breaker, T0) is State.OPEN


def test_a_probe_that_one_app_spoils_is_given_to_the_next() -> None:
    """A second app's failure ejects the route again, and so does what is no app's."""
    spoiled = attempted = TRIPPED
    for app, state in (("a", State.HALF_OPEN), ("a", State.HALF_OPEN), ("b", State.OPEN)):
        probing, era = begun(spoiled, at(31))
        spoiled = ended(probing, era, FAILED, at(31), app)
        assert state_of(spoiled, at(31)) is state
    probing, era = begun(attempted, at(31))
    assert state_of(ended(probing, era, FAILED, at(31)), at(31)) is State.OPEN


@pytest.mark.parametrize("diagnosis", NEUTRAL, ids=lambda it: str(it.owner))
def test_only_the_provider_s_own_failures_count(diagnosis: Diagnosis) -> None:
    """Whatever is the caller's, the account's, a limit's or moderation's leaves the breaker as it was."""
    assert after(*[diagnosis] * 100) == Breaker()


def test_what_is_older_than_a_minute_does_not_count() -> None:
    """Ten failures and ten deliveries within a minute trip it; spread over more they do not."""
    ends = [None, FAILED] * 10
    assert state_of(after(*ends, step_s=3.0), at(57)) is State.OPEN
    assert state_of(after(*ends, step_s=3.3), at(62.7)) is State.CLOSED


def test_the_window_is_bounded() -> None:
    """However many attempts end, no more is kept than one entry a second."""
    breaker = after(*[None] * 1000, step_s=0.25)
    assert len(breaker.seconds) == WINDOW_S
    assert sum(second.delivered for second in breaker.seconds) == 4 * WINDOW_S


def test_a_clock_that_was_set_back_forgets_the_future() -> None:
    """What ended later than now is not counted with what ends now."""
    breaker = after(*[None, FAILED] * 9, step_s=0.0)
    breaker = attempt(breaker, None, -3600)
    assert len(breaker.seconds) == 1
    assert breaker.ejection is None


def test_an_ejected_route_is_held_and_says_why() -> None:
    """For 30 s nothing goes there; then one request may."""
    why = "its provider failed 5 times in a row, the last time with provider.rule"
    assert suspension_of(Breaker(), T0) is None
    assert suspension_of(TRIPPED, T0) == Suspension(Reason.BREAKER, at(30), why)
    assert suspension_of(TRIPPED, at(29.9)) is not None
    assert suspension_of(TRIPPED, at(30)) is None
    assert state_of(TRIPPED, at(30)) is State.HALF_OPEN
    shared = suspension_of(after(*[None, FAILED] * 10), T0)
    assert shared is not None
    assert shared.what == "its provider failed 10 of 20 times within 60 s, the last time with provider.rule"


def test_one_request_probes() -> None:
    """While it is under way the route stays held, and nobody knows for how long."""
    probing, era = begun(TRIPPED, at(31))
    assert era != NO_SAY
    assert state_of(probing, at(31)) is State.HALF_OPEN
    suspension = suspension_of(probing, at(31))
    assert suspension is not None
    assert (suspension.reason, suspension.until) == (Reason.BREAKER, None)
    assert suspension.what.endswith("and a request that tries it again is under way")
    assert begun(probing, at(31)) == (probing, NO_SAY)


def test_its_delivery_closes_the_breaker() -> None:
    """All that was counted before is forgotten, the number of ejections too."""
    closed = attempt(TRIPPED, None, 31)
    assert (closed.ejection, closed.seconds, closed.row, closed.closed_at) == (None, (), (), at(31))
    again = after(*[FAILED] * 5, breaker=closed)
    assert again.ejection is not None
    assert (again.ejection.times, again.ejection.until) == (1, at(30))


def test_its_failure_ejects_for_longer_up_to_300_s() -> None:
    """30, 60, 90 ... 300, 300 s, each probed as soon as it is over."""
    breaker, lengths = TRIPPED, []
    for _ in range(12):
        assert breaker.ejection is not None
        lengths.append((breaker.ejection.until - breaker.ejection.since).total_seconds())
        seconds = (breaker.ejection.until - T0).total_seconds()
        breaker = attempt(breaker, FAILED, seconds)
    assert lengths == [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]
    assert breaker.ejection is not None
    assert breaker.ejection.why == "its provider failed again when it was tried, with provider.rule"


@pytest.mark.parametrize(("idle_s", "times"), [(0, 4), (299, 4), (300, 3), (899, 2), (900, 1), (90_000, 1), (-100, 4)])
def test_ejections_of_long_ago_are_forgotten(idle_s: float, times: int) -> None:
    """A route that nobody tried for a while after its third ejection is ejected for less: one is forgotten every 300 s."""
    breaker = TRIPPED
    for seconds in (30, 90):
        breaker = attempt(breaker, FAILED, seconds)
    assert breaker.ejection is not None
    assert (breaker.ejection.times, breaker.ejection.until) == (3, at(180))
    probing, era = begun(breaker, at(180))
    again = ended(probing, era, FAILED, at(180 + idle_s))
    assert again.ejection is not None
    assert again.ejection.times == times


@pytest.mark.parametrize("diagnosis", NEUTRAL, ids=lambda it: str(it.owner))
def test_a_probe_that_tells_nothing_is_free_for_the_next_request(diagnosis: Diagnosis) -> None:
    """Moderation and the like neither close the breaker nor eject again."""
    freed = attempt(TRIPPED, diagnosis, 31)
    assert state_of(freed, at(31)) is State.HALF_OPEN
    assert suspension_of(freed, at(31)) is None
    assert attempt(freed, None, 32).ejection is None


def test_a_probe_that_was_not_made_is_free_too() -> None:
    """And only the probe can be given back."""
    probing, era = begun(TRIPPED, at(31))
    assert released(probing, NO_SAY) is probing
    freed = released(probing, era)
    assert suspension_of(freed, at(31)) is None
    assert released(freed, era) is freed
    assert released(Breaker(), Breaker().era) == Breaker()


@pytest.mark.parametrize("late", [None, FAILED, of(Owner.MODERATION)])
def test_late_ends_change_nothing(late: Diagnosis | None) -> None:
    """An attempt from before the ejection neither closes nor prolongs it, nor does it end the probe or count after it."""
    _, before = begun(Breaker(), T0)
    _, meanwhile = begun(TRIPPED, at(1))
    probing, probe = begun(TRIPPED, at(31))
    closed = ended(probing, probe, None, at(40))
    for breaker in (TRIPPED, probing, closed):
        for era in (before, meanwhile):
            assert ended(breaker, era, late, at(41)) is breaker
    assert ended(closed, probe, late, at(41)) is closed


def test_many_failures_at_once_are_one_ejection() -> None:
    """Of 50 attempts that fail together the first five eject, the others are late."""
    breaker = Breaker()
    for _ in range(50):
        breaker = ended(breaker, Breaker().era, FAILED, T0)
    assert breaker == TRIPPED


def test_a_clock_that_was_set_back_ends_an_ejection() -> None:
    """An hour back must not hold the route for an hour."""
    assert state_of(TRIPPED, at(-3600)) is State.HALF_OPEN
    assert suspension_of(TRIPPED, at(-3600)) is None


class BreakerMachine(RuleBasedStateMachine):
    """Attempts begin, end in any order and at any time; what must always hold is asserted after every event."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker, self.seconds = Breaker(), 0.0
        self.under_way: list[int] = []
        self.failures = 0

    @property
    def now(self) -> datetime:
        return at(self.seconds)

    @rule(seconds=st.sampled_from([0.1, 1, 7, 31, 61, 301, 4000]))
    def wait(self, seconds: float) -> None:
        self.seconds += seconds

    @rule()
    def begin(self) -> None:
        waiting = state_of(self.breaker, self.now) is State.HALF_OPEN and suspension_of(self.breaker, self.now) is None
        in_use = self.breaker.ejection is None
        self.breaker, era = begun(self.breaker, self.now)
        assert (era == NO_SAY) == (not waiting and not in_use)
        self.under_way.append(era)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), diagnosis=st.sampled_from([None, FAILED, FAILED, FAILED, *NEUTRAL]))
    def end(self, data: st.DataObject, diagnosis: Diagnosis | None) -> None:
        era = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        before = self.breaker
        self.breaker = ended(before, era, diagnosis, self.now)
        self.failures += diagnosis is FAILED
        ejected = self.breaker.ejection is not None and (
            before.ejection is None or before.ejection.since != self.breaker.ejection.since
        )
        assert not ejected or diagnosis is FAILED
        if diagnosis in NEUTRAL:
            assert (self.breaker.ejection is None) == (before.ejection is None)
        if self.breaker.ejection is None and before.ejection is not None:
            assert diagnosis is None
            assert before.ejection.probing

    @rule(ends=st.lists(st.sampled_from([None, FAILED, *NEUTRAL]), min_size=5, max_size=30))
    def burst(self, ends: list[Diagnosis | None]) -> None:
        for diagnosis in ends:
            self.breaker, era = begun(self.breaker, self.now)
            self.breaker = ended(self.breaker, era, diagnosis, self.now)
            self.failures += diagnosis is FAILED

    @precondition(lambda self: self.under_way)
    @rule()
    def release(self) -> None:
        self.breaker = released(self.breaker, self.under_way.pop())

    @invariant()
    def at_most_one_probes(self) -> None:
        ejection = self.breaker.ejection
        heard = self.under_way.count(self.breaker.era)
        if ejection is not None:
            assert heard == ejection.probing

    @invariant()
    def no_ejection_is_longer_than_the_most(self) -> None:
        suspension = suspension_of(self.breaker, self.now)
        if suspension is not None and suspension.until is not None:
            assert 0 < (suspension.until - self.now).total_seconds() <= EJECTION_S_MAX

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.breaker.seconds) <= WINDOW_S
        assert len(self.breaker.row) < FAILURES_IN_A_ROW_MAX

    @invariant()
    def few_failures_never_eject(self) -> None:
        assert self.breaker.ejection is None or self.failures >= min(FAILURES_IN_A_ROW_MAX, WINDOW_ATTEMPTS_MIN // 2)

    def teardown(self) -> None:
        """Once all attempts have ended and 300 s have passed, one delivery brings the route back."""
        for era in self.under_way:
            self.breaker = ended(self.breaker, era, of(Owner.UNKNOWN), self.now)
        self.seconds += EJECTION_S_MAX
        assert suspension_of(self.breaker, self.now) is None
        self.breaker, era = begun(self.breaker, self.now)
        self.breaker = ended(self.breaker, era, None, self.now)
        assert state_of(self.breaker, self.now) is State.CLOSED


TestBreaker = BreakerMachine.TestCase
