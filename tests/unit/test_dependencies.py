"""What the package imports is what it asks for, and every lock is complete."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "deploy" / "requirements"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Each lock with the files that it is made from and the extras of the package that it brings.
MADE_FROM = {
    "run": ((), ()),
    "demo": (("demo",), ("simulator",)),
    "test": (("demo", "test"), ("simulator", "export")),
    "build": (("build",), ()),
    "focus-build": (("focus-build",), ()),
}
MACHINES = [
    {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": system, "platform_machine": machine}
    | {"platform_system": {"linux": "Linux", "darwin": "Darwin"}[system], "os_name": "posix"}
    for python in ("3.11", "3.12", "3.13")
    for system, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))
]


def declared() -> list[Requirement]:
    """All that the package asks for, with its extras."""
    return [Requirement(it) for part in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()) for it in part]


def imported() -> set[str]:
    """The distributions whose modules the package imports."""
    modules = set()
    for file in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                modules |= {it.name for it in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module)
    tops = {it.partition(".")[0] for it in modules} - sys.stdlib_module_names - {"gateway"}
    homes = packages_distributions()
    return {canonicalize_name(home) for top in tops for home in homes[top] if not (top == "ruamel" and home != "ruamel.yaml")}


def test_what_is_imported_is_what_is_declared() -> None:
    """Nothing comes by the way of another package, which may drop it, and nothing is installed for nobody."""
    assert imported() == {canonicalize_name(it.name) for it in declared()}


@pytest.mark.parametrize("name", ["httpx", "httpx2", "litellm", "openai", "uvicorn"])
def test_what_is_used_beyond_its_promises_has_an_upper_bound(name: str) -> None:
    """A release that changes its inner names is tried before anybody gets it."""
    [found] = [it for it in declared() if it.name == name]
    assert any(it.operator == "<" for it in found.specifier)


@dataclass(frozen=True, slots=True)
class Locked:
    """One entry of a lock."""

    requirement: Requirement
    hashes: int

    @property
    def version(self) -> str:
        [pin] = self.requirement.specifier
        return pin.version


def lock(path: Path) -> dict[str, list[Locked]]:
    """The entries by name, of which there may be several for several machines."""
    found: dict[str, list[Locked]] = {}
    for entry in re.split(r"\n(?=\S)", path.read_text().strip()):
        line = entry.partition(" \\\n")[0]
        it = Locked(Requirement(line), entry.count("--hash=sha256:"))
        found.setdefault(canonicalize_name(it.requirement.name), []).append(it)
    return found


ALL = sorted([*LOCKS.glob("*.txt"), *(ROOT / "bench" / "requirements").glob("*.txt")])


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_every_entry_of_a_lock_is_pinned_and_hashed_and_names_no_host(path: Path) -> None:
    """So that it means the same wherever and whenever it is installed."""
    for entries in lock(path).values():
        for it in entries:
            assert (str(it.requirement.specifier), it.hashes > 0) == (f"=={it.version}", True), it.requirement
    assert not re.search(r"://|^-|^--(?!hash)", path.read_text(), re.MULTILINE)


def roots(name: str) -> Iterator[Requirement]:
    """What a lock is made from."""
    files, extras = MADE_FROM[name]
    if name in ("run", "demo", "test"):
        yield from map(Requirement, PROJECT["dependencies"])
    for extra in extras:
        yield from map(Requirement, PROJECT["optional-dependencies"][extra])
    for file in files:
        for line in (LOCKS / f"{file}.in").read_text().splitlines():
            if line and not line.startswith("#"):
                yield Requirement(line)


def missing(entries: dict[str, list[Locked]], wanted: Iterator[Requirement], machine: dict[str, str]) -> set[str]:
    """What is asked for on that machine, by anything that is asked for there, and is not in the lock."""
    here = {**default_environment(), **machine}
    found, seen, open_ = set(), set(), list(wanted)
    while open_:
        asked = open_.pop()
        if asked.marker is not None and not asked.marker.evaluate({**here, "extra": ""}):
            continue
        name = canonicalize_name(asked.name)
        fitting = [
            it
            for it in entries.get(name, ())
            if it.requirement.marker is None or it.requirement.marker.evaluate({**here, "extra": ""})
        ]
        if [asked.specifier.contains(it.version, prereleases=True) for it in fitting] != [True]:
            found.add(str(asked))
            continue
        for extra in ("", *asked.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for text in _requires(name):
                further = Requirement(text)
                if further.marker is None or further.marker.evaluate({**here, "extra": extra}):
                    further.marker = None
                    open_.append(further)
    return found


def _requires(name: str) -> list[str]:
    """As the installed version says; one that is for other machines is not installed, and asks for nothing that is known."""
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


@pytest.mark.parametrize("name", MADE_FROM)
def test_a_lock_lists_all_that_its_packages_ask_for(name: str) -> None:
    """On every machine that is served, extras included: nothing is chosen when it is installed."""
    entries = lock(LOCKS / f"{name}.txt")
    assert {str(machine): gaps for machine in MACHINES if (gaps := missing(entries, roots(name), machine))} == {}


def test_a_gap_in_a_lock_is_seen() -> None:
    """A package less, an extra less, another version."""
    entries = lock(LOCKS / "run.txt")
    for gone, asker in (("psycopg-binary", "psycopg-binary"), ("annotated-types", "annotated-types")):
        found = missing({name: it for name, it in entries.items() if name != gone}, roots("run"), MACHINES[0])
        assert [Requirement(it).name for it in found] == [asker]
    entries["uvicorn"] = [Locked(Requirement("uvicorn==0.1"), 1)]
    assert {Requirement(it).name for it in missing(entries, roots("run"), MACHINES[0])} == {"uvicorn"}


def test_all_locks_agree() -> None:
    """What is tested is what runs."""
    tested = lock(LOCKS / "test.txt")
    for name in ("run", "demo", "build"):
        for package, entries in lock(LOCKS / f"{name}.txt").items():
            assert {it.version for it in entries} <= {it.version for it in tested[package]}, package
