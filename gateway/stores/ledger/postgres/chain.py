"""The chains of a ledger in PostgreSQL: one a writer. Their roots follow one another, whoever writes them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from gateway.core.ledger.chain import Root, seed
from gateway.stores.ledger.chain import Sign, Tip
from gateway.stores.ledger.postgres.connection import Connection, the_row
from gateway.stores.ledger.rows import moment_of
from gateway.stores.statements import postgres_statement

_TIP, _INSERT, _UNROOTED = map(postgres_statement, ("chain_tip", "root_insert", "unrooted"))
_LATEST = "SELECT * FROM root ORDER BY number DESC LIMIT 1"
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('image-gateway roots'))"


def tip_of(connection: Connection, writer: str) -> Tip:
    """Where the writer's chain ends."""
    found = connection.execute(_TIP, {"writer": writer}).fetchone()
    if found is None:
        return Tip(seed(writer))
    rooted = found["rooted"]
    return Tip(found["chain"], rooted + found["since"], moment_of(found["recorded_at"]).date(), rooted)


def write_root(connection: Connection, writer: str, tip: Tip, sign: Sign, written_at: int) -> Tip:
    """Put a root over all rows that are under none; the same tip where there are none. Raises ``LockNotAvailable``."""
    if tip.rows == tip.rooted or tip.day is None:
        return tip
    with connection.transaction():
        connection.execute("SET LOCAL lock_timeout = '1s'")
        connection.execute(_LOCK)
        latest = connection.execute(_LATEST).fetchone()
        seq = the_row(connection, _TIP, {"writer": writer})["seq"]
        before = "" if latest is None else root_of(latest).digest
        root = Root(writer, tip.day, tip.rows, seq, tip.chain.hex(), before)
        number = 1 if latest is None else latest["number"] + 1
        connection.execute(_INSERT, {**root.claims, "number": number, "signature": sign(root.claims), "written_at": written_at})
    return replace(tip, rooted=tip.rows)


def root_the_dead(connection: Connection, sign: Sign, written_at: int) -> None:
    """Put a root over what writers have left that live no more."""
    for row in connection.execute(_UNROOTED).fetchall():
        write_root(connection, row["writer"], tip_of(connection, row["writer"]), sign, written_at)


def root_of(row: Mapping[str, Any]) -> Root:
    """A row of the table; a day that is none is a fault that the digest shows."""
    try:
        day = date.fromisoformat(row["day"])
    except ValueError:
        day = date.min
    return Root(row["writer"], day, row["rows"], row["seq"], row["chain"], row["before"])
