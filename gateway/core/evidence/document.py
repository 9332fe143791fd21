"""Evidence as JSON tells it: what is not known, or not for the audience, is absent."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from gateway.core.evidence.bundle import Evidence
from gateway.core.outcome import Diagnosis


def document_of(evidence: Evidence) -> dict[str, Any]:
    """Values that ``json`` can write, under the names that the classes have."""
    found: dict[str, Any] = _plain(evidence)
    return found


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _members(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _members(value: Any) -> dict[str, Any]:
    found = {it.name: _plain(inner) for it in fields(value) if (inner := getattr(value, it.name)) not in (None, "", (), {})}
    return found | ({"billed": value.billed.value} if isinstance(value, Diagnosis) else {})
