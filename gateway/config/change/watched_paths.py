"""Where a configuration can change: the folders to watch, and the names in them that matter."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

LINKS_MAX = 40  # as many as Linux follows


@dataclass(frozen=True, slots=True)
class Places:
    """``folders`` are real ones that exist, with device and inode: what is watched is the folder, not its name.

    ``names`` are full paths; ``patterns`` are folders and what files in them must be called to matter.
    """

    folders: frozenset[tuple[str, int, int]]
    names: frozenset[str]
    patterns: frozenset[tuple[str, str]]

    @property
    def paths(self) -> tuple[str, ...]:
        """The folders to watch, none of them with those inside it."""
        return tuple(sorted(path for path, _, _ in self.folders))

    def concerns(self, path: str) -> bool:
        """Whether a change of that name can change the configuration."""
        if path in self.names:
            return True
        folder, name = os.path.split(path)
        return any(folder == place and fnmatchcase(name, pattern) for place, pattern in self.patterns)


def places_of(looked_at: Iterable[Path]) -> Places:
    """The places of files, folders and patterns, whether or not they exist; every symbolic link on the way is a place too.

    The folder above is watched as well: a folder that is removed and made anew is another one.
    """
    folders: set[str] = set()
    names: set[str] = set()
    patterns: set[tuple[str, str]] = set()
    for path in looked_at:
        entries, links, end = _way(path)
        names.update(entries)
        holding = {os.path.dirname(entry) for entry in (*links, end)}
        folders |= holding | {os.path.dirname(folder) for folder in holding}
        if os.path.isdir(end):
            folders.add(end)
            patterns.add((end, "*.yaml"))
        elif not os.path.exists(end):
            patterns.add((os.path.dirname(end), os.path.basename(end)))
    return Places(frozenset(map(_identified, {_existing(folder) for folder in folders})), frozenset(names), frozenset(patterns))


def _way(path: Path) -> tuple[list[str], list[str], str]:
    """Every name on the way to a path, those that are symbolic links, and where it ends; each free of links before it."""
    pending = list(reversed(Path(os.path.abspath(".")).joinpath(path).parts[1:]))
    here, entries, links = "/", [], []
    while pending:
        part = pending.pop()
        if part == "..":
            here = os.path.dirname(here)
            continue
        entry = os.path.join(here, part)
        entries.append(entry)
        try:
            target = Path(os.readlink(entry))
        except (OSError, ValueError):
            here = entry
            continue
        links.append(entry)
        if len(links) > LINKS_MAX:
            break
        here = "/" if target.is_absolute() else here
        pending += reversed([it for it in target.parts if it != "/"])
    return entries, links, here


def _existing(folder: str) -> str:
    while not os.path.isdir(folder) and folder != "/":
        folder = os.path.dirname(folder)
    return folder


def _identified(folder: str) -> tuple[str, int, int]:
    try:
        found = os.stat(folder)
    except OSError:
        return folder, 0, 0
    return folder, found.st_dev, found.st_ino
