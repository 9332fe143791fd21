"""An adjustment is booked on a closed attempt, in its currency, once, and never below zero."""

from decimal import Decimal

import pytest

from gateway.core.ledger.adjustment import Adjustment, Unbookable, booked_cost, entry_of
from gateway.core.ledger.entry import Entry, Kind
from gateway.core.money.amount import Basis
from tests.contract.ledger_samples import NOON, entry


def adjustment(amount: str, currency: str = "USD", reference: str = "reconcile:1") -> Adjustment:
    return Adjustment("req_1", 1, Decimal(amount), currency, Basis.REPORTED, reference, "The bill says so.")


def attempt(*closing: Entry) -> list[Entry]:
    return [entry(Kind.RESERVE), *closing]


def test_an_entry_adds_to_what_is_booked_once() -> None:
    """It carries the attempt's attribution; the same order again makes none."""
    settled = attempt(entry(Kind.SETTLE, amount="0.21"))
    made = entry_of(adjustment("-0.01"), settled, NOON)
    assert made is not None
    assert (made.attribution, made.cost.amount, made.images) == (settled[0].attribution, Decimal("-0.01"), 0)
    assert entry_of(adjustment("-0.01"), [*settled, made], NOON) is None
    assert booked_cost([*settled, made]) == Decimal("0.20")
    assert booked_cost(attempt(entry(Kind.EXPIRE))) is None


@pytest.mark.parametrize(
    ("order", "entries", "message"),
    [
        (adjustment("1"), [], "is not in the ledger"),
        (adjustment("1"), attempt(), "is still open"),
        (adjustment("1", "EUR"), attempt(entry(Kind.SETTLE)), "is booked in USD"),
        (adjustment("-1"), attempt(entry(Kind.SETTLE)), "would be booked at -0.79 USD"),
        (adjustment("2"), attempt(entry(Kind.EXPIRE), entry(Kind.ADJUST, reference="reconcile:1")), "by 0.21 already"),
    ],
)
def test_what_cannot_be_booked_is_refused(order: Adjustment, entries: list[Entry], message: str) -> None:
    """With what could be done instead."""
    with pytest.raises(Unbookable, match=message) as refused:
        entry_of(order, entries, NOON)
    assert refused.value.fix
