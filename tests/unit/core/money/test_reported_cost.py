"""What a provider says that a delivery cost: exact, or not taken at its word."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money.amount import Basis, Cost, to_nanos
from gateway.core.money.pricing import Delivery, price
from gateway.core.money.reported_cost import AMOUNT_MAX, charged, reported_amount
from tests.unit.core.samples import PRICES, TODAY

DELIVERY = Delivery(1, "1024x1024", "low", None, reported=Decimal("0.04"))


@pytest.mark.parametrize(
    ("cost", "amount"),
    [
        (Decimal("0.04"), "0.04"),
        (3, "3"),
        (0, "0"),
        (Decimal("4E-5"), "0.00004"),
        (Decimal("0.0387654325"), "0.038765433"),
        (Decimal("0.0387654324999"), "0.038765432"),
        (Decimal("1E-999999"), "0"),
        (AMOUNT_MAX, "1000000"),
    ],
)
def test_a_number_is_taken_to_the_nano_unit(cost: object, amount: str) -> None:
    """What is finer is rounded, half of one up: the ledger holds nothing finer."""
    found = reported_amount({"cost": cost, "is_byok": False})
    assert found == Decimal(amount)
    assert found is not None
    assert to_nanos(found) >= 0


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        {},
        {"cost": None},
        {"cost": "0.04"},
        {"cost": True},
        {"cost": 0.04},
        {"cost": -1},
        {"cost": Decimal("-0.01")},
        {"cost": Decimal("1000000.01")},
        {"cost": Decimal("1E+999999")},
        {"cost": Decimal("0.04"), "is_byok": True},
    ],
)
def test_anything_else_says_nothing(usage: object) -> None:
    """A binary fraction is not what was written, and a cost beside another account's key is only a part of the bill."""
    assert reported_amount(usage) is None


@given(st.decimals(0, 1_000_000, allow_nan=False, allow_infinity=False))
def test_whatever_is_taken_can_be_booked(cost: Decimal) -> None:
    """Within half a nano-unit of what was said."""
    found = reported_amount({"cost": cost})
    assert found is not None
    assert abs(found - cost) <= Decimal("5e-10")
    assert to_nanos(found) <= 10**15


def test_the_provider_s_word_goes_before_the_list() -> None:
    """In the list's currency only: nothing is converted; where it is not declared, or says nothing, the list counts."""
    listed = price(DELIVERY, PRICES, "by-image", TODAY)
    assert charged(DELIVERY, PRICES, "by-image", TODAY, reports_cost="USD") == Cost(Decimal("0.04"), "USD", Basis.REPORTED)
    assert charged(DELIVERY, PRICES, "no-price", TODAY, reports_cost="USD").basis is Basis.REPORTED
    for currency, delivery in (("", DELIVERY), ("EUR", DELIVERY), ("USD", replace(DELIVERY, reported=None))):
        assert charged(delivery, PRICES, "by-image", TODAY, reports_cost=currency) == listed
