"""Ledger entries: how an attempt ends, and how a booking is recognised."""

import pytest

from gateway.core.ledger.entry import Attribution, Entry, Kind, closing_kind
from gateway.core.money.amount import unknown
from gateway.core.outcome import Outcome
from tests.unit.core.samples import NOW


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Outcome.COMPLETED, Kind.SETTLE),
        (Outcome.AMBIGUOUS, Kind.EXPIRE),
        (Outcome.NOT_SENT, Kind.VOID),
        (Outcome.REJECTED, Kind.VOID),
    ],
)
def test_each_outcome_closes_the_attempt_in_its_way(outcome: Outcome, kind: Kind) -> None:
    """Only what surely cost nothing is void."""
    assert closing_kind(outcome) is kind


def test_the_same_booking_has_the_same_event_id() -> None:
    """Writing it twice can therefore be told from booking twice."""
    attribution = Attribution("gw_1", 2, "a", "t", "c", "m", "r", "p", "u", "k", "1", "b", "i", "l", "v", "generation", (), NOW)
    entry = Entry(Kind.RESERVE, attribution, NOW, unknown("USD"), 1, "auto", "auto")
    assert entry.event_id == "gw_1.2.reserve"
