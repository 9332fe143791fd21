"""What finance reads of spend: exact amounts as text, no currencies mixed, nothing unknown hidden."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from rich.console import Console, RenderableType

from gateway.cli.finance.spend_query import dimensions_of, earlier_of, only_of
from gateway.cli.finance.spend_table import Show, spend_csv, spend_table
from gateway.core.finance.spend import Dimension, SpendQuery, SpendRow, Sums, Tag
from gateway.core.money.exchange import ExchangeRates
from gateway.reports.finance.spend import Ask, InCurrency, SpendReport, spend_document, spend_report

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
QUERY = SpendQuery((Dimension.CONTRACT, Dimension.TEAM), since=NOON)
DIRECT = SpendRow(
    ("openai-direct", "web"),
    "USD",
    Sums(attempts=3, requests=2, images=3, priced_images=3, cost=Decimal("0.052680000"), metered=2, image_out=1756),
)
ROWS = (
    DIRECT,
    SpendRow(("other", "print"), "EUR", Sums(1, 1, 1, 1, Decimal(3), Decimal("0.5"), repeats=2, saved=Decimal(6))),
    SpendRow(("other", "web"), "USD", Sums(2, 2, 1, 1, Decimal("1.000000001"), undelivered=Decimal("0.2"))),
)
TROUBLED = SpendRow(
    ("other", "web"), "USD", Sums(3, 3, 1, 0, Decimal(0), unknown_costs=2, unknown_exposures=1, unknown_savings=1)
)
RATES = [ExchangeRates("ecb", "EUR", "USD", "a page", 1, {date(2026, 10, 1): Decimal("1.25"), date(2026, 10, 2): Decimal("1.5")})]


def told(*rows: SpendRow) -> Ask:
    """A ledger that says this, whatever it is asked."""

    def ask(_: SpendQuery) -> Sequence[SpendRow]:
        return rows

    return ask


def report(*rows: SpendRow) -> SpendReport:
    return spend_report(QUERY, told(*(rows or ROWS)))


def printed(paper: RenderableType) -> str:
    paper_roll = io.StringIO()
    Console(width=250, file=paper_roll, color_system=None).print(paper)
    return paper_roll.getvalue()


def test_json_has_the_amounts_as_text_and_a_total_a_currency() -> None:
    """Programs get exact decimals with their currency, and every measure there is."""
    document = spend_document(report())
    assert document["rows"][0] == {
        "contract": "openai-direct",
        "team": "web",
        "currency": "USD",
        "requests": 2,
        "images": 3,
        "cost": "0.05268",
        "cost_per_image": "0.01756",
        "exposure": "0.00",
        "attempts": 3,
        "metered": 2,
        "text_in": 0,
        "image_in": 0,
        "cached_text_in": 0,
        "cached_image_in": 0,
        "image_out": 1756,
        "text_out": 0,
        "undelivered": "0.00",
        "fallbacks": "0.00",
        "discrepant": "0.00",
        "repeats": 0,
        "saved": "0.00",
        "unknown_costs": 0,
        "unknown_exposures": 0,
        "unknown_savings": 0,
    }
    assert (document["since"], document["until"], document["by"]) == ("2026-10-01T12:00:00+00:00", None, ["contract", "team"])
    totals = [(total["currency"], total["requests"], total["images"], total["cost"]) for total in document["totals"]]
    assert totals == [("EUR", 1, 1, "3.00"), ("USD", 4, 4, "1.052680001")]


def test_csv_has_a_header_and_one_line_a_row() -> None:
    """A spreadsheet reads the same values as a program."""
    lines = list(csv.DictReader(io.StringIO(spend_csv(report()))))
    assert len(lines) == 3
    assert (lines[2]["contract"], lines[2]["cost"], lines[2]["undelivered"]) == ("other", "1.000000001", "0.20")
    assert list(lines[0])[:4] == ["contract", "team", "currency", "requests"]


def test_the_table_shows_unknowns_only_where_there_are_any() -> None:
    """The columns of unknowns and the warning appear together, and with neither the table stays narrow."""
    assert "unknown" not in printed(spend_table(report()))
    troubled = printed(spend_table(report(TROUBLED)))
    assert "unknown costs" in troubled
    assert "Warning: the cost of 2 attempts is unknown and in none of the sums." in troubled
    assert "Warning: 1 attempt may still be billed at an amount that is unknown" in troubled


def test_a_sum_of_unknown_amounts_only_is_unknown() -> None:
    """Never 0.00, in whatever form it is read; without an image of known cost there is no cost of an image."""
    [line] = spend_document(report(TROUBLED))["rows"]
    assert (line["cost"], line["exposure"], line["saved"], line["cost_per_image"]) == ("unknown", "unknown", "unknown", None)
    [line] = csv.DictReader(io.StringIO(spend_csv(report(TROUBLED))))
    assert (line["cost"], line["exposure"], line["saved"], line["cost_per_image"]) == ("unknown", "unknown", "unknown", "")


def test_the_table_totals_each_currency_on_its_own() -> None:
    """A person sees one total a currency, with the period it is for."""
    text = printed(spend_table(report()))
    assert "Spend by contract, team from 2026-10-01 12:00 UTC" in text
    totals = [line.replace("│", " ").split() for line in text.splitlines() if "total" in line]
    assert [line[:3] + line[4:5] for line in totals] == [["total", "EUR", "1", "3.00"], ["total", "USD", "4", "1.052680001"]]


@pytest.mark.parametrize(
    ("show", "columns"),
    [
        (Show.ATTEMPTS, ["attempts"]),
        (Show.TOKENS, ["metered", "text in", "image out"]),
        (Show.WASTE, ["undelivered", "fallbacks", "discrepant"]),
        (Show.SAVED, ["repeats", "saved"]),
    ],
)
def test_the_table_has_more_columns_where_they_are_asked_for(show: Show, columns: list[str]) -> None:
    """And not otherwise."""
    narrow, wide = printed(spend_table(report())), printed(spend_table(report(), [show]))
    assert not any(column in narrow for column in columns)
    assert all(column in wide for column in columns)


def test_an_empty_period_says_so() -> None:
    """No attempts is an answer, in each format."""
    empty = spend_report(QUERY, told())
    assert printed(spend_table(empty)) == "No attempts from 2026-10-01 12:00 UTC.\n"
    assert spend_document(empty)["rows"] == []
    assert spend_csv(empty).count("\n") == 1


def test_names_are_printed_as_they_are() -> None:
    """A name that looks like markup stays readable."""
    assert "[bold]x[/bold]" in printed(spend_table(report(replace(DIRECT, keys=("[bold]x[/bold]", "web")))))


def test_periods_are_compared_group_by_group() -> None:
    """A group that stands in one of them only has a line too; from nothing there is no percentage."""
    earlier = (NOON - timedelta(days=1), NOON)
    gone = SpendRow(("gone", "web"), "USD", Sums(attempts=1, cost=Decimal(2)))
    before = (gone, replace(DIRECT, sums=Sums(attempts=1, cost=Decimal("0.04"))))
    found = spend_report(QUERY, lambda query: before if (query.since, query.until) == earlier else (DIRECT, ROWS[1]), earlier)
    document = spend_document(found)
    compared = {
        line["contract"]: (line["cost"], line["cost_before"], line["change"], line["change_percent"]) for line in document["rows"]
    }
    assert compared == {
        "gone": ("0.00", "2.00", "-2.00", "-100.0"),
        "openai-direct": ("0.05268", "0.04", "0.01268", "31.7"),
        "other": ("3.00", "0.00", "3.00", None),
    }
    assert [(total["currency"], total["cost_before"]) for total in document["totals"]] == [("EUR", "0.00"), ("USD", "2.04")]
    assert document["earlier"] == ["2026-09-30T12:00:00+00:00", "2026-10-01T12:00:00+00:00"]
    text = printed(spend_table(found))
    assert "compared with from 2026-09-30 12:00 until 2026-10-01 12:00 UTC" in text
    assert "change %" in text
    assert next(csv.DictReader(io.StringIO(spend_csv(found))))["change"] == "-2.00"


def test_each_day_is_converted_by_its_own_rate() -> None:
    """The days' sums are added then; what has no rate stays as it is, and the report says so."""
    days = [
        SpendRow(("a", day), currency, Sums(attempts=1, cost=Decimal(amount)))
        for day, currency, amount in (
            ("2026-10-01", "USD", "5"),
            ("2026-10-02", "USD", "3"),
            ("2026-10-02", "EUR", "1"),
            ("2026-11-02", "USD", "9"),
        )
    ]
    converting = InCurrency("EUR", RATES, told(*days))
    found = replace(spend_report(SpendQuery((Dimension.CONTRACT,)), converting.ask), missing=converting.missing)
    assert [(line.currency, line.sums.attempts, line.sums.cost) for line in found.lines] == [("EUR", 3, 7), ("USD", 1, 9)]
    assert spend_document(found)["no_rate"] == [{"currency": "USD", "day": "2026-11-02"}]
    assert "Warning: there is no rate for USD on 2026-11-02: that stays in its own currency." in printed(spend_table(found))
    many = replace(found, missing=tuple(("USD", date(2026, 11, day)) for day in range(1, 9)))
    assert "USD on 2026-11-03 and 5 more: that stays" in printed(spend_table(many))


def test_dimensions_are_read_in_order_and_once() -> None:
    """A repeated dimension is one column; a wrong one is refused with the allowed ones."""
    assert dimensions_of("team, contract,team") == (Dimension.TEAM, Dimension.CONTRACT)
    assert dimensions_of("tag:campaign,week") == (Tag("campaign"), Dimension.WEEK)
    for wrong in ("contract,colour", "tag:", ""):
        with pytest.raises(ValueError, match=r"is not a dimension.*contract, team, app, .*month, tag:NAME"):
            dimensions_of(wrong)


def test_conditions_are_read() -> None:
    """Several values of a dimension are alternatives; a time or half a condition is refused with what to write."""
    found = only_of(["team=growth,web", "tag:campaign=a=b", "team=print"])
    assert found == {Dimension.TEAM: {"growth", "web", "print"}, Tag("campaign"): {"a=b"}}
    with pytest.raises(ValueError, match=r"'team' is not DIMENSION=VALUE\. Write team=growth"):
        only_of(["team"])
    with pytest.raises(ValueError, match=r"is about time\. Name the period with --month"):
        only_of(["day=2026-10-01"])


@pytest.mark.parametrize(
    ("text", "period", "month", "earlier"),
    [
        ("previous", (NOON - timedelta(days=7), NOON), None, (NOON - timedelta(days=14), NOON - timedelta(days=7))),
        ("previous", (NOON - timedelta(hours=1), None), None, (NOON - timedelta(hours=2), NOON - timedelta(hours=1))),
        (
            "previous",
            (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)),
            "2026-03",
            (datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
        ),
        ("2026-09", (NOON, None), None, (datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC))),
    ],
)
def test_a_period_is_compared_with_an_earlier_one(
    text: str,
    period: tuple[datetime, datetime | None],
    month: str | None,
    earlier: tuple[datetime, datetime],
) -> None:
    """As long and right before it, of a month the month before, or any month."""
    assert earlier_of(text, period, month, NOON) == earlier


def test_before_an_open_beginning_there_is_nothing() -> None:
    """It says which options are missing."""
    with pytest.raises(ValueError, match="Name the period with --month or --since"):
        earlier_of("previous", (None, NOON), None, NOON)
