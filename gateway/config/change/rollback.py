"""Puts the files of an earlier configuration back in place; the running gateway notices by itself."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from shutil import copyfile

from gateway.config.change.difference import Change, differences
from gateway.config.change.history import History, HistoryUnusable, Revision, relative
from gateway.config.change.rehearsal import RollbackRefused, place_of, rehearse
from gateway.config.load import Loaded, load
from gateway.config.problem import ConfigInvalid
from gateway.config.source.document import read_tree
from gateway.durable import write_beside
from gateway.ports import AuditTrail
from gateway.private import private_file, private_folder


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What a rollback did. ``written`` and ``moved`` are paths relative to the main file's folder.

    ``changes`` are those to what stood in the files before, empty where that was not valid (``was`` is ``None``).
    ``set_aside`` is the folder that holds what was overwritten or moved; ``None`` where nothing was.
    """

    revision: str
    was: str | None
    changes: tuple[Change, ...]
    written: tuple[str, ...]
    moved: tuple[str, ...]
    set_aside: Path | None


@dataclass(frozen=True, slots=True)
class Rollback:
    """Puts revisions back in place of the configuration at ``path``. ``set_aside`` holds what is replaced, a folder each time."""

    path: Path
    environment: Mapping[str, str]
    history: History
    audit: AuditTrail
    set_aside: Path

    def to(self, revision: Revision, *, who: str, why: str, at: datetime) -> RolledBack:
        """Check that the revision still loads, keep today's files, and replace them.

        Raises ``RollbackRefused``, ``HistoryUnusable`` or ``AuditUnavailable``; nothing is changed then, unless the text says so.
        """
        restored = rehearse(revision, self.path, self.environment, at.date())
        tree, today = read_tree(self.path, self.environment), self._today(at.date())
        was = None if today is None else today.snapshot.revision
        if relative(tree.files, tree.contents) == revision.files:
            return RolledBack(revision.id, was, (), (), (), None)
        changes = () if today is None else differences(today, restored)
        if today is not None:
            self.history.record(today, who=who, why="what a rollback replaced", changes=(), at=at)
        details = {"revision": revision.id, "before": was, "changes": [str(change) for change in changes]}
        self.audit.append(who, "config.rollback", why, details, at)
        aside = self.set_aside / f"{at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-before-{revision.id}"
        kept = replace(revision, at=at.astimezone(UTC), who=who, why=f"rollback: {why}", changes=changes)
        try:
            written, moved = self._replace(revision, aside, kept)
        except RollbackRefused as refused:
            self.audit.append(who, "config.rollback_refused", str(refused), {"revision": revision.id}, at)
            raise
        return RolledBack(revision.id, was, changes, written, moved, aside if aside.exists() else None)

    def _today(self, today: date) -> Loaded | None:
        try:
            return load(self.path, self.environment, today)
        except ConfigInvalid:
            return None

    def _place(self, name: str) -> Path:
        return place_of(self.path, name)

    def _holds(self, name: str, content: bytes) -> bool:
        try:
            return self._place(name).read_bytes() == content
        except OSError:
            return False

    def _replace(self, revision: Revision, aside: Path, kept: Revision) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Write all files beside their places, then put them there in one go, the main file last.

        Before that it is in the history as ``kept``: a running gateway notices at once, and who records it first says why.
        A file that the revision did not have and that would still be read, as in an included folder, is moved away.
        """
        names = tuple(name for name in reversed(tuple(revision.files)) if not self._holds(name, revision.files[name]))
        fresh: dict[Path, Path] = {}
        try:
            for name in names:
                place = Path(os.path.realpath(self._place(name)))
                place.parent.mkdir(parents=True, exist_ok=True)
                model = place if place.exists() else self.path
                fresh[place] = write_beside(place, revision.files[name], mode=model.stat().st_mode & 0o777)
                _give_to_owner_of(model, fresh[place])
                self._keep_copy(name, aside)
        except OSError as error:
            _discard(fresh)
            raise RollbackRefused(_unwritable(error)) from error
        try:
            self.history.keep(kept)
        except HistoryUnusable:
            _discard(fresh)
            raise
        try:
            for place, made in fresh.items():
                made.replace(place)
            # A folder that the revision includes can hold more than today's configuration has read.
            now = read_tree(self.path, self.environment)
            left_over = relative(now.files, now.contents).keys() - revision.files.keys()
            moved = tuple(name for name in sorted(left_over) if self._place(name).exists())
            for name in moved:
                self._keep_copy(name, aside)
                self._place(name).unlink()
        except OSError as error:
            _discard(fresh)
            text = f"The rollback broke off: {error.strerror or error}. What stood in the files before is in {aside}."
            raise RollbackRefused(text) from error
        return names, moved

    def _keep_copy(self, name: str, aside: Path) -> None:
        """What is replaced is never lost: it stays beside the history."""
        place, copy = self._place(name), aside / name.replace("..", "up")
        if place.exists():
            private_folder(copy.parent)
            private_file(copy)
            copyfile(place, copy)


def _discard(fresh: Mapping[Path, Path]) -> None:
    for made in fresh.values():
        made.unlink(missing_ok=True)


def _give_to_owner_of(model: Path, fresh: Path) -> None:
    """A file that root puts back stays readable for the gateway's user."""
    found = model.stat()
    with suppress(PermissionError):
        os.chown(fresh, found.st_uid, found.st_gid)


def _unwritable(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    return (
        f"The configuration's files cannot be written: {error.strerror or error}{where}. Nothing was changed. "
        "Where they come from an image, a ConfigMap or a repository, roll back there."
    )
