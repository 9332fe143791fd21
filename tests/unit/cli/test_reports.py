"""What finance reads: exact amounts as text, no currencies mixed, nothing unknown hidden."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console, RenderableType

from gateway.cli.operations.requests_table import entries_table, list_table
from gateway.cli.terminal.period import moment_of
from gateway.core.ledger.entry import Kind
from gateway.reports.operations.requests import entry_document, requests_document
from tests.contract.ledger_samples import NOON, entry


def printed(paper: RenderableType) -> str:
    paper_roll = io.StringIO()
    Console(width=200, file=paper_roll, color_system=None).print(paper)
    return paper_roll.getvalue()


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
    [line] = requests_document([entry(kind, amount=amount)])["requests"]
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
    documents = [entry_document(each) for each in entries]
    assert [(each["kind"], each["amount"], each["basis"]) for each in documents] == [
        ("reserve", "0.21", "estimated"),
        ("settle", "0.05268", "computed"),
    ]
    assert documents[1]["usage"]["image_out"] == 1756
    assert documents[1]["tags"] == {"campaign": "herbst – Überblick", "season": "2026"}
    text = printed(entries_table(entries))
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


def test_a_discrepancy_of_the_delivery_is_shown() -> None:
    """Finance and support see what was delivered instead of what was asked for."""
    found = "size: asked 2048x2048, delivered 1024x1024"
    entries = [entry(Kind.RESERVE), replace(entry(Kind.SETTLE), discrepancies=(found,))]
    assert [entry_document(each)["discrepancies"] for each in entries] == [[], [found]]
    assert "delivered 1024x1024" in printed(entries_table(entries))
