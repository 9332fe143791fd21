"""Routes at providers behind litellm must say what is honoured there."""

from pathlib import Path

import pytest

from gateway.config.checks import dialects
from gateway.reports.configuration.providers import providers_document
from tests.unit.config.samples import base, loaded, problems

BRIDGED = ("dialect: openai,", "dialect: litellm,")
ROUTE = "upstream_model: gpt-image-2, contract: direct}"
IMAGEN = ROUTE.replace("gpt-image-2", "gemini/imagen-4.0-generate-001")
DECLARED = "operations: [generation], capabilities: {stream: false}, " + IMAGEN


def complaints(tmp_path: Path, route: str) -> list[str]:
    """What is said of the route."""
    return [str(it).rpartition("routes.openai-route.")[2] for it in problems(base(tmp_path, BRIDGED, (ROUTE, route)))]


def test_what_is_honoured_and_served_must_be_declared(tmp_path: Path) -> None:
    """What a vendor does not know would be dropped in silence."""
    operations, capabilities = complaints(tmp_path, IMAGEN)
    if not operations.startswith("operations"):
        operations, capabilities = capabilities, operations
    assert operations.startswith("operations: the operation 'edit', which is served unless this says otherwise, is not one")
    assert operations.endswith("Write operations: [generation].")
    assert capabilities.startswith("capabilities: nothing says what a provider behind litellm supports")
    assert loaded(base(tmp_path, BRIDGED, (ROUTE, DECLARED))).snapshot.providers["openai"].dialect == "litellm"


@pytest.mark.parametrize(
    ("upstream", "said"),
    [
        ("gpt-image-2", "upstream_model: does not begin with a vendor of which it is known"),
        ("runwayml/gen4_image", "upstream_model: cannot be served through litellm: litellm asks it for results"),
    ],
)
def test_a_vendor_that_cannot_be_served_is_refused(tmp_path: Path, upstream: str, said: str) -> None:
    """At load, with those that can."""
    [found] = complaints(tmp_path, DECLARED.replace("gemini/imagen-4.0-generate-001", upstream))
    assert found.startswith(said)
    assert found.endswith(
        "Begin it with one of bedrock/, black_forest_labs/, fal_ai/, gemini/, recraft/, stability/, vertex_ai/."
    )


def test_an_operation_that_litellm_has_not_is_refused(tmp_path: Path) -> None:
    """By its place in the list."""
    [found] = complaints(tmp_path, DECLARED.replace("[generation]", "[generation, edit]"))
    assert found.startswith("operations[1]: litellm has no 'edit' for gemini/imagen-4.0-generate-001")


def test_a_route_never_honours_more_than_litellm_passes_on(tmp_path: Path) -> None:
    """Whatever else it declares."""
    route = loaded(base(tmp_path, BRIDGED, (ROUTE, DECLARED))).snapshot.routes["openai-route"]
    assert route.capabilities is not None
    assert {"background", "user"} <= route.capabilities.without
    assert route.capabilities.qualities == frozenset()


def test_operators_see_what_litellm_passes_on(tmp_path: Path) -> None:
    """By ``gateway providers``, with the package behind it."""
    [provider] = providers_document(loaded(base(tmp_path, BRIDGED, (ROUTE, DECLARED))).snapshot)["providers"]
    assert provider["package"].startswith("litellm ")
    assert {"quality only auto", "no stream"} <= set(provider["routes"][0]["bounds"])


def test_what_is_openai_s_is_not_litellm_s(tmp_path: Path) -> None:
    """Each dialect has its own options."""
    wired = (BRIDGED[0], "dialect: litellm, wire: {auth: bearer},")
    assert any("which are OpenAI's" in str(problem) for problem in problems(base(tmp_path, wired, (ROUTE, DECLARED))))


def test_a_provider_behind_litellm_may_have_its_own_address(tmp_path: Path) -> None:
    """Then litellm knows it; what else it must know stands under options."""
    written = (BRIDGED[0], "dialect: litellm, options: {aws_region_name: eu-central-1},")
    path = base(tmp_path, (' base_url: "http://127.0.0.1:9101/v1",', ""), written, (ROUTE, DECLARED))
    provider = loaded(path).snapshot.providers["openai"]
    assert (provider.base_url, dict(provider.options)) == ("", {"aws_region_name": "eu-central-1"})


def test_without_litellm_the_configuration_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where a provider needs it."""
    monkeypatch.setattr(dialects, "find_spec", lambda name: None)
    loaded(base(tmp_path))
    [problem] = problems(base(tmp_path, BRIDGED, (ROUTE, DECLARED)))
    assert (problem.path, "litellm is not installed" in str(problem)) == ("providers.openai.dialect", True)
