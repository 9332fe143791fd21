"""What watches the routes while the gateway runs: overrides, breakers, limits, readiness and dates."""

from dataclasses import dataclass

import structlog

from gateway.app.adapters import ready_results
from gateway.app.clock import now
from gateway.config.change.current import Current
from gateway.config.load import Loaded
from gateway.core.readiness.staleness import Deadline
from gateway.engine.routes.conditions import RouteConditions, both_suspended
from gateway.engine.routes.contract_limits import ContractLimiter
from gateway.engine.routes.deadlines import Deadlines
from gateway.engine.routes.health import Health
from gateway.engine.routes.observed_limits import ObservedLimits
from gateway.engine.routes.overrides import Overrides
from gateway.engine.routes.readiness_results import ReadyResults
from gateway.ports import SharedState
from gateway.telemetry.metrics import Metrics

_log = structlog.get_logger("gateway")


@dataclass(frozen=True, slots=True)
class Supervision:
    """All of them, and ``conditions``, which is what they come to."""

    overrides: Overrides
    health: Health
    observed: ObservedLimits
    ready: ReadyResults
    conditions: RouteConditions
    deadlines: Deadlines

    def follow(self, old: Loaded, new: Loaded) -> None:
        """Another configuration is in force: what is known of routes that it does not have is forgotten."""
        self.health.forget(old.snapshot.routes.keys() - new.snapshot.routes.keys())
        self.observed.keep(new.snapshot.routes.values())


def supervise(loaded: Loaded, current: Current, state: SharedState, metrics: Metrics) -> Supervision:
    """Of the routes of the configuration in force, shown by ``metrics``; raises ``OverridesUnavailable``."""
    overrides, health = Overrides(loaded.settings.history.folder / "overrides.json", now), Health(now)
    observed = ObservedLimits(now, lambda text: _log.warning("limit differs", problem=text))
    limiter = ContractLimiter(state, observed.effective, metrics.state_failed)
    ready = ready_results(loaded, lambda: current.snapshot)
    conditions = RouteConditions(health, observed, limiter, both_suspended(overrides.suspensions, ready.suspensions), now)
    deadlines = Deadlines(lambda: current.snapshot, now, _tell_deadline)
    metrics.expect(loaded.snapshot.routes.values())
    metrics.watch_deadlines(deadlines.days_left)
    metrics.watch_routes(conditions.suspensions, health.ejections, lambda: observed.readings(current.snapshot.routes.values()))
    return Supervision(overrides, health, observed, ready, conditions, deadlines)


def _tell_deadline(due: Deadline, what: str) -> None:
    _log.warning("deadline", kind=due.kind.value, name=due.name, on=due.on.isoformat(), problem=what, fix=due.fix)
