"""Variables of the environment inside the configuration."""

from pathlib import Path

import pytest

from tests.unit.config.samples import base, loaded, place, problems


@pytest.mark.parametrize(
    ("written", "environment", "team"),
    [
        ("${TEAM}", {"TEAM": "print"}, "print"),
        ("a-${TEAM}-b", {"TEAM": "print"}, "a-print-b"),
        ("${TEAM:-web}", {}, "web"),
        ("${TEAM:-web}", {"TEAM": ""}, "web"),
        ("${TEAM:-web}", {"TEAM": "print"}, "print"),
        ("${TEAM}", {"TEAM": "${OTHER}"}, "${OTHER}"),
        ("'${TEAM:-a: b, #c}'", {}, "a: b, #c"),
        ("${TEAM:-a: b, #c}", {}, "a: b, #c"),
        ("$$5 and $5", {}, "$5 and $5"),
        ("$${TEAM}", {}, "${TEAM}"),
    ],
)
def test_a_variable_is_replaced(tmp_path: Path, written: str, environment: dict[str, str], team: str) -> None:
    """As a shell does it, once, with defaults and a way to write a dollar."""
    found = loaded(base(tmp_path, ("team: shop", f"team: {written}")), **environment)
    assert found.snapshot.apps["a" * 64].team == team


@pytest.mark.parametrize("written", ["{port: ${PORT:-7070}}", "\n  port: ${PORT:-7070}", "\n  port: ${PORT:-70}70"])
def test_a_plain_value_keeps_its_type(tmp_path: Path, written: str) -> None:
    """A number from the environment is a number, inside brackets too."""
    assert loaded(base(tmp_path, more=f"server: {written}\n")).settings.server.port == 7070


def test_an_empty_default_is_no_value(tmp_path: Path) -> None:
    """An optional value can be left to the environment altogether."""
    path = base(tmp_path, ("dialect: openai,", "dialect: openai, organization: ${ORGANIZATION:-},"))
    assert loaded(path).snapshot.providers["openai"].organization is None
    assert loaded(path, ORGANIZATION="org-fake").snapshot.providers["openai"].organization == "org-fake"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("${TEAM}", "variable TEAM is not set"),
        ("${TEAM", "not closed"),
        ("${}", "the name inside"),
        ("${1X:-a}", "the name inside"),
    ],
)
def test_what_cannot_be_replaced_is_one_problem(tmp_path: Path, written: str, said: str) -> None:
    """It is found at its place, and nothing that follows from it is reported too."""
    path = base(tmp_path, ("team: shop", f"team: {written}"))
    (problem,) = problems(path)
    assert (problem.line, problem.column) == place(path, "${")
    assert said in problem.what


@pytest.mark.parametrize(
    "change",
    [
        ('base_url: "http://127.0.0.1:9101/v1"', "base_url: ${CANARY}"),
        ("provider: openai,", "provider: ${CANARY},"),
        ("{file: fake.key}", "{env: ${CANARY}}"),
        ("{file: fake.key}", "{file: ${CANARY}}"),
        ("contract: direct", "contract: direct, state: ${CANARY}"),
        ("currency: USD, terms", "currency: ${CANARY}, terms"),
        ("effective_from: 2026-01-01", "effective_from: ${CANARY}"),
        ("per_request: 0.5", "per_request: ${CANARY}"),
        ("sha256: " + "a" * 64, "sha256: ${CANARY}"),
        ("team: shop", "team: shop\n    tag_body: ${CANARY}"),
        ("team: shop", "team: shop\n    models: [ '${CANARY}' ]"),
        ("aliases: [dall-e-3]", "aliases: [dall-e-3, ${CANARY}, ${CANARY}]"),
    ],
)
def test_what_a_variable_holds_is_never_shown(tmp_path: Path, change: tuple[str, str]) -> None:
    """A secret in the wrong variable does not reach a terminal or a log."""
    for canary in ("CANARY-VALUE", "CANARYVALUE"):
        found = problems(base(tmp_path, change), CANARY=canary)
        assert found
        assert "CANARY-VALUE" not in "".join(map(str, found))
        assert "CANARYVALUE" not in "".join(map(str, found))
