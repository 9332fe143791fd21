"""Whether a ledger file is what its writers have written."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

from gateway.core.ledger.chain import Fault, Link, Root, Verification
from gateway.ports import LedgerUnavailable
from gateway.stores.ledger.sqlite.failure import failure_text
from gateway.stores.ledger.sqlite.schema import check_version
from gateway.stores.statements import statement

_ROWS = statement("chain_rows")
_ROOTS = "SELECT writer, day, rows, seq, chain, before, signature FROM root ORDER BY writer, rows"
# What is wrong with a root's signature, a sentence; empty where nothing is.
Check = Callable[[Root, str], str]


def verify_ledger(path: Path, check: Check, progress: Callable[[int, int], None]) -> Verification:
    """Read the whole file; raises ``LedgerUnavailable``. ``progress`` is told how many rows of how many were read."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            check_version(connection, path)
            connection.execute("BEGIN")
            roots = list(_roots(connection))
            verification = Verification((root for root, _ in roots), gapless=True)
            verification.faults += [
                Fault(root.seq, "", f"the root of {root.day}: {wrong}") for root, text in roots if (wrong := check(root, text))
            ]
            total = connection.execute("SELECT max(seq) FROM entry").fetchone()[0] or 0
            for seq, event, writer, chain, *row in connection.execute(_ROWS):
                verification.read(Link(seq, event, writer, chain, row))
                progress(verification.rows, total)
            verification.end()
            return verification
    except sqlite3.Error as error:
        raise LedgerUnavailable(failure_text(path, "read", error)) from error


def _roots(connection: sqlite3.Connection) -> Iterator[tuple[Root, str]]:
    for writer, day, rows, seq, chain, before, signature in connection.execute(_ROOTS):
        yield Root(writer, _day(day), rows, seq, chain, before), signature


def _day(text: str) -> date:
    """One that is no date is a fault that its digest shows."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return date.min
