"""Routes to OpenRouter say what it lacks, and costs that are reported are in the currency that is billed."""

from pathlib import Path

import pytest

from gateway.core.contract.openrouter import LACKED
from tests.unit.config.samples import base, loaded, problems

SPOKEN = ("dialect: openai,", "dialect: openrouter,")
ROUTE = "upstream_model: gpt-image-2, contract: direct}"
WITHOUT = f"without: [{', '.join(sorted(LACKED))}]"
DECLARED = f"capabilities: {{stream: false, {WITHOUT}}}, " + ROUTE
EUROS = (("currency: USD, terms", "currency: EUR, terms"), ("    currency: USD\n", "    currency: EUR\n"))
REPORTS = ("credential: {file", "wire: {reports_cost: USD}, credential: {file")


def test_what_it_lacks_must_be_declared(tmp_path: Path) -> None:
    """A request that needs it goes elsewhere, or is refused; the catalogue's entry counts too."""
    found = [str(it).rpartition("routes.openai-route.")[2] for it in problems(base(tmp_path, SPOKEN))]
    assert [it.partition(" ")[0] for it in found] == ["capabilities:"] * 2
    assert any("nothing says that it cannot stream" in it for it in found)
    assert any(f"without {', '.join(sorted(LACKED))}," in it for it in found)
    [left] = problems(base(tmp_path, SPOKEN, (ROUTE, DECLARED.replace("mask, ", ""))))
    assert "without mask, for which" in str(left)
    catalogued = ("references_max: 16}", f"references_max: 16, stream: false, {WITHOUT}}}")
    for path in (base(tmp_path, SPOKEN, (ROUTE, DECLARED)), base(tmp_path, SPOKEN, catalogued)):
        wire = loaded(path).snapshot.providers["openai"].wire
        assert wire.reports_cost == "USD"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("wire: {auth: none},", "not OpenRouter's"),
        ("wire: {reports_cost: EUR},", "not OpenRouter's"),
        ("organization: org-1,", "not OpenRouter's"),
        ("options: {vertex_project: x},", "has options, which are litellm's"),
        ("wire: {members: {response_format: b64_json}},", "is no word of OpenRouter's"),
    ],
)
def test_what_is_another_dialect_s_is_not_its(tmp_path: Path, written: str, said: str) -> None:
    """An option that would do nothing is a mistake."""
    path = base(tmp_path, (SPOKEN[0], f"{SPOKEN[1]} {written}"), (ROUTE, DECLARED))
    assert any(said in str(problem) for problem in problems(path))


def test_it_has_an_address_and_no_variations(tmp_path: Path) -> None:
    """Nothing is guessed."""
    changes = ((' base_url: "http://127.0.0.1:9101/v1",', ""), SPOKEN, (ROUTE, f"operations: [variation], {DECLARED}"))
    found = {problem.path: str(problem) for problem in problems(base(tmp_path, *changes))}
    assert "OpenRouter has no operation 'variation'" in found["routes.openai-route.operations[0]"]
    assert "providers.openai.base_url" in found


def test_a_reported_cost_is_in_the_currency_of_the_list(tmp_path: Path) -> None:
    """Of OpenRouter always in dollars, of another as it is written; nothing is converted."""
    for changes in ((SPOKEN, (ROUTE, DECLARED)), (REPORTS,)):
        [problem] = problems(base(tmp_path, *changes, *EUROS))
        assert problem.path == "routes.openai-route.contract"
        assert "reports costs in USD, and the contract's price list is in EUR" in str(problem)
    assert loaded(base(tmp_path, REPORTS)).snapshot.providers["openai"].wire.reports_cost == "USD"
    assert loaded(base(tmp_path, *EUROS)).snapshot.providers["openai"].wire.reports_cost == ""


def test_a_missing_price_is_warned_of_for_what_it_is(tmp_path: Path) -> None:
    """Where the provider reports the cost, only the estimate is unknown."""
    unpriced = ("models: {gpt-image-2: {per_request: 0.5}}", "models: {}")
    for changes, said in (((), "its cost will be unknown, never 0"), ((REPORTS,), "can cost is unknown before its answer")):
        assert any(said in str(it) for it in loaded(base(tmp_path, unpriced, *changes)).warnings)
