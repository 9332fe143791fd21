"""The whole configuration as it was written: one file and all that it includes, as one mapping."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.config.problem import Position, Problem
from gateway.config.source.node import Member, Node
from gateway.config.source.yaml_file import FILE_BYTES_MAX, Unreadable, read_source

# The sections that several files may fill together: mappings by id.
SHARED_SECTIONS = ("catalogue", "contracts", "providers", "price_lists", "exchange", "routes", "models", "apps")
# Far above any configuration a person keeps; it stops an include that names the wrong folder.
FILES_MAX = 500
_WILDCARDS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Tree:
    """``complete`` is false where a file could not be read: what seems to be missing may stand there.

    ``looked_at`` are the files, folders and patterns that were read or looked for; ``files`` are those that were to be read,
    the main one first, and ``contents`` their bytes, one a file.
    """

    root: Node
    problems: tuple[Problem, ...]
    complete: bool
    looked_at: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()
    contents: tuple[bytes, ...] = field(default=(), repr=False)


def read_tree(path: Path, environment: Mapping[str, str]) -> Tree:
    """Read the file and its includes. Never raises for what is in them: it is all in ``problems``."""
    reading = _Reading(environment)
    reading.file(path, Position(str(path), 1, 1), ())
    root = Node(reading.members, Position(str(path), 1, 1))
    return Tree(
        root,
        tuple(reading.problems),
        complete=reading.complete,
        looked_at=tuple(reading.looked_at),
        files=tuple(reading.contents),
        contents=tuple(reading.contents.values()),
    )


@dataclass(slots=True)
class _Reading:
    environment: Mapping[str, str]
    members: dict[str, Member] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    complete: bool = True
    done: set[Path] = field(default_factory=set)
    looked_at: list[Path] = field(default_factory=list)
    contents: dict[Path, bytes] = field(default_factory=dict)

    def file(self, path: Path, named_at: Position, within: tuple[Path, ...]) -> None:
        """Merge one file and its includes; ``within`` are the files whose includes led here."""
        identity = Path(os.path.realpath(path))
        if identity in within:
            self._fail(named_at.problem(("include",), f"the file {path} includes itself", "Remove this include."))
            return
        if identity in self.done:
            return
        if len(self.done) >= FILES_MAX:
            self._fail(named_at.problem(("include",), f"more than {FILES_MAX} files are included", "Include fewer files."))
            return
        self.done.add(identity)
        self.looked_at.append(path)
        self.contents[path] = content = _content(path)
        try:
            root, problems = read_source(path, self.environment)
        except Unreadable as error:
            self._fail(error.problem)
            return
        if _content(path) != content:
            # What is kept as the history must be what runs.
            at, what = Position(str(path), 1, 1), "the file was written to while it was read"
            self._fail(at.problem((), what, "Try again; a running gateway does so by itself."))
            return
        self.problems += problems
        for name, member in root.members().items():
            if name == "include":
                self._include(member.node, path, (*within, identity))
            elif member.node.value is not None or member.node.broken:
                self._merge(name, member)

    def _include(self, node: Node, including: Path, within: tuple[Path, ...]) -> None:
        if not isinstance(node.value, tuple) and node.value is not None:
            self._fail(
                node.at.problem(("include",), "must be a list", "Write one file, folder or pattern a line, each after '- '.")
            )
        for index, item in enumerate(node.items()):
            path, target = ("include", index), item.text()
            if target is None:
                if not item.broken:
                    self._fail(
                        item.at.problem(path, "must be a text", "Name a file, a folder or a pattern such as 'contracts/*.yaml'.")
                    )
                continue
            self.looked_at.append(including.parent / target)
            try:
                found = _files(_plain(including.parent / target))
            except (OSError, ValueError, NotImplementedError):
                found = ()
            if not found:
                what = f"{_shown(item, target)} is no file, no folder with *.yaml files in it, and matches no file"
                self._fail(item.at.problem(path, what, f"The path is relative to the folder of {including}."))
            for file in found:
                self.file(file, item.at, within)

    def _merge(self, name: str, member: Member) -> None:
        known = self.members.get(name)
        if known is None:
            self.members[name] = member
        elif name in SHARED_SECTIONS and isinstance(known.node.value, Mapping) and isinstance(member.node.value, Mapping):
            self.members[name] = Member(known.key_at, Node(self._united(name, known.node, member.node), known.node.at))
        else:
            self._defined_twice((name,), known.key_at, member.key_at)

    def _united(self, section: str, first: Node, second: Node) -> dict[str, Member]:
        united = dict(first.members())
        for key, member in second.members().items():
            if key in united:
                self._defined_twice((section, key), united[key].key_at, member.key_at)
            else:
                united[key] = member
        return united

    def _defined_twice(self, path: tuple[str, ...], first: Position, second: Position) -> None:
        what = f"is already defined at {first.file}:{first.line}:{first.column}"
        self.problems.append(second.problem(path, what, "Keep one of the two, or give this one another id."))

    def _fail(self, problem: Problem) -> None:
        self.problems.append(problem)
        self.complete = False


def _content(path: Path) -> bytes:
    """The file's bytes; none where it cannot be read, which is reported where it is parsed."""
    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError):
        return b""


def _files(target: Path) -> tuple[Path, ...]:
    """The files an include stands for: itself, a folder's ``*.yaml``, or what matches the pattern; sorted."""
    if target.is_dir():
        return tuple(sorted(target.glob("*.yaml")))
    if target.exists():
        return (target,)
    if _WILDCARDS.isdisjoint(target.name):
        return ()
    return tuple(sorted(found for found in target.parent.glob(target.name) if found.is_file()))


def _plain(path: Path) -> Path:
    """Without ``..``, unless a symbolic link on the way gives that another meaning."""
    plain = Path(os.path.normpath(path))
    return plain if os.path.realpath(plain) == os.path.realpath(path) else path


def _shown(item: Node, text: str) -> str:
    return "what the variable names" if item.hidden else f"'{text}'"
