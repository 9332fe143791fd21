"""What a fallback hides: counted once a request, in exact money, and never unknown as zero."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from gateway.core.ledger.entry import Entry, Kind
from gateway.core.ledger.masked import LATEST_MAX, Covered, Masked, StandIn, extra_cost, masked, stand_in_of
from gateway.core.money.amount import Cost, unknown
from gateway.core.money.pricing import Price, PriceList, TokenRates
from tests.contract.ledger_samples import NOON, entry
from tests.unit.core.samples import ROUTE

UPSTREAM = "gpt-image-2-2026-04-21"
PRICES = PriceList(
    id="openai-2026-10",
    currency="USD",
    effective_from=date(2026, 10, 1),
    effective_to=date(2026, 11, 1),
    source="a page",
    recorded_on=date(2026, 10, 1),
    models={UPSTREAM: Price(TokenRates(text_in=Decimal(5), image_out=Decimal(30)))},
)
LISTS = {PRICES.id: PRICES}
# 12 tokens of text and 1756 of the image.
WOULD_BE = Decimal("0.05274")


def failure(
    request_id: str = "req_1", *, kind: Kind = Kind.VOID, owner: str = "account", minute: int = 0, **booked: object
) -> Entry:
    at = NOON + timedelta(minutes=minute)
    return replace(entry(kind, request_id, at=at, **{"contract": "direct"} | booked), owner=owner)


def cover(request_id: str = "req_1", amount: str | None = "0.08", **booked: object) -> Entry:
    return entry(Kind.SETTLE, request_id, amount, **{"attempt": 2, "contract": "reseller", "price_list": "other"} | booked)


def only(*covered: Covered) -> Masked:
    (row,) = masked(covered, LISTS)
    return row


def test_nothing_covered_is_nothing_masked() -> None:
    """No rows, rather than rows of zeros."""
    assert masked([], LISTS) == ()


def test_a_row_says_whose_since_when_and_what_the_cover_cost_extra() -> None:
    """Failures of one contract and owner are one row; its money is exact to the last digit."""
    row = only(*((failure(f"req_{it}", minute=it), cover(f"req_{it}")) for it in range(5)))
    assert row == Masked(
        contract="direct",
        owner="account",
        requests=5,
        first=NOON,
        last=NOON + timedelta(minutes=4),
        latest=("req_4", "req_3", "req_2"),
        covers=("reseller",),
        extra=(("USD", 5 * (Decimal("0.08") - WOULD_BE)),),
        unknown_extras=0,
        exposure=(),
        unknown_exposures=0,
    )


def test_the_latest_are_the_newest_whatever_the_order_they_come_in() -> None:
    """A ledger is read by request id, which need not be by time; the ids that are kept are bounded."""
    minutes = (3, 9, 1, 7, 5)
    row = only(*((failure(f"req_{it}", minute=it), cover(f"req_{it}")) for it in minutes))
    assert row.latest == ("req_9", "req_7", "req_5")
    assert len(row.latest) == LATEST_MAX
    assert (row.first, row.last) == (NOON + timedelta(minutes=1), NOON + timedelta(minutes=9))


def test_contracts_and_owners_are_kept_apart() -> None:
    """One row each, in the order of their names."""
    rows = masked(
        [
            (failure("req_1", contract="b"), cover("req_1")),
            (failure("req_2", contract="a", owner="verification"), cover("req_2", contract="c")),
            (failure("req_3", contract="a"), cover("req_3")),
            (failure("req_4", contract="a"), cover("req_4", contract="c")),
        ],
        LISTS,
    )
    assert [(row.contract, row.owner, row.requests, row.covers) for row in rows] == [
        ("a", "account", 2, ("c", "reseller")),
        ("a", "verification", 1, ("c",)),
        ("b", "account", 1, ("reseller",)),
    ]


def test_a_request_counts_once_however_often_it_was_tried() -> None:
    """Three attempts under one contract are one masked request, and its cover is paid for once."""
    delivered = cover(attempt=4)
    row = only(*((failure(attempt=it, minute=it), delivered) for it in (1, 2, 3)))
    assert (row.requests, row.latest, row.extra) == (1, ("req_1",), (("USD", Decimal("0.08") - WOULD_BE),))
    assert (row.first, row.last) == (NOON + timedelta(minutes=1), NOON + timedelta(minutes=3))


def test_what_a_cover_cost_stands_with_the_failure_that_led_to_it() -> None:
    """Each owner of a request's failures has its row; the extra cost is in the last one's only."""
    delivered = cover(attempt=3)
    rows = masked(
        [(failure(owner="rate_limit"), delivered), (failure(owner="account", attempt=2), delivered)],
        LISTS,
    )
    assert [(row.owner, row.requests, row.extra) for row in rows] == [
        ("account", 1, (("USD", Decimal("0.08") - WOULD_BE),)),
        ("rate_limit", 1, ()),
    ]


def test_each_contract_that_failed_a_request_is_compared_by_its_own_prices() -> None:
    """A chain of three contracts has two rows, each with what the cover cost beyond that one."""
    cheaper = replace(PRICES, id="cheap", models={UPSTREAM: Price(request=Decimal("0.01"))})
    delivered = cover(attempt=3)
    rows = masked(
        [(failure(), delivered), (failure(contract="second", price_list="cheap", attempt=2), delivered)],
        LISTS | {"cheap": cheaper},
    )
    assert [row.extra for row in rows] == [(("USD", Decimal("0.02726")),), (("USD", Decimal("0.07")),)]


def test_a_cheaper_cover_costs_less_than_nothing() -> None:
    """It is not cut off at zero."""
    assert only((failure(), cover(amount="0.05"))).extra == (("USD", Decimal("-0.00274")),)


@pytest.mark.parametrize(
    ("failed", "delivered"),
    [
        (failure(), cover(amount=None)),
        (failure(price_list="gone"), cover()),
        (failure(), cover(currency="EUR")),
        (failure(upstream_model="unpriced"), cover()),
        (failure(minute=60 * 24 * 40), cover()),
        (failure(), replace(cover(), usage=None)),
    ],
    ids=["cover_unknown", "list_gone", "other_currency", "model_unpriced", "list_ended", "no_usage"],
)
def test_a_comparison_that_cannot_be_made_is_unknown(failed: Entry, delivered: Entry) -> None:
    """Such a request is counted apart and added to no sum."""
    assert extra_cost(failed, delivered, LISTS) is None
    row = only((failed, delivered))
    assert (row.requests, row.extra, row.unknown_extras) == (1, (), 1)


def test_currencies_are_never_added_together() -> None:
    """One sum each, in the order of their codes."""
    euros = replace(PRICES, id="euros", currency="EUR")
    rows = masked(
        [
            (failure("req_1"), cover("req_1")),
            (failure("req_2", price_list="euros"), cover("req_2", currency="EUR")),
        ],
        LISTS | {"euros": euros},
    )
    assert rows[0].extra == (("EUR", Decimal("0.02726")), ("USD", Decimal("0.02726")))


def test_what_the_failed_contract_may_bill_too_is_shown_apart() -> None:
    """An attempt of unknown outcome stands at its estimate as exposure; a void one costs nothing, an unknown one is counted."""
    expired = failure(kind=Kind.EXPIRE)
    row = only(
        (replace(expired, cost=Cost(Decimal("0.21"), "USD", expired.cost.basis)), cover()),
        (replace(failure("req_2", kind=Kind.EXPIRE), cost=unknown("USD")), cover("req_2")),
        (failure("req_3"), cover("req_3")),
    )
    assert (row.exposure, row.unknown_exposures, row.requests) == ((("USD", Decimal("0.21")),), 1, 3)


HELD = StandIn("direct", "first", "provider", "breaker")
FIRST = replace(ROUTE, id="first", upstream_model=UPSTREAM, price_list=PRICES)


def stood_in(request_id: str = "req_9", reason: str = str(HELD), *, minute: int = 0) -> Entry:
    return replace(cover(request_id, attempt=1), reason=reason, occurred_at=NOON + timedelta(minutes=minute))


def test_what_a_hold_kept_away_counts_as_masked_with_its_extra_cost() -> None:
    """Nothing failed and nothing was tried: the settlement says for which route it stands in."""
    (row,) = masked([], LISTS, [stood_in(f"req_{it}", minute=it) for it in range(2)], {"first": FIRST})
    assert (row.contract, row.owner, row.requests, row.held, row.covers) == ("direct", "provider", 2, 2, ("reseller",))
    assert (row.first, row.last, row.latest) == (NOON, NOON + timedelta(minutes=1), ("req_1", "req_0"))
    assert row.extra == (("USD", 2 * (Decimal("0.08") - WOULD_BE)),)


def test_holds_and_failures_of_one_owner_are_one_row() -> None:
    """Five failures eject a route, and then nobody tries it: it is the same trouble."""
    (row,) = masked([(failure(owner="provider"), cover())], LISTS, [stood_in(minute=3)], {"first": FIRST})
    assert (row.requests, row.held, row.first, row.last) == (2, 1, NOON, NOON + timedelta(minutes=3))


def test_what_a_route_that_is_gone_would_have_cost_is_unknown() -> None:
    """It is counted, and its extra cost is never zero."""
    (row,) = masked([], LISTS, [stood_in()])
    assert (row.requests, row.extra, row.unknown_extras) == (1, (), 1)


@pytest.mark.parametrize("reason", ["", "a sentence", "from=a; route=b", f"{HELD}; more=c"])
def test_another_text_is_no_stand_in(reason: str) -> None:
    """An entry's reason can be anything; only what was written as a stand-in is read as one."""
    assert stand_in_of(str(HELD)) == HELD
    assert stand_in_of(reason) is None
    assert masked([], LISTS, [stood_in(reason=reason)]) == ()
