"""The generic cell rate algorithm: ``limit`` units in a period, all of which may come at once.

ITU-T I.371 (annex A) describes it twice, by a theoretical arrival time and as a leaky bucket, and both decide alike. This is the
bucket. It is measured in units times microseconds of the period: then every unit that is poured in and all that leaks out
(``limit`` a microsecond) is a whole number, and nothing is ever rounded. ``stores/redis/lua/take.lua`` says the same again.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bucket:
    """What had not leaked out at ``at_us``, a time in microseconds: ``level`` in units times microseconds of the period."""

    level: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Draw:
    """``cost`` of the ``limit`` units in ``period_us`` are wanted; 0 only asks. ``bucket`` is ``None`` while it is unused."""

    bucket: Bucket | None
    limit: int
    period_us: int
    cost: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a limit stands after the decision: units left, and microseconds until it is unused again."""

    bucket: Bucket
    remaining: int
    reset_us: int


@dataclass(frozen=True, slots=True)
class Decision:
    """All draws were made, or none. ``wait_us`` is when all could be: 0 where they were, ``None`` where a cost exceeds its limit.

    ``standings`` are one a draw, in their order; their buckets are to be kept in either case.
    """

    allowed: bool
    wait_us: int | None
    standings: tuple[Standing, ...]


def decide(draws: Iterable[Draw], now_us: int) -> Decision:
    """Make all draws, or none.

    A bucket from the future (the clock was set back) counts as one of now: so nobody is locked out for more than a period. Where
    a limit was lowered, at most its new units count as taken.
    """
    levels = [(draw, _leaked(draw, now_us)) for draw in draws]
    waits_us = [_wait_us(draw, level) for draw, level in levels]
    allowed = not any(wait_us is None or wait_us > 0 for wait_us in waits_us)
    if allowed:
        levels = [(draw, level + draw.cost * draw.period_us) for draw, level in levels]
    wait_us = None if None in waits_us else max((wait for wait in waits_us if wait is not None), default=0)
    return Decision(allowed, wait_us, tuple(_standing(draw, level, now_us) for draw, level in levels))


def _leaked(draw: Draw, now_us: int) -> int:
    if draw.bucket is None:
        return 0
    elapsed_us = max(now_us - draw.bucket.at_us, 0)
    return max(min(draw.bucket.level, draw.limit * draw.period_us) - elapsed_us * draw.limit, 0)


def _wait_us(draw: Draw, level: int) -> int | None:
    if draw.cost > draw.limit:
        return None
    excess = level + (draw.cost - draw.limit) * draw.period_us
    return _divided_up(excess, draw.limit) if excess > 0 else 0


def _standing(draw: Draw, level: int, now_us: int) -> Standing:
    remaining = draw.limit - _divided_up(level, draw.period_us)
    reset_us = _divided_up(level, draw.limit) if level else 0
    return Standing(Bucket(level, now_us), remaining, reset_us)


def _divided_up(amount: int, by: int) -> int:
    return -(-amount // by)
