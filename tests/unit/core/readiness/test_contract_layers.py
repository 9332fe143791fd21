"""The four layers of a contract: nothing of one stands in another, and each says what it does not prove."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.core.contract.contract import RecordedLimit
from gateway.core.readiness.contract_layers import Layer, Observed, layers
from gateway.core.snapshot import Route
from tests.unit.core.samples import CONTRACT, PRICES, ROUTE, TODAY

READ = TODAY - timedelta(days=3)
LIMIT = RecordedLimit("gpt-image-2", "images_per_minute", 50, READ, "limits page")
OTHER = replace(LIMIT, model="another-model", value=7)
LIMITED = replace(CONTRACT, limits=replace(CONTRACT.limits, recorded=(LIMIT, OTHER)))


def of(id: str, contract: object = LIMITED, routes: tuple[Route, ...] = (ROUTE,), observed: Observed | None = None) -> Layer:
    found = {layer.id: layer for layer in layers(contract, routes, observed, TODAY)}  # type: ignore[arg-type]
    assert list(found) == ["usage_tier", "model_capacity", "service_tier", "route_terms"]
    return found[id]


def values(layer: Layer) -> list[str]:
    return [fact.value for fact in layer.facts]


def test_the_usage_tier_is_declared_and_verification_is_beside_it() -> None:
    """Each with its day; what was read long ago is marked."""
    layer = of("usage_tier")
    assert [(it.name, it.value, it.on, it.stale) for it in layer.facts] == [
        ("usage tier", "tier 3", date(2026, 10, 1), False),
        ("organization verification", "verified", date(2026, 10, 1), True),
    ]
    undated = replace(LIMITED, verification=replace(CONTRACT.verification, recorded_on=None))
    assert not of("usage_tier", undated).facts[1].stale


def test_capacity_is_recorded_and_observed_for_the_models_of_its_routes() -> None:
    """Side by side; where they differ that is said, and where nobody was asked too."""
    assert values(of("model_capacity")) == ["50 images a minute, recorded", "not asked"]
    assert values(of("model_capacity", observed={})) == ["50 images a minute, recorded", "nothing yet"]
    seen = {("gpt-image-2", "images_per_minute"): 20, ("gpt-image-2", "tokens_per_minute"): 9, ("elsewhere", "x"): 1}
    assert values(of("model_capacity", observed=seen)) == [
        "50 images a minute, recorded",
        "observed 20 images a minute; your contract records 50: check the limits page",
        "observed 9 tokens a minute; your contract records none: check the limits page",
    ]
    same = {("gpt-image-2", "images_per_minute"): 50}
    assert values(of("model_capacity", observed=same))[1] == "observed 50 images a minute"
    assert of("model_capacity").facts[0].source == "limits page"


def test_a_contract_without_routes_shows_all_that_is_recorded() -> None:
    """It can be looked at before anything uses it."""
    assert values(of("model_capacity", routes=())) == ["50 images a minute, recorded", "7 images a minute, recorded", "not asked"]
    assert values(of("route_terms", routes=()))[-1] == "none"


def test_terms_name_who_answers_for_what() -> None:
    """With the contract's revision as their source, and the prices with theirs."""
    over = replace(CONTRACT, effective_to=TODAY, model_mapping=replace(CONTRACT.model_mapping, verifiable=False))
    old = replace(ROUTE, price_list=replace(PRICES, recorded_on=TODAY - timedelta(days=91)))
    facts = {fact.name: fact for fact in of("route_terms", over, (old,)).facts}
    assert (facts["in force"].value, facts["in force"].stale) == (f"from 2026-10-01 until {TODAY}", True)
    assert facts["billing"].value == "OpenAI, account acct; invoices by OpenAI"
    assert facts["model"].value == "same name Not verifiable."
    assert (facts["prices"].source, facts["prices"].stale) == ("a page", True)
    assert facts["route direct"].value == "gpt-image-2 at openai for 'gpt-image-2', active"
    assert "open-ended" in of("route_terms").facts[0].value


@pytest.mark.parametrize(
    ("id", "words"),
    [("usage_tier", "verified"), ("model_capacity", "no promise"), ("service_tier", "unlocks no"), ("route_terms", "OpenAI")],
)
def test_each_says_what_it_does_not_prove(id: str, words: str) -> None:
    """Taking one for another is how a blocked account costs a day."""
    assert words in of(id).unproven
