"""The table of replays in PostgreSQL."""

import asyncio
from contextlib import closing

import psycopg

from gateway.core.ledger.entry import ReplayEntry
from gateway.ports import LedgerUnavailable
from gateway.stores.ledger.postgres.connection import connect, failure_text
from gateway.stores.ledger.sqlite.replays import parameters_of, saving_of_row
from gateway.stores.statements import postgres_statement

_INSERT, _FIND = postgres_statement("saving_insert"), postgres_statement("saving")


class PostgresReplays:
    """Implements ``ports.Replays``, in threads: repeated requests are few."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def saved(self, saving: ReplayEntry) -> None:
        """Durable on return, once a request id; raises ``LedgerUnavailable``."""
        await asyncio.to_thread(self._insert, saving)

    async def saving(self, request_id: str) -> ReplayEntry | None:
        """What that request saved; raises ``LedgerUnavailable``."""
        return await asyncio.to_thread(self._find, request_id)

    def _insert(self, saving: ReplayEntry) -> None:
        try:
            with closing(connect(self._url, primary=True)) as connection:
                connection.execute(_INSERT, parameters_of(saving))
        except psycopg.Error as error:
            raise LedgerUnavailable(failure_text(self._url, "written", error)) from error

    def _find(self, request_id: str) -> ReplayEntry | None:
        try:
            with closing(connect(self._url, read_only=True)) as connection:
                row = connection.execute(_FIND, {"request_id": request_id}).fetchone()
        except psycopg.Error as error:
            raise LedgerUnavailable(failure_text(self._url, "read", error)) from error
        return None if row is None else saving_of_row(row)
