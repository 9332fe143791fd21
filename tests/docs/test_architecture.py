"""The page about the architecture is true to the code."""

import itertools
import re
import tomllib
from pathlib import Path

from gateway.core.ledger.entry import Kind
from gateway.core.money.amount import Basis
from gateway.core.outcome import Outcome, Owner
from tests.integration.programs import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
_FLOORS = next(
    it
    for it in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    if "Floors" in it["name"]
)


def _levels() -> list[set[str]]:
    return [set(level.split(" | ")) for level in _FLOORS["layers"] if level != "__main__"]


def test_the_picture_of_the_floors_is_what_the_linter_holds() -> None:
    """Each floor stands in it, and leads to those right below."""
    picture = re.findall(r"```mermaid\n(flowchart TD.*?)```", PAGE, re.DOTALL)[0]
    edges: set[tuple[str, str]] = set()
    for line in re.sub(r"\[.*?\]", "", picture).splitlines()[1:]:
        above, arrow, below = line.partition("-->")
        if arrow:
            edges |= {(one.strip(), two.strip()) for one in above.split("&") for two in below.split("&")}
    levels = _levels()
    expected = {(one, two) for above, below in itertools.pairwise(levels) for one in above for two in below}
    assert edges == expected


def test_the_table_of_rooms_is_what_each_folder_says_of_itself() -> None:
    """A folder's docstring is its question; a new folder needs a line."""
    told = dict(re.findall(r"^\| `(gateway/[\w/]+)` \| (.*) \|$", PAGE.partition("## Rooms")[2], re.MULTILINE))
    packages = [it.parent for it in (ROOT / "gateway").rglob("__init__.py") if "migrations" not in it.parts]
    found = {
        str(folder.relative_to(ROOT)): _docstring(folder / "__init__.py") for folder in packages if folder != ROOT / "gateway"
    }
    assert told == found


def test_every_file_that_it_names_is_there() -> None:
    """The way of a request leads through real files."""
    for path in re.findall(r"`(gateway/[\w/]+\.py)`", PAGE):
        assert (ROOT / path).is_file(), path


def test_the_story_has_the_steps_of_the_picture() -> None:
    """In the order in which the dispatcher tells it."""
    story = (ROOT / "gateway" / "engine" / "dispatch.py").read_text().splitlines()[0]
    places = [story.find(word) for word in ("admit", "claim", "plan", "attempt", "settle", "answer")]
    assert -1 not in places
    assert places == sorted(places)


def _docstring(path: Path) -> str:
    return path.read_text().removeprefix('"""').partition('"""')[0]


GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()


def test_the_glossary_has_every_word_of_the_closed_sets_in_alphabetical_order() -> None:
    """Outcomes, kinds of entries and bases are words of their own, or stand in the word that lists them."""
    words = re.findall(r"^\| \*\*([\w ]+)\*\* \|", GLOSSARY, re.MULTILINE)
    assert words == sorted(words)
    for closed in (Outcome, Kind, Owner, Basis):
        assert [it.value for it in closed if it.value not in words and f"`{it.value}`" not in GLOSSARY] == []
