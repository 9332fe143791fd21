"""The gateway's Prometheus metrics, in a registry of their own. Floats here are for graphs; the ledger is the truth."""

from collections.abc import Callable
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_Family = TypeVar("_Family", Counter, Gauge, Histogram)
_REQUEST_BUCKETS_S = (0.01, 0.1, 0.5, 1, 2, 3, 5, 8, 12, 18, 25, 35, 50, 70, 90, 120, 180, 300)
_OVERHEAD_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)


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
        held = Gauge("gateway_bytes_in_flight", "Bytes of the request bodies that are held now.", registry=registry)
        held.set_function(bytes_in_flight)
        lag = Gauge("gateway_ledger_lag_seconds", "Age of the oldest ledger entry that waits to be written.", registry=registry)
        lag.set_function(ledger_lag_s)
        info = Gauge("gateway_config_info", "The configuration revision in force.", ("revision",), registry=registry)
        info.labels(config_revision).set(1)

        self._children: dict[tuple[object, ...], Any] = {}

    def of(self, family: _Family, *labels: str) -> _Family:
        """The family's child with these labels, kept: every request asks for the same few."""
        key = (family, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = family.labels(*labels)
        return child

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
