"""The ledger in PostgreSQL: written by any number of gateways, each in its own name."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import psycopg

from gateway.core.ledger.entry import Entry, Kind
from gateway.ports import LedgerUnavailable
from gateway.stores.ledger.chain import Sign, unsigned
from gateway.stores.ledger.group_writer import GroupWriter, Recover
from gateway.stores.ledger.postgres.connection import connect, failure_text, place_of
from gateway.stores.ledger.postgres.writer import LedgerWriter, orphans
from gateway.stores.ledger.rows import Row, rows_of


class PostgresLedger:
    """Implements ``ports.Ledger``: entries of concurrent callers are committed together, by one thread.

    ``queue_batches_max`` appends may wait, about 1 kB an entry; beyond that ``append`` fails at once instead of piling up.
    A connection that is lost is made anew with the next write, or within two seconds; until then ``failing``.
    """

    def __init__(
        self, url: str, clock: Callable[[], datetime], *, sign: Sign = unsigned, queue_batches_max: int = 10_000
    ) -> None:
        self._url, self._clock, self._queue_batches_max = url, clock, queue_batches_max
        self._session = LedgerWriter(url, clock, sign)
        self._writer: GroupWriter[Row] | None = None

    def open(self, recover: Recover | None = None) -> int:
        """Connect and start to write; raises ``LedgerUnavailable``, also where the tables are not those of this gateway.

        Reserves of gateways that live no more get an ``expire`` entry at their estimate. Returns how many. Before that,
        ``recover`` may write what a former process has left elsewhere. Blocks.
        """
        session = self._session
        try:
            session.begin()
            if recover is not None:
                recover(lambda entries: session.commit([rows_of((it,), f"in {place_of(self._url)}") for it in entries]))
            expiries = session.expiries()
        except LedgerUnavailable:
            session.end()
            raise
        except psycopg.Error as error:
            session.end()
            raise LedgerUnavailable(failure_text(self._url, "opened", error)) from error
        refused = session.commit([[row] for row in expiries])
        self._writer = GroupWriter(
            lambda group: session.commit([batch.rows for batch in group]), self._queue_batches_max, session.alive
        )
        self._writer.start()
        return len(expiries) - sum(it is not None for it in refused)

    def append(self, *entries: Entry, spool: bool = False) -> Awaitable[None]:
        """Queue the entries, all or none of them; see ``ports.Ledger``."""
        if self._writer is None:
            raise LedgerUnavailable(f"The ledger in {place_of(self._url)} is not open. Start the gateway again.")
        rows = rows_of(entries, f"in {place_of(self._url)}")
        # An entry that closes an attempt is never turned away: there is at most one for each reserve that found room.
        return self._writer.write(rows, bounded=any(entry.kind is Kind.RESERVE for entry in entries))

    async def expire_orphans(self) -> int:
        """Close what gateways that live no more have left open, at its estimate; how many. Raises ``LedgerUnavailable``.

        Several gateways may do so at once. What its gateway closes meanwhile stays as that gateway has closed it.
        """
        if self._writer is None:
            raise LedgerUnavailable(f"The ledger in {place_of(self._url)} is not open. Start the gateway again.")
        rows = await asyncio.to_thread(self._orphans)
        written = await asyncio.gather(*(self._writer.write((row,), bounded=False) for row in rows), return_exceptions=True)
        return sum(it is None for it in written)

    def _orphans(self) -> list[tuple[str | int | None, ...]]:
        connection = connect(self._url)
        try:
            return orphans(connection, self._clock())
        except psycopg.Error as error:
            raise LedgerUnavailable(failure_text(self._url, "read", error)) from error
        finally:
            connection.close()

    @property
    def lag_s(self) -> float:
        """Age in seconds of the oldest entry that waits to be written; 0 when none waits."""
        return 0.0 if self._writer is None else self._writer.lag_s

    @property
    def failing(self) -> bool:
        """Whether the latest write was refused, or the database cannot be reached; true until that changes."""
        return self._writer is not None and self._writer.failing

    @property
    def writer(self) -> str:
        """The name that this gateway's rows bear."""
        return self._session.name

    def close(self) -> None:
        """Write what waits, put a root over it, disconnect. Blocks; may be called twice."""
        if self._writer is not None and not self._writer.stopped:
            self._writer.stop()
        self._session.end()
