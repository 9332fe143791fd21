"""Whatever stands in the file, loading ends in a configuration or in ``ConfigInvalid``."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config.load import load
from gateway.config.problem import ConfigInvalid, Problem
from tests.unit.config.samples import BASE, TODAY

LINES = BASE.splitlines(keepends=True)
SECTIONS = (
    "include",
    "server",
    "admin",
    "ledger",
    "state",
    "history",
    "decisions",
    "logging",
    "catalogue",
    "contracts",
    "providers",
    "price_lists",
    "routes",
    "models",
    "apps",
)
SCALARS = st.one_of(
    st.sampled_from(
        [
            "null",
            "true",
            "1",
            "-0.5",
            "2026-01-01",
            "${X}",
            "${X:-1}",
            "${",
            "$$",
            "'a'",
            '"b"',
            "*a",
            "&a b",
            "!t c",
            "<<",
            "|",
            r'"\ud800"',
            r'"\U00110000"',
            r'"\e[31m"',
        ]
    ),
    st.text(alphabet=st.characters(codec="utf-8"), max_size=12),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(SCALARS, inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"{key}: {it}" for key, it in items.items()) + "}"
        ),
    ),
    max_leaves=8,
)
DOCUMENTS = st.lists(st.tuples(st.sampled_from(SECTIONS), VALUES), max_size=4).map(
    lambda sections: "".join(f"{name}: {value}\n" for name, value in sections)
)


@st.composite
def _damaged(draw: st.DrawFn) -> str:
    """The valid configuration with one line replaced, or one value in it."""
    index = draw(st.integers(0, len(LINES) - 1))
    value = draw(VALUES)
    key, colon, _ = LINES[index].partition(":")
    line = draw(st.sampled_from([f"{key}{colon} {value}\n", f"{value}\n", LINES[index].replace("a", value, 1), ""]))
    return "".join([*LINES[:index], line, *LINES[index + 1 :]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the file and its key lie."""
    found = tmp_path_factory.mktemp("any")
    (found / "fake.key").write_text("sk-fake-not-a-secret")
    return found


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.one_of(st.text(), st.binary(), DOCUMENTS, _damaged()), environment=st.sampled_from([{}, {"X": "x"}]))
def test_any_text_is_a_configuration_or_invalid(folder: Path, text: str | bytes, environment: dict[str, str]) -> None:
    """Nothing but ``ConfigInvalid``, with places inside the file, comes out of any text."""
    path = folder / "gateway.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    try:
        load(path, environment, TODAY)
        found: tuple[Problem, ...] = ()
    except ConfigInvalid as invalid:
        found = invalid.problems or (Problem("", 0, 0, "", "no problem is named", ""),)
    assert all(problem.line >= 1 and problem.column >= 1 for problem in found)
