"""What keeps budgets while the gateway runs."""

import time

from gateway.app.clock import now
from gateway.app.reading import books_of
from gateway.config import Loaded
from gateway.engine.budgets import BudgetKeeper
from gateway.ports import SharedState
from gateway.stores import MemoryBudgets, RedisBudgets, RedisState
from gateway.telemetry.metrics import Metrics


def budget_keeper(loaded: Loaded, state: SharedState, metrics: Metrics) -> BudgetKeeper:
    """Counted in the Redis that replicas share, where there is one, otherwise in this process; filled from the ledger."""
    counters = RedisBudgets(state) if isinstance(state, RedisState) else MemoryBudgets(time.monotonic)
    return BudgetKeeper(counters, books_of(loaded), metrics, now)
