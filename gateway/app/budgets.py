"""What keeps budgets while the gateway runs."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from gateway.app.adapters import postgres, sharing
from gateway.app.clock import now
from gateway.app.reading import books_of
from gateway.config.load import Loaded
from gateway.core.budget import accounts_in
from gateway.core.snapshot import Snapshot
from gateway.engine.money.budgets import BudgetKeeper, BudgetWatch
from gateway.ports import BudgetCounters, SharedState
from gateway.stores.memory.budgets import MemoryBudgets


@asynccontextmanager
async def budget_keeper(loaded: Loaded, state: SharedState, watch: BudgetWatch) -> AsyncIterator[BudgetKeeper]:
    """Counted in the Redis that replicas share, where there is one, else beside a ledger that they share, else in this process.

    A counter that is missing is filled from the ledger.
    """
    async with AsyncExitStack() as stack:
        counters: BudgetCounters
        if loaded.settings.state.redis_url is not None:
            counters = sharing().redis_budgets(state)
        elif loaded.settings.ledger.url is not None:
            counters = shared = postgres().budgets(loaded.settings.ledger.url.reveal())
            stack.push_async_callback(shared.aclose)
        else:
            counters = MemoryBudgets(time.monotonic)
        yield BudgetKeeper(counters, books_of(loaded), watch, now)


async def look_at_budgets(budgets: BudgetKeeper, snapshot: Snapshot) -> None:
    """Have the metrics say what is used of each as soon as the gateway runs: an alert must not wait for a request."""
    teams = {app.id: app.team for app in snapshot.apps.values()}
    await budgets.look(accounts_in(snapshot.budgets, teams, snapshot.contracts, now()))
