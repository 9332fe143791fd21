"""A request leaves its preferred contract with permission only, also where its preferred route is held and was never tried."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.outcome import Diagnosis, Outcome, Owner, Refusal
from gateway.core.routing.attempts import Attempt, Moment, Stop, Try, next_step
from gateway.core.routing.consent import reached
from gateway.core.routing.eligibility import Conditions, Reason, Suspension
from gateway.core.routing.plan import Plan, plan, survey
from gateway.core.snapshot import FallbackPolicy, Snapshot
from tests.unit.core.samples import APP, CONTRACT, MODEL, NOW, REQUEST, ROUTE, snapshot

SOON = NOW + timedelta(seconds=30)
SECOND = replace(ROUTE, id="second", contract=replace(CONTRACT, id="second"))
DEAR = replace(ROUTE, id="dear", contract=replace(CONTRACT, id="dear", billing=replace(CONTRACT.billing, owner="Atlas")))
SAME = replace(ROUTE, id="same")
HELD_BY = {Reason.BREAKER: Owner.PROVIDER, Reason.LIMIT: Owner.RATE_LIMIT, Reason.OVERRIDE: Owner.ROUTE}


def policy(*owners: Owner, to: tuple[str, ...] = ("second", "dear")) -> FallbackPolicy:
    return FallbackPolicy(frozenset(owners), frozenset(to), 3, 60.0, None)


def served(*routes: object, fallback: FallbackPolicy | None, eject_last: bool = True) -> Snapshot:
    found = snapshot(replace(MODEL, routes=routes, fallback=fallback, eject_last=eject_last))
    return replace(found, contracts={})


def holding(**reasons: Reason) -> Conditions:
    return Conditions(NOW, {name: (Suspension(reason, SOON, "it is held"),) for name, reason in reasons.items()})


def planned(snapshot: Snapshot, conditions: Conditions, *, consent: bool = False) -> Plan:
    return plan(REQUEST, replace(APP, biller_change=consent), snapshot, conditions)


@pytest.mark.parametrize("reason", list(HELD_BY))
@pytest.mark.parametrize("listed", [False, True])
def test_a_hold_moves_a_request_only_where_its_owner_may(reason: Reason, listed: bool) -> None:
    """The owner of the hold is looked for in ``fallback.on``, as that of a failure is."""
    owner = HELD_BY[reason]
    others = policy(*(it for it in HELD_BY.values() if it is not owner))
    found = served(ROUTE, SECOND, fallback=policy(owner) if listed else others)
    if listed:
        moved = planned(found, holding(direct=reason))
        assert [it.route.id for it in moved.candidates] == ["second"]
        assert moved.held is not None
        assert (moved.held.route.id, moved.held.reason, moved.preferred) == ("direct", reason, ROUTE)
        return
    with pytest.raises(Refusal, match="causes no fallback") as caught:
        planned(found, holding(direct=reason))
    assert caught.value.diagnosis.owner is owner
    drops = survey(REQUEST, APP, found, holding(direct=reason)).dropped
    assert [(it.route.id, it.reason, it.owner) for it in drops] == [
        ("direct", reason, owner),
        ("second", Reason.FALLBACK, owner),
    ]


@pytest.mark.parametrize(
    ("routes", "fallback", "consent", "served_by"),
    [
        ((ROUTE, DEAR), policy(Owner.PROVIDER), False, None),
        ((ROUTE, DEAR), policy(Owner.PROVIDER), True, "dear"),
        ((ROUTE, DEAR, SECOND), policy(Owner.PROVIDER), False, "second"),
        ((ROUTE, SECOND), policy(Owner.PROVIDER, to=("dear",)), True, None),
        ((ROUTE, SECOND), None, True, None),
        ((ROUTE, SAME), None, False, "same"),
    ],
    ids=["no_consent", "consent", "the_next_that_may", "not_to_that_contract", "no_policy", "same_contract"],
)
def test_consent_and_policy_bind_while_the_preferred_route_is_held(
    routes: tuple[object, ...], fallback: FallbackPolicy | None, consent: bool, served_by: str | None
) -> None:
    """Another biller needs the app's consent, another contract the model's policy, another route of the contract neither."""
    found = served(*routes, fallback=fallback)
    if served_by is None:
        with pytest.raises(Refusal, match="No other may take its place"):
            planned(found, holding(direct=Reason.BREAKER), consent=consent)
    else:
        assert planned(found, holding(direct=Reason.BREAKER), consent=consent).candidates[0].route.id == served_by


def test_the_owner_of_each_route_that_is_passed_over_counts() -> None:
    """A request that may leave for one reason does not pass a route that is held for another."""
    found = served(ROUTE, SECOND, DEAR, fallback=policy(Owner.PROVIDER))
    with pytest.raises(Refusal):
        planned(found, holding(direct=Reason.BREAKER, second=Reason.LIMIT), consent=True)
    assert planned(found, holding(direct=Reason.BREAKER, second=Reason.BREAKER), consent=True).candidates[0].route.id == "dear"


def test_a_contract_s_budget_moves_requests_without_a_policy_and_not_without_consent() -> None:
    """Operators set it in order to move what is above it; who bills is still the app's to say."""
    cheap, dear = served(ROUTE, SECOND, fallback=None), served(ROUTE, DEAR, fallback=None)
    assert planned(cheap, holding(direct=Reason.BUDGET)).candidates[0].route.id == "second"
    with pytest.raises(Refusal):
        planned(dear, holding(direct=Reason.BUDGET))


def test_a_hold_behind_the_first_route_changes_nothing() -> None:
    """Who is served where it wants to be has left nothing."""
    found = planned(served(ROUTE, SECOND, fallback=None), holding(second=Reason.BREAKER))
    assert (found.held, [it.route.id for it in found.candidates]) == (None, ["direct"])


def test_the_ejected_route_that_is_tried_all_the_same_is_one_that_may() -> None:
    """The breaker's last route: an app without consent stays at its own biller, however long that is ejected."""
    later = Suspension(Reason.BREAKER, SOON + timedelta(seconds=30), "it failed")
    conditions = Conditions(NOW, {"direct": (later,), "dear": (Suspension(Reason.BREAKER, SOON, "it failed"),)})
    found = served(ROUTE, DEAR, fallback=policy(Owner.PROVIDER), eject_last=False)
    stays, moves = planned(found, conditions), planned(found, conditions, consent=True)
    assert ([it.route.id for it in stays.candidates], stays.held) == (["direct"], None)
    assert [it.route.id for it in moves.candidates] == ["dear"]
    assert moves.held is not None
    assert moves.held.route is ROUTE


def test_a_failure_after_a_hold_is_measured_against_the_preferred_contract() -> None:
    """Two steps to another biller need the same consent as one."""
    found = served(ROUTE, DEAR, SECOND, fallback=policy(Owner.PROVIDER))
    for consent, expected in ((True, Try), (False, Stop)):
        moved = planned(found, holding(direct=Reason.BREAKER), consent=consent)
        failed = Diagnosis(Owner.PROVIDER, "rule", "check", "stop", Outcome.REJECTED, retryable=False)
        step = next_step(moved, (Attempt(moved.candidates[0], failed, 0.0, 1.0),), Moment(1.0))
        assert isinstance(step, expected)


@pytest.mark.parametrize(
    ("fallback", "consent", "said"),
    [
        (None, True, "never: the model has no fallback policy"),
        (policy(Owner.PROVIDER, to=("second",)), True, "never: no other contract may receive it"),
        (policy(Owner.PROVIDER), False, "never: the app has not consented to another biller"),
        (policy(Owner.PROVIDER, Owner.ACCOUNT), True, "after a failure of account, provider; 3 attempts in all, none after 60 s"),
        (
            replace(policy(Owner.PROVIDER), failed_within_s=2.5),
            True,
            "after a failure of provider within 2.5 s; 3 attempts in all, none after 60 s",
        ),
    ],
)
def test_it_is_said_when_a_further_route_is_tried(fallback: FallbackPolicy | None, consent: bool, said: str) -> None:
    """Or that it never is, and what is missing."""
    model, app = replace(MODEL, fallback=fallback), replace(APP, biller_change=consent)
    assert reached(model, app, ROUTE.contract, DEAR.contract) == said
