"""The routes as ``gateway routes`` shows them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

_STYLES = {"active": "green", "draining": "yellow", "parked": "yellow", "ejected": "red", "not_ready": "red", "disabled": "red"}


def routes_table(answer: Mapping[str, Any]) -> Table:
    """One row a route; what keeps it from requests stands below its state."""
    title = f"Routes of configuration {answer['revision']}"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for heading in ("model", "route", "provider", "contract", "tier", "weight", "state"):
        table.add_column(heading, overflow="fold", justify="right" if heading in ("tier", "weight") else "left")
    for route in answer["routes"]:
        weight = "" if route["weight"] is None else str(route["weight"])
        names = [escape(route[name]) for name in ("model", "id", "provider", "contract")]
        table.add_row(*names, str(route["tier"]), weight, _state(route))
    return table


def moment(text: str) -> str:
    """To the minute, in UTC."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _state(route: Mapping[str, Any]) -> str:
    state = route["state"]
    style = _STYLES.get(state, "default")
    return "\n  ".join((f"[{style}]{escape(state)}[/{style}]", *(f"[dim]{escape(reason)}[/dim]" for reason in _reasons(route))))


def _reasons(route: Mapping[str, Any]) -> Sequence[str]:
    found = []
    if route["file_state"] != "active":
        found.append(f"{route['file_state']} in the configuration")
    if override := route["override"]:
        found.append(f"{override['state']} until {moment(override['until'])} by {override['who']}: {override['why']}")
    for suspension in route["holds"]:
        if suspension["reason"] != "override":
            until = f" until {moment(suspension['until'])}" if suspension["until"] else ""
            found.append(f"{suspension['reason']}{until}: {suspension['what']}")
    readiness = route.get("readiness")
    if readiness and readiness["walked_at"]:
        found.append(_readiness(readiness))
    found += [f"{due['kind'].replace('_', ' ')} {due['name']}: {due['what']}" for due in route.get("due", ())]
    return found


def _readiness(readiness: Mapping[str, Any]) -> str:
    """In one line: how ready, since when, and where the latest walk has stopped."""
    proven = f", proven {moment(readiness['proven_at'])}" if readiness["proven_at"] else ""
    stopped = f", stopped at {readiness['stopped_at']} ({readiness['owner']})" if readiness["stopped_at"] else ""
    return f"readiness: {readiness['verdict'].replace('_', ' ')}{proven}; walked {moment(readiness['walked_at'])}{stopped}"
