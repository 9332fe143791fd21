"""The plan: which routes may serve, and why the others may not."""

from dataclasses import replace
from datetime import date

import pytest

from gateway.core.attempts import Attempt, Stop, Try, next_step
from gateway.core.diagnosis import Facts, Owner, Refusal, Stage, diagnose
from gateway.core.images import Operation
from gateway.core.routing import Conditions, Reason, models_for, plan
from gateway.core.snapshot import App, Route, RouteState
from tests.unit.core.samples import APP, CONTRACT, MODEL, NOW, REQUEST, ROUTE, TODAY, snapshot

CONDITIONS = Conditions(NOW)
NOTHING = replace(APP, models=frozenset())
EXPIRED = replace(ROUTE, id="expired", contract=replace(CONTRACT, effective_to=TODAY))
FUTURE = replace(ROUTE, id="future", contract=replace(CONTRACT, effective_from=date(2026, 11, 24)))
DRAINING = replace(ROUTE, id="draining", state=RouteState.DRAINING)


def test_every_route_is_a_candidate_or_a_drop_with_a_reason() -> None:
    """Routes keep their order; what is left out says why and what would bring it back."""
    model = replace(MODEL, routes=(EXPIRED, ROUTE, FUTURE, DRAINING))
    found = plan(REQUEST, APP, snapshot(model), CONDITIONS)
    assert [candidate.route.id for candidate in found.candidates] == ["direct"]
    assert [(drop.route.id, drop.reason) for drop in found.dropped] == [
        ("expired", Reason.CONTRACT_NOT_EFFECTIVE),
        ("future", Reason.CONTRACT_NOT_EFFECTIVE),
        ("draining", Reason.STATE),
    ]
    assert all(drop.remedy and drop.owner is Owner.ROUTE for drop in found.dropped)
    assert found.candidates[0].estimate.text == "0.210845"


def test_an_alias_finds_its_model() -> None:
    """Apps that still send an old name are served by the model that answers to it."""
    assert plan(replace(REQUEST, model="dall-e-3"), APP, snapshot(MODEL), CONDITIONS).model is MODEL


@pytest.mark.parametrize(
    ("model", "app", "routes", "answer", "words"),
    [
        ("gpt-image-3", APP, (ROUTE,), (400, "invalid_value", Owner.REQUEST_SHAPE), "Did you mean 'gpt-image-2'?"),
        ("flux", APP, (ROUTE,), (400, "invalid_value", Owner.REQUEST_SHAPE), "Models of this app: gpt-image-2."),
        ("flux", NOTHING, (ROUTE,), (400, "invalid_value", Owner.REQUEST_SHAPE), "Models of this app: none."),
        ("gpt-image-2", NOTHING, (ROUTE,), (403, "model_not_allowed", Owner.APP_POLICY), "may not use"),
        ("gpt-image-2", APP, (EXPIRED, DRAINING), (503, "no_eligible_route", Owner.ROUTE), "contract not effective; state"),
    ],
)
def test_a_request_that_nobody_can_serve_is_refused(
    model: str, app: App, routes: tuple[Route, ...], answer: tuple[int, str, Owner], words: str
) -> None:
    """The refusal names ``model`` and says who can change that."""
    with pytest.raises(Refusal) as caught:
        plan(replace(REQUEST, model=model), app, snapshot(replace(MODEL, routes=routes)), CONDITIONS)
    refusal = caught.value
    assert (refusal.status, refusal.code, refusal.diagnosis.owner) == answer
    assert refusal.param == "model"
    assert words in refusal.message


def test_an_app_sees_each_of_its_models_once() -> None:
    """Aliases are not listed, and neither is what the app may not use."""
    other = replace(MODEL, name="another", aliases=())
    assert [model.name for model in models_for(APP, snapshot(MODEL, other))] == ["another", "gpt-image-2"]
    assert models_for(replace(APP, models=frozenset({"another"})), snapshot(MODEL, other)) == (other,)


def test_a_failed_attempt_is_the_last_one() -> None:
    """No policy permits another contract yet, so one attempt is made and its diagnosis is the answer."""
    the_plan = plan(REQUEST, APP, snapshot(MODEL), CONDITIONS)
    first = next_step(the_plan, ())
    assert first == Try(the_plan.candidates[0])
    failed = Attempt(the_plan.candidates[0], diagnose(Facts(Stage.CONNECT)))
    assert next_step(the_plan, (failed,)) == Stop(failed.diagnosis)


def test_an_operation_goes_only_to_routes_that_declare_it() -> None:
    """A variation is not sent where nothing says that it is served; the drop says what would."""
    declared = replace(ROUTE, id="old", operations=frozenset({Operation.VARIATION}))
    variation = replace(REQUEST, operation=Operation.VARIATION)
    found = plan(variation, APP, snapshot(replace(MODEL, routes=(ROUTE, declared))), CONDITIONS)
    assert [candidate.route.id for candidate in found.candidates] == ["old"]
    assert [(drop.reason, drop.owner) for drop in found.dropped] == [(Reason.OPERATION, Owner.REQUEST_SHAPE)]
    with pytest.raises(Refusal, match="serves the operation 'variation'") as caught:
        plan(variation, APP, snapshot(MODEL), CONDITIONS)
    assert (caught.value.status, caught.value.code) == (400, "unsupported_operation")
