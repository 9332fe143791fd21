"""In which order eligible routes are tried."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money.pricing import ImageRate, Price
from gateway.core.routing.choice import Candidate, draw_of, in_order
from gateway.core.snapshot import Model, Route
from tests.unit.core.samples import MODEL, PRICES, REQUEST, ROUTE, TODAY

NAMES = ("a", "b", "c", "d")
ROUTES = tuple(replace(ROUTE, id=name) for name in NAMES)


def order(model: Model, draw: int = 0, routes: tuple[Route, ...] = ROUTES) -> str:
    return "".join(it.route.id for it in in_order([Candidate(route, REQUEST, TODAY) for route in routes], model, draw))


def priced(name: str, amount: str | None, currency: str = "USD") -> Route:
    price = {} if amount is None else {"gpt-image-2": Price(images=(ImageRate("*", "*", Decimal(amount)),))}
    return replace(ROUTE, id=name, price_list=replace(PRICES, id=name, currency=currency, models=price))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (MODEL, "abcd"),
        (replace(MODEL, tiers={"a": 2}), "bcda"),
        (replace(MODEL, tiers={"b": 3, "a": 2}), "cdab"),
        (replace(MODEL, split={"c": 1}), "cabd"),
        (replace(MODEL, split={"c": 1}, tiers={"c": 2}), "abdc"),
    ],
)
def test_tiers_come_first_and_then_the_order_of_the_list(model: Model, expected: str) -> None:
    """A route without weight comes after those that have one."""
    assert order(model) == expected


def test_cheapest_first_compares_what_can_be_compared() -> None:
    """What has no price, or another currency than the first that has one, comes last."""
    routes = (priced("a", "0.3"), priced("b", None), priced("c", "0.1"), priced("d", "0.01", "EUR"))
    model = replace(MODEL, cheapest_first=True)
    assert order(model, routes=routes) == "cabd"
    assert order(replace(model, tiers={"c": 2}), routes=routes) == "abdc"
    assert order(model, routes=(priced("a", None), priced("b", None))) == "ab"


@given(weights=st.lists(st.integers(0, 20), min_size=4, max_size=4).filter(any))
def test_shares_converge_to_the_weights(weights: list[int]) -> None:
    """Over many callers each route gets its part, within what chance explains."""
    model, callers = replace(MODEL, split=dict(zip(NAMES, weights, strict=True))), 2_000
    served = Counter(order(model, draw_of("shop", str(caller)))[0] for caller in range(callers))
    for name, weight in zip(NAMES, weights, strict=True):
        share = weight / sum(weights)
        assert abs(served[name] / callers - share) < 0.06
        assert weight > 0 or served[name] == 0


@given(draw=st.integers(0, 2**64 - 1), more=st.integers(1, 50))
def test_a_caller_keeps_its_route_and_more_weight_moves_it_only_there(draw: int, more: int) -> None:
    """So a canary is repeatable, and raising it disturbs nobody else."""
    before = order(replace(MODEL, split={"a": 10, "b": 10, "c": 1}), draw)
    assert before == order(replace(MODEL, split={"a": 10, "b": 10, "c": 1}), draw)
    after = order(replace(MODEL, split={"a": 10, "b": 10, "c": 1 + more}), draw)
    assert after[0] in (before[0], "c")


def test_who_asks_is_drawn_apart_from_others() -> None:
    """Parts are not run together."""
    assert draw_of("ab", "c") != draw_of("a", "bc")
    assert 0 <= draw_of("shop", "\ud800") < 2**64
