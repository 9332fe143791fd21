"""What replicas share through Redis. Imported only where one is configured: its client takes 0.15 s and some memory."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from gateway.ports import BudgetCounters, ClaimsStore, SharedState
from gateway.stores.redis.budgets import RedisBudgets
from gateway.stores.redis.claims import RedisClaims
from gateway.stores.redis.state import RedisState


@asynccontextmanager
async def redis_state(url: str, timeout_s: float) -> AsyncIterator[SharedState]:
    """Limits of all replicas, until the block is left."""
    redis = RedisState(url, timeout_s)
    try:
        yield redis
    finally:
        await redis.aclose()


def redis_budgets(state: SharedState) -> BudgetCounters:
    """Budgets beside them."""
    return RedisBudgets(_of_redis(state))


def redis_claims(state: SharedState) -> AbstractAsyncContextManager[ClaimsStore]:
    """Claims beside them."""
    return RedisClaims(_of_redis(state)).living()


def _of_redis(state: SharedState) -> RedisState:
    if not isinstance(state, RedisState):
        raise TypeError("the state is not kept in Redis")
    return state
