"""Metrics of a listener's connections: how many there are, and who was turned away before a request could be counted."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# By plane, by reason.
Refusals = Mapping[str, Mapping[str, int]]


class ConnectionMetrics(Collector):
    """Asks at every scrape, by plane: connections open now, and refusals by reason since the process began."""

    def __init__(self, open_now: Callable[[], Mapping[str, int]], refused: Callable[[], Refusals]) -> None:
        self._open_now, self._refused = open_now, refused

    def collect(self) -> Iterator[Metric]:
        """Called by the registry."""
        gauge = GaugeMetricFamily("gateway_connections_open", "Connections of clients now.", labels=("plane",))
        for plane, count in self._open_now().items():
            gauge.add_metric((plane,), count)
        yield gauge
        text = "Connections and requests that the listener turned away: too many, too late, or no HTTP."
        counter = CounterMetricFamily("gateway_connections_refused", text, labels=("plane", "reason"))
        for plane, counts in self._refused().items():
            for reason, count in sorted(counts.items()):
                counter.add_metric((plane, reason), count)
        yield counter
