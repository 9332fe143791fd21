"""What only the shared state of one process promises: exact time, and memory that is given back."""

from gateway.ports import Charge
from gateway.stores.memory.state import ENTRIES_MIN, MemoryState


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def entries(state: MemoryState) -> int:
    return len(state._taken) + sum(map(len, state._members.values()))


async def test_what_is_unused_again_is_dropped() -> None:
    """Of a hundred thousand subjects that come and go, no more are kept than are in use, twice, and a small number."""
    clock, most = Clock(), 0
    state = MemoryState(clock)
    for number in range(20 * ENTRIES_MIN):
        clock.now_s = number / 10
        await state.take(f"app:{number}", [Charge("requests", 10, 60, 1), Charge("images", 10, 30, 1)])
        await state.enter(f"app:{number}", "m", 1, 10)
        most = max(most, entries(state))
    in_use = 60 * 10 + 30 * 10 + 10 * 10
    assert most <= max(ENTRIES_MIN, 2 * in_use) + 3
    clock.now_s += 60
    for number in range(ENTRIES_MIN):
        assert await state.enter(f"other:{number}", "m", 1, 1)
        await state.leave(f"other:{number}", "m")
    assert (await state.take("app:1", [Charge("requests", 10, 60, 1)])).remaining == (9,)


async def test_nothing_is_kept_of_whoever_only_asked_or_left() -> None:
    """A question takes no memory, and neither does a subject without members."""
    state = MemoryState(Clock())
    await state.take("app:shop", [Charge("requests", 10, 60, 0), Charge("images", 10, 60, 11)])
    await state.enter("app:shop", "m", 1, 60)
    await state.leave("app:shop", "m")
    assert entries(state) == 0


async def test_what_is_in_use_is_never_dropped() -> None:
    """A limit that is used up stays so, however many others there are."""
    state = MemoryState(Clock())
    for number in range(3 * ENTRIES_MIN):
        assert (await state.take(f"app:{number}", [Charge("requests", 1, 60, 1)])).allowed
        assert await state.enter(f"app:{number}", "m", 1, 60)
    for number in range(3 * ENTRIES_MIN):
        assert not (await state.take(f"app:{number}", [Charge("requests", 1, 60, 1)])).allowed
        assert not await state.enter(f"app:{number}", "other", 1, 60)


async def test_a_clock_that_is_set_back_locks_nobody_out_for_longer_than_a_period() -> None:
    """As the other store does, whose clock is not ours."""
    clock = Clock()
    clock.now_s = 1_000.0
    state, charge = MemoryState(clock), Charge("requests", 1, 60, 1)
    await state.take("app:shop", [charge])
    clock.now_s = 0.0
    assert (await state.take("app:shop", [charge])).retry_after_s == 60
    clock.now_s = 59.999
    assert not (await state.take("app:shop", [charge])).allowed
    clock.now_s = 60.0
    assert (await state.take("app:shop", [charge])).allowed
