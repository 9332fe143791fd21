"""What follows an attempt: table by table, because every cell is money."""

from dataclasses import replace

import pytest

from gateway.core.contract.contract import OnAmbiguous
from gateway.core.outcome import Diagnosis, Outcome, Owner
from gateway.core.routing.attempts import DEADLINE_S, Attempt, Moment, Stop, Try, Wait, next_step
from gateway.core.routing.choice import Candidate
from gateway.core.routing.plan import Plan
from gateway.core.snapshot import FallbackPolicy, RetryPolicy
from tests.unit.core.samples import APP, CONTRACT, MODEL, REQUEST, ROUTE, TODAY

RESELLER = replace(CONTRACT, id="reseller", billing=replace(CONTRACT.billing, owner="Atlas"))
SECOND = replace(CONTRACT, id="second")
OTHER = replace(ROUTE, id="other", contract=SECOND)
DEAR = replace(ROUTE, id="dear", contract=RESELLER)
FALLBACK = FallbackPolicy(
    owners=frozenset({Owner.RATE_LIMIT, Owner.PROVIDER, Owner.ACCOUNT, Owner.VERIFICATION}),
    contracts=frozenset({"second", "reseller"}),
    attempts_max=3,
    deadline_s=60.0,
    failed_within_s=None,
)
NO_RETRY = RetryPolicy(times_max=0, backoff_s=1.0, wait_s_max=10.0)
TWICE = RetryPolicy(times_max=2, backoff_s=1.0, wait_s_max=10.0)


def of(owner: Owner, outcome: Outcome = Outcome.REJECTED, *, retryable: bool = False) -> Diagnosis:
    return Diagnosis(owner, "rule", "check", "stop", outcome, retryable)


THROTTLED = of(Owner.RATE_LIMIT, retryable=True)
UNREACHABLE = of(Owner.PROVIDER, Outcome.NOT_SENT, retryable=True)
UNKNOWN_OUTCOME = of(Owner.PROVIDER, Outcome.AMBIGUOUS)


def the_plan(
    *routes: object, fallback: FallbackPolicy | None = FALLBACK, retries: RetryPolicy = NO_RETRY, consent: bool = False
) -> Plan:
    found = routes or (ROUTE, OTHER)
    model = replace(MODEL, routes=found, fallback=fallback, retries=retries)
    candidates = tuple(Candidate(route, REQUEST, TODAY) for route in found)  # type: ignore[arg-type]  # routes by name
    return Plan(model, replace(APP, biller_change=consent), candidates, ())


def failed(
    plan: Plan, diagnosis: Diagnosis, at: int = 0, *, began_s: float = 0.0, ended_s: float = 1.0, **more: object
) -> Attempt:
    return Attempt(plan.candidates[at], diagnosis, began_s, ended_s, **more)  # type: ignore[arg-type]  # by name


def test_the_first_candidate_is_tried_first() -> None:
    """A plan's order is the order of the attempts."""
    plan = the_plan()
    assert next_step(plan, (), Moment(0.0)) == Try(plan.candidates[0])


@pytest.mark.parametrize("head_sent", [False, True])
@pytest.mark.parametrize("accepted", [False, True])
@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("owner", list(Owner))
def test_only_what_surely_did_not_run_goes_elsewhere(owner: Owner, outcome: Outcome, accepted: bool, head_sent: bool) -> None:
    """Owner x outcome x contract's word on ambiguity x first byte sent: another contract only where all of them permit it."""
    terms = replace(CONTRACT.failure, on_ambiguous=OnAmbiguous.RETRY if accepted else OnAmbiguous.FAIL)
    first = replace(ROUTE, contract=replace(CONTRACT, failure=terms))
    plan = the_plan(first, OTHER)
    step = next_step(plan, (failed(plan, of(owner, outcome), head_sent=head_sent),), Moment(1.0))
    proven = outcome in (Outcome.NOT_SENT, Outcome.REJECTED) or (outcome is Outcome.AMBIGUOUS and accepted)
    permitted = owner in (Owner.RATE_LIMIT, Owner.PROVIDER, Owner.ACCOUNT, Owner.VERIFICATION)
    if proven and permitted and not head_sent:
        assert step == Try(plan.candidates[1])
    else:
        assert isinstance(step, Stop)
        assert step.diagnosis == of(owner, outcome)
        assert step.why


@pytest.mark.parametrize(
    ("change", "moment", "why"),
    [
        ({"fallback": None}, Moment(1.0), "the model has no fallback policy"),
        ({"owners": frozenset({Owner.RATE_LIMIT})}, Moment(1.0), "a failure of owner 'provider' causes no fallback"),
        ({"attempts_max": 1}, Moment(1.0), "1 attempts have been made"),
        ({}, Moment(60.0), "60 s have passed"),
        ({"failed_within_s": 0.5}, Moment(1.0), "it took longer than 0.5 s to fail"),
        ({"contracts": frozenset({"reseller"})}, Moment(1.0), "no other contract may receive it"),
    ],
)
def test_each_rule_of_the_policy_can_forbid_a_fallback(change: dict[str, object], moment: Moment, why: str) -> None:
    """Whatever forbids another attempt says so."""
    policy = None if "fallback" in change else replace(FALLBACK, **change)  # type: ignore[arg-type]  # by name
    plan = the_plan(fallback=policy)
    assert next_step(plan, (failed(plan, UNREACHABLE),), moment) == Stop(UNREACHABLE, why)


def test_a_failure_that_was_fast_enough_goes_elsewhere() -> None:
    """The bound on how long a failure took counts from the attempt's own beginning."""
    plan = the_plan(fallback=replace(FALLBACK, failed_within_s=2.0))
    assert next_step(plan, (failed(plan, UNREACHABLE, began_s=20.0, ended_s=21.0),), Moment(21.0)) == Try(plan.candidates[1])


def test_the_same_contract_needs_no_permission() -> None:
    """Another route of the first contract changes nothing that the policy is about."""
    twin = replace(ROUTE, id="twin")
    plan = the_plan(ROUTE, twin, fallback=replace(FALLBACK, contracts=frozenset({"second"})))
    assert next_step(plan, (failed(plan, UNREACHABLE),), Moment(1.0)) == Try(plan.candidates[1])


def test_another_biller_needs_the_apps_consent() -> None:
    """A candidate that another party bills for is passed over, unless the app has agreed."""
    plan = the_plan(ROUTE, DEAR, OTHER)
    assert next_step(plan, (failed(plan, UNREACHABLE),), Moment(1.0)) == Try(plan.candidates[2])
    alone = the_plan(ROUTE, DEAR)
    assert next_step(alone, (failed(alone, UNREACHABLE),), Moment(1.0)) == Stop(
        UNREACHABLE, "the app has not consented to another biller"
    )
    agreed = the_plan(ROUTE, DEAR, consent=True)
    assert next_step(agreed, (failed(agreed, UNREACHABLE),), Moment(1.0)) == Try(agreed.candidates[1])


def test_no_route_is_tried_twice_by_falling_back() -> None:
    """When every permitted route has failed, the last failure is the answer."""
    plan = the_plan()
    attempts = (failed(plan, UNREACHABLE), failed(plan, UNREACHABLE, 1))
    assert next_step(plan, attempts, Moment(2.0)) == Stop(UNREACHABLE, "no other route is eligible")


@pytest.mark.parametrize(
    ("tries", "jitter", "retry_after_s", "again_s"),
    [(1, 0.5, None, 1.5), (2, 0.5, None, 2.0), (1, 0.0, None, 1.0), (1, 0.5, 7.0, 8.0), (1, 1.0, None, 2.0)],
)
def test_a_retry_waits_by_the_providers_word_or_by_a_growing_draw(
    tries: int, jitter: float, retry_after_s: float | None, again_s: float
) -> None:
    """``retry-after`` is obeyed; without it the wait is drawn from 0 to 1 s, then from 0 to 2 s."""
    plan = the_plan(ROUTE, fallback=None, retries=TWICE)
    attempts = tuple(failed(plan, THROTTLED, jitter=jitter, retry_after_s=retry_after_s) for _ in range(tries))
    if again_s > 1.0:
        assert next_step(plan, attempts, Moment(1.0)) == Wait(again_s)
    assert next_step(plan, attempts, Moment(again_s)) == Try(plan.candidates[0])


@pytest.mark.parametrize(
    ("diagnosis", "attempt", "moment"),
    [
        (of(Owner.ACCOUNT), {}, Moment(1.0)),
        (THROTTLED, {"retry_after_s": 11.0}, Moment(1.0)),
        (THROTTLED, {"ended_s": DEADLINE_S}, Moment(DEADLINE_S)),
        (THROTTLED, {}, Moment(1.0, retry_allowed=False)),
    ],
)
def test_a_retry_needs_a_cause_a_short_wait_time_and_room(
    diagnosis: Diagnosis, attempt: dict[str, object], moment: Moment
) -> None:
    """Not what waiting cannot mend, not after a long wait, not past the deadline, not beyond the retry budget."""
    plan = the_plan(ROUTE, fallback=None, retries=TWICE)
    assert isinstance(next_step(plan, (failed(plan, diagnosis, jitter=0.5, **attempt),), moment), Stop)  # type: ignore[arg-type]


def test_retries_end_and_then_another_route_is_tried() -> None:
    """The number of tries of one route and that of all attempts are both bounds."""
    plan = the_plan(retries=replace(TWICE, times_max=1))
    once = (failed(plan, THROTTLED, jitter=0.0),)
    assert next_step(plan, once, Moment(1.0)) == Try(plan.candidates[0])
    assert next_step(plan, once * 2, Moment(1.0)) == Try(plan.candidates[1])
    many = the_plan(retries=replace(TWICE, times_max=5))
    assert isinstance(next_step(many, (failed(many, THROTTLED, jitter=0.0),) * 3, Moment(1.0)), Stop)


def test_an_accepted_second_image_may_come_from_the_same_route() -> None:
    """``on_ambiguous: retry`` accepts that both are billed, so a retry is possible there too."""
    terms = replace(CONTRACT.failure, on_ambiguous=OnAmbiguous.RETRY)
    plan = the_plan(replace(ROUTE, contract=replace(CONTRACT, failure=terms)), fallback=None, retries=TWICE)
    assert next_step(plan, (failed(plan, UNKNOWN_OUTCOME, jitter=0.0),), Moment(1.0)) == Try(plan.candidates[0])


def blocked(plan: Plan, wait_s: float | None, *, began_s: float = 0.0) -> Attempt:
    return failed(plan, THROTTLED, began_s=began_s, ended_s=began_s, retry_after_s=wait_s, blocked=True)


def queueing(queue_s: float, fallback: FallbackPolicy | None = None) -> Plan:
    contract = replace(CONTRACT, limits=replace(CONTRACT.limits, queue_s=queue_s))
    return the_plan(replace(ROUTE, contract=contract), OTHER, fallback=fallback)


def test_a_used_up_limit_is_waited_for_as_long_as_the_contract_says() -> None:
    """The wait counts from its beginning, however often the limit is found used up."""
    plan = queueing(10.0)
    assert next_step(plan, (blocked(plan, 4.0),), Moment(0.0)) == Wait(4.0)
    assert next_step(plan, (blocked(plan, 4.0),), Moment(4.0)) == Try(plan.candidates[0])
    assert next_step(plan, (blocked(plan, 4.0), blocked(plan, 6.0, began_s=4.0)), Moment(4.0)) == Wait(10.0)
    assert isinstance(next_step(plan, (blocked(plan, 4.0), blocked(plan, 6.5, began_s=4.0)), Moment(4.0)), Stop)
    assert isinstance(next_step(plan, (blocked(plan, None),), Moment(0.0)), Stop)


def test_a_wait_counts_anew_after_a_call() -> None:
    """What was waited for another route, or before a call that was made, is not part of it."""
    plan = queueing(10.0)
    earlier = (blocked(plan, 9.0), failed(plan, THROTTLED, began_s=9.0, ended_s=9.0))
    assert next_step(plan, (*earlier, blocked(plan, 9.0, began_s=9.0)), Moment(9.0)) == Wait(18.0)


def test_a_used_up_limit_leads_elsewhere_and_costs_no_attempt() -> None:
    """Beyond the wait the fallback policy decides; a call that was not made does not count against it."""
    plan = queueing(0.0, replace(FALLBACK, attempts_max=2, failed_within_s=0.001))
    step = next_step(plan, (blocked(plan, 30.0),), Moment(0.0))
    assert step == Try(plan.candidates[1])
