"""With what the books are read while the files are broken: the last good revision, else where the books are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from gateway.config.change.history import History, HistoryUnusable, Revision, history_folder
from gateway.config.change.rehearsal import RollbackRefused, rehearse
from gateway.config.load import Loaded, Secrets, load, load_paths
from gateway.config.problem import ConfigInvalid
from gateway.config.source.document import Tree, read_tree
from gateway.config.source.node import Node
from gateway.config.source.yaml_file import read_section

# Only its newest revision is read here; how many are kept is the writer's concern.
_ANY = 1


@dataclass(frozen=True, slots=True)
class Readable:
    """A configuration to read the books with. ``note`` is a sentence for people, empty where the files are valid."""

    loaded: Loaded
    note: str = ""


def load_to_read(main: Path, environment: Mapping[str, str], today: date, *, paths_only: bool) -> Readable:
    """The configuration at ``main`` without providers' secrets; where it is not valid, its last good revision.

    With ``paths_only`` what says where the books are is enough at last. Raises ``ConfigInvalid``; ``today`` is a UTC day.
    """
    try:
        return Readable(load(main, environment, today, secrets=Secrets.BOOKS))
    except ConfigInvalid as invalid:
        why = f"{main} is not valid (gateway check tells why)"
        if (found := _last_good(main, environment, today)) is not None:
            revision, loaded = found
            at = f"{revision.at:%Y-%m-%d %H:%M} UTC"
            return Readable(loaded, f"{why}, so the last good revision is used: {revision.id} of {at}.")
        if not paths_only:
            raise
        try:
            return Readable(load_paths(main, environment), f"{why}, so nothing but the paths of the books is taken from it.")
        except ConfigInvalid:
            raise invalid from None


def _last_good(main: Path, environment: Mapping[str, str], today: date) -> tuple[Revision, Loaded] | None:
    if not main.exists():
        return None  # it may be another gateway's that was meant
    try:
        revision = History(_history_folder(main, environment), _ANY).latest()
        return None if revision is None else (revision, rehearse(revision, main, environment, today, Secrets.BOOKS))
    except (HistoryUnusable, RollbackRefused, OSError):  # also without a folder to try it in
        return None


def _history_folder(main: Path, environment: Mapping[str, str]) -> Path:
    """Where a file cannot be parsed, its sections are tried alone; a kept revision names its main file, so a guess is safe."""
    tree = read_tree(main, environment)
    try:
        return history_folder(tree)
    except HistoryUnusable:
        alone = {name: member for name in ("history", "ledger") if (member := read_section(main, name, environment))}
        return history_folder(Tree(Node(alone, tree.root.at), (), complete=True))
