"""FOCUS rows: which attempts become which rows, how corrections are told, and the columns of each version."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.finance.focus import FOCUS_COLUMNS
from gateway.core.finance.focus_charge import BillingFacts, Charge, Step, charges_of
from gateway.core.finance.table import Cell, Form, row_of
from gateway.core.ledger.balance import balance_of
from gateway.core.ledger.entry import Entry, Kind
from gateway.core.money.pricing import ImageRate, Price, PriceList, TokenRates
from tests.contract.ledger_samples import NOON, entry

TOKENS, IMAGE = TokenRates(image_out=Decimal(30)), ImageRate("*", "*", Decimal("0.05"))
LIST, MODEL = "openai-2026-10", "gpt-image-2-2026-04-21"
LATER = datetime(2026, 11, 5, tzinfo=UTC)
# Those that 1.2 demands of every dataset, read out of the validator's rules; 1.4 replaces the last two.
MANDATORY = {
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ServiceCategory",
    "ServiceName",
}


def facts(price: Price | None = None) -> BillingFacts:
    lists = (
        {}
        if price is None
        else {LIST: PriceList(LIST, "USD", date(2026, 10, 1), None, "page", date(2026, 10, 1), {MODEL: price})}
    )
    return BillingFacts({"openai-direct": "acme / images"}, lists)


def charges(*entries: Entry, price: Price | None = None) -> list[Charge]:
    return list(charges_of(balance_of([entry(Kind.RESERVE, amount="0.60"), *entries]), facts(price)))


def cells(charge: Charge, version: str = "1.2") -> dict[str, Cell]:
    columns = FOCUS_COLUMNS[version]
    return dict(zip((column.name for column in columns), row_of(columns, charge), strict=True))


def adjusted(amount: str, *, at: datetime = NOON + timedelta(days=1), reference: str = "run", **booked: Any) -> Entry:
    return entry(Kind.ADJUST, amount=amount, at=at, reference=reference, **({"begun_at": NOON} | booked))


def test_a_delivery_is_one_row() -> None:
    """At its cost in all four cost columns, billed by whom the contract names, in the month and the second it began."""
    [charge] = charges(entry(Kind.SETTLE))
    found = cells(charge)
    for name in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"):
        assert found[name] == Decimal("0.21")
    assert (found["BillingCurrency"], found["BillingAccountId"]) == ("USD", "acme / images")
    assert (found["InvoiceIssuerName"], found["ProviderName"]) == ("OpenAI Ireland", "OpenAI")
    assert found["BillingPeriodStart"] == datetime(2026, 10, 1, tzinfo=UTC)
    assert found["BillingPeriodEnd"] == datetime(2026, 11, 1, tzinfo=UTC)
    assert (found["ChargePeriodStart"], found["ChargePeriodEnd"]) == (NOON, NOON + timedelta(seconds=1))
    assert (found["ChargeCategory"], found["ChargeClass"]) == ("Usage", None)
    assert (found["x_RowId"], found["x_CorrectedRowId"]) == ("req_1.1.settle", None)
    assert (found["x_Images"], found["x_TokensImageOut"], found["x_Outcome"]) == (1, 1756, "completed")
    assert found["ChargeDescription"] == f"{MODEL} generation, 1 x 1024x1024 high"


@pytest.mark.parametrize(
    "then",
    [(), (entry(Kind.VOID, amount="0"),), (entry(Kind.EXPIRE),), (entry(Kind.SETTLE, amount=None),)],
    ids=["open", "void", "exposed", "unknown"],
)
def test_what_is_not_booked_at_a_known_amount_is_no_row(then: tuple[Entry, ...]) -> None:
    """Unknown is never zero, and neither is what may still be billed."""
    assert charges(*then) == []


def test_an_adjustment_takes_the_row_back_and_books_the_corrected_one() -> None:
    """Accounting-style: amounts and quantities of the reversal have the opposite sign, each row names the one it corrects."""
    first, reversal, corrected = charges(entry(Kind.SETTLE), adjusted("-0.01"))
    assert (first.step, reversal.step, corrected.step) == (Step.CHARGE, Step.REVERSAL, Step.CORRECTED)
    assert (reversal.amount, corrected.amount) == (Decimal("-0.21"), Decimal("0.20"))
    assert (reversal.row_id, reversal.corrects) == ("req_1.1.adjust.run.reversal", "req_1.1.settle")
    assert (corrected.row_id, corrected.corrects) == ("req_1.1.adjust.run", "req_1.1.settle")
    before, back = cells(first), cells(reversal)
    for name in ("ConsumedQuantity", "PricingQuantity", "x_Images", "x_TokensImageOut", "BilledCost"):
        assert before[name] == -back[name], name  # type: ignore[operator]
    assert back["ChargeDescription"] == f"{MODEL} generation, 1 x 1024x1024 high; reversed: The list was corrected."
    assert str(cells(corrected)["ChargeDescription"]).endswith("; corrected: The list was corrected.")


def test_a_second_adjustment_corrects_the_first() -> None:
    """The chain of corrections can be followed from row to row."""
    rows = charges(entry(Kind.SETTLE), adjusted("-0.01", reference="a"), adjusted("0.05", reference="b"))
    assert [(str(row.amount), row.corrects) for row in rows[3:]] == [
        ("-0.20", "req_1.1.adjust.a"),
        ("0.25", "req_1.1.adjust.a"),
    ]


def test_within_its_month_a_correction_is_no_correction() -> None:
    """FOCUS reserves the class for periods that have been invoiced."""
    for row in charges(entry(Kind.SETTLE), adjusted("-0.01", at=datetime(2026, 10, 31, 23, 59, tzinfo=UTC))):
        assert cells(row)["ChargeClass"] is None


def test_after_its_month_a_correction_is_billed_in_the_month_it_was_made() -> None:
    """The charge keeps its time; the billing period is the later one, and the first row is untouched."""
    first, *late = charges(entry(Kind.SETTLE), adjusted("-0.01", at=LATER))
    assert cells(first)["ChargeClass"] is None
    for row in late:
        found = cells(row)
        assert (found["ChargeClass"], found["BillingPeriodStart"]) == ("Correction", datetime(2026, 11, 1, tzinfo=UTC))
        assert found["ChargePeriodStart"] == NOON


@pytest.mark.parametrize("closing", [Kind.EXPIRE, Kind.VOID])
def test_an_exposure_that_was_resolved_is_a_row_of_its_own(closing: Kind) -> None:
    """Nothing is taken back, for nothing was there; of the delivery nothing is known but that it was one request."""
    [row] = charges(entry(closing, amount="0"), adjusted("0.18"))
    found = cells(row)
    assert (found["BilledCost"], found["x_CorrectedRowId"], found["x_TokensImageOut"]) == (Decimal("0.18"), None, None)
    assert (found["PricingQuantity"], found["PricingUnit"]) == (Decimal(1), "Requests")
    assert "no known delivery" in str(found["ChargeDescription"])


@pytest.mark.parametrize(
    ("price", "usage", "expected"),
    [
        (Price(tokens=TOKENS), True, ("1768", "Tokens", "0.001768", "1000000 Tokens")),
        (Price(tokens=TOKENS), False, ("1", "Requests", "1", "Requests")),
        (Price(tokens=TOKENS, request=Decimal(1)), True, ("1", "Requests", "1", "Requests")),
        (Price(tokens=TOKENS, images=(IMAGE,)), True, ("1", "Requests", "1", "Requests")),
        (Price(images=(IMAGE,)), True, ("3", "Images", "3", "Images")),
        (Price(images=(IMAGE,), request=Decimal(1)), True, ("1", "Requests", "1", "Requests")),
        (Price(request=Decimal(1)), True, ("1", "Requests", "1", "Requests")),
        (None, True, ("3", "Images", "3", "Images")),
    ],
)
def test_quantities_are_in_the_unit_of_the_price(price: Price | None, usage: bool, expected: tuple[str, str, str, str]) -> None:
    """By tokens, by images, by requests; what the configuration no longer prices is counted in images."""
    settled = entry(Kind.SETTLE, images=3)
    [row] = charges(settled if usage else replace(settled, usage=None), price=price)
    found = row.quantity
    consumed, priced = Decimal(expected[0]), Decimal(expected[2])
    assert (found.consumed, found.consumed_unit, found.priced, found.priced_unit) == (consumed, expected[1], priced, expected[3])


def test_an_account_that_is_configured_no_more_is_named_by_its_contract() -> None:
    """FOCUS allows no row without a billing account."""
    [row] = charges_of(balance_of([entry(Kind.RESERVE), entry(Kind.SETTLE)]), BillingFacts({}, {}))
    assert cells(row)["BillingAccountId"] == "openai-direct"


def test_tags_are_the_app_s_own_and_whom_it_is_booked_to() -> None:
    """What the gateway knows has a prefix that no free tag can have."""
    [row] = charges(entry(Kind.SETTLE))
    assert json.loads(str(cells(row)["Tags"])) == {
        "campaign": "herbst – Überblick",
        "season": "2026",
        "gateway/app": "storefront",
        "gateway/team": "web",
        "gateway/cost_centre": "cc-100",
    }


def test_the_contract_is_applied_at_the_row_s_cost() -> None:
    """1.4: ContractApplied is JSON with a decimal number, not a float and not a text."""
    rows = charges(entry(Kind.SETTLE, amount="0.100000001"), adjusted("1"))
    applied = [str(cells(row, "1.4")["ContractApplied"]) for row in rows]
    [element] = json.loads(applied[0], parse_float=Decimal)["Elements"]
    assert element == {
        "ContractId": "openai-direct",
        "ContractCommitmentId": "openai-direct@2026-10-01",
        "ContractCommitmentAppliedCost": Decimal("0.100000001"),
    }
    assert json.loads(applied[1], parse_float=Decimal)["Elements"][0]["ContractCommitmentAppliedCost"] == Decimal("-0.100000001")


def test_each_version_has_its_columns() -> None:
    """What it demands is there, what it removed is not, custom columns come last and are named as FOCUS asks."""
    names = {version: [column.name for column in columns] for version, columns in FOCUS_COLUMNS.items()}
    assert MANDATORY | {"ProviderName", "PublisherName"} <= set(names["1.2"])
    assert MANDATORY | {"ServiceProviderName", "HostProviderName", "ContractApplied"} <= set(names["1.4"])
    assert not {"ProviderName", "PublisherName"} & set(names["1.4"])
    assert not {"ServiceProviderName", "HostProviderName", "ContractApplied"} & set(names["1.2"])
    for found in names.values():
        own = [name for name in found if name.startswith("x_")]
        assert found[-len(own) :] == own
        assert found[: -len(own)] == sorted(found[: -len(own)])
        assert len(set(found)) == len(found)
        assert all(re.fullmatch(r"(x_)?[A-Z][A-Za-z]*", name) for name in found)


def test_cells_are_of_the_form_of_their_column() -> None:
    """Amounts are decimals, counts whole numbers, times aware and in whole seconds."""
    kinds = {Form.AMOUNT: Decimal, Form.COUNT: int, Form.SECOND: datetime, Form.TEXT: str, Form.JSON: str}
    late = replace(
        entry(Kind.RESERVE), attribution=replace(entry(Kind.RESERVE).attribution, begun_at=NOON.replace(microsecond=7))
    )
    for version, columns in FOCUS_COLUMNS.items():
        for row in charges_of(
            balance_of([late, replace(entry(Kind.SETTLE), attribution=late.attribution), adjusted("1")]), facts()
        ):
            for column, cell in zip(columns, row_of(columns, row), strict=True):
                assert cell is None or type(cell) is kinds[column.form], (version, column.name)
                assert not isinstance(cell, datetime) or (cell.tzinfo is UTC and cell.microsecond == 0)


@given(
    st.one_of(st.none(), st.integers(0, 10**18)),
    st.lists(st.integers(-(10**18), 10**18), max_size=6),
    st.sampled_from([Kind.SETTLE, Kind.VOID, Kind.EXPIRE]),
)
def test_rows_add_up_to_what_is_booked(settled: int | None, changes: list[int], kind: Kind) -> None:
    """For any amounts and any number of corrections, and every quantity is counted once."""
    amount = None if settled is None else str(Decimal(settled).scaleb(-9))
    closing = entry(kind, amount=amount)
    made = [adjusted(str(Decimal(it).scaleb(-9)), reference=f"r{number}") for number, it in enumerate(changes)]
    it = balance_of([entry(Kind.RESERVE), closing, *made])
    rows = list(charges_of(it, facts()))
    booked = it.cost if kind is not Kind.VOID or changes else None
    assert (sum((row.amount for row in rows), Decimal(0)) if rows else None) == booked
    assert sum(row.sign for row in rows) == (1 if rows else 0)
    assert len({row.row_id for row in rows}) == len(rows)
