"""How ready a route is: what walks have found, how long it counts, and what it holds back."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from gateway.core.diagnosis.facts import Facts
from gateway.core.diagnosis.rules import diagnose
from gateway.core.money.amount import Basis, Cost
from gateway.core.outcome import Owner, Stage
from gateway.core.readiness.path import (
    PATH,
    Known,
    Proof,
    Step,
    StepState,
    Verdict,
    Walk,
    completed,
    known_after,
    passed,
    ready_until,
    skipped,
    stopped_by,
    subject_of,
    suspension_of,
    verdict,
    warned,
)
from gateway.core.routing.eligibility import Conditions, Reason
from gateway.core.routing.plan import survey
from gateway.core.snapshot import Route
from tests.unit.core.samples import APP, CONTRACT, MODEL, NOW, REQUEST, ROUTE, snapshot

SUBJECT = subject_of(ROUTE)
COST = Cost(Decimal("0.01"), "USD", Basis.COMPUTED)
CONNECT = diagnose(Facts(Stage.CONNECT))
REQUIRING = replace(ROUTE, require_ready=True, ready_days_max=10)
FINE = (passed("model", "it is there"), warned("listed", "it is not listed"))
BROKEN = (*FINE, stopped_by("minimal", CONNECT, "no connection", COST))
TOO_DEAR = (*FINE, Step("minimal", StepState.STOPPED, "too dear", Owner.CALLER, "check", "stop"))


def walked(steps: tuple[Step, ...] = FINE, *, live: bool = True, days_ago: int = 0, subject: str = SUBJECT) -> Walk:
    return Walk("direct", subject, NOW - timedelta(days=days_ago), live, steps)


def after(*walks: Walk) -> Known | None:
    known: Known | None = None
    for walk in walks:
        known = known_after(known, walk)
    return known


@pytest.mark.parametrize(
    ("known", "found"),
    [
        (after(), Verdict.UNPROVEN),
        (after(walked(live=False)), Verdict.UNPROVEN),
        (after(walked()), Verdict.READY),
        (after(walked(days_ago=10)), Verdict.READY),
        (after(walked(days_ago=11)), Verdict.STALE),
        (after(walked(days_ago=-1)), Verdict.READY),
        (after(walked(days_ago=-2)), Verdict.STALE),
        (after(walked(BROKEN)), Verdict.NOT_READY),
        (after(walked(), walked(BROKEN)), Verdict.NOT_READY),
        (after(walked(), walked(BROKEN, live=False)), Verdict.NOT_READY),
        (after(walked(BROKEN), walked(live=False)), Verdict.NOT_READY),
        (after(walked(BROKEN), walked()), Verdict.READY),
        (after(walked(), walked(TOO_DEAR, live=False)), Verdict.READY),
        (after(walked(), walked(live=False)), Verdict.READY),
        (after(walked(subject="another model")), Verdict.UNPROVEN),
        (after(walked(BROKEN, subject="another model")), Verdict.UNPROVEN),
        (after(walked(subject="another model"), walked(live=False)), Verdict.UNPROVEN),
    ],
    ids=[
        "never walked",
        "walked without a paid request",
        "proven",
        "on the last day",
        "a day later",
        "a clock set back a little",
        "a clock set back far",
        "a paid walk that stopped",
        "stopped after it was proven",
        "stopped by what is recorded, after it was proven",
        "a stop is not undone without a paid request",
        "proven after a stop",
        "a budget that was too small takes nothing back",
        "a walk without a paid request takes nothing back",
        "proven for something else",
        "stopped for something else",
        "walked anew for this, proven for something else",
    ],
)
def test_only_a_paid_request_proves_it_and_any_stop_takes_it_back(known: Known | None, found: Verdict) -> None:
    """For as long as the route says, and for what the route is now."""
    assert verdict(REQUIRING, known, NOW) is found


@pytest.mark.parametrize(
    ("route", "known", "what"),
    [
        (ROUTE, None, None),
        (REQUIRING, after(walked()), None),
        (REQUIRING, None, "its readiness has not been proven"),
        (REQUIRING, after(walked(BROKEN)), "it was found not ready"),
        (REQUIRING, after(walked(days_ago=11)), "its readiness was proven too long ago"),
    ],
)
def test_a_route_that_requires_readiness_is_held_until_it_is_ready(route: Route, known: Known | None, what: str | None) -> None:
    """A route that does not require it never is."""
    suspension = suspension_of(route, known, NOW)
    assert (suspension.what if suspension else None) == what
    assert suspension is None or (suspension.reason, suspension.until) == (Reason.NOT_READY, None)


def test_the_plan_names_the_remedy() -> None:
    """The drop belongs to the route's owner, and says which command mends it."""
    suspension = suspension_of(REQUIRING, None, NOW)
    assert suspension
    (drop,) = survey(
        REQUEST, APP, snapshot(replace(MODEL, routes=(REQUIRING,))), Conditions(NOW, {"direct": (suspension,)})
    ).dropped
    assert (drop.reason, drop.owner) == (Reason.NOT_READY, Owner.ROUTE)
    assert "gateway ready ROUTE --live" in drop.remedy


def test_a_proof_lasts_as_long_as_the_route_says() -> None:
    """Where there is none, nothing ends."""
    assert ready_until(REQUIRING, after(walked())) == NOW + timedelta(days=10)
    assert ready_until(REQUIRING, after(walked(live=False))) is None
    assert ready_until(REQUIRING, None) is None


def test_another_contract_must_be_proven_anew() -> None:
    """So must another provider and another model: they are what was examined."""
    other = replace(ROUTE, contract=replace(CONTRACT, id="reseller"))
    assert subject_of(other) != SUBJECT
    assert subject_of(replace(ROUTE, upstream_model="gpt-image-3")) != SUBJECT


def test_a_walk_tells_where_it_stopped_and_whose_it_is() -> None:
    """And names the steps that it did not reach."""
    steps = completed(BROKEN, "The walk stopped before.")
    assert [step.id for step in steps] == list(PATH)
    assert {step.title for step in steps} == set(PATH.values())
    assert steps[2] == skipped("free", "The walk stopped before.")
    walk = walked(steps)
    assert walk.stop
    assert (walk.stop.id, walk.stop.owner, walk.stop.cost) == ("minimal", Owner.PROVIDER, COST)
    assert (walk.stop.first_check, walk.stop.stop_rule) == (CONNECT.first_check, CONNECT.stop_rule)
    assert after(walk) == Known(walk, Proof(SUBJECT, NOW, ready=False))
    assert walked().stop is None
