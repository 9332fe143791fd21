"""Whether a ledger in PostgreSQL is what its writers have written."""

from collections.abc import Callable
from contextlib import closing

import psycopg
from psycopg.rows import tuple_row

from gateway.core.ledger.chain import Fault, Link, Verification
from gateway.ports import LedgerUnavailable
from gateway.stores.ledger.postgres.chain import root_of
from gateway.stores.ledger.postgres.connection import check_version, connect, failure_text, the_row
from gateway.stores.ledger.sqlite.verify import Check
from gateway.stores.statements import postgres_statement

_ROWS = postgres_statement("chain_rows").replace("ORDER BY seq", "ORDER BY writer, seq")
_ROOTS = "SELECT * FROM root ORDER BY number"
# As the planner counts: it is for a progress bar.
_ABOUT = """
SELECT sum(greatest(reltuples, 0))::bigint AS rows
FROM pg_class WHERE oid IN (SELECT relid FROM pg_partition_tree('entry') WHERE isleaf)
"""
_ROWS_A_FETCH = 1_000


def verify_postgres(url: str, check: Check, progress: Callable[[int, int], None]) -> Verification:
    """Read the whole ledger as it is at this moment; raises ``LedgerUnavailable``. ``progress`` is told of how many about."""
    try:
        with closing(connect(url, read_only=True)) as connection:
            check_version(connection, url)
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            with connection.transaction(), connection.cursor(name="rows", row_factory=tuple_row) as rows:
                roots = [(root_of(row), row["signature"]) for row in connection.execute(_ROOTS)]
                verification = Verification((root for root, _ in roots), gapless=False)
                verification.faults += [
                    Fault(root.seq, "", f"the root of {root.day}: {wrong}")
                    for root, text in roots
                    if (wrong := check(root, text))
                ]
                about = the_row(connection, _ABOUT)["rows"] or 0
                rows.itersize = _ROWS_A_FETCH
                for seq, event, writer, chain, *row in rows.execute(_ROWS):
                    verification.read(Link(seq, event, writer, chain, row))
                    progress(verification.rows, max(about, verification.rows))
            verification.end()
            return verification
    except psycopg.Error as error:
        raise LedgerUnavailable(failure_text(url, "read", error)) from error
