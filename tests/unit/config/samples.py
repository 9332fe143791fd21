"""A small valid configuration that tests vary by replacing a piece of its text."""

from datetime import date
from pathlib import Path

from gateway.config import ConfigInvalid, Loaded, Problem, load

ROOT = Path(__file__).resolve().parents[3]
PARTS = ROOT / "tests" / "data" / "parts"
BROKEN = ROOT / "tests" / "data" / "broken"
BASE = (PARTS / "base.yaml").read_text()
TODAY = date(2026, 11, 23)


def base(folder: Path, *changes: tuple[str, str], more: str = "") -> Path:
    """The valid configuration with these pieces of its text replaced and ``more`` at its end, as a file."""
    text = BASE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    (folder / "fake.key").write_text("sk-fake-not-a-secret\n")
    path = folder / "gateway.yaml"
    path.write_text(text + more)
    return path


def loaded(path: Path, **environment: str) -> Loaded:
    """What loads from a file that must be valid."""
    return load(path, environment, TODAY)


def problems(path: Path, **environment: str) -> tuple[Problem, ...]:
    """What is wrong with a file that must not be valid."""
    try:
        load(path, environment, TODAY)
    except ConfigInvalid as invalid:
        return invalid.problems
    raise AssertionError(f"{path} is valid")


def place(path: Path, written: str) -> tuple[int, int]:
    """1-based line and column at which ``written`` first stands in the file."""
    text = path.read_text()
    before = text[: text.index(written)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")
