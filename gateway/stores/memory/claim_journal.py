"""Claims in files, one line a change: what a process has claimed is known to the one that comes after it.

A line is handed to the system before its request goes on, so that it survives the death of the process; the last lines may be
lost with a loss of power. Names are hashes: no key and no prompt is in it. Lines go to the end of one file; once that is large,
it is folded into another, in a thread, while new lines go on into a fresh one.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Thread

import msgspec

from gateway.core.idempotency.claims import Claim, Claimed
from gateway.durable import write_beside
from gateway.private import private_folder
from gateway.stores.same_files import inode

FOLDED_AT_BYTES = 4 * 1024 * 1024
# How often the files are looked for, by five calls to the system: somebody may have removed them.
LOOKED_EVERY_S = 1.0
Held = dict[str, tuple[Claimed, float]]


class _Line(msgspec.Struct, array_like=True):
    """What changed under a name: claims that are new or other, and the ids of those that are gone."""

    name: str
    until_s: float
    changed: tuple[Claim, ...]
    gone: tuple[str, ...] = ()


_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(_Line).decode


class JournalInUse(Exception):
    """Another process writes to the journal."""


class ClaimJournal:
    """``failed`` is told once of a disk that refuses lines: requests go on, and the journal does once it is begun anew."""

    def __init__(self, path: Path, clock_s: Callable[[], float], failed: Callable[[Exception], None]) -> None:
        self._base, self._clock_s, self._failed = path, clock_s, failed
        self._tail = path.with_suffix(".tail.jsonl")
        self._lock_file = path.with_suffix(".lock")
        self._descriptor = self._lock = -1
        self._tail_bytes = 0
        self._looked_at_s = 0.0
        self._failing = False
        self._folder: Thread | None = None

    def open(self) -> None:
        """Make it this process's; raises ``OSError``, and ``JournalInUse`` where it is another's."""
        self._claim()
        _rewrite(self._base, self.held())
        _remove((*self._aside(), self._tail))
        self._begin_tail()

    @property
    def whole(self) -> bool:
        """Whether all that was noted is in its files, as far as it was looked for lately; else it is to be begun anew."""
        if time.monotonic() - self._looked_at_s < LOOKED_EVERY_S:
            return True
        self._looked_at_s = time.monotonic()
        if self._failing or self._descriptor < 0 or not self._base.exists():
            return False
        return inode(self._tail) == inode(self._descriptor) and inode(self._lock_file) == inode(self._lock)

    def begin_anew(self, held: Held) -> None:
        """With all that is held now, written in a thread; what is noted from now on follows it. Never raises.

        What the files say stays until that is written.
        """
        if self._folder is not None and self._folder.is_alive():
            return
        self._let_go()
        try:
            self._claim()
            self._set_aside()
            self._begin_tail()
        except (OSError, JournalInUse) as error:
            self._let_go()
            self._tell(error)
            return
        self._folder = Thread(target=self._write_base, args=(held, self._aside()), name="claim-journal", daemon=True)
        self._folder.start()

    def held(self) -> Held:
        """What the files say, without what has lapsed."""
        return _held((self._base, *self._aside(), self._tail), self._clock_s())

    def note(self, name: str, old: Claimed, new: Claimed, until_s: float) -> None:
        """Write down what has changed under the name. Never raises."""
        if self._descriptor < 0:
            return
        before = {claim.request_id: claim for claim in old}
        changed = tuple(claim for claim in new if before.get(claim.request_id) != claim)
        still = {claim.request_id for claim in new}
        line = _Line(name, until_s, changed, tuple(it.request_id for it in old if it.request_id not in still))
        try:
            self._tail_bytes += os.write(self._descriptor, _encode(line) + b"\n")
            if self._tail_bytes > FOLDED_AT_BYTES and (self._folder is None or not self._folder.is_alive()):
                self._fold()
        except OSError as error:
            self._let_go()
            self._tell(error)

    def close(self) -> None:
        """Let the next one have it; may be called twice."""
        if self._folder is not None:
            self._folder.join()
        self._let_go()

    def _claim(self) -> None:
        private_folder(self._base.parent)
        self._lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._let_go()
            raise JournalInUse("another gateway writes to it") from None

    def _let_go(self) -> None:
        for descriptor in (self._descriptor, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._descriptor = self._lock = -1

    def _tell(self, error: Exception) -> None:
        if not self._failing:
            self._failed(error)
        self._failing = True

    def _begin_tail(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor, self._tail_bytes = os.open(self._tail, flags, 0o600), 0

    def _fold(self) -> None:
        """Reading lines twice does no harm, so that it may end at any point."""
        self._set_aside()
        os.close(self._descriptor)
        self._begin_tail()
        self._folder = Thread(target=self._fold_in, args=(self._aside(),), name="claim-journal", daemon=True)
        self._folder.start()

    def _set_aside(self) -> None:
        """The tail, to be read before the one that follows it until all that it says is in the base."""
        if self._tail.exists() and self._tail.stat().st_size:
            self._tail.rename(self._base.with_suffix(f".folding.{time.time_ns():020}.jsonl"))

    def _aside(self) -> tuple[Path, ...]:
        """In the order in which they were written."""
        return tuple(sorted(self._base.parent.glob(f"{self._base.stem}.folding.*jsonl")))

    def _fold_in(self, aside: Sequence[Path]) -> None:
        try:
            _rewrite(self._base, _held((self._base, *aside), self._clock_s()))
            _remove(aside)
        except OSError as error:
            self._tell(error)

    def _write_base(self, held: Held, aside: Sequence[Path]) -> None:
        try:
            _rewrite(self._base, held)
            _remove(aside)
            self._failing = self._descriptor < 0
        except OSError as error:
            self._tell(error)


def _held(files: Iterable[Path], now_s: float) -> Held:
    """A line that was cut off by the end of its process is left out."""
    found: Held = {}
    for file in files:
        if not file.exists():
            continue
        with file.open("rb") as lines:
            for text in lines:
                try:
                    line = _decode(text)
                except msgspec.DecodeError:
                    continue
                changed = {claim.request_id: claim for claim in line.changed}
                before = found.get(line.name, ((), 0.0))[0]
                kept = [changed.pop(it.request_id, it) for it in before if it.request_id not in line.gone]
                found[line.name] = ((*kept, *changed.values()), line.until_s)
    return {name: (claims, until_s) for name, (claims, until_s) in found.items() if claims and until_s > now_s}


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _rewrite(path: Path, held: Held) -> None:
    text = b"".join(_encode(_Line(name, until_s, claims)) + b"\n" for name, (claims, until_s) in held.items())
    write_beside(path, text, mode=0o600).replace(path)
