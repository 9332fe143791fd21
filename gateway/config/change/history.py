"""What was in force before: each accepted configuration with its files, its difference to the one before, who and why.

Keeps what stands in the files, byte for byte. Keys of providers never stand there, and variables stay as they are written.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from gateway.config.change.difference import Change
from gateway.config.load import Loaded
from gateway.config.schema.document import Ledger
from gateway.config.source.document import Tree
from gateway.config.source.node import find
from gateway.durable import replace_file
from gateway.ports import Unusable
from gateway.private import private_folder

PREFIX_CHARS_MIN = 4
_BUSY = ".lock"
_FOLDER, _LEDGER = ("history", "folder"), ("ledger", "path")


class HistoryUnusable(Unusable):
    """The history cannot be read or written, or does not hold what was asked for. Its text says what to do."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One accepted configuration. ``at`` is UTC; ``changes`` are those from the revision before.

    ``files`` are the bytes it was read from, by path relative to the main file's folder, the ``main`` file first; ``sha256``
    is over all of them.
    """

    id: str
    at: datetime
    who: str
    why: str
    changes: tuple[Change, ...]
    sha256: str
    main: str
    files: Mapping[str, bytes] = field(repr=False)


class History:
    """Revisions in ``folder``, one file each; at most ``revisions_max``, the oldest go first. Several processes may use it."""

    def __init__(self, folder: Path, revisions_max: int) -> None:
        self.folder, self._revisions_max = folder, revisions_max

    def record(self, loaded: Loaded, *, who: str, why: str, changes: Sequence[Change], at: datetime) -> Revision:
        """Keep what ``loaded`` was read from. Where the latest revision has the same content, that one is returned as it is.

        Raises ``HistoryUnusable``. It waits for the disk: in an event loop, call it in a thread.
        """
        files = contents_of(loaded)
        revision = Revision(
            id=loaded.snapshot.revision,
            at=at.astimezone(UTC),
            who=who,
            why=why,
            changes=tuple(changes),
            sha256=sha256_of(files),
            main=next(iter(files)),
            files=files,
        )
        return self.keep(revision)

    def keep(self, revision: Revision) -> Revision:
        """Keep a revision that is made already, as ``record`` does."""
        try:
            private_folder(self.folder)
            with self._locked():
                return self._keep(revision)
        except OSError as error:
            raise self._unusable("written", error) from error

    def revisions(self) -> tuple[Revision, ...]:
        """All that are kept, newest first; raises ``HistoryUnusable``."""
        return tuple(_read(path) for path in reversed(self._paths()))

    def latest_id(self) -> str | None:
        """Of the newest, whether or not it can be read; ``None`` where none is kept. Raises ``HistoryUnusable``."""
        paths = self._paths()
        return _id_of(paths[-1]) if paths else None

    def latest(self) -> Revision | None:
        """The newest that can be read; ``None`` where there is none. Raises ``HistoryUnusable``."""
        return next(filter(None, map(_read_if_possible, reversed(self._paths()))), None)

    def find(self, id: str) -> Revision:
        """The newest revision of that id, or of the only one that begins so; raises ``HistoryUnusable``."""
        found = [path for path in self._paths() if _id_of(path).startswith(id)]
        ids = sorted({_id_of(path) for path in found})
        if len(id) < PREFIX_CHARS_MIN or not ids:
            rule = f"Write at least {PREFIX_CHARS_MIN} characters of an id that 'gateway config history' lists."
            raise HistoryUnusable(f"The history in {self.folder} has no revision '{id[:80]}'. {rule}")
        if len(ids) > 1:
            raise HistoryUnusable(f"'{id}' can be each of {', '.join(ids)}. Write more of the id.")
        return _read(found[-1])

    def _keep(self, revision: Revision) -> Revision:
        paths = self._paths()
        latest = _read_if_possible(paths[-1]) if paths else None
        if latest is not None and (latest.id, latest.sha256) == (revision.id, revision.sha256):
            return latest
        number = int(paths[-1].name.partition("-")[0]) + 1 if paths else 1
        path = self.folder / f"{number:08d}-{revision.id}.json"
        # Readers see the whole file or none.
        replace_file(path, json.dumps(_written(revision), ensure_ascii=False, indent=1).encode())
        for old in [*paths, path][: -self._revisions_max]:
            old.unlink(missing_ok=True)
        return revision

    def _paths(self) -> list[Path]:
        """Oldest first: by number, as clocks jump."""
        try:
            found = [path for path in self.folder.glob("*-*.json") if path.name.partition("-")[0].isdecimal()]
        except OSError as error:
            raise self._unusable("read", error) from error
        return sorted(found, key=lambda path: int(path.name.partition("-")[0]))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self.folder / _BUSY, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _unusable(self, done: str, error: OSError) -> HistoryUnusable:
        return HistoryUnusable(
            f"The history in {self.folder} cannot be {done}: {error.strerror or error}. "
            "Make sure that the folder can be made, has room and belongs to the gateway's user."
        )


def contents_of(loaded: Loaded) -> dict[str, bytes]:
    """The bytes of a configuration's files, by path relative to the main file's folder."""
    return relative(loaded.files, loaded.contents)


def relative(files: Sequence[Path], contents: Sequence[bytes]) -> dict[str, bytes]:
    """The same for files and contents that belong together; the first is the main one."""
    folder = files[0].absolute().parent
    return {Path(os.path.relpath(path.absolute(), folder)).as_posix(): it for path, it in zip(files, contents, strict=True)}


def sha256_of(files: Mapping[str, bytes]) -> str:
    """Over names and contents, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{len(name.encode())}:{name}:{len(files[name])}:".encode())
        digest.update(files[name])
    return digest.hexdigest()


def history_folder(tree: Tree) -> Path:
    """Where the history of a configuration is that may not be valid: what it says of it, else the default.

    Raises ``HistoryUnusable`` where what it says cannot be read.
    """
    said, ledger = (node.text() if (node := find(tree.root, path)) else None for path in (_FOLDER, _LEDGER))
    if said:
        return Path(said)
    if not ledger and not tree.complete:
        raise HistoryUnusable(
            f"Nothing says where the history is: {tree.root.at.file} or a file that it includes cannot be read as it stands. "
            "Name the folder with --history, or the audit log itself."
        )
    return Path(ledger or Ledger().path).parent / "history"


def _written(revision: Revision) -> dict[str, object]:
    return {
        "id": revision.id,
        "at": revision.at.isoformat(timespec="microseconds"),
        "who": revision.who,
        "why": revision.why,
        "changes": [{"subject": it.subject, "text": it.text, "weight": it.weight} for it in revision.changes],
        "sha256": revision.sha256,
        "main": revision.main,
        # A configuration is UTF-8 text, or it would not have been accepted.
        "files": {name: content.decode() for name, content in revision.files.items()},
    }


def _read(path: Path) -> Revision:
    """Raises ``HistoryUnusable`` where the file is not what was kept."""
    try:
        found = json.loads(path.read_bytes())
        files = {name: content.encode() for name, content in found["files"].items()}
        changes = tuple(Change(**it) for it in found.pop("changes"))
        at = datetime.fromisoformat(found["at"])
        revision = Revision(**found | {"changes": changes, "at": at, "files": files})
    except OSError as error:
        raise HistoryUnusable(f"The kept revision {path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise HistoryUnusable(f"{path} is not a kept revision: it was changed. Move it out of the folder.") from error
    if sha256_of(files) != revision.sha256 or revision.main not in files:
        raise HistoryUnusable(f"{path} is not what was kept: its files do not match its hash. Move it out of the folder.")
    return replace(revision, files=dict(files))


def _read_if_possible(path: Path) -> Revision | None:
    try:
        return _read(path)
    except HistoryUnusable:
        return None


def _id_of(path: Path) -> str:
    return path.stem.partition("-")[2]
