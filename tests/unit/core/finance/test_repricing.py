"""An attempt by another price list: the difference, once, or the reason why it stays as it is."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.finance.repricing import Left, Repriced, Unpriced, reference_of, reprice, revision_of
from gateway.core.finance.repricing_tally import Change, Converted, Remainder, RepricingTally
from gateway.core.ledger.adjustment import Adjustment, booked_cost, entry_of
from gateway.core.ledger.entry import Entry, Kind
from gateway.core.money.amount import Basis
from gateway.core.money.exchange import ExchangeRates
from gateway.core.money.pricing import Price, PriceList, TokenRates
from tests.contract.ledger_samples import NOON, entry
from tests.unit.core.samples import IMAGE_PRICE, PRICES

MODEL = "gpt-image-2-2026-04-21"
BY_TOKEN = Price(tokens=TokenRates(text_in=Decimal(5), image_out=Decimal(30)))
DEARER = Price(tokens=TokenRates(text_in=Decimal(5), image_out=Decimal("33.333")))
OLD = replace(PRICES, id="old", models={MODEL: BY_TOKEN})
NEW = replace(PRICES, id="new", effective_from=date(2026, 9, 1), models={MODEL: DEARER}, earlier=OLD)
# 12 text and 1756 image tokens, as the samples' usage says.
BOOKED, DEAR = Decimal("0.05274"), Decimal("0.058592748")


def attempt(kind: Kind | None = Kind.SETTLE, amount: str | None = "0.05274", *then: Entry, **booked: Any) -> list[Entry]:
    closing = [] if kind is None else [entry(kind, amount=amount, **booked)]
    return [entry(Kind.RESERVE, **booked), *closing, *then]


def made(found: Repriced | Unpriced | None) -> Adjustment:
    assert isinstance(found, Repriced)
    assert found.adjustment is not None
    return found.adjustment


def booked(entries: list[Entry], price_list: PriceList) -> list[Entry]:
    """The entries after a repricing."""
    adjusted = entry_of(made(reprice(entries, price_list, price_list)), entries, NOON)
    assert adjusted is not None
    return [*entries, adjusted]


def test_the_difference_is_an_adjustment_that_names_the_list() -> None:
    """By the usage that is booked; its reference has the list's revision, its reason says what it was and is."""
    found = reprice(attempt(), NEW, NEW)
    adjustment = made(found)
    assert isinstance(found, Repriced)
    assert (found.booked, found.difference, found.day) == (BOOKED, DEAR - BOOKED, NOON.date())
    assert (adjustment.amount, adjustment.reference) == (DEAR - BOOKED, reference_of(NEW))
    assert adjustment.reason == "Priced by the list new at 0.058592748 USD; it was 0.05274."


def test_repricing_again_changes_nothing() -> None:
    """What has been adjusted costs what the list says; so it does where it always did."""
    for entries in (booked(attempt(), NEW), attempt(amount="0.058592748")):
        found = reprice(entries, NEW, NEW)
        assert isinstance(found, Repriced)
        assert (found.adjustment, found.difference, found.booked) == (None, 0, DEAR)


def test_going_back_and_forth_is_booked_each_time() -> None:
    """Under references of its own; the sum is always that of the list that came last."""
    old = replace(OLD, effective_from=NEW.effective_from)
    entries = attempt()
    for price_list in (NEW, old, NEW, old, NEW):
        entries = booked(entries, price_list)
        assert booked_cost(entries) == (DEAR if price_list is NEW else BOOKED)
    assert [it.reference.partition("#")[2] for it in entries[2:]] == ["", "", "2", "2", "3"]
    assert len({it.event_id for it in entries}) == len(entries)


def test_what_its_provider_has_reported_stays() -> None:
    """A list does not know better than the party that bills."""
    entries = attempt()
    entries[1] = replace(entries[1], cost=replace(entries[1].cost, basis=Basis.REPORTED))
    found = reprice(entries, NEW, NEW)
    assert isinstance(found, Unpriced)
    assert (found.why, found.booked) == (Left.REPORTED, BOOKED)


def test_an_unknown_cost_becomes_known() -> None:
    """Also where it is nothing: zero is an answer."""
    found = reprice(attempt(amount=None), NEW, NEW)
    assert isinstance(found, Repriced)
    assert (found.booked, found.difference, made(found).amount) == (None, DEAR, DEAR)
    assert made(found).reason.endswith("it was unknown.")
    free = replace(NEW, models={MODEL: Price(request=Decimal(0))})
    entries = booked(attempt(amount=None), free)
    assert booked_cost(entries) == 0
    assert booked_cost(booked(entries, NEW)) == DEAR


def test_a_refund_stays_beside_the_price() -> None:
    """What was given back is neither taken away nor given twice."""
    refund = entry(Kind.ADJUST, amount="-0.01", reference="reconcile:1")
    found = reprice(attempt(Kind.SETTLE, "0.05274", refund), NEW, NEW)
    assert isinstance(found, Repriced)
    assert (found.booked, found.difference) == (BOOKED - Decimal("0.01"), DEAR - BOOKED)


LATER = replace(NEW, id="later", effective_from=date(2026, 9, 30), earlier=NEW)
ENDED = replace(NEW, effective_to=date(2026, 9, 30))
FOUND_OUT = entry(Kind.ADJUST, amount="0.02", reference="reconcile:1")
GIVEN_BACK = entry(Kind.ADJUST, amount="-0.05", reference="reconcile:1")
CHEAP = replace(NEW, models={MODEL: Price(request=Decimal("0.001"))})


@pytest.mark.parametrize(
    ("entries", "price_list", "series", "why", "known"),
    [
        (attempt(None), NEW, NEW, Left.OPEN, None),
        (attempt(Kind.EXPIRE), NEW, NEW, Left.AMBIGUOUS, None),
        (attempt(Kind.EXPIRE, "0.3", FOUND_OUT), NEW, NEW, Left.RESOLVED, "0.02"),
        (attempt(Kind.SETTLE, None, FOUND_OUT), NEW, NEW, Left.RESOLVED, "0.02"),
        (attempt(), NEW, LATER, Left.OTHER_DAY, "0.05274"),
        (attempt(), OLD, NEW, Left.OTHER_DAY, "0.05274"),
        (attempt(), ENDED, ENDED, Left.OTHER_DAY, "0.05274"),
        (attempt(at=datetime(2026, 8, 31, 23, 59, 59, tzinfo=UTC)), NEW, NEW, Left.OTHER_DAY, "0.05274"),
        (attempt(currency="EUR"), NEW, NEW, Left.OTHER_CURRENCY, "0.05274"),
        (attempt(upstream_model="another"), NEW, NEW, Left.NO_MODEL, "0.05274"),
        (attempt(), replace(NEW, models={MODEL: Price(tokens=TokenRates(Decimal(1)))}), NEW, Left.NO_PRICE, "0.05274"),
        (attempt(Kind.SETTLE, "0.05274", GIVEN_BACK), CHEAP, CHEAP, Left.REFUNDED, "0.00274"),
    ],
)
def test_what_cannot_be_repriced_says_why(
    entries: list[Entry], price_list: PriceList, series: PriceList, why: Left, known: str | None
) -> None:
    """It stays as it is booked, and is not taken to cost nothing."""
    found = reprice(entries, price_list, series)
    assert isinstance(found, Unpriced)
    assert (found.why, found.booked) == (why, None if known is None else Decimal(known))


def test_unknown_usage_cannot_be_priced_by_token() -> None:
    """By image it can."""
    entries = [it if it.kind is Kind.RESERVE else replace(it, usage=None) for it in attempt(amount=None)]
    found = reprice(entries, NEW, NEW)
    assert isinstance(found, Unpriced)
    assert found.why is Left.NO_USAGE
    assert made(reprice(entries, replace(NEW, models={MODEL: IMAGE_PRICE}), NEW)).amount == Decimal("0.25")


def test_what_surely_cost_nothing_has_no_price() -> None:
    """Neither a change nor something that is left."""
    assert reprice(attempt(Kind.VOID, "0"), NEW, NEW) is None


def test_an_attempt_is_priced_by_the_list_of_its_day() -> None:
    """The first day of a list is its own; the days before stay with the list that it supersedes; a gap has no price."""
    day, before = NEW.effective_from, date(2026, 8, 31)
    assert (NEW.at(day), NEW.at(before), NEW.series) == (NEW, OLD, (NEW, OLD))
    assert [NEW.price_of(MODEL, on) for on in (day, before, date(2025, 12, 31))] == [DEARER, BY_TOKEN, None]
    gap = replace(NEW, earlier=replace(OLD, effective_to=date(2026, 8, 1)))
    assert [gap.price_of(MODEL, on) for on in (before, date(2026, 7, 31))] == [None, BY_TOKEN]


def test_a_revision_is_of_prices_and_days() -> None:
    """Where and when they were read does not count, nor does the order in which models are written."""
    same = replace(PRICES, source="another page", recorded_on=date(2026, 11, 2), earlier=OLD)
    assert revision_of(replace(same, models=dict(reversed(PRICES.models.items())))) == revision_of(PRICES)
    others = [replace(PRICES, models={"by-image": IMAGE_PRICE}), replace(PRICES, effective_from=date(2026, 1, 2)), NEW]
    assert len({revision_of(it) for it in (PRICES, *others)}) == 4


AMOUNTS = st.integers(0, 10**12).map(lambda nanos: Decimal(nanos).scaleb(-9))


@given(AMOUNTS, st.lists(AMOUNTS, min_size=1, max_size=4))
def test_whatever_lists_follow_the_sum_is_that_of_the_last(first: Decimal, then: list[Decimal]) -> None:
    """To the last digit."""
    entries = attempt(amount=str(first))
    for amount in then:
        price_list = replace(NEW, models={MODEL: Price(request=amount)})
        found = reprice(entries, price_list, price_list)
        assert isinstance(found, Repriced)
        if found.adjustment is not None:
            entries = booked(entries, price_list)
        assert booked_cost(entries) == amount


def tally(*found: Repriced | Unpriced) -> RepricingTally:
    made = RepricingTally()
    for it in found:
        made.add(it)
    return made


def test_sums_keep_contracts_models_and_currencies_apart() -> None:
    """An unknown cost is counted, not added; what is left is counted by its reason."""
    changed, unknown = reprice(attempt(), NEW, NEW), reprice(attempt(amount=None), NEW, NEW)
    left = reprice(attempt(Kind.EXPIRE), NEW, NEW), reprice(attempt(amount="1", currency="EUR"), NEW, NEW)
    assert isinstance(changed, Repriced)
    assert isinstance(unknown, Repriced)
    euros = replace(changed, currency="EUR", adjustment=None)
    found = tally(changed, unknown, euros, *(it for it in left if isinstance(it, Unpriced)))
    group, in_euros = ("openai-direct", MODEL, "USD"), ("openai-direct", MODEL, "EUR")
    dollars = Change(2, 2, 1, BOOKED, 2 * DEAR - BOOKED)
    assert (found.changes[group], found.adjustments) == (dollars, 2)
    assert dollars.new == 2 * DEAR
    assert found.totals() == {"EUR": Change(1, 0, 0, BOOKED, DEAR - BOOKED), "USD": dollars}
    assert found.left == {
        (group, Left.AMBIGUOUS): Remainder(1, 1, Decimal(0)),
        (in_euros, Left.OTHER_CURRENCY): Remainder(1, 0, Decimal(1)),
    }


def test_differences_are_converted_by_the_rate_of_their_day() -> None:
    """Where one day has no rate, the sum is unknown and the day is named."""
    first, second = reprice(attempt(), NEW, NEW), reprice(attempt(at=datetime(2026, 10, 20, tzinfo=UTC)), NEW, NEW)
    assert isinstance(first, Repriced)
    assert isinstance(second, Repriced)
    found, difference = tally(first, second, first), DEAR - BOOKED
    rates = {NOON.date(): Decimal("0.5"), date(2026, 10, 20): Decimal("0.25")}
    table = ExchangeRates("ecb", "USD", "EUR", "a bank", 7, rates)
    assert found.converted("EUR", [table]) == Converted("EUR", difference * Decimal("1.25"), ("ecb",), ())
    assert found.converted("USD", []) == Converted("USD", 3 * difference, (), ())
    short = replace(table, rates={NOON.date(): Decimal("0.5")})
    assert found.converted("EUR", [short]) == Converted("EUR", None, ("ecb",), (("USD", date(2026, 10, 20)),))
