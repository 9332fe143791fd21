"""The chain through a ledger: each row's hash covers the row and the hash of the row before it, of the same writer.

A row that is changed, left out or put in afterwards does not fit its neighbours. Whoever can write the whole file could make a
new chain, so the end of each day is signed as a *root*, with a key that need not be where the ledger is read.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256

Value = str | int | None
VERSION = 1
FAULTS_MAX = 100
# What a root is signed as, so that no other signature passes for one.
ROOT = "ledger-root"
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def seed(writer: str) -> bytes:
    """What stands before a writer's first row."""
    return sha256(f"image-gateway ledger chain {VERSION}: {writer}".encode()).digest()


def link(before: bytes, row: Sequence[Value]) -> bytes:
    """The hash of a row: its values in the order of the table's insert statement, as compact JSON in UTF-8."""
    return sha256(before + _COMPACT.encode(row).encode()).digest()


@dataclass(frozen=True, slots=True)
class Root:
    """The end of one writer's UTC day: ``rows`` of its chain so far, the last with number ``seq`` and hash ``chain`` (hex).

    ``before`` is the digest of the root before it, whoever wrote that, and empty for the first: one that is missing is noticed.
    """

    writer: str
    day: date
    rows: int
    seq: int
    chain: str
    before: str

    @property
    def claims(self) -> Mapping[str, str | int]:
        """What is signed."""
        return asdict(self) | {"day": self.day.isoformat()}

    @property
    def digest(self) -> str:
        """SHA-256 of the claims, hex."""
        return sha256(json.dumps(self.claims, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Link:
    """One row as it is found: its number, event and writer, the hash that stands there, and all that it covers."""

    seq: int
    event: str
    writer: str
    chain: bytes | None
    row: Sequence[Value]


@dataclass(frozen=True, slots=True)
class Fault:
    """Where the chain does not hold. ``event`` is empty where it is about a root."""

    seq: int
    event: str
    what: str


class Verification:
    """Reads all rows. ``faults`` are what does not fit, at most ``FAULTS_MAX`` of them.

    Roots come in the order they were written. Rows come in that of their numbers; where there are several writers, writer by
    writer, those without one first. ``unchained`` counts the rows that were written before there was a chain. ``gapless``:
    numbers follow one another without gaps, so that one tells of a missing row.
    """

    def __init__(self, roots: Iterable[Root], *, gapless: bool) -> None:
        self.faults: list[Fault] = []
        self.rows = self.unchained = 0
        self._gapless, self._seq = gapless, 0
        self._unchained: Link | None = None
        self._tips: dict[str, bytes] = {}
        self._counts: dict[str, int] = {}
        self._due = self._in_order(roots)

    def read(self, found: Link) -> None:
        """The next row."""
        missing = found.seq - self._seq - 1 if self._gapless else 0
        self.rows, self._seq = self.rows + 1, found.seq
        if found.chain is None:
            if self._counts:
                self._fault(found, "it was put in afterwards: it has no hash")
            else:
                self.unchained, self._unchained = self.unchained + 1, found
            return
        if self._unchained is not None and found.seq < self._unchained.seq:
            self._fault(self._unchained, "it was put in afterwards: it has no hash")
            self._unchained = None
        before = self._tips.get(found.writer) or seed(found.writer)
        if link(before, found.row) != found.chain:
            self._fault(found, _reason(missing))
        elif missing:
            self._fault(found, f"the numbers of {missing} rows before it are missing, although the chain holds")
        self._tips[found.writer] = found.chain
        self._counts[found.writer] = count = self._counts.get(found.writer, 0) + 1
        root = self._due.pop((found.writer, count), None)
        if root is not None and (root.seq, root.chain) != (found.seq, found.chain.hex()):
            self._fault(found, f"it is not the row with which the root of {root.day} ends: rows before it were changed")

    def end(self) -> None:
        """There are no more rows."""
        for root in self._due.values():
            count = self._counts.get(root.writer, 0)
            what = f"the root of {root.day} covers {root.rows} rows of '{root.writer}', and there are {count}: some were removed"
            self.faults.append(Fault(root.seq, "", what))

    def _in_order(self, roots: Iterable[Root]) -> dict[tuple[str, int], Root]:
        due: dict[tuple[str, int], Root] = {}
        before = ""
        for root in roots:
            if root.before != before:
                self.faults.append(Fault(root.seq, "", f"the root of {root.day} does not follow the one before it"))
            before = root.digest
            due[root.writer, root.rows] = root
        return due

    def _fault(self, found: Link, what: str) -> None:
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(Fault(found.seq, found.event, what))


def _reason(missing: int) -> str:
    if missing:
        return f"{missing} rows before it are missing"
    return "it was changed, or a row before it was taken out or put in"
