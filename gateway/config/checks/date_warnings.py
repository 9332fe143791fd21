"""Warnings about what ends soon and what was read too long ago, at their places."""

from collections.abc import Iterator
from datetime import date

from gateway.config.checks.routing_warnings import ConfigWarning
from gateway.config.problem import Path
from gateway.core.readiness.staleness import Deadline, Kind, deadlines
from gateway.core.snapshot import Snapshot

_PLACES = {
    Kind.CONTRACT: ("contracts", "effective_to"),
    Kind.PRICE_LIST: ("price_lists", "recorded_on"),
    Kind.LIMITS: ("contracts", "limits", "recorded"),
    Kind.VERIFICATION: ("contracts", "verification", "recorded_on"),
}


def date_warnings(snapshot: Snapshot, today: date) -> Iterator[ConfigWarning]:
    """All that is due on that UTC day."""
    for deadline in deadlines(snapshot):
        if deadline.due(today):
            yield from ((path, deadline.what(today), deadline.fix) for path in _paths(deadline))


def _paths(deadline: Deadline) -> list[Path]:
    """A model that retires is a matter of each route to it."""
    if deadline.kind is Kind.MODEL:
        return [("routes", route, "upstream_model") for route in deadline.routes]
    section, *rest = _PLACES[deadline.kind]
    return [(section, deadline.name, *rest)]
