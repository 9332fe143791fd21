"""What ends and what grows old: which dates there are, and when somebody should know."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.core.contract.contract import RecordedLimit, Verification, VerificationState
from gateway.core.readiness.staleness import Deadline, Kind, deadlines, too_old
from gateway.core.snapshot import Retirement, Route, RouteState, Snapshot
from tests.unit.core.samples import CONTRACT, MODEL, PRICES, ROUTE, TODAY, snapshot

END = TODAY + timedelta(days=40)
READ = date(2026, 11, 1)
LIMIT = RecordedLimit("gpt-image-2", "images_per_minute", 5, READ, "a page")
NOTHING = replace(CONTRACT, verification=Verification(VerificationState.NOT_REQUIRED, READ))


def of(*routes: Route) -> Snapshot:
    contracts = {route.contract.id: route.contract for route in routes}
    return replace(snapshot(replace(MODEL, routes=routes)), contracts=contracts)


def route(**changes: object) -> Route:
    return replace(ROUTE, **{"contract": NOTHING} | changes)  # type: ignore[arg-type]


def found(kind: Kind, *routes: Route) -> list[tuple[str, date, tuple[str, ...]]]:
    return [(it.name, it.on, it.routes) for it in deadlines(of(*routes)) if it.kind is kind]


def test_a_model_s_retirement_concerns_every_route_to_it() -> None:
    """Once, with all of them; a disabled one is no user."""
    retiring = {"retirement": Retirement(END, "gpt-image-3", "a page")}
    routes = (route(**retiring), route(id="second", **retiring), route(id="off", state=RouteState.DISABLED, **retiring))
    assert found(Kind.MODEL, *routes) == [("gpt-image-2", END, ("direct", "second"))]
    assert not found(Kind.MODEL, route())
    assert not found(Kind.MODEL, route(state=RouteState.DISABLED, **retiring))


def test_a_contract_s_end_is_known_with_and_without_routes() -> None:
    """It was agreed on, whoever uses it."""
    ending = replace(NOTHING, effective_to=END)
    assert found(Kind.CONTRACT, route(contract=ending)) == [("openai-direct", END, ("direct",))]
    assert found(Kind.CONTRACT, route(contract=ending, state=RouteState.DISABLED)) == [("openai-direct", END, ())]
    assert not found(Kind.CONTRACT, route())


def test_a_price_list_counts_for_ninety_days() -> None:
    """From the day it was read, for all routes that are priced by it."""
    second = replace(PRICES, id="other", recorded_on=READ)
    assert found(Kind.PRICE_LIST, route(price_list=replace(PRICES, recorded_on=READ)), route(id="second", price_list=second)) == [
        ("openai", READ + timedelta(days=91), ("direct",)),
        ("other", READ + timedelta(days=91), ("second",)),
    ]


def test_limits_and_verification_count_for_thirty_days() -> None:
    """The oldest limit counts; an account that need not be verified has no such date."""
    older = replace(LIMIT, recorded_on=READ - timedelta(days=3))
    limits = replace(NOTHING.limits, recorded=(LIMIT, older))
    assert found(Kind.LIMITS, route(contract=replace(NOTHING, limits=limits))) == [
        ("openai-direct", READ + timedelta(days=28), ("direct",))
    ]
    checked = replace(NOTHING, verification=Verification(VerificationState.UNVERIFIED, READ))
    assert found(Kind.VERIFICATION, route(contract=checked)) == [("openai-direct", READ + timedelta(days=31), ("direct",))]
    undated = replace(NOTHING, verification=Verification(VerificationState.VERIFIED, None))
    for contract in (NOTHING, undated):
        assert not found(Kind.VERIFICATION, route(contract=contract))
    assert not found(Kind.LIMITS, route())
    assert not found(Kind.VERIFICATION, route(contract=checked, state=RouteState.DISABLED))


def test_the_nearest_comes_first() -> None:
    """Whatever it is."""
    ending = replace(CONTRACT, effective_to=END)
    days = [it.on for it in deadlines(of(route(contract=ending, retirement=Retirement(END, "", "a page"))))]
    assert days == sorted(days)
    assert len(days) == 4


@pytest.mark.parametrize(
    ("kind", "days", "due"),
    [
        (Kind.MODEL, 61, False),
        (Kind.MODEL, 60, True),
        (Kind.MODEL, -3, True),
        (Kind.CONTRACT, 61, False),
        (Kind.CONTRACT, 60, True),
        (Kind.PRICE_LIST, 1, False),
        (Kind.PRICE_LIST, 0, True),
        (Kind.LIMITS, 1, False),
        (Kind.LIMITS, 0, True),
        (Kind.VERIFICATION, 0, True),
    ],
)
def test_what_ends_is_told_in_time_and_what_is_old_once_it_is(kind: Kind, days: int, due: bool) -> None:
    """A successor takes weeks to agree on; a record is renewed in minutes."""
    deadline = Deadline(kind, "x", TODAY + timedelta(days=days), (), TODAY)
    assert deadline.due(TODAY) is due
    assert deadline.days_left(TODAY) == days


@pytest.mark.parametrize(
    ("deadline", "what", "fix"),
    [
        (Deadline(Kind.MODEL, "m", END, (), successor="n"), f"retires this model on {END}, in 40 days", "Move the route to 'n'."),
        (Deadline(Kind.MODEL, "m", TODAY, ()), f"no longer since {TODAY}", "another model"),
        (Deadline(Kind.CONTRACT, "c", END, ()), "ends in 40 days", "new revision"),
        (Deadline(Kind.CONTRACT, "c", TODAY, ()), "no longer in force", "new revision"),
        (Deadline(Kind.PRICE_LIST, "p", TODAY, (), date(2026, 8, 1)), "read on 2026-08-01, 114 days ago", "prices of today"),
        (Deadline(Kind.LIMITS, "c", TODAY, (), date(2026, 10, 1)), "53 days ago", "limits page"),
        (Deadline(Kind.VERIFICATION, "c", TODAY, (), date(2026, 10, 1)), "53 days ago", "console"),
    ],
)
def test_each_says_what_it_is_and_what_to_do(deadline: Deadline, what: str, fix: str) -> None:
    """In a sentence each."""
    assert what in deadline.what(TODAY)
    assert fix in deadline.fix


def test_a_record_is_too_old_after_its_days() -> None:
    """The last day still counts."""
    assert not too_old(READ, READ + timedelta(days=30))
    assert too_old(READ, READ + timedelta(days=31))
