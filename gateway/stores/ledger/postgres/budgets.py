"""The budgets' counters of all gateways that share a ledger in PostgreSQL."""

import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from gateway.ports import Stake, StateUnavailable, Taken
from gateway.stores.ledger.postgres.connection import parameters_of

# All callers of a gateway wait for the same few rows: more connections would only wait in more places.
_CONNECTIONS_MAX = 4
_WAIT_S_MAX = 5.0
# The pool waits twice as long after each failure until it gives up, and with the next caller begins anew: so it is soon back.
_RECONNECT_S_MAX = 1.0
_BOUNDED = f"-c statement_timeout={int(_WAIT_S_MAX * 1000)} -c lock_timeout={int(_WAIT_S_MAX * 1000)}"
_HOLD = "SELECT used, refused FROM budget_hold(%s::text[], %s::bigint[], %s)"
_ADD = "SELECT budget_add(%s, %s)"
_SEED = "SELECT budget_seed(%s, %s, %s)"


class PostgresBudgets:
    """Implements ``ports.BudgetCounters``. It connects with the first use, and anew where a connection was lost.

    Where ``synchronous_commit`` is off, what is held may be lost in a crash of the server only if its reserve was not written:
    a reserve is durable together with all that was committed before it.
    """

    def __init__(self, url: str) -> None:
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[tuple[Any, ...]]] = AsyncConnectionPool(
            _bounded(parameters_of(url, primary=True)),
            min_size=1,
            max_size=_CONNECTIONS_MAX,
            timeout=_WAIT_S_MAX,
            reconnect_timeout=_RECONNECT_S_MAX,
            kwargs={"autocommit": True},
            check=AsyncConnectionPool.check_connection,
            open=False,
        )
        self._opening = asyncio.Lock()
        self._opened = False

    async def hold(self, stakes: Sequence[Stake], nanos: int) -> Taken:
        """See ``ports.BudgetCounters``; raises ``StateUnavailable``."""
        keys, limits = [stake.key for stake in stakes], [stake.limit_nanos for stake in stakes]
        used, refused = await self._asked(_HOLD, keys, limits, nanos)
        return Taken(tuple(used), refused=refused)

    async def add(self, key: str, nanos: int) -> int | None:
        """See ``ports.BudgetCounters``; raises ``StateUnavailable``."""
        (total,) = await self._asked(_ADD, key, nanos)
        return None if total is None else int(total)

    async def seed(self, key: str, nanos: int, lifetime_s: float | None) -> None:
        """See ``ports.BudgetCounters``; raises ``StateUnavailable``."""
        await self._asked(_SEED, key, nanos, lifetime_s)

    async def aclose(self) -> None:
        """Disconnect; may be called twice."""
        await self._pool.close()

    async def _asked(self, sql: str, *parameters: object) -> tuple[Any, ...]:
        try:
            await self._open()
            async with self._pool.connection() as connection:
                row = await (await connection.execute(sql, parameters)).fetchone()
        except (psycopg.Error, PoolTimeout) as error:
            # What PostgreSQL says may name hosts and roles: that is for the log of its own ledger.
            raise StateUnavailable(f"the budgets' counters in PostgreSQL cannot be asked: {type(error).__name__}") from error
        if row is None:
            raise StateUnavailable("the budgets' counters in PostgreSQL have not answered")
        return row

    async def _open(self) -> None:
        async with self._opening:
            if not self._opened:
                await self._pool.open()
                self._opened = True


def _bounded(parameters: dict[str, Any]) -> str:
    """For libpq; what the URL says of waits goes before."""
    return make_conninfo(**parameters | {"options": f"{_BOUNDED} {parameters.get('options', '')}".strip()})
