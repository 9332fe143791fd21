"""What an app is told of a request whose answer it has lost."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.core.ledger.entry import How, Kind, ReplayEntry
from gateway.core.ledger.request_status import Status, document_of, spared_document_of, spent_of, status_of
from gateway.core.money.amount import unknown
from tests.contract.ledger_samples import NOON, entry

RESERVE, SETTLE, VOID, EXPIRE = (entry(kind) for kind in (Kind.RESERVE, Kind.SETTLE, Kind.VOID, Kind.EXPIRE))


@pytest.mark.parametrize(
    ("entries", "status", "cost", "basis"),
    [
        ([RESERVE], Status.RUNNING, None, None),
        ([RESERVE, SETTLE], Status.FINISHED, "0.21", "computed"),
        ([RESERVE, VOID], Status.FAILED, "0.21", "estimated"),
        ([RESERVE, EXPIRE], Status.AMBIGUOUS, None, None),
        ([RESERVE, SETTLE, entry(Kind.ADJUST, amount="-0.01")], Status.FINISHED, "0.20", "estimated"),
        ([RESERVE, EXPIRE, entry(Kind.ADJUST, amount="0.25")], Status.AMBIGUOUS, "0.25", "estimated"),
        ([RESERVE, entry(Kind.SETTLE, amount=None)], Status.FINISHED, None, "unknown"),
    ],
    ids=["open", "settled", "failed", "ambiguous", "adjusted", "resolved", "unknown"],
)
def test_a_request_s_entries_say_what_became_of_it(
    entries: list[Any], status: Status, cost: str | None, basis: str | None
) -> None:
    """What is not booked has no cost; what nobody knows is null, never zero; an adjustment is added."""
    attempts = spent_of(entries)
    document = document_of("req_1", status_of(attempts), attempts, "/result")
    assert (document["status"], document["cost"], document["cost_basis"]) == (status.value, cost, basis)
    assert (document["contract"], document["result"]) == ("openai-direct@2026-10-01", "/result")


def test_the_last_attempt_speaks_for_the_request() -> None:
    """Each of them is listed, in order; before there is one, there is only the status."""
    second = [entry(kind, attempt=2, contract="other") for kind in (Kind.SETTLE, Kind.RESERVE)]
    attempts = spent_of([*second, VOID, RESERVE])
    document = document_of("req_1", status_of(attempts), attempts, None)
    assert [it["outcome"] for it in document["attempts"]] == ["rejected", "completed"]
    assert (document["status"], document["contract"]) == ("finished", "other@2026-10-01")
    assert document_of("req_1", Status.RUNNING, (), None)["status"] == "running"


@pytest.mark.parametrize(("text", "cost", "basis"), [("0.04", "0.25", "computed"), (None, None, "unknown")])
def test_a_response_costs_what_both_its_models_do(text: str | None, cost: str | None, basis: str) -> None:
    """Its image model's line says what was delivered; an unknown part makes the whole unknown, an open one nothing yet."""
    reserves = [entry(Kind.RESERVE, operation="response"), entry(Kind.RESERVE, attempt=2, operation="response_text")]
    images = entry(Kind.SETTLE, operation="response")
    texts = entry(Kind.SETTLE, amount=text, attempt=2, operation="response_text")
    attempts = spent_of([*reserves, images, texts])
    document = document_of("req_1", status_of(attempts), attempts, None)
    assert (document["cost"], document["cost_basis"], document["images"]) == (cost, basis, images.images)
    assert len(document["attempts"]) == 2
    attempts = spent_of([*reserves, images])
    assert document_of("req_1", status_of(attempts), attempts, None)["cost"] is None


def test_a_repeated_request_costs_nothing_and_says_what_it_saved() -> None:
    """It has no attempt of its own; it names the request whose answer it got, and an unknown price is not a saving of zero."""
    saving = ReplayEntry("gw_2", "gw_1", How.REPLAY, NOON, "shop", "web", "cc", "gpt-image-2", "direct", (), RESERVE.cost)
    document = spared_document_of(saving, None)
    assert (document["status"], document["original_request_id"], document["cost"]) == ("finished", "gw_1", "0.00")
    assert (document["saved"], document["attempts"], document["result"]) == ("0.21", [], None)
    assert spared_document_of(replace(saving, cost=unknown("USD")), None)["saved"] == "unknown"
