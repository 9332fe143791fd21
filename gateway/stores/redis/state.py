"""The counters of all replicas, in a Redis that they share."""

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from importlib.resources import files
from itertools import chain
from typing import Any, TypeVar
from urllib.parse import quote

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gateway.ports import Charge, Grant, StateUnavailable
from gateway.stores.redis.circuit import Circuit

# One call takes well below a millisecond: more connections would only crowd Redis.
CONNECTIONS_MAX = 16
# Members whose leaving Redis could not be told, and is told when somebody next enters; beyond it their leases have to end.
LEFT_UNHEARD_MAX = 1_000
_LUA = files("gateway.stores.redis").joinpath("lua")
_TAKE = _LUA.joinpath("take.lua").read_text(encoding="utf-8")
_ENTER = _LUA.joinpath("enter.lua").read_text(encoding="utf-8")
_SWAP = _LUA.joinpath("swap.lua").read_text(encoding="utf-8")
_BUDGETS = {
    name: _LUA.joinpath(f"{name}.lua").read_text(encoding="utf-8") for name in ("budget_hold", "budget_add", "budget_seed")
}
# What Redis calls its own troubles; in Redis 6 they stand amid the text of a script's error.
_CODE = re.compile(r"\b(OOM|READONLY|LOADING|BUSY|MISCONF|MASTERDOWN|CLUSTERDOWN|NOAUTH|WRONGPASS|NOPERM|WRONGTYPE)\b")

_log = structlog.get_logger("gateway")
_T = TypeVar("_T")


class RedisState:
    """Asks Redis (5 or later) at ``url``, in its own time, so that replicas need no common clock.

    Every key has a TTL, and those of a subject share a hash tag, so that each call touches one slot of a cluster. A call ends
    within ``timeout_s``, whatever happens, and its one error is ``StateUnavailable``. After a failure calls fail at once for a
    second (``circuit.PAUSE_S``), then one of them tries again. The URL is in no error and no log, as its password might be.

    Where Redis' clock is set back, limits go on at once, but leases last longer by as much.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self._redis = _client(url)
        self._take = self._redis.register_script(_TAKE)
        self._enter = self._redis.register_script(_ENTER)
        self._swap = self._redis.register_script(_SWAP)
        self._scripts = {name: self._redis.register_script(script) for name, script in _BUDGETS.items()}
        self._timeout_s = timeout_s
        self._connections = asyncio.Semaphore(CONNECTIONS_MAX)
        self._circuit = Circuit()
        # Subject and member, the earliest first.
        self._left_unheard: dict[tuple[str, str], None] = {}

    async def take(self, subject: str, charges: Sequence[Charge]) -> Grant:
        """Take all charges of a subject, or none; raises ``StateUnavailable``."""

        async def taken() -> Grant:
            keys = [f"{_prefix(subject)}:taken:{escaped(charge.name)}" for charge in charges]
            wishes = [(charge.limit, max(_us(charge.period_s), 1), charge.cost) for charge in charges]
            return _grant(await self._take(keys, list(chain.from_iterable(wishes))))

        return await self._asked(taken)

    async def enter(self, subject: str, member: str, members_max: int, lease_s: float) -> bool:
        """Become one of at most ``members_max``; a member that is in already keeps its place, and its lease begins anew.

        Raises ``StateUnavailable``; where the member may have come in all the same, whoever enters next gives its place back.
        """

        async def entered() -> bool:
            left = [name for of, name in self._left_unheard if of == subject and name != member]
            names = [escaped(name) for name in left]
            try:
                answer = await self._enter([_members(subject)], [escaped(member), members_max, _us(lease_s), *names])
            except BaseException:
                self._remember_left(subject, member)
                raise
            self._forget_left(subject, (member, *left))
            return int(answer) == 1

        return await self._asked(entered)

    async def leave(self, subject: str, member: str) -> None:
        """Give the place back; raises ``StateUnavailable``, and then whoever enters next gives it back."""

        async def left() -> None:
            await self._redis.zrem(_members(subject), escaped(member))

        self._remember_left(subject, member)
        await self._asked(left)
        self._forget_left(subject, (member,))

    async def text(self, key: str) -> str:
        """What stands there, empty where nothing does; raises ``StateUnavailable``."""

        async def got() -> str:
            return str(await self._redis.get(key) or "")

        return await self._asked(got)

    async def keep(self, key: str, text: str, lifetime_ms: int) -> None:
        """Put a text there for so long; raises ``StateUnavailable``."""

        async def kept() -> None:
            await self._redis.set(key, text, px=lifetime_ms)

        await self._asked(kept)

    async def swap(self, key: str, old: str, new: str, lifetime_ms: int) -> str | None:
        """Put ``new`` in the place of ``old`` and return ``None``, or what stands there instead; raises ``StateUnavailable``."""

        async def swapped() -> str | None:
            found = await self._swap([key], [old, new, lifetime_ms])
            return None if found is None else str(found)

        return await self._asked(swapped)

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str]) -> list[str]:
        """What that script answers; raises ``StateUnavailable``."""

        async def answered() -> list[str]:
            return [str(part) for part in await self._scripts[script](list(keys), list(arguments))]

        return await self._asked(answered)

    async def aclose(self) -> None:
        """Close all connections, within the timeout."""
        with suppress(Exception):
            async with asyncio.timeout(self._timeout_s):
                await self._redis.aclose()

    async def _asked(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """What the call returns, or ``StateUnavailable`` for whatever goes wrong."""
        if not self._circuit.begin():
            raise StateUnavailable("The Redis at state.redis_url failed a moment ago and is left alone for a second.")
        try:
            async with asyncio.timeout(self._timeout_s), self._connections:
                if self._circuit.is_open:
                    # Whatever broke may have broken these too, and each would cost another timeout to find out.
                    await self._redis.connection_pool.disconnect(inuse_connections=False)
                answer = await call()
        except Exception as error:
            # The one seam between Redis and the gateway: what a new redis-py may raise must not end a request.
            cause = _cause(error)
        except BaseException:
            self._circuit.given_up()
            raise
        else:
            self._recovered()
            return answer
        # Raised out here, the error carries nothing of redis-py's along.
        self._broken(cause)
        raise StateUnavailable(f"The Redis at state.redis_url cannot be asked: {cause}. It is tried again within seconds.")

    def _recovered(self) -> None:
        if self._circuit.is_open:
            _log.info("state_available")
        self._circuit.succeeded()

    def _broken(self, cause: str) -> None:
        if not self._circuit.is_open:
            _log.warning("state_unavailable", cause=cause)
        self._circuit.failed()

    def _remember_left(self, subject: str, member: str) -> None:
        self._left_unheard[subject, member] = None
        if len(self._left_unheard) > LEFT_UNHEARD_MAX:
            del self._left_unheard[next(iter(self._left_unheard))]

    def _forget_left(self, subject: str, members: Sequence[str]) -> None:
        for member in members:
            self._left_unheard.pop((subject, member), None)


def _client(url: str) -> Redis:
    """Connects at the first call. What waits is bounded by the state's own timeout, and what fails is never tried again."""
    with suppress(Exception):
        client = Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            decode_responses=True,
            socket_timeout=None,
            socket_connect_timeout=None,
        )
        # Connects nowhere, but stumbles over options that do not exist.
        client.connection_pool.connection_class(**client.connection_pool.connection_kwargs)
        return client
    raise StateUnavailable(
        "state.redis_url is not a URL that can be used. Write redis://USER:PASSWORD@HOST:6379/0 (rediss:// for TLS), with "
        "characters such as / @ # ? of the password percent-encoded, and only options that redis-py knows."
    )


def _grant(answer: Sequence[Any]) -> Grant:
    allowed, wait_us, *standings = (int(each) for each in answer)
    return Grant(
        allowed == 1,
        math.inf if wait_us < 0 else wait_us / 1e6,
        tuple(standings[::2]),
        tuple(reset_us / 1e6 for reset_us in standings[1::2]),
    )


def _cause(error: Exception) -> str:
    """The kind of the error, and Redis' own word for it where it has one; nothing else of its text."""
    code = _CODE.search(str(error))
    kind = type(error).__name__
    return kind if code is None else f"{kind} {code[0]}"


def _members(subject: str) -> str:
    return f"{_prefix(subject)}:members"


def _prefix(subject: str) -> str:
    """With the subject as the hash tag of a cluster."""
    return f"igw:{{{escaped(subject)}}}"


def escaped(text: str) -> str:
    """Whatever the text, without braces, so that it cannot end a hash tag."""
    return quote(text, safe=":/", errors="surrogatepass")


def _us(seconds: float) -> int:
    return round(seconds * 1e6)
