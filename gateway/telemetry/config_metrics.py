"""Metrics of the configuration: which revision is in force, and what became of the latest reload."""

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge


class ConfigMetrics:
    """``result`` is a closed set: ``applied``, ``unchanged``, ``refused``."""

    def __init__(self, registry: CollectorRegistry, revision: str) -> None:
        self.reloads = Counter("gateway_config_reloads", "Reloads of the configuration.", ("result",), registry=registry)
        self._success = Gauge(
            "gateway_config_last_reload_success",
            "1 where the files hold what is in force, 0 where they were refused.",
            registry=registry,
        )
        self._succeeded_at = Gauge(
            "gateway_config_last_reload_success_timestamp_seconds",
            "When the files were last found valid, in Unix time.",
            registry=registry,
        )
        self._info = Gauge("gateway_config_info", "The configuration revision in force.", ("revision",), registry=registry)
        self._info.labels(revision).set(1)
        self._success.set(1)
        self._succeeded_at.set_to_current_time()
        for result in ("applied", "unchanged", "refused"):
            self.reloads.labels(result)

    def reloaded(self, result: str, revision: str, at: datetime) -> None:
        """``revision`` is in force since; the label of the one before is gone."""
        self.reloads.labels(result).inc()
        self._success.set(0 if result == "refused" else 1)
        if result == "refused":
            return
        self._succeeded_at.set(at.timestamp())
        self._info.clear()
        self._info.labels(revision).set(1)
