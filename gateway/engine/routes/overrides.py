"""What operators have switched off by hand: it comes before the file, ends by itself and outlives a restart."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gateway.core.routing.eligibility import Reason, Suspension
from gateway.durable import replace_file
from gateway.ports import Unusable

OVERRIDE_S_MAX = 7 * 24 * 3600
OVERRIDES_MAX = 1_000
FILE_BYTES_MAX = 4 * 1024 * 1024
_NO_SUSPENSIONS: Mapping[str, tuple[Suspension, ...]] = MappingProxyType({})


class Standing(StrEnum):
    """Both stop new requests, and neither touches those in flight: ``disabled`` says that the route is not to come back soon."""

    DRAINING = "draining"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Override:
    """One route taken out. Times are aware, in UTC; ``who`` and ``why`` are for operators only."""

    route: str
    state: Standing
    since: datetime
    until: datetime
    who: str
    why: str


class OverridesUnavailable(Unusable):
    """The overrides cannot be read or written, or are too many. Its text says what to do."""


class Overrides:
    """The overrides in force, kept at ``path``; ``clock`` is aware, in UTC. Raises ``OverridesUnavailable`` for a faulty file.

    What cannot be written does not take effect. A caller that is cancelled ends only its own wait.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        self._path, self._clock = path, clock
        self._one_at_a_time = asyncio.Lock()
        self._kept = _read(path, clock())
        self._suspensions = _NO_SUSPENSIONS
        self._holds_until: datetime | None = None
        self._renew()

    def suspensions(self) -> Mapping[str, tuple[Suspension, ...]]:
        """The routes that are taken out now. Costs next to nothing: every request asks."""
        if self._holds_until is not None and self._clock() >= self._holds_until:
            self._renew()
        return self._suspensions

    def in_force(self) -> Mapping[str, Override]:
        """The overrides that have not ended, by route id."""
        now = self._clock()
        return {route: it for route, it in self._kept.items() if it.until > now}

    async def put(self, route: str, state: Standing, for_s: float, who: str, why: str) -> Override:
        """Take the route out for so long, in place of an earlier override; durable on return. Raises ``OverridesUnavailable``.

        ``for_s`` is above 0 and at most ``OVERRIDE_S_MAX``.
        """
        if not 0 < for_s <= OVERRIDE_S_MAX:
            raise ValueError(f"an override lasts above 0 and at most {OVERRIDE_S_MAX} s, not {for_s} s")
        return await asyncio.shield(asyncio.ensure_future(self._put(route, state, for_s, who, why)))

    async def lift(self, route: str) -> Override | None:
        """What the file says holds again; durable on return. Returns what was lifted, ``None`` where there was nothing."""
        return await asyncio.shield(asyncio.ensure_future(self._lift(route)))

    async def _put(self, route: str, state: Standing, for_s: float, who: str, why: str) -> Override:
        async with self._one_at_a_time:
            now = self._clock()
            override = Override(route, state, now, now + timedelta(seconds=for_s), who, why)
            kept = {**self.in_force(), route: override}
            if len(kept) > OVERRIDES_MAX:
                raise OverridesUnavailable(f"{OVERRIDES_MAX} routes are overridden already. Lift one, or change the file.")
            await self._keep(kept)
            return override

    async def _lift(self, route: str) -> Override | None:
        async with self._one_at_a_time:
            kept = dict(self.in_force())
            lifted = kept.pop(route, None)
            if lifted is not None:
                await self._keep(kept)
            return lifted

    async def _keep(self, kept: dict[str, Override]) -> None:
        await asyncio.to_thread(_write, self._path, kept)
        self._kept = kept
        self._renew()

    def _renew(self) -> None:
        found = self.in_force()
        self._suspensions = (
            MappingProxyType({route: (_suspension(it),) for route, it in found.items()}) if found else _NO_SUSPENSIONS
        )
        self._holds_until = min((it.until for it in found.values()), default=None)


def _suspension(override: Override) -> Suspension:
    """For callers: neither who nor why."""
    return Suspension(Reason.OVERRIDE, override.until, f"an operator has set it to {override.state}")


def _read(path: Path, now: datetime) -> dict[str, Override]:
    try:
        if not path.exists():
            return {}
        with path.open("rb") as file:
            found = [_override(it, now) for it in json.loads(file.read(FILE_BYTES_MAX))["overrides"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise OverridesUnavailable(
            f"the operators' overrides at {path} cannot be read ({error}). A route that was taken out must not come back "
            "unseen: mend the file, or remove it if no override is needed."
        ) from error
    return {it.route: it for it in found}


def _override(written: Mapping[str, Any], now: datetime) -> Override:
    """A clock that was set back prolongs nothing beyond what an override may last."""
    since, until = (datetime.fromisoformat(written[name]) for name in ("since", "until"))
    latest = now + timedelta(seconds=OVERRIDE_S_MAX)
    texts = [written[name] for name in ("route", "who", "why")]
    if since.tzinfo is None or until.tzinfo is None or not all(isinstance(text, str) for text in texts):
        raise ValueError("an override is malformed")
    route, who, why = texts
    return Override(route, Standing(written["state"]), since, min(until, latest), who, why)


def _write(path: Path, kept: Mapping[str, Override]) -> None:
    text = json.dumps({"overrides": [asdict(it) for it in kept.values()]}, default=datetime.isoformat, indent=1)
    try:
        replace_file(path, f"{text}\n".encode())
    except OSError as error:
        raise OverridesUnavailable(
            f"the overrides at {path} cannot be written: {error.strerror}. Nothing was changed."
        ) from error
