"""The budgets' counters of one process."""

from collections.abc import Callable, Sequence

from gateway.ports import Stake, Taken


class MemoryBudgets:
    """Implements ``ports.BudgetCounters``. ``clock_s`` tells seconds from any beginning."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._used: dict[str, int] = {}
        self._until_s: dict[str, float] = {}

    async def hold(self, stakes: Sequence[Stake], nanos: int) -> Taken:
        """See ``ports.BudgetCounters``. Nothing is awaited in between, so it is one step."""
        used = tuple(self._used.get(stake.key) for stake in stakes)
        if None in used:
            return Taken(used)
        for at, (stake, total) in enumerate(zip(stakes, used, strict=True)):
            if stake.limit_nanos is not None and total is not None and total + nanos > stake.limit_nanos:
                return Taken(used, refused=at)
        for stake in stakes:
            self._used[stake.key] += nanos
        return Taken(tuple(self._used[stake.key] for stake in stakes))

    async def add(self, key: str, nanos: int) -> int | None:
        """See ``ports.BudgetCounters``."""
        if key not in self._used:
            return None
        self._used[key] += nanos
        return self._used[key]

    async def seed(self, key: str, nanos: int, lifetime_s: float | None) -> None:
        """See ``ports.BudgetCounters``; those whose time is over are dropped."""
        now_s = self._clock_s()
        for expired in [it for it, until_s in self._until_s.items() if until_s <= now_s]:
            del self._until_s[expired], self._used[expired]
        if key not in self._used and lifetime_s is not None:
            self._until_s[key] = now_s + lifetime_s
        self._used.setdefault(key, nanos)
