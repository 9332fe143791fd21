"""What finance reads: exact amounts as text, no currencies mixed, nothing unknown hidden."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from rich.console import Console, RenderableType

from gateway.cli.requests_report import list_json, list_table, request_json, request_table
from gateway.cli.spend_query import dimensions_of, moment_of
from gateway.cli.spend_report import SpendReport, spend_csv, spend_json, spend_report, spend_table
from gateway.core.ledger import Kind
from gateway.core.spend import Dimension, SpendQuery, SpendRow
from tests.contract.ledger_samples import NOON, entry

QUERY = SpendQuery((Dimension.CONTRACT, Dimension.TEAM), since=NOON)
ROWS = (
    SpendRow(("openai-direct", "web"), "USD", 2, 2, Decimal("0.052680000"), Decimal("0E-9"), 0, 0),
    SpendRow(("other", "print"), "EUR", 1, 1, Decimal("3"), Decimal("0.5"), 0, 0),
    SpendRow(("other", "web"), "USD", 2, 1, Decimal("1.000000001"), Decimal("0"), 0, 0),
)
OVERALL = (
    SpendRow((), "EUR", 1, 1, Decimal("3"), Decimal("0.5"), 0, 0),
    SpendRow((), "USD", 3, 3, Decimal("1.052680001"), Decimal(0), 0, 0),
)


def report(*rows: SpendRow) -> SpendReport:
    return spend_report(QUERY, rows or ROWS, OVERALL)


def printed(paper: RenderableType) -> str:
    paper_roll = io.StringIO()
    Console(width=200, file=paper_roll, color_system=None).print(paper)
    return paper_roll.getvalue()


def test_json_has_the_amounts_as_text_and_a_total_a_currency() -> None:
    """Programs get exact decimals with their currency; a request in two groups counts once in the total."""
    document = json.loads(spend_json(report()))
    assert document["rows"][0] == {
        "contract": "openai-direct",
        "team": "web",
        "currency": "USD",
        "requests": 2,
        "images": 2,
        "cost": "0.05268",
        "exposure": "0.00",
        "unknown_costs": 0,
        "unknown_exposures": 0,
    }
    assert (document["since"], document["until"], document["by"]) == ("2026-10-01T12:00:00+00:00", None, ["contract", "team"])
    totals = [(total["currency"], total["requests"], total["images"], total["cost"]) for total in document["totals"]]
    assert totals == [("EUR", 1, 1, "3.00"), ("USD", 3, 3, "1.052680001")]


def test_csv_has_a_header_and_one_line_a_row() -> None:
    """A spreadsheet reads the same values as a program."""
    lines = list(csv.DictReader(io.StringIO(spend_csv(report()))))
    assert len(lines) == 3
    assert lines[2]["contract"] == "other"
    assert lines[2]["cost"] == "1.000000001"
    assert list(lines[0])[:4] == ["contract", "team", "currency", "requests"]


def test_the_table_shows_unknowns_only_where_there_are_any() -> None:
    """The columns of unknowns and the warning appear together, and with neither the table stays narrow."""
    assert "unknown" not in printed(spend_table(report()))
    troubled = printed(spend_table(report(SpendRow(("other", "web"), "USD", 3, 1, Decimal(1), Decimal(0), 2, 1))))
    assert "unknown costs" in troubled
    assert "Warning: the cost of 2 attempts is unknown and in none of the sums." in troubled
    assert "Warning: 1 attempt may still be billed at an amount that is unknown" in troubled


def test_a_sum_of_unknown_amounts_only_is_unknown() -> None:
    """Never 0.00, in whatever form it is read."""
    row = SpendRow(("other", "web"), "USD", 2, 2, Decimal(0), Decimal(0), 1, 1)
    line = json.loads(spend_json(report(row)))["rows"][0]
    assert (line["cost"], line["exposure"]) == ("unknown", "unknown")
    assert ",unknown,unknown,1,1" in spend_csv(report(row))


def test_the_table_totals_each_currency_on_its_own() -> None:
    """A person sees one total a currency, with the period it is for."""
    text = printed(spend_table(report()))
    assert "Spend by contract, team from 2026-10-01 12:00 UTC" in text
    totals = [line.replace("│", " ").split() for line in text.splitlines() if "total" in line]
    assert [line[:3] + line[4:5] for line in totals] == [["total", "EUR", "1", "3.00"], ["total", "USD", "3", "1.052680001"]]


def test_an_empty_period_says_so() -> None:
    """No attempts is an answer, in each format."""
    empty = spend_report(QUERY, (), ())
    assert printed(spend_table(empty)) == "No attempts from 2026-10-01 12:00 UTC.\n"
    assert json.loads(spend_json(empty))["rows"] == []
    assert spend_csv(empty).count("\n") == 1


def test_names_are_printed_as_they_are() -> None:
    """A name that looks like markup stays readable."""
    text = printed(spend_table(report(SpendRow(("[bold]x[/bold]", "web"), "USD", 1, 1, Decimal(1), Decimal(0), 0, 0))))
    assert "[bold]x[/bold]" in text


@pytest.mark.parametrize(
    ("kind", "amount", "expected"),
    [
        (Kind.RESERVE, "0.21", ("open", None, "0.21", None)),
        (Kind.SETTLE, "0.05268", ("completed", "0.05268", None, 1)),
        (Kind.SETTLE, None, ("completed", "unknown", None, 1)),
        (Kind.EXPIRE, "0.21", ("ambiguous", None, "0.21", None)),
        (Kind.VOID, "0.21", ("rejected", "0.00", None, 0)),
    ],
)
def test_a_listed_request_shows_cost_only_when_it_is_settled(
    kind: Kind, amount: str | None, expected: tuple[object, ...]
) -> None:
    """What may still be billed stands under exposure, an unknown cost as unknown, and a void as nothing."""
    [line] = json.loads(list_json([entry(kind, amount=amount)]))["requests"]
    assert (line["outcome"], line["cost"], line["exposure"], line["images"]) == expected
    assert (line["request_id"], line["contract"], line["currency"]) == ("req_1", "openai-direct@2026-10-01", "USD")


def test_the_list_of_requests_is_a_line_an_attempt() -> None:
    """A person finds request, contract and cost on one line."""
    text = printed(list_table([entry(Kind.SETTLE, amount="0.05268")]))
    [line] = [line for line in text.splitlines() if "req_1" in line]
    assert all(part in line for part in ("2026-10-01T12:00:00.000Z", "storefront", "openai-direct@2026-10-01", "0.05268", "USD"))
    assert printed(list_table([])) == "No requests yet.\n"


def test_one_request_shows_all_its_entries_with_all_members() -> None:
    """Support sees what was booked, member by member, in both formats."""
    entries = [entry(Kind.RESERVE), entry(Kind.SETTLE, amount="0.05268")]
    document = json.loads(request_json(entries))
    assert document["request_id"] == "req_1"
    assert [(each["kind"], each["amount"], each["basis"]) for each in document["entries"]] == [
        ("reserve", "0.21", "estimated"),
        ("settle", "0.05268", "computed"),
    ]
    assert document["entries"][1]["usage"]["image_out"] == 1756
    assert document["entries"][1]["tags"] == {"campaign": "herbst – Überblick", "season": "2026"}
    text = printed(request_table(entries))
    assert "text_in=12" in text
    assert "up_1" in text
    assert "campaign=herbst – Überblick" in text


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-10-01", datetime(2026, 10, 1, tzinfo=UTC)),
        ("2026-10-01T12:30", datetime(2026, 10, 1, 12, 30, tzinfo=UTC)),
        ("2026-10-01T12:30:00+02:00", datetime(2026, 10, 1, 10, 30, tzinfo=UTC)),
        ("7d", datetime(2026, 9, 24, 12, tzinfo=UTC)),
        ("24h", datetime(2026, 9, 30, 12, tzinfo=UTC)),
        ("30m", datetime(2026, 10, 1, 11, 30, tzinfo=UTC)),
    ],
)
def test_a_point_in_time_is_a_date_a_time_or_an_age(text: str, moment: datetime) -> None:
    """All are UTC unless they say otherwise."""
    assert moment_of(text, NOON) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "7w", "-7d", "999999d", "0001-01-01T00:00+23:00"])
def test_any_other_point_in_time_is_refused_with_what_is_allowed(text: str) -> None:
    """The message repeats the word and shows the three forms."""
    with pytest.raises(ValueError, match=r"is not a point in time. Write a date .* \(7d, 24h, 30m\)"):
        moment_of(text, NOON)


def test_dimensions_are_read_in_order_and_once() -> None:
    """A repeated dimension is one column; a wrong one is refused with the allowed ones."""
    assert dimensions_of("team, contract,team") == (Dimension.TEAM, Dimension.CONTRACT)
    with pytest.raises(ValueError, match=r"'colour' is not a dimension.*contract, team, app, provider, model, day"):
        dimensions_of("contract,colour")


def test_a_discrepancy_of_the_delivery_is_shown() -> None:
    """Finance and support see what was delivered instead of what was asked for."""
    found = "size: asked 2048x2048, delivered 1024x1024"
    entries = [entry(Kind.RESERVE), replace(entry(Kind.SETTLE), discrepancies=(found,))]
    assert [shown["discrepancies"] for shown in json.loads(request_json(entries))["entries"]] == [[], [found]]
    assert "delivered 1024x1024" in printed(request_table(entries))
