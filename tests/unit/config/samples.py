"""A small valid configuration that tests vary by replacing a piece of its text."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

from gateway.config.load import Loaded, load
from gateway.config.problem import ConfigInvalid, Problem
from gateway.ports import AuditUnavailable

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


def with_second_route(folder: Path, *changes: tuple[str, str]) -> Path:
    """The same with a second route, 'spare', under the contract 'reseller' of another biller; that stands in second.yaml."""
    texts = {
        "gateway.yaml": BASE.replace("routes: [openai-route]", "routes: [openai-route, spare]") + "include: [second.yaml]\n",
        "second.yaml": (PARTS / "second.yaml").read_text(),
    }
    for old, new in changes:
        name = next((name for name, text in texts.items() if old in text), None)
        assert name is not None, old
        texts[name] = texts[name].replace(old, new)
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "fake.key").write_text("sk-fake-not-a-secret\n")
    return folder / "gateway.yaml"


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


class AuditInMemory:
    """An audit trail in memory; it can be made to fail."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str, str, dict[str, Any]]] = []
        self.failing = False

    def append(self, who: str, what: str, why: str, details: Any, at: datetime) -> None:
        if self.failing:
            raise AuditUnavailable("The audit log is full.")
        self.entries.append((who, what, why, dict(details)))
