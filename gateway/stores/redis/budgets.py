"""The budgets' counters of all replicas, in a Redis that they share."""

from collections.abc import Sequence

from gateway.ports import Stake, Taken
from gateway.stores.redis.state import RedisState, escaped

# All under one hash tag, because a request takes from several at once: in a cluster they stand on one node.
_PREFIX = "igw:{budgets}:"


class RedisBudgets:
    """Implements ``ports.BudgetCounters``."""

    def __init__(self, state: RedisState) -> None:
        self._state = state

    async def hold(self, stakes: Sequence[Stake], nanos: int) -> Taken:
        """See ``ports.BudgetCounters``; raises ``StateUnavailable``."""
        limits = ["" if stake.limit_nanos is None else str(stake.limit_nanos) for stake in stakes]
        answer = await self._state.run("budget_hold", [_key(stake.key) for stake in stakes], [str(nanos), *limits])
        refused = int(answer[0])
        used = tuple(None if not total else int(total) for total in answer[1:])
        return Taken(used, refused=None if refused < 0 else refused)

    async def add(self, key: str, nanos: int) -> int | None:
        """See ``ports.BudgetCounters``; raises ``StateUnavailable``."""
        [total] = await self._state.run("budget_add", [_key(key)], [str(nanos)])
        return None if not total else int(total)

    async def seed(self, key: str, nanos: int, lifetime_s: float | None) -> None:
        """See ``ports.BudgetCounters``; raises ``StateUnavailable``."""
        await self._state.run(
            "budget_seed", [_key(key)], [str(nanos), "" if lifetime_s is None else str(round(lifetime_s * 1000))]
        )


def _key(key: str) -> str:
    return _PREFIX + escaped(key)
