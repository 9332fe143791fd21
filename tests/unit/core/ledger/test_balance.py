"""Where an attempt stands: settled, void, open or exposed, and at what amounts."""

from decimal import Decimal

import pytest

from gateway.core.ledger.balance import State, adjusting, balance_of, counted
from gateway.core.ledger.entry import Kind
from gateway.core.money.amount import unknown
from tests.contract.ledger_samples import entry

RESERVE = entry(Kind.RESERVE, amount="0.60")


@pytest.mark.parametrize(
    ("then", "state", "cost", "exposure", "unknowns"),
    [
        ([], State.OPEN, None, "0.60", (False, False)),
        ([entry(Kind.SETTLE)], State.SETTLED, "0.21", None, (False, False)),
        ([entry(Kind.SETTLE, amount=None)], State.SETTLED, None, None, (True, False)),
        ([entry(Kind.VOID, amount="0")], State.VOID, "0", None, (False, False)),
        ([entry(Kind.EXPIRE, amount="0.3")], State.EXPOSED, None, "0.3", (False, False)),
        ([entry(Kind.EXPIRE, amount=None)], State.EXPOSED, None, None, (False, True)),
        ([entry(Kind.SETTLE), entry(Kind.ADJUST, amount="-0.01")], State.SETTLED, "0.20", None, (False, False)),
        ([entry(Kind.SETTLE, amount=None), entry(Kind.ADJUST, amount="0.5")], State.SETTLED, "0.5", None, (False, False)),
        ([entry(Kind.EXPIRE, amount="0.3"), entry(Kind.ADJUST, amount="0.18")], State.SETTLED, "0.18", None, (False, False)),
        ([entry(Kind.VOID, amount="0"), entry(Kind.ADJUST, amount="0.18")], State.SETTLED, "0.18", None, (False, False)),
    ],
)
def test_an_attempt_stands_where_its_entries_put_it(
    then: list, state: State, cost: str | None, exposure: str | None, unknowns: tuple[bool, bool]
) -> None:
    """An amount that nobody knows is never zero, and an adjustment ends an exposure."""
    found = balance_of([RESERVE, *then])
    assert found.state is state
    assert found.cost == (None if cost is None else Decimal(cost))
    assert found.exposure == (None if exposure is None else Decimal(exposure))
    assert (found.cost_unknown, found.exposure_unknown) == unknowns
    assert found.currency == "USD"
    open_at = RESERVE.cost.amount
    assert counted([RESERVE, *then], Decimal(9)) == (open_at if cost is None else Decimal(cost))
    assert counted([entry(Kind.RESERVE, amount=None), *then], Decimal(9)) == (9 if cost is None else Decimal(cost))


def test_adjustments_are_summed_and_told_apart_from_what_was_settled() -> None:
    """Both are there beside the cost; without an adjustment its sum is nothing, not zero."""
    found = balance_of([RESERVE, entry(Kind.SETTLE), *(entry(Kind.ADJUST, amount=it, reference=it) for it in ("-0.01", "0.03"))])
    assert (found.settled, found.adjusted, found.cost) == (Decimal("0.21"), Decimal("0.02"), Decimal("0.23"))
    assert balance_of([RESERVE]).adjusted is None


def test_currencies_are_never_added() -> None:
    """An adjustment in another currency than its attempt's is a contradiction, by name."""
    with pytest.raises(ValueError, match=r"req_1\.1\.adjust\.reprice is in EUR, its attempt in USD"):
        balance_of([RESERVE, entry(Kind.SETTLE), entry(Kind.ADJUST, currency="EUR")])


def test_an_adjustment_without_an_amount_is_not_nothing() -> None:
    """It is a contradiction as well, for no ledger takes it."""
    made = entry(Kind.ADJUST, amount=None)
    assert made.cost == unknown("USD")
    with pytest.raises(ValueError, match=r"req_1\.1\.adjust\.reprice has no amount"):
        adjusting(made)
