"""The chain of a ledger's rows as its writer makes it."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from gateway.core.ledger.chain import Root, link, seed
from gateway.stores.ledger.rows import Row, moment_of
from gateway.stores.statements import statement

# Signs claims as a compact JWS; empty where there is no key.
Sign = Callable[[Mapping[str, str | int]], str]
_TIP, _ROOT = statement("chain_tip"), statement("root_insert")
_COUNT = "SELECT count(*) FROM entry WHERE writer = ? AND seq > ?"


def unsigned(claims: Mapping[str, str | int]) -> str:
    """There is no key."""
    return ""


@dataclass(frozen=True, slots=True)
class Tip:
    """The end of a writer's chain: ``rows`` of it, the latest written on ``day``; ``rooted`` of them are under a root.

    ``root`` is the digest of the latest root, empty where there is none.
    """

    chain: bytes
    rows: int = 0
    day: date | None = None
    rooted: int = 0
    root: str = ""

    def extended(self, rows: Sequence[Row], recorded_at: int) -> tuple["Tip", list[bytes]]:
        """The end once these rows have been written at that time, and the hash of each."""
        chain, hashes = self.chain, []
        for row in rows:
            chain = link(chain, (*row, recorded_at))
            hashes.append(chain)
        return replace(self, chain=chain, rows=self.rows + len(rows), day=moment_of(recorded_at).date()), hashes


def tip_of(connection: sqlite3.Connection, writer: str) -> Tip:
    """Where the writer's chain ends."""
    found = connection.execute(_TIP, {"writer": writer}).fetchone()
    if found is None:
        return Tip(seed(writer))
    rooted, root = found["rooted"] or 0, ""
    if rooted:
        day = date.fromisoformat(found["day"])
        root = Root(writer, day, rooted, found["root_seq"], found["root_chain"], found["before"]).digest
    since = connection.execute(_COUNT, (writer, found["root_seq"] or 0)).fetchone()[0]
    return Tip(found["chain"], rooted + since, moment_of(found["recorded_at"]).date(), rooted, root)


def write_root(connection: sqlite3.Connection, writer: str, tip: Tip, sign: Sign, written_at: int) -> Tip:
    """Put a root over all rows that are under none; the same tip where there are no such rows."""
    if tip.rows == tip.rooted or tip.day is None:
        return tip
    seq = connection.execute(_TIP, {"writer": writer}).fetchone()["seq"]
    root = Root(writer, tip.day, tip.rows, seq, tip.chain.hex(), tip.root)
    connection.execute(_ROOT, {**root.claims, "signature": sign(root.claims), "written_at": written_at})
    return replace(tip, rooted=tip.rows, root=root.digest)
