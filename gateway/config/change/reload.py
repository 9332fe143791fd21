"""Takes an edited configuration into force, or leaves everything as it is."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import structlog

from gateway.config.change.current import Current
from gateway.config.change.difference import differences
from gateway.config.change.history import History, HistoryUnusable
from gateway.config.load import Loaded
from gateway.config.problem import ConfigInvalid, Problem
from gateway.config.secrets.token_command import Tokens
from gateway.config.settings import Settings
from gateway.core.secret import Secret
from gateway.ports import AuditTrail, AuditUnavailable
from gateway.telemetry.config_metrics import ConfigMetrics

# A configuration that is new may have keys that end sooner.
LOOK_EVERY_S = 1.0
# Who acts where nobody was told apart.
ITSELF = "gateway"
_UNRECORDED = "Nothing changes that is not recorded: make room on the disk, or give the gateway permission to write there."
_log = structlog.get_logger("gateway")


class Result(StrEnum):
    """What became of a reload."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Reload:
    """A reload that has ended. ``revision`` is in force after it, ``at`` is aware, in UTC.

    ``changes`` say in plain words what is different now. ``restart_needed`` are settings that the files have otherwise than
    this process, such as ``server.port``.
    """

    result: Result
    revision: str
    at: datetime
    who: str
    why: str
    problems: tuple[Problem, ...] = ()
    changes: tuple[str, ...] = ()
    restart_needed: tuple[str, ...] = ()


class Reloader:
    """One reload at a time. Requests in flight finish on the snapshot that they began with.

    ``load`` reads the files and raises ``ConfigInvalid``. What cannot be recorded in ``history`` and ``audit`` does not take
    effect. ``applied`` is told of the configuration before and of the one that is in force now.
    """

    def __init__(
        self,
        loaded: Loaded,
        current: Current,
        *,
        load: Callable[[], Loaded],
        history: History,
        audit: AuditTrail,
        applied: Callable[[Loaded, Loaded], None],
        metrics: ConfigMetrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._current, self._load, self._applied = current, load, applied
        self._history, self._audit, self._metrics, self._clock = history, audit, metrics, clock
        self._running_settings = loaded.settings
        self._looked_at = frozenset(loaded.looked_at)
        self._one_at_a_time = asyncio.Lock()
        self.loaded = loaded
        self.since = clock()
        self.last: Reload | None = None
        self._unclaimed: Reload | None = None

    def record_start(self) -> None:
        """Keep what the process begins with, unless the history has it as the latest. Waits for the disk.

        Raises ``HistoryUnusable`` and ``AuditUnavailable``.
        """
        before, revision, at = self._history.latest_id(), self.loaded.snapshot.revision, self._clock()
        if before == revision:
            return
        self._history.record(self.loaded, who=ITSELF, why="the gateway started", changes=(), at=at)
        self._audit.append(ITSELF, "config.started", "the gateway started", {"revision": revision, "before": before}, at)

    async def reload(self, who: str, why: str) -> Reload:
        """Read the files and say what became of it; never raises for what is in them."""
        async with self._one_at_a_time:
            try:
                ended = await self._reload(who, why)
            except ConfigInvalid as invalid:
                self._looked_at |= frozenset(invalid.looked_at)
                ended = await self._refuse(who, why, invalid.problems)
            except (AuditUnavailable, HistoryUnusable) as failed:
                ended = await self._refuse(who, why, (self._problem(f"the change cannot be recorded: {failed}", _UNRECORDED),))
            except Exception as failed:
                # Whatever is wrong, a running gateway keeps what it has.
                _log.exception("config reload failed")
                what = f"the gateway failed while it read the configuration ({type(failed).__name__})"
                ended = await self._refuse(who, why, (self._problem(what, "The log has the details; please report them."),))
            self.last = ended
            self._metrics.reloaded(ended.result, ended.revision, ended.at)
            return await self._claimed(ended)

    def looked_at(self) -> Iterable[Path]:
        """Where an edit could change the configuration, or mend it."""
        return self._looked_at

    async def reload_on(self, requested: asyncio.Event, who: str) -> None:
        """Reload whenever the event is set, until cancelled; requests that come meanwhile are one."""
        while True:
            await requested.wait()
            requested.clear()
            await self.reload(who, "requested")

    async def keep_keys(self, tokens: Tokens) -> None:
        """Run the commands that print keys before these end, and reload where one is another, until cancelled."""
        while True:
            await asyncio.sleep(min(tokens.due_in_s(), LOOK_EVERY_S))
            if tokens.due_in_s() == 0 and await asyncio.to_thread(tokens.refresh):
                await self.reload(ITSELF, "a command printed another key, or none")

    async def _reload(self, who: str, why: str) -> Reload:
        old, new = self.loaded, await asyncio.to_thread(self._load)
        self._looked_at = frozenset(new.looked_at)
        at, restart_needed = self._clock(), _differing(self._running_settings, new.settings)
        if _same(old, new):
            if self.last is not None and self.last.result is Result.REFUSED:
                _log.info("config is valid again", config_revision=old.snapshot.revision)
            return Reload(Result.UNCHANGED, old.snapshot.revision, at, who, why, restart_needed=restart_needed)
        changes = await asyncio.to_thread(self._record, old, new, who, why, at)
        self._current.snapshot = new.snapshot
        self.loaded, self.since = new, at
        self._applied(old, new)
        revision = new.snapshot.revision
        _log.info("config applied", config_revision=revision, before=old.snapshot.revision, who=who, why=why, changes=changes)
        for warning in (*new.warnings, *new.expired):
            _log.warning("config", problem=str(warning))
        if restart_needed:
            _log.warning("config needs a restart to take effect in full", settings=restart_needed)
        return Reload(Result.APPLIED, revision, at, who, why, changes=changes, restart_needed=restart_needed)

    async def _claimed(self, ended: Reload) -> Reload:
        """Whoever orders a reload of an edit learns what became of it, also where the watch was faster."""
        watched, self._unclaimed = self._unclaimed, None
        if ended.who == ITSELF:
            self._unclaimed = ended if ended.result is Result.APPLIED else watched
            return ended
        if watched is None or ended.result is not Result.UNCHANGED or ended.revision != watched.revision:
            return ended
        claimed = replace(watched, who=ended.who, why=ended.why)
        details = {"revision": claimed.revision, "changes": claimed.changes}
        try:
            await asyncio.to_thread(self._audit.append, ended.who, "config.claimed", ended.why, details, ended.at)
        except AuditUnavailable as failed:
            _log.error("the audit log cannot be written", reason=str(failed))
        return claimed

    def _record(self, old: Loaded, new: Loaded, who: str, why: str, at: datetime) -> tuple[str, ...]:
        """Before it takes effect: a change that nobody could find again must not happen."""
        found = differences(old, new)
        texts = tuple(map(str, found))
        details = {"revision": new.snapshot.revision, "before": old.snapshot.revision, "changes": texts}
        self._history.record(new, who=who, why=why, changes=found, at=at)
        self._audit.append(who, "config.applied", why, details, at)
        return texts

    def _record_refusal(self, ended: Reload) -> None:
        details = {"revision": ended.revision, "problems": [str(problem) for problem in ended.problems]}
        self._audit.append(ended.who, "config.refused", ended.why, details, ended.at)

    async def _refuse(self, who: str, why: str, problems: tuple[Problem, ...]) -> Reload:
        revision = self.loaded.snapshot.revision
        ended = Reload(Result.REFUSED, revision, self._clock(), who, why, problems=problems)
        # The watch reads anew whenever it has to begin anew; what it finds again is no news.
        if who == ITSELF and self.last is not None and self.last.problems == problems:
            return ended
        for problem in problems:
            _log.error("config refused", problem=str(problem), config_revision=revision)
        try:
            await asyncio.to_thread(self._record_refusal, ended)
        except AuditUnavailable as failed:
            _log.error("the audit log cannot be written", reason=str(failed))
        return ended

    def _problem(self, what: str, fix: str) -> Problem:
        """One that is not at a place in a file."""
        return Problem(str(next(iter(self.loaded.looked_at), "configuration")), 1, 1, "", what.rstrip("."), fix)


def _same(old: Loaded, new: Loaded) -> bool:
    """The revision names what is written, which says where keys are found and not what they are."""
    same = old.snapshot.revision == new.snapshot.revision and old.settings == new.settings
    return same and _keys(old) == _keys(new)


def _keys(loaded: Loaded) -> dict[str, Secret]:
    return {it.id: it.credential for it in loaded.snapshot.providers.values()}


def _differing(running: Settings, written: Settings) -> tuple[str, ...]:
    """No setting of the process takes effect while it runs: only what requests see does."""
    return tuple(
        f"{section.name}.{field.name}"
        for section in fields(running)
        for field in fields(getattr(running, section.name))
        if getattr(getattr(running, section.name), field.name) != getattr(getattr(written, section.name), field.name)
    )
