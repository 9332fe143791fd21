"""Recorded decisions, planned again under another configuration."""

from dataclasses import replace
from decimal import Decimal

import pytest

from gateway.core.contract.capability import Capabilities
from gateway.core.outcome import Refusal
from gateway.core.request.images import ImageRequest
from gateway.core.routing.decision import Decision, decision_of, request_of
from gateway.core.routing.eligibility import Conditions
from gateway.core.routing.plan import plan
from gateway.core.routing.shadow import APP_GONE, Place, shadow
from gateway.core.snapshot import Model, Snapshot
from tests.unit.core.samples import APP, CONTRACT, IMAGE_PRICE, MODEL, NOW, PRICES, REQUEST, ROUTE, snapshot

CHEAP = replace(
    PRICES, id="cheap", models={"gpt-image-2": replace(IMAGE_PRICE, images=(replace(IMAGE_PRICE.images[1], quality="*"),))}
)
RESELLER = replace(ROUTE, id="resold", contract=replace(CONTRACT, id="reseller"), price_list=CHEAP)
DIRECT, RESOLD = Place("openai-direct", "direct"), Place("reseller", "resold")


def configured(*routes: object, **model: object) -> Snapshot:
    found: Model = replace(MODEL, routes=routes, **model)
    return replace(snapshot(found), apps={"0" * 64: APP})


def decided(request: ImageRequest = REQUEST, draw: int = 0) -> Decision:
    conditions, now = Conditions(NOW, draw=draw), configured(ROUTE)
    try:
        return decision_of(request, APP, "abc123", conditions, plan(request, APP, now, conditions))
    except Refusal as refusal:
        return decision_of(request, APP, "abc123", conditions, refusal)


def test_requests_that_would_move_are_counted_with_what_it_costs() -> None:
    """By where from and where to; the difference is exact."""
    found = shadow([decided(), decided()], configured(ROUTE), configured(RESELLER), NOW)
    assert (found.decisions, found.unmoved, dict(found.moved)) == (2, 0, {(DIRECT, RESOLD): 2})
    (total,) = found.totals.values()
    assert (total.old.amount, total.new.amount, total.difference) == (Decimal("0.42169"), Decimal("0.02"), Decimal("-0.40169"))


def test_the_same_configuration_moves_nothing() -> None:
    """What stays is counted too."""
    found = shadow([decided()], configured(ROUTE), configured(ROUTE), NOW)
    assert (found.unmoved, dict(found.moved), found.totals["USD"].difference) == (1, {}, 0)


def test_requests_that_would_be_refused_or_served_are_told_apart() -> None:
    """With the error's code, or with who would serve them."""
    narrow = configured(replace(ROUTE, capabilities=Capabilities(qualities=frozenset({"low"}))))
    refused = shadow([decided()], configured(ROUTE), narrow, NOW)
    assert dict(refused.refused) == {(DIRECT, "unsupported_parameter"): 1}
    served = shadow([decided()], narrow, configured(ROUTE), NOW)
    assert dict(served.served) == {DIRECT: 1}
    assert shadow([decided()], narrow, narrow, NOW).neither == 1


def test_an_app_that_is_gone_is_refused() -> None:
    """Its key is no longer known."""
    found = shadow([decided()], configured(ROUTE), replace(configured(ROUTE), apps={}), NOW)
    assert dict(found.refused) == {(DIRECT, APP_GONE): 1}


def test_what_has_no_price_is_counted_and_never_zero() -> None:
    """Neither on the old side nor on the new one."""
    free = configured(replace(ROUTE, price_list=replace(PRICES, models={})))
    total = shadow([decided()], configured(ROUTE), free, NOW).totals["USD"]
    assert (total.new.amount, total.new.unknown, total.old.unknown) == (0, 1, 0)
    assert shadow([decided()], free, free, NOW).totals["USD"].old.unknown == 1


def test_a_split_is_replayed_for_the_same_callers() -> None:
    """Raising a canary's weight moves callers to it, and none back."""
    split = {"direct": 9, "resold": 1}
    before, after = configured(ROUTE, RESELLER, split=split), configured(ROUTE, RESELLER, split=split | {"resold": 9})
    found = shadow([decided(draw=number * 2**54) for number in range(400)], before, after, NOW)
    assert set(found.moved) == {(DIRECT, RESOLD)}
    assert found.unmoved > 100


@pytest.mark.parametrize(
    "request_",
    [
        REQUEST,
        replace(REQUEST, stream=True, partial_images=2, references=3, background="transparent", output_format="webp"),
        replace(REQUEST, members=frozenset({"prompt", "size"}), contract="openai-direct"),
    ],
)
def test_a_decision_holds_the_request_as_the_planner_sees_it(request_: ImageRequest) -> None:
    """So that a replay decides the same."""
    assert request_of(decided(request_)) == request_


def test_a_decision_keeps_nothing_that_a_caller_wrote() -> None:
    """No end user, no text in the place of a name, no member that no API has."""
    written = replace(
        REQUEST,
        model="m" * 500 + "\ud800",
        end_user="jane@example.com",
        members=frozenset({"prompt", "a secret text"}),
        contract="",
    )
    kept = decided(written)
    assert "jane" not in repr(kept)
    assert kept.members == ("prompt",)
    assert len(kept.model) == 200
    assert (kept.refused, kept.route) == ("invalid_value", "")


def test_a_decision_says_who_would_have_served_at_what_cost() -> None:
    """As decimal text, in the price list's currency."""
    kept = decided()
    assert (kept.route, kept.contract, kept.estimate, kept.currency) == ("direct", "openai-direct", "0.210845", "USD")
    assert (kept.app, kept.revision, kept.at, kept.prompt_bytes) == ("storefront", "abc123", NOW, 9)
