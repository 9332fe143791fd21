"""The gateway's Prometheus metrics, in a registry of their own. Floats here are for graphs; the ledger is the truth."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.core.budget import Account
from gateway.core.contract.contract import OnUnavailable
from gateway.core.money.amount import NANOS_PER_UNIT
from gateway.core.outcome import Outcome, Owner
from gateway.core.readiness.staleness import Deadline
from gateway.core.routing.eligibility import Suspension
from gateway.core.routing.observed_limits import Reading
from gateway.core.snapshot import Route
from gateway.telemetry.config_metrics import ConfigMetrics
from gateway.telemetry.connection_metrics import ConnectionMetrics, Refusals

# Their failures end only when a person acts.
PAGED_OWNERS = (Owner.ACCOUNT, Owner.VERIFICATION)
_Family = TypeVar("_Family", Counter, Gauge, Histogram)
_REQUEST_BUCKETS_S = (0.01, 0.1, 0.5, 1, 2, 3, 5, 8, 12, 18, 25, 35, 50, 70, 90, 120, 180, 300)
_OVERHEAD_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)


_BUDGET = ("budget", "subject", "currency")


class Metrics:
    """Labels are names from the configuration and closed sets, never ids or keys; ``none`` where no contract was reached."""

    def __init__(self, ledger_lag_s: Callable[[], float], bytes_in_flight: Callable[[], int], config_revision: str) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "gateway_requests", "Requests answered.", ("path", "app", "contract", "status", "owner"), registry=registry
        )
        self.duration = Histogram(
            "gateway_request_duration_seconds",
            "From the request's head to the answer's last byte.",
            ("path", "contract"),
            buckets=_REQUEST_BUCKETS_S,
            registry=registry,
        )
        self.overhead = Histogram(
            "gateway_overhead_seconds",
            "From the request's head to the answer's head, less the wait for the provider.",
            ("path",),
            buckets=_OVERHEAD_BUCKETS_S,
            registry=registry,
        )
        self.in_flight = Gauge("gateway_requests_in_flight", "Requests being answered now.", registry=registry)
        self.images = Counter("gateway_images", "Images delivered.", ("contract", "model", "app"), registry=registry)
        self.cost = Counter(
            "gateway_cost", "Settled cost in units of the currency.", ("contract", "app", "currency"), registry=registry
        )
        self.discrepancies = Counter(
            "gateway_delivery_discrepancies",
            "Deliveries that differ from the request, by what differs.",
            ("contract", "model", "aspect"),
            registry=registry,
        )
        self.unknown_costs = Counter(
            "gateway_unknown_costs", "Attempts booked without an amount: alarm on any.", ("contract", "model"), registry=registry
        )
        self.attempts = Counter(
            "gateway_attempts", "Upstream calls by what became of them.", ("contract", "outcome", "owner"), registry=registry
        )
        self.fallbacks = Counter(
            "gateway_fallbacks",
            "Requests served under another contract or route than the one that failed first.",
            ("model", "from_contract", "to_contract", "owner"),
            registry=registry,
        )
        self.masked = Counter(
            "gateway_masked_failures",
            "Requests that failed under a contract and were served under another, by whose failure it was.",
            ("contract", "owner"),
            registry=registry,
        )
        self.limited = Counter(
            "gateway_app_limited", "Requests refused by a limit of their own app.", ("app", "limit"), registry=registry
        )
        self.state_failures = Counter(
            "gateway_state_failures",
            "Times that limits could not be looked up in Redis, and what the configuration says of that.",
            ("limits", "policy"),
            registry=registry,
        )
        self.evidence_lost = Counter("gateway_evidence_lost", "Requests whose evidence could not be kept.", registry=registry)
        self.saved = Counter(
            "gateway_saved", "Requests that got an earlier one's result and cost nothing.", ("how", "app"), registry=registry
        )
        self.budget_amount = Gauge(
            "gateway_budget_amount", "What a budget's period has, in units of its currency.", _BUDGET, registry=registry
        )
        self.budget_spent = Gauge(
            "gateway_budget_used",
            "What is used of it, as this gateway saw it last; attempts in flight at their estimates.",
            _BUDGET,
            registry=registry,
        )
        self.budget_refusals = Counter(
            "gateway_budget_refusals", "Requests that a budget had no room for.", _BUDGET, registry=registry
        )
        held = Gauge("gateway_bytes_in_flight", "Bytes of the request bodies that are held now.", registry=registry)
        held.set_function(bytes_in_flight)
        lag = Gauge("gateway_ledger_lag_seconds", "Age of the oldest ledger entry that waits to be written.", registry=registry)
        lag.set_function(ledger_lag_s)
        self.config = ConfigMetrics(registry, config_revision)

        self._children: dict[tuple[object, ...], Any] = {}

    def of(self, family: _Family, *labels: str) -> _Family:
        """The family's child with these labels, kept: every request asks for the same few."""
        key = (family, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = family.labels(*labels)
        return child

    def watch_routes(
        self,
        suspensions: Callable[[], Mapping[str, Iterable[Suspension]]],
        ejections: Callable[[], Mapping[str, int]],
        limits: Callable[[], Sequence[Reading]],
    ) -> None:
        """Ask these at every scrape: what holds which route, how often each was ejected, and the contracts' limits."""
        self.registry.register(_Routes(suspensions, ejections, limits))

    def watch_deadlines(self, days_left: Callable[[], Iterable[tuple[Deadline, int]]]) -> None:
        """Ask this at every scrape."""
        self.registry.register(_Deadlines(days_left))

    def watch_owed(self, owed: Callable[[], int]) -> None:
        """Ask this at every scrape."""
        gauge = Gauge("gateway_ledger_owed_entries", "Ended attempts whose end the ledger has refused.", registry=self.registry)
        gauge.set_function(lambda: float(owed()))

    def watch_connections(self, open_now: Callable[[], Mapping[str, int]], refused: Callable[[], Refusals]) -> None:
        """Ask these at every scrape, by plane."""
        self.registry.register(ConnectionMetrics(open_now, refused))

    def watch_log(self, dropped: Callable[[], int]) -> None:
        """Ask this at every scrape."""
        self.registry.register(_LogLines(dropped))

    def watch_ledger(self, failing: Callable[[], bool]) -> None:
        """Ask this at every scrape."""
        gauge = Gauge("gateway_ledger_failing", "1 while the latest write of the ledger was refused.", registry=self.registry)
        gauge.set_function(lambda: float(failing()))

    def watch_spool(self, waiting: Callable[[], int], refused: Callable[[], int]) -> None:
        """Ask these at every scrape."""
        gauge = Gauge(
            "gateway_ledger_spool_entries", "Entries that wait for a ledger that cannot be written.", registry=self.registry
        )
        gauge.set_function(lambda: float(waiting()))
        text = "Spooled entries that the ledger has refused for good; they stand in a file beside the spool."
        gauge = Gauge("gateway_ledger_spool_refused_entries", text, registry=self.registry)
        gauge.set_function(lambda: float(refused()))

    def expect(self, routes: Iterable[Route]) -> None:
        """Begin at zero what is alarmed on at its first occurrence: the increase of a series that begins at one is zero."""
        for route in routes:
            contract = route.contract.id
            self.of(self.unknown_costs, contract, route.model)
            self.of(self.attempts, contract, Outcome.AMBIGUOUS.value, Owner.UNKNOWN.value)
            for owner in PAGED_OWNERS:
                self.of(self.masked, contract, owner.value)

    def state_failed(self, limits: str, policy: OnUnavailable) -> None:
        """Limits (of ``app`` or ``contract``) could not be looked up."""
        self.of(self.state_failures, limits, policy.value).inc()

    def app_limited(self, app: str, limit: str) -> None:
        """An app's own limit refused a request."""
        self.of(self.limited, app, limit).inc()

    def budget_used(self, account: Account, used_nanos: int) -> None:
        """So much of it is used now."""
        budget = account.budget
        labels = (budget.id, account.subject, budget.currency)
        self.of(self.budget_amount, *labels).set(float(budget.amount))
        self.of(self.budget_spent, *labels).set(used_nanos / NANOS_PER_UNIT)

    def budget_refused(self, account: Account) -> None:
        """A request did not fit."""
        self.of(self.budget_refusals, account.budget.id, account.subject, account.budget.currency).inc()

    def spared(self, how: str, app: str) -> None:
        """A request joined an earlier one, or got its answer again."""
        self.of(self.saved, how, app).inc()

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class _LogLines(Collector):
    """What the log could not take."""

    def __init__(self, dropped: Callable[[], int]) -> None:
        self._dropped = dropped

    def collect(self) -> Iterator[Metric]:
        """Called by the registry."""
        text = "Lines of the log that were dropped, because they came faster than they could be written."
        yield CounterMetricFamily("gateway_log_lines_dropped", text, value=self._dropped())


class _Deadlines(Collector):
    """What ends or grows old; nothing lingers of what is no longer configured."""

    def __init__(self, days_left: Callable[[], Iterable[tuple[Deadline, int]]]) -> None:
        self._days_left = days_left

    def collect(self) -> Iterator[Metric]:
        """Called by the registry."""
        text = "Days until a model or contract ends, or until a record is too old to be relied on."
        gauge = GaugeMetricFamily("gateway_days_left", text, labels=("kind", "name"))
        for deadline, days in self._days_left():
            gauge.add_metric((deadline.kind.value, deadline.name), days)
        yield gauge


class _Routes(Collector):
    """What is known of routes at the moment of a scrape: nothing lingers of a route that is gone."""

    def __init__(
        self,
        suspensions: Callable[[], Mapping[str, Iterable[Suspension]]],
        ejections: Callable[[], Mapping[str, int]],
        limits: Callable[[], Sequence[Reading]],
    ) -> None:
        self._suspensions, self._ejections, self._limits = suspensions, ejections, limits

    def collect(self) -> Iterator[Metric]:
        """Called by the registry."""
        held = GaugeMetricFamily("gateway_route_held", "1 while a route gets no new request.", labels=("route", "reason"))
        for route, reason in sorted(
            {(route, suspension.reason.value) for route, suspensions in self._suspensions().items() for suspension in suspensions}
        ):
            held.add_metric((route, reason), 1)
        yield held
        ejected = CounterMetricFamily("gateway_breaker_ejections", "Times that the breaker ejected a route.", labels=("route",))
        for route, times in self._ejections().items():
            ejected.add_metric((route,), times)
        yield ejected
        yield from self._of_limits()

    def _of_limits(self) -> Iterator[Metric]:
        labels, readings = ("contract", "model", "dimension"), self._limits()
        recorded = GaugeMetricFamily("gateway_limit_recorded", "A contract's limit as a person recorded it.", labels=labels)
        observed = GaugeMetricFamily("gateway_limit_observed", "The same as the provider's headers say it.", labels=labels)
        differs = GaugeMetricFamily("gateway_limit_differs", "1 where the two have differed for a while.", labels=labels)
        for it in readings:
            values = (it.contract, it.model, it.dimension)
            if it.recorded is not None:
                recorded.add_metric(values, it.recorded)
            if it.observed is not None:
                observed.add_metric(values, it.observed)
            differs.add_metric(values, it.differs)
        yield from (recorded, observed, differs)
