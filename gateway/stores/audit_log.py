"""The audit log: one JSON object a line, each with the hash of the one before, so that no line changes or goes unseen.

A small file beside it, ``<log>.head``, holds the number and the hash of the latest entry, so that a cut-off end is seen too.
Whoever can write both files can forge both: what binds them is the head that somebody keeps elsewhere (``gateway audit verify``
prints it).
"""

import fcntl
import hashlib
import json
import os
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from gateway.core.redaction.secrets import redact
from gateway.durable import replace_file
from gateway.ports import AuditUnavailable
from gateway.private import private_folder

# A reload that changes everything says so in fewer; what is larger is cut, and says that it is.
LINE_BYTES_MAX = 256 * 1024
DETAILS_BYTES_MAX = 128 * 1024
TEXT_CHARS_MAX = 2_000
DEPTH_MAX = 8
GENESIS = "0" * 64
_TYPES = {"seq": int, "at": str, "who": str, "what": str, "why": str, "details": dict, "previous": str, "hash": str}


@dataclass(frozen=True, slots=True)
class Verified:
    """An unbroken log: how many entries it has, and the hash of the last."""

    entries: int
    head: str


class AuditBroken(Exception):
    """The log is not what was written. ``line`` is 1-based; ``what`` says in which way."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line, self.what = line, what


@dataclass(frozen=True, slots=True)
class _Tip:
    """The latest entry: its number and its hash."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class _Event:
    who: str
    what: str
    why: str
    details: Mapping[str, object]
    at: datetime


_NOTHING = _Tip(0, GENESIS)


class AuditLog:
    """Appends to the log at ``path``; several processes may do so at once.

    Where the log and its head are removed meanwhile, it goes on at what it wrote last: the gap stays to be seen.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._written = path, _NOTHING

    def append(self, who: str, what: str, why: str, details: Mapping[str, object], at: datetime) -> None:
        """Add one entry, durable on return; raises ``AuditUnavailable``. Keys of providers and apps are masked."""
        try:
            private_folder(self._path.parent)
            with _locked(self._path, os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX) as log:
                self._append(log, _Event(who, what, why, details, at))
        except OSError as error:
            raise _unavailable(self._path, "written", error) from error

    def _append(self, log: BinaryIO, event: _Event) -> None:
        last, torn = _end_of(log)
        head = _head_of(self._path)
        # Behind a head that the log no longer reaches, the chain goes on at the head: the gap stays to be seen.
        tip = head if head is not None and head.seq >= last.seq else last
        events = [event]
        if head is None and last.seq > 1:
            events.insert(0, _noticed("audit.head_missing", {}, event.at))
        if tip.seq < self._written.seq:
            events.insert(0, _noticed("audit.entries_missing", {"first": tip.seq + 1, "last": self._written.seq}, event.at))
            tip = self._written
        if torn:
            self._move_aside(log, torn)
            moved = {"bytes": len(torn), "moved_to": _aside(self._path).name}
            events.insert(0, _noticed("audit.torn_line", moved, event.at))
        lines = b""
        for it in events:
            line, tip = _linked(tip, it)
            lines += line
        log.seek(0, os.SEEK_END)
        log.write(lines)
        log.flush()
        os.fsync(log.fileno())
        self._written = tip
        _write_head(self._path, tip)

    def _move_aside(self, log: BinaryIO, torn: bytes) -> None:
        """What a crash left of a line is kept beside the log, never deleted."""
        descriptor = os.open(_aside(self._path), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as aside:
            aside.write(torn + b"\n")
            aside.flush()
            os.fsync(aside.fileno())
        log.truncate(log.seek(0, os.SEEK_END) - len(torn))


def verify(path: Path) -> Verified:
    """Read the whole log; raises ``AuditBroken`` at its first fault, ``AuditUnavailable`` where it cannot be read."""
    if not path.exists():
        head = _head_of(path)
        if head is None:
            return Verified(0, GENESIS)
        raise AuditBroken(1, f"the log is gone: its head file knows of {head.seq} entries")
    try:
        with _locked(path, os.O_RDONLY, fcntl.LOCK_SH) as log:
            return _verified(log, _head_of(path))
    except OSError as error:
        raise _unavailable(path, "read", error) from error


def latest(path: Path, count: int) -> tuple[Mapping[str, Any], ...]:
    """The last entries as they are written, oldest first, whether or not the chain holds; raises ``AuditUnavailable``."""
    if not path.exists():
        return ()
    try:
        with _locked(path, os.O_RDONLY, fcntl.LOCK_SH) as log:
            lines = deque(_lines(log), maxlen=count)
    except OSError as error:
        raise _unavailable(path, "read", error) from error
    return tuple(entry for line in lines if (entry := _entry(line)) is not None)


def _verified(log: BinaryIO, head: _Tip | None) -> Verified:
    tip, at_head = _NOTHING, GENESIS
    for number, line in enumerate(_lines(log), start=1):
        tip = _next(tip, number, line, head)
        if head is not None and tip.seq == head.seq:
            at_head = tip.hash
    if head is None and tip.seq > 1:
        raise AuditBroken(tip.seq, "the head file beside the log is missing: nothing tells whether later entries were cut off")
    if head is not None and tip.seq < head.seq:
        what = f"the end is cut off: entries {tip.seq + 1} to {head.seq} were written and are missing"
        raise AuditBroken(tip.seq + 1, what)
    if head is not None and at_head != head.hash:
        raise AuditBroken(head.seq, f"entry {head.seq} is not the one that the head file knows: the log was written anew")
    return Verified(tip.seq, tip.hash)


def _next(tip: _Tip, number: int, line: bytes, head: _Tip | None) -> _Tip:
    """The tip after this line; raises where it does not follow."""
    if not line.endswith(b"\n"):
        if head is not None and head.seq > tip.seq:
            raise AuditBroken(number, f"the end is cut off inside entry {tip.seq + 1}: {head.seq} entries were written")
        if len(line) > LINE_BYTES_MAX:
            raise AuditBroken(number, f"the line is longer than {LINE_BYTES_MAX} bytes: it was not written by the gateway")
        raise AuditBroken(number, "the last line is torn, as a crash leaves it; the next entry moves it aside")
    entry = _entry(line)
    if entry is None or _canonical(entry) + b"\n" != line or _hash_of(entry) != entry["hash"]:
        raise AuditBroken(number, "the line was changed: its hash is not that of its content")
    seq = entry["seq"]
    if seq != tip.seq + 1:
        missing = isinstance(seq, int) and seq > tip.seq + 1
        what = (
            f"entries {tip.seq + 1} to {seq - 1} are missing before it" if missing else "it was inserted, or lines were reordered"
        )
        raise AuditBroken(number, f"the line holds entry {seq} where entry {tip.seq + 1} belongs: {what}")
    if entry["previous"] != tip.hash:
        raise AuditBroken(number, "the line does not follow the one before it: one of the two was replaced")
    return _Tip(seq, entry["hash"])


def _noticed(what: str, details: Mapping[str, object], at: datetime) -> _Event:
    return _Event("gateway", what, "found before the next entry was written", details, at)


def _linked(tip: _Tip, event: _Event) -> tuple[bytes, _Tip]:
    """The event's line behind ``tip``, and the new tip."""
    entry: dict[str, Any] = {
        "seq": tip.seq + 1,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "who": _text(event.who),
        "what": _text(event.what),
        "why": _text(event.why),
        "details": _bounded(_plain(event.details, 0)),
        "previous": tip.hash,
    }
    entry["hash"] = _hash_of(entry)
    return _canonical(entry) + b"\n", _Tip(entry["seq"], entry["hash"])


def _hash_of(entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical({key: value for key, value in entry.items() if key != "hash"})).hexdigest()


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def _plain(value: object, depth: int) -> Any:
    """As JSON has it, without secrets; what it has no form for is written as its text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping) and depth < DEPTH_MAX:
        return {_text(str(key)): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth < DEPTH_MAX:
        return [_plain(item, depth + 1) for item in value]
    return _text(str(value))


def _bounded(details: Any) -> Any:
    written = _canonical(details)
    if len(written) <= DETAILS_BYTES_MAX:
        return details
    begin = written[:TEXT_CHARS_MAX].decode("utf-8", "replace")
    return {"cut": True, "bytes": len(written), "sha256": hashlib.sha256(written).hexdigest(), "begins": begin}


def _text(text: str) -> str:
    clean = redact(text).encode("utf-8", "replace").decode()
    return clean if len(clean) <= TEXT_CHARS_MAX else clean[: TEXT_CHARS_MAX - 1] + "…"


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    well_formed = isinstance(entry, dict) and {key: type(value) for key, value in entry.items()} == _TYPES
    return entry if well_formed else None


def _lines(log: BinaryIO) -> Iterator[bytes]:
    """Each line with its end; one that is too long is the last."""
    log.seek(0)
    while line := log.readline(LINE_BYTES_MAX + 1):
        yield line
        if not line.endswith(b"\n"):
            return


def _end_of(log: BinaryIO) -> tuple[_Tip, bytes]:
    """The last whole entry, and what stands behind its line's end."""
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - 2 * LINE_BYTES_MAX))
    whole, end, torn = log.read().rpartition(b"\n")
    entry = _entry(whole.rpartition(b"\n")[2]) if end else None
    return (_NOTHING if entry is None else _Tip(entry["seq"], entry["hash"])), torn


def _head_of(path: Path) -> _Tip | None:
    """What the head file knows; ``None`` where it is missing or unusable."""
    try:
        with _head_file(path).open("rb") as file:
            found = json.loads(file.read(1024))
        return _Tip(int(found["entries"]), str(found["hash"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_head(path: Path, tip: _Tip) -> None:
    replace_file(_head_file(path), _canonical({"entries": tip.seq, "hash": tip.hash}) + b"\n")


def _head_file(path: Path) -> Path:
    return path.with_name(path.name + ".head")


def _aside(path: Path) -> Path:
    return path.with_name(path.name + ".torn")


@contextmanager
def _locked(path: Path, flags: int, kind: int) -> Iterator[BinaryIO]:
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "rb" if flags == os.O_RDONLY else "r+b") as log:
        fcntl.flock(descriptor, kind)
        yield log


def _unavailable(path: Path, done: str, error: OSError) -> AuditUnavailable:
    return AuditUnavailable(
        f"The audit log {path} cannot be {done}: {error.strerror or error}. "
        "Make sure that its folder exists, has room and belongs to the gateway's user."
    )
