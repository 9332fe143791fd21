"""The plan: which routes may serve, and why the others may not."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.core.contract.capability import Capabilities
from gateway.core.contract.data_policy import DataPolicy, Demand
from gateway.core.contract.text_model import TextModel
from gateway.core.outcome import Owner, Refusal
from gateway.core.request.images import ImageRequest, Operation, TextWish
from gateway.core.routing.eligibility import Conditions, Drop, Reason, Suspension
from gateway.core.routing.plan import models_for, plan, survey
from gateway.core.snapshot import App, FallbackPolicy, Model, Route, RouteState, Snapshot
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
        (
            "gpt-image-2",
            NOTHING,
            (ROUTE,),
            (400, "invalid_value", Owner.REQUEST_SHAPE),
            "may not use it. Models of this app: none",
        ),
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


def test_an_operation_goes_only_to_routes_that_declare_it() -> None:
    """A variation is not sent where nothing says that it is served; the drop says what would."""
    declared = replace(ROUTE, id="old", operations=frozenset({Operation.VARIATION}))
    variation = replace(REQUEST, operation=Operation.VARIATION)
    found = plan(variation, APP, snapshot(replace(MODEL, routes=(ROUTE, declared))), CONDITIONS)
    assert [candidate.route.id for candidate in found.candidates] == ["old"]
    assert [(drop.reason, drop.owner) for drop in found.dropped] == [(Reason.OPERATION, Owner.REQUEST_SHAPE)]
    with pytest.raises(Refusal, match="does not serve the operation 'variation'") as caught:
        plan(variation, APP, snapshot(MODEL), CONDITIONS)
    assert (caught.value.status, caught.value.code) == (400, "unsupported_operation")


SOON = NOW + timedelta(seconds=30)
OTHER = replace(ROUTE, id="other", contract=replace(CONTRACT, id="reseller"))
LOW_ONLY = replace(ROUTE, capabilities=Capabilities(qualities=frozenset({"low"}), n_max=1))


def held(reason: Reason) -> Conditions:
    return Conditions(NOW, {"direct": (Suspension(reason, SOON, "it is so"),)})


@pytest.mark.parametrize(
    ("request_", "app", "route", "conditions", "found"),
    [
        (REQUEST, APP, replace(ROUTE, state=RouteState.DISABLED), CONDITIONS, [(Reason.STATE, Owner.ROUTE, None, None)]),
        (REQUEST, APP, EXPIRED, CONDITIONS, [(Reason.CONTRACT_NOT_EFFECTIVE, Owner.ROUTE, None, None)]),
        (REQUEST, APP, ROUTE, held(Reason.OVERRIDE), [(Reason.OVERRIDE, Owner.ROUTE, None, SOON)]),
        (REQUEST, APP, ROUTE, held(Reason.BREAKER), [(Reason.BREAKER, Owner.PROVIDER, None, SOON)]),
        (REQUEST, APP, ROUTE, held(Reason.LIMIT), [(Reason.LIMIT, Owner.RATE_LIMIT, None, SOON)]),
        (
            replace(REQUEST, n=2),
            APP,
            LOW_ONLY,
            CONDITIONS,
            [(Reason.CAPABILITY, Owner.REQUEST_SHAPE, "quality", None), (Reason.CAPABILITY, Owner.REQUEST_SHAPE, "n", None)],
        ),
        (
            REQUEST,
            replace(APP, contracts=frozenset({"reseller"})),
            ROUTE,
            CONDITIONS,
            [(Reason.APP_POLICY, Owner.APP_POLICY, None, None)],
        ),
        (
            REQUEST,
            replace(APP, pins={"gpt-image-2": "other"}),
            ROUTE,
            CONDITIONS,
            [(Reason.APP_POLICY, Owner.APP_POLICY, None, None)],
        ),
        (
            REQUEST,
            replace(APP, data_policy=DataPolicy(outputs=Demand(training=False))),
            ROUTE,
            CONDITIONS,
            [(Reason.DATA_POLICY, Owner.APP_POLICY, None, None)],
        ),
        (
            replace(REQUEST, contract="reseller"),
            APP,
            ROUTE,
            CONDITIONS,
            [(Reason.REQUIRED_CONTRACT, Owner.CALLER, None, None)],
        ),
    ],
    ids=["state", "dates", "override", "breaker", "limit", "capability", "contracts", "pin", "data", "required"],
)
def test_a_route_is_left_out_for_each_of_these(
    request_: ImageRequest, app: App, route: Route, conditions: Conditions, found: list[tuple[object, ...]]
) -> None:
    """Every reason at once, each with its owner, the parameter that it is about, when it ends, and what would mend it."""
    drops = survey(request_, app, _with_the_reseller(route), conditions).dropped
    assert [(drop.reason, drop.owner, drop.param, drop.until) for drop in drops if drop.route is route] == found
    assert all(drop.what and drop.remedy for drop in drops)


def _with_the_reseller(route: Route) -> Snapshot:
    """A second route that can always serve, and no rule about a model's last route speaks."""
    found = snapshot(replace(MODEL, routes=(route, OTHER), eject_last=True))
    return replace(found, contracts={"openai-direct": CONTRACT, "reseller": OTHER.contract})


def test_all_that_speaks_against_a_route_is_listed() -> None:
    """Whoever mends one thing learns of the next before it is tried."""
    route = replace(EXPIRED, id="direct", state=RouteState.DRAINING, capabilities=LOW_ONLY.capabilities)
    drops = survey(
        REQUEST, replace(APP, contracts=frozenset()), snapshot(replace(MODEL, routes=(route,))), held(Reason.LIMIT)
    ).dropped
    assert {drop.reason for drop in drops} == {
        Reason.STATE,
        Reason.CONTRACT_NOT_EFFECTIVE,
        Reason.LIMIT,
        Reason.CAPABILITY,
        Reason.APP_POLICY,
    }


@pytest.mark.parametrize("contract", ["reseller", "nobody"])
def test_a_caller_cannot_ask_for_a_contract_beyond_its_apps(contract: str) -> None:
    """The refusal names the header and owns up to nothing about other apps' contracts."""
    app = replace(APP, contracts=frozenset({"openai-direct"}))
    with pytest.raises(Refusal) as caught:
        plan(replace(REQUEST, contract=contract), app, _with_the_reseller(ROUTE), CONDITIONS)
    assert (caught.value.status, caught.value.diagnosis.owner) == (400, Owner.CALLER)
    assert "x-gateway-require-contract" in caught.value.message


def test_the_last_route_is_tried_although_the_breaker_has_ejected_it() -> None:
    """Of several ejected ones the one whose ejection ends first; a model can say that it does not want that."""
    later = Suspension(Reason.BREAKER, SOON + timedelta(seconds=30), "it failed")
    conditions = Conditions(NOW, {"direct": (later,), "other": (Suspension(Reason.BREAKER, SOON, "it failed"),)})
    policy = FallbackPolicy(frozenset({Owner.PROVIDER}), frozenset({OTHER.contract.id}), 2, 60.0, None)
    model = replace(MODEL, routes=(ROUTE, OTHER), fallback=policy)
    consenting = replace(APP, biller_change=True)
    assert [it.route.id for it in plan(REQUEST, consenting, snapshot(model), conditions).candidates] == ["other"]
    with pytest.raises(Refusal) as caught:
        plan(REQUEST, APP, snapshot(replace(model, eject_last=True)), conditions)
    assert (caught.value.status, caught.value.diagnosis.owner, caught.value.retry_after_s) == (503, Owner.PROVIDER, 30.0)


def test_an_ejected_route_that_is_also_drained_is_not_brought_back() -> None:
    """An operator's word counts."""
    suspensions = (
        Suspension(Reason.BREAKER, SOON, "it failed"),
        Suspension(Reason.OVERRIDE, None, "an operator has set it to draining"),
    )
    found: tuple[Drop, ...] = survey(REQUEST, APP, snapshot(MODEL), Conditions(NOW, {"direct": suspensions})).dropped
    assert {drop.reason for drop in found} == {Reason.BREAKER, Reason.OVERRIDE}


def test_routes_that_share_their_capabilities_are_left_out_alike() -> None:
    """Most routes of a model take them from one entry of the catalogue."""
    routes = tuple(replace(LOW_ONLY, id=name) for name in ("a", "b"))
    drops = survey(REQUEST, APP, snapshot(replace(MODEL, routes=routes)), CONDITIONS).dropped
    assert [(drop.route.id, drop.param) for drop in drops] == [("a", "quality"), ("b", "quality")]


def test_a_model_is_asked_for_where_its_routes_serve() -> None:
    """A text model at the Responses API only, and there by what both its models can honour."""
    text = TextModel("gpt-5.5", 1_000, 500)
    route = replace(ROUTE, model="gpt-5.5", operations=frozenset({Operation.RESPONSE}), text_model=text)
    served = snapshot(MODEL, Model("gpt-5.5", (), (route,)))
    wish = replace(REQUEST, operation=Operation.RESPONSE, model="gpt-5.5", text=TextWish())
    assert plan(wish, APP, served, CONDITIONS).candidates[0].route is route
    with pytest.raises(Refusal, match="/v1/responses") as caught:
        plan(replace(REQUEST, model="gpt-5.5"), APP, served, CONDITIONS)
    assert caught.value.diagnosis.owner is Owner.MODEL_PLACEMENT
    for wrong, param in ((TextWish("gpt-image-1"), "tools"), (TextWish("", 2_000), "max_output_tokens")):
        with pytest.raises(Refusal) as caught:
            plan(replace(wish, text=wrong), APP, served, CONDITIONS)
        assert caught.value.param == param
    with pytest.raises(Refusal, match="response"):
        plan(replace(wish, model="gpt-image-2"), APP, served, CONDITIONS)
