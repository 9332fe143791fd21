"""Routes at providers behind litellm must say what is honoured there."""

from pathlib import Path

import pytest

from gateway.config import dialect_check
from tests.unit.config.samples import base, loaded, problems

BRIDGED = ("dialect: openai,", "dialect: litellm,")
ROUTE = "upstream_model: gpt-image-2, contract: direct}"
DECLARED = "operations: [generation], capabilities: {stream: false}, " + ROUTE


def test_what_is_honoured_and_served_must_be_declared(tmp_path: Path) -> None:
    """litellm drops in silence what a vendor does not know, and sends no files."""
    found = {str(problem).rpartition("routes.openai-route.")[2] for problem in problems(base(tmp_path, BRIDGED))}
    assert any(it.startswith("operations: litellm serves generations only") for it in found), found
    assert any(it.startswith("capabilities: nothing says what a provider behind litellm honours") for it in found), found
    assert loaded(base(tmp_path, BRIDGED, (ROUTE, DECLARED))).snapshot.providers["openai"].dialect == "litellm"


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
    monkeypatch.setattr(dialect_check, "find_spec", lambda name: None)
    loaded(base(tmp_path))
    [problem] = problems(base(tmp_path, BRIDGED, (ROUTE, DECLARED)))
    assert (problem.path, "litellm is not installed" in str(problem)) == ("providers.openai.dialect", True)
