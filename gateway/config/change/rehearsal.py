"""How a kept revision would load today in its place: tried in a folder of its own, before anything is replaced."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.config.change.history import Revision
from gateway.config.load import Loaded, Secrets, load
from gateway.config.problem import ConfigInvalid, Problem
from gateway.config.secrets.provider_keys import key_files
from gateway.config.source.document import Tree, read_tree


def rehearse(
    revision: Revision, main: Path, environment: Mapping[str, str], today: date, secrets: Secrets = Secrets.ALL
) -> Loaded:
    """The revision as it would load with its main file at ``main``; raises ``RollbackRefused`` with all problems.

    ``today`` is a UTC day. Only the configuration's own files are copied: providers' keys are read where they are.
    """
    if revision.main != main.name:
        rule = f"Name its main file: --config {main.with_name(revision.main)}."
        raise RollbackRefused(f"Revision {revision.id} was read from {revision.main}, not from {main.name}. {rule}")
    with TemporaryDirectory(prefix="gateway-rollback-") as folder:
        # The same layout below another root, so that every relative path leads to the same neighbour.
        root = os.path.realpath(folder)
        for name, content in revision.files.items():
            copy = _below(root, place_of(main, name))
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
        copied = _below(root, place_of(main, revision.main))
        tree = read_tree(copied, environment)
        _lend_keys(root, tree)
        _check_inside(revision, main, tree, root)
        try:
            return load(copied, environment, today, secrets=secrets)
        except ConfigInvalid as invalid:
            problems = tuple(_named_as_here(problem, root) for problem in invalid.problems)
            raise RollbackRefused(f"Revision {revision.id} is no longer valid, so nothing was changed.", problems) from invalid


class RollbackRefused(Exception):
    """The revision cannot be put in place. Its text says why, ``problems`` name places in the revision's files."""

    def __init__(self, text: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__("\n".join([*map(str, problems), text]))
        self.problems = problems


def place_of(main: Path, name: str) -> Path:
    """Where a revision's file belongs: ``name`` is relative to the main file's folder."""
    return Path(os.path.normpath(main.absolute().parent / name))


def _below(root: str, path: Path) -> Path:
    return Path(root) / path.relative_to(path.anchor)


def _lend_keys(root: str, tree: Tree) -> None:
    """Let the copy's paths to key files lead to the real ones: keys are not copied."""
    for path in key_files(tree.root):
        inside = Path(os.path.normpath(path))
        if inside.is_relative_to(root) and not inside.exists():
            with suppress(OSError):
                inside.parent.mkdir(parents=True, exist_ok=True)
                inside.symlink_to(Path("/") / inside.relative_to(root))


def _check_inside(revision: Revision, main: Path, tree: Tree, root: str) -> None:
    """A file that is included by an absolute path is read where it is: it cannot be another one while that is checked."""
    for path, content in zip(tree.files, tree.contents, strict=True):
        if not path.is_relative_to(root):
            name = Path(os.path.relpath(path, main.absolute().parent)).as_posix()
            if revision.files.get(name) != content:
                rule = "Include it by a relative path, or put this file back by hand."
                raise RollbackRefused(f"The file {path} has changed and is included by its absolute path. {rule}")


def _named_as_here(problem: Problem, root: str) -> Problem:
    texts = {name: getattr(problem, name).replace(root, "") for name in ("file", "what", "fix")}
    return replace(problem, **texts)
