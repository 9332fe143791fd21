"""Ten files with one mistake each, and the one place, path and remedy that each leads to."""

from pathlib import Path

import pytest

from tests.unit.config.samples import BROKEN, base, problems

CASES = [
    ("defined_twice.yaml", (3, 3), "models.gpt-image-2", "parts/base.yaml:29:3"),
    ("duplicate_key.yaml", (5, 3), "server.host", "already written at line 3, column 3"),
    ("inexact_price.yaml", (10, 56), "price_lists.fine.models.gpt-image-2.per_million_tokens.image_out", "more than 3 decimals"),
    ("misspelled_key.yaml", (7, 5), "contracts.second.biling", "Did you mean 'billing'?"),
    ("missing_key.yaml", (7, 5), "contracts.second.billing.owner", "is missing. Add 'owner': who bills"),
    ("other_currency.yaml", (6, 17), "contracts.second.price_list", "in USD, but the contract bills in EUR"),
    ("plain_key.yaml", (7, 9), "apps.newsroom.keys[0]", "sha256sum"),
    ("syntax.yaml", (4, 13), "", "not valid YAML"),
    ("unknown_reference.yaml", (5, 15), "routes.second-route.provider", "Did you mean 'openai'?"),
    ("unset_variable.yaml", (5, 15), "providers.atlas.base_url", "${NO_SUCH_VARIABLE:-default}"),
]


@pytest.mark.parametrize(("name", "place", "path", "said"), CASES, ids=[case[0] for case in CASES])
def test_a_mistake_is_found_at_its_place(name: str, place: tuple[int, int], path: str, said: str) -> None:
    """One mistake is one problem, at its line and column, with its path and what would be right."""
    (problem,) = problems(BROKEN / name)
    assert (problem.file, problem.line, problem.column, problem.path) == (str(BROKEN / name), *place, path)
    assert said in str(problem)
    assert str(problem).startswith(f"{BROKEN / name}:{place[0]}:{place[1]}: ")


def test_every_broken_file_has_its_case() -> None:
    """No file lies there unchecked."""
    assert sorted(path.name for path in BROKEN.glob("*.yaml")) == sorted(case[0] for case in CASES)


def test_a_plain_key_is_not_repeated() -> None:
    """A key that stands where a hash belongs does not reach a terminal or a log."""
    assert "igw_newsroom" not in "".join(map(str, problems(BROKEN / "plain_key.yaml")))


def test_a_problem_cannot_command_a_terminal(tmp_path: Path) -> None:
    """What is repeated of the file is printable."""
    found = problems(base(tmp_path, ("team: shop", r'"t\e[31m": shop')))
    assert found
    assert all(str(problem).isprintable() for problem in found)
