"""The table of replays in the ledger's SQLite file."""

import asyncio
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from gateway.core.ledger.entry import How, ReplayEntry
from gateway.core.money.amount import Basis, Cost, from_nanos, to_nanos, unknown
from gateway.ports import LedgerUnavailable
from gateway.stores.ledger.rows import microseconds_of, moment_of
from gateway.stores.ledger.sqlite.failure import failure_text
from gateway.stores.statements import statement

_INSERT, _FIND = map(statement, ("saving_insert", "saving"))
_LOCK_WAIT_S_MAX = 5.0


class SqliteReplays:
    """Implements ``ports.Replays``, in threads: repeated requests are few, and need no place in the ledger's own queue."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()

    async def saved(self, saving: ReplayEntry) -> None:
        """Durable on return, once a request id; raises ``LedgerUnavailable``."""
        await asyncio.to_thread(self._insert, saving)

    async def saving(self, request_id: str) -> ReplayEntry | None:
        """What that request saved; raises ``LedgerUnavailable``."""
        return await asyncio.to_thread(self._find, request_id)

    def _insert(self, saving: ReplayEntry) -> None:
        try:
            with closing(sqlite3.connect(self._path, timeout=_LOCK_WAIT_S_MAX, isolation_level=None)) as connection:
                connection.execute(_INSERT, parameters_of(saving))
        except sqlite3.Error as error:
            raise LedgerUnavailable(failure_text(self._path, "written", error)) from error

    def _find(self, request_id: str) -> ReplayEntry | None:
        try:
            with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, timeout=_LOCK_WAIT_S_MAX)) as connection:
                connection.row_factory = sqlite3.Row
                row = connection.execute(_FIND, {"request_id": request_id}).fetchone()
        except sqlite3.Error as error:
            raise LedgerUnavailable(failure_text(self._path, "read", error)) from error
        return None if row is None else saving_of_row(row)


def parameters_of(saving: ReplayEntry) -> dict[str, str | int | None]:
    """By the names in ``sql/saving_insert.sql``."""
    return {
        "request_id": saving.request_id,
        "original_id": saving.original_id,
        "how": saving.how.value,
        "occurred_at": microseconds_of(saving.occurred_at),
        "app": saving.app,
        "team": saving.team,
        "cost_centre": saving.cost_centre,
        "model": saving.model,
        "contract": saving.contract,
        "tags": json.dumps(dict(saving.tags), ensure_ascii=False),
        "amount_nanos": None if saving.cost.amount is None else to_nanos(saving.cost.amount),
        "currency": saving.cost.currency,
    }


def saving_of_row(row: Mapping[str, Any] | sqlite3.Row) -> ReplayEntry:
    """The saving that ``parameters_of`` turned into this row."""
    nanos, currency = row["amount_nanos"], row["currency"]
    amount: Decimal | None = None if nanos is None else from_nanos(nanos)
    return ReplayEntry(
        request_id=row["request_id"],
        original_id=row["original_id"],
        how=How(row["how"]),
        occurred_at=moment_of(row["occurred_at"]),
        app=row["app"],
        team=row["team"],
        cost_centre=row["cost_centre"],
        model=row["model"],
        contract=row["contract"],
        tags=tuple(json.loads(row["tags"]).items()),
        cost=unknown(currency) if amount is None else Cost(amount, currency, Basis.COMPUTED),
    )
