"""What a provider charged against what was booked: every way they can differ, and when a file decides on a lost answer."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.core.finance.reconciliation.charge import ProviderCharge, amount_of, model_named
from gateway.core.finance.reconciliation.charge_table import AZURE, FOCUS, Columns, columns_of, reader_of
from gateway.core.finance.reconciliation.finding import Reconciliation, Result, Terms, Tolerance
from gateway.core.finance.reconciliation.month import Reconciling
from gateway.core.finance.reconciliation.openai_pages import charges_of_page, pages_of
from gateway.core.ledger.balance import balance_of
from gateway.core.ledger.entry import Kind
from tests.contract.ledger_samples import entry

DAY = date(2026, 10, 5)
NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)
TERMS = Terms(date(2026, 10, 1), date(2026, 11, 1))
LINE = ProviderCharge(DAY, "m", "USD", Decimal("0.21"), 9, "f" * 64)
SETTLED = (Kind.SETTLE, "0.21")


def attempt(name: str, *then: tuple[Kind, str | None], estimate: str | None = "0.21", **more: Any) -> Any:
    """An attempt at model ``m``; its provider's id is ``up_NAME``."""
    booked = {"upstream_model": "m", "begun_at": NOON} | more
    reserve = entry(Kind.RESERVE, name, estimate, at=NOON, **booked)
    rest = [entry(kind, name, amount, at=NOON + timedelta(seconds=9), **booked) for kind, amount in then]
    return balance_of([reserve, *(replace(it, upstream_request_id=f"up_{name}") for it in rest)])


def lost(name: str, estimate: str | None = "0.21") -> Any:
    return attempt(name, (Kind.EXPIRE, estimate), estimate=estimate)


def line(amount: str | None = "0.21", **more: Any) -> ProviderCharge:
    return replace(LINE, amount=None if amount is None else Decimal(amount), **more)


def count(requests: int, **more: Any) -> ProviderCharge:
    return line(None, currency="", requests=requests, images=requests, **more)


def reconciled(lines: list[ProviderCharge], attempts: list[Any], terms: Terms = TERMS) -> Reconciliation:
    reconciling = Reconciling(terms)
    for it in lines:
        reconciling.charge(it)
    for it in attempts:
        reconciling.attempt(it)
    return reconciling.conclude()


def results(found: Reconciliation) -> list[tuple[Result, str]]:
    return [(it.result, f"{it.difference.normalize():f}") for it in found.findings]


def resolutions(found: Reconciliation) -> dict[str, str]:
    return {it.request_id: f"{it.amount.normalize():f}" for it in found.resolutions}


@pytest.mark.parametrize(
    ("lines", "attempts", "expected"),
    [
        ([line()], [attempt("a", SETTLED)], [(Result.MATCHED, "0")]),
        ([line("0.22", decimals=2), line("0", decimals=2)], [attempt("a", SETTLED)], [(Result.ROUNDING, "0.01")]),
        ([line("0.25")], [attempt("a", SETTLED)], [(Result.PRICE_VARIANCE, "0.04")]),
        ([line("0.25"), count(1)], [attempt("a", SETTLED)], [(Result.PRICE_VARIANCE, "0.04")]),
        ([line("0.25")], [attempt("a", (Kind.SETTLE, "0"))], [(Result.PRICE_VARIANCE, "0.25")]),
        ([line("0.42"), count(2)], [attempt("a", SETTLED)], [(Result.PROVIDER_ONLY, "0.21")]),
        ([line("0.21"), count(1)], [attempt("a", SETTLED), attempt("b", SETTLED)], [(Result.GATEWAY_ONLY, "-0.21")]),
        ([], [attempt("a", SETTLED)], [(Result.GATEWAY_ONLY, "-0.21")]),
        ([], [attempt("a", (Kind.SETTLE, "0.001"))], [(Result.ROUNDING, "-0.001")]),
        ([], [attempt("a", (Kind.SETTLE, "0"))], [(Result.MATCHED, "0")]),
        ([line()], [], [(Result.PROVIDER_ONLY, "0.21")]),
        ([line("0")], [], [(Result.MATCHED, "0")]),
        ([line("-0.1", credit=True)], [], [(Result.PROVIDER_ONLY, "-0.1")]),
        ([line(name="")], [attempt("a", SETTLED)], [(Result.MATCHED, "0")]),
        ([line(), count(1, name="other")], [attempt("a", SETTLED), attempt("v", (Kind.VOID, "0"))], [(Result.MATCHED, "0")]),
        ([line(currency="EUR")], [attempt("a", SETTLED)], [(Result.PROVIDER_ONLY, "0.21"), (Result.GATEWAY_ONLY, "-0.21")]),
        ([line(request_id="up_a")], [attempt("a", SETTLED)], [(Result.MATCHED, "0")]),
        ([line(request_id="a.1", images=1)], [attempt("a", SETTLED)], [(Result.MATCHED, "0")]),
        ([line("0.3", request_id="a")], [attempt("a", SETTLED)], [(Result.PRICE_VARIANCE, "0.09")]),
        ([line(request_id="x")], [attempt("a", SETTLED)], [(Result.PROVIDER_ONLY, "0.21"), (Result.GATEWAY_ONLY, "-0.21")]),
        ([line("-0.1", request_id="x", credit=True)], [attempt("a", (Kind.SETTLE, "0"))], [(Result.PROVIDER_ONLY, "-0.1")]),
        (
            [line(request_id="a", currency="EUR")],
            [attempt("a", SETTLED)],
            [(Result.PROVIDER_ONLY, "0.21"), (Result.GATEWAY_ONLY, "-0.21")],
        ),
        (
            [line(request_id="x")],
            [attempt("a", (Kind.EXPIRE, "0.3"), (Kind.ADJUST, "0.3"))],
            [(Result.GATEWAY_ONLY, "-0.3"), (Result.PROVIDER_ONLY, "0.21")],
        ),
    ],
)
def test_each_difference_has_its_class(lines: Any, attempts: Any, expected: Any) -> None:
    """And the differences add up to what was charged less what was booked."""
    assert sorted(results(reconciled(lines, attempts))) == sorted(expected)


@pytest.mark.parametrize(
    ("lines", "attempts", "expected"),
    [
        ([line("0.42"), count(2)], [attempt("a", SETTLED), lost("b")], {"b": "0.21"}),
        ([line("0.21"), count(1)], [attempt("a", SETTLED), lost("b")], {"b": "0"}),
        ([line("0.25"), count(1)], [attempt("a", SETTLED), lost("b")], {"b": "0"}),
        ([line("0.42"), count(2)], [lost("a", None), lost("b", "0.5")], {"a": "0.21", "b": "0.21"}),
        ([line("0.1"), count(2)], [lost("a", "0.05"), lost("b", "0.15")], {"a": "0.025", "b": "0.075"}),
        ([line("0.21"), count(1)], [attempt("a", SETTLED), lost("b", None)], {"b": "0"}),
        ([line("0.42"), count(2)], [attempt("a", SETTLED), attempt("b", (Kind.SETTLE, None))], {"b": "0.21"}),
        ([line("0.42")], [attempt("a", SETTLED), lost("b", None)], {"b": "0.21"}),
        ([line("0.25")], [attempt("a", SETTLED), lost("b")], {}),
        ([line("0.63")], [attempt("a", SETTLED), lost("b")], {}),
        ([line("0.42")], [attempt("a", SETTLED), lost("b"), lost("c")], {}),
        ([line("0.42"), count(2)], [attempt("a", SETTLED), lost("b"), lost("c")], {}),
        ([line("0.21"), count(2)], [attempt("a", SETTLED), lost("b")], {}),
        ([line("0.42"), count(2)], [attempt("a", SETTLED), attempt("b")], {}),
        ([line(day=date(2026, 10, 6))], [lost("b")], {}),
        ([line("0.2", request_id="b")], [lost("b")], {"b": "0.2"}),
        ([line("0", request_id="b")], [lost("b")], {"b": "0"}),
        ([line("0.2", request_id="b")], [attempt("b")], {}),
        ([line("0.2", request_id="x"), line("0.1", request_id="y")], [lost("b")], {}),
        ([line("0.2", request_id="x")], [lost("b")], {"b": "0.2"}),
        ([line("-0.2", request_id="a", credit=True), line(request_id="a")], [attempt("a", SETTLED)], {"a": "-0.2"}),
    ],
)
def test_a_file_decides_on_a_lost_answer_or_does_not(lines: Any, attempts: Any, expected: Any) -> None:
    """Never a guess among several, never more than they can have cost, nothing where it is silent about the day."""
    found = reconciled(lines, attempts)
    assert resolutions(found) == expected
    total = sum(it.difference for it in found.findings)
    charged, booked = (sum((it or Decimal(0) for it in amounts), Decimal(0)) for amounts in _sides(lines, attempts))
    assert total == charged - booked
    assert not found.agrees
    assert all(it.adjustment.reference == f"reconcile:{'f' * 64}" for it in found.resolutions)


def _sides(lines: Any, attempts: Any) -> tuple[list[Decimal | None], list[Decimal | None]]:
    return [it.amount for it in lines], [it.cost for it in attempts]


def test_what_is_not_the_contract_s_is_left_out_or_stands_apart() -> None:
    """Other months and accounts are summed; another key's usage is the provider's alone, and its counts do not count."""
    terms = replace(TERMS, accounts=frozenset({"proj"}), keys=frozenset({"k"}))
    mine: dict[str, Any] = {"accounts": ("proj",), "key": "k"}
    lines = [
        line(**mine),
        line(day=date(2026, 9, 30)),
        line(accounts=("other",)),
        line("0.5", accounts=("proj",), key="leaked"),
        count(9, accounts=("proj",), key="leaked"),
    ]
    found = reconciled(lines, [attempt("a", SETTLED)], terms)
    assert sorted(results(found)) == sorted([(Result.MATCHED, "0"), (Result.PROVIDER_ONLY, "0.5")])
    assert [(it.why, it.lines) for it in found.left_out] == [("of another month", 1), ("of another account", 1)]


def test_the_two_models_of_a_response_are_charged_under_one_id() -> None:
    """Each line goes to the entry of its model; what is charged for a third one the gateway does not know."""
    images = attempt("a", SETTLED, operation="response")
    texts = attempt("a", (Kind.SETTLE, "0.04"), attempt=2, operation="response_text", upstream_model="t")
    lines = [line("0.04", name="t", request_id="up_a"), line("0.21", request_id="up_a"), line("1", name="x", request_id="up_a")]
    found = reconciled(lines, [images, texts])
    assert sorted(results(found)) == [(Result.MATCHED, "0"), (Result.MATCHED, "0"), (Result.PROVIDER_ONLY, "1")]
    found = reconciled([lines[0]], [images, texts])
    assert sorted(results(found)) == [(Result.GATEWAY_ONLY, "-0.21"), (Result.MATCHED, "0")]


def test_a_tolerance_is_the_larger_of_its_two_bounds() -> None:
    """By currency; without one, every difference counts."""
    tolerance = Tolerance({"USD": Decimal("0.01")}, {"USD": Decimal("0.2"), "EUR": Decimal("0.01")})
    found = reconciled([line("0.25")], [attempt("a", SETTLED)], replace(TERMS, tolerance=tolerance))
    assert found.agrees
    assert not tolerance.holds("EUR", Decimal("0.02"), Decimal(1))
    assert not tolerance.holds("JPY", Decimal(1), Decimal(1000))


def test_attempts_around_midnight_and_the_month_s_ends_find_their_day() -> None:
    """They are counted on the day they began or ended, whichever fits the files better."""
    night = datetime(2026, 10, 5, 23, 59, 59, tzinfo=UTC)
    late = [entry(Kind.RESERVE, "n", "0.21", at=night, upstream_model="m")]
    late.append(entry(Kind.SETTLE, "n", "0.21", at=night + timedelta(seconds=9), upstream_model="m", begun_at=night))
    for day, how in ((DAY, "begun"), (DAY + timedelta(days=1), "ended")):
        found = reconciled([line(day=day)], [balance_of(late)])
        assert (found.agrees, found.days_by) == (True, how)
    only = replace(TERMS, begin=date(2026, 10, 7))
    assert reconciled([line(day=date(2026, 10, 8), request_id="x")], [balance_of(late)], only).findings[0].booked == 0


def test_names_of_models() -> None:
    """By pattern, by the part before the modality, and dated where that is unique."""
    models = {"gpt-image-2", "gpt-image-1.5-2026-01-01"}
    for name, expected in (
        ("gpt-image-2 image, output", "gpt-image-2"),
        ("gpt-image-2-2026-04-21 text, input", "gpt-image-2"),
        ("gpt-image-1.5, input", "gpt-image-1.5-2026-01-01"),
        ("gpt-image-2-mini", "gpt-image-2-mini"),
        ("Img Out", "gpt-image-2"),
    ):
        assert model_named(name, models, (("nothing", "x"), ("img*", "gpt-image-2"))) == expected


def test_amounts_are_exact() -> None:
    """Nano-units, and as many decimals as were written."""
    assert amount_of("0.210") == (Decimal("0.21"), 3)
    assert amount_of("1e-3") == (Decimal("0.001"), 3)
    assert amount_of(Decimal("0.6300000000000001")) == (Decimal("0.63"), 9)
    for bad in ("1,234.5", "NaN", "", "1.2.3", "1e30"):
        with pytest.raises(ValueError, match="is no amount"):
            amount_of(bad)


def test_pages_are_taken_as_delivered() -> None:
    """Several in a file; amounts as numbers or texts; anything else is refused."""
    cost = '{"object":"organization.costs.result","amount":{"value":%s,"currency":"usd"},"line_item":null}'
    bucket = '{"object":"bucket","start_time":1790899200,"results":[%s]}'
    page = '{"object":"page","has_more":false,"data":[%s]}'
    text = page % (bucket % (cost % "0.06")) + "\n" + "[" + page % (bucket % (cost % '"0.0600"')) + "]"
    found = [it for found in pages_of(text) for it in charges_of_page(found, "s") if isinstance(it, ProviderCharge)]
    assert [(it.amount, it.currency, it.name) for it in found] == [(Decimal("0.06"), "USD", "")] * 2
    with pytest.raises(ValueError, match="no page"):
        list(pages_of('{"object":"list"}'))
    other = page % (bucket % '{"object":"organization.usage.completions.result"}')
    with pytest.raises(ValueError, match=r"usage\.completions"):
        [list(charges_of_page(it, "s")) for it in pages_of(other)]


def test_tables_are_recognised_and_read() -> None:
    """By their columns, whatever the capitals; a mistake is said with its cell."""
    mca = ["date", "costInBillingCurrency", "billingCurrency", "consumedService", "resourceId"]
    assert columns_of(mca) is AZURE
    read = reader_of(AZURE, mca)
    found = read(["2026-10-05", "1.5", "usd", "Microsoft.CognitiveServices", ""], "s")
    assert found is not None
    assert (found.day, found.amount, found.currency) == (DAY, Decimal("1.5"), "USD")
    assert read(["10/05/2026", "1.5", "usd", "Microsoft.Compute", ""], "s") is None
    focus = ["BilledCost", "ChargePeriodStart", "BillingCurrency", "ConsumedUnit", "ConsumedQuantity"]
    assert columns_of(focus) is FOCUS
    charge = reader_of(FOCUS, focus)(["1", "2026-10-05T23:30:00-02:00", "EUR", "Requests", "2"], "s")
    assert charge is not None
    assert (charge.day, charge.requests) == (date(2026, 10, 6), 2)
    for row, message in (
        (["1", "05.10.2026", "EUR", "", ""], "is no day"),
        (["1", "2026-10-05", "Euro", "", ""], "is no currency"),
        (["1", "2026-10-05", "EUR", "Images", "1.5"], "is no count"),
        (["1"], "1 cells, the header has 5"),
    ):
        with pytest.raises(ValueError, match=message):
            reader_of(FOCUS, focus)(row, "s")
    for columns, message in ((Columns(day=("x",), amount=("a",)), "no column 'x'"), (Columns(("d",), ("a",)), "currency")):
        with pytest.raises(ValueError, match=message):
            reader_of(columns, ["d", "a"])
    with pytest.raises(ValueError, match="no known format"):
        columns_of(["a"])
    german = Columns(("d",), ("a",), decimal_mark=",", currency_code="EUR")
    with pytest.raises(ValueError, match="is no amount"):
        reader_of(german, ["d", "a"])(["2026-10-05", "1.234,5"], "s")
