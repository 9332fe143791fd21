"""A value as a document holds nothing that JSON does not."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.core.evidence.bundle import Candidacy
from gateway.core.outcome import Owner
from gateway.reports.document import plain


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (0.5, 0.5),
        (Owner.CALLER, "caller"),
        (date(2026, 10, 1), "2026-10-01"),
        (datetime(2026, 10, 1, 12, tzinfo=UTC), "2026-10-01T12:00:00+00:00"),
        (Decimal("0.10"), "0.10"),
        (Path("a/b"), "a/b"),
        (frozenset({"b", "a"}), ["a", "b"]),
        ({Owner.CALLER: (1, 2)}, {"caller": [1, 2]}),
        (Candidacy("first", "direct@1"), {"route": "first", "contract": "direct@1"}),
    ],
)
def test_values_become_what_json_can_hold(value: object, expected: object) -> None:
    """Exactly, amounts and times as text."""
    found = plain(value)
    assert json.loads(json.dumps(found)) == found == expected
    assert type(found) is type(expected)
