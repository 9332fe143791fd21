"""One request told from its beginning, whatever id it was asked by, and never without what nobody knows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.cli.operations.story_table import story_table
from gateway.core.evidence.bundle import Asked, Audience, Candidacy, Decided, DropEvidence, Ended, Evidence
from gateway.core.finance.spend import SpendQuery, SpendRow
from gateway.core.ledger.entry import TEXT_OPERATION, Entry, How, Kind, ReplayEntry
from gateway.core.ledger.request_query import EVERY_REQUEST, Member, RequestQuery
from gateway.core.money.amount import Basis, Cost
from gateway.core.outcome import Diagnosis, Outcome, Owner
from gateway.ports import LedgerUnavailable
from gateway.reports.operations.request_story import RequestStory, request_story, story_document
from tests.contract.ledger_samples import NOON, entry
from tests.unit.cli.test_reports import printed

LATER = NOON + timedelta(seconds=8)
DIAGNOSIS = Diagnosis(Owner.APP_POLICY, "model_not_allowed", "Ask for it.", "Do not retry.", Outcome.NOT_SENT, retryable=False)
REFUSED = Evidence(
    "gw_refused",
    NOON,
    Audience.OPS,
    (),
    asked=Asked("shop", "gpt-image-2", "/v1/images/generations", "generation", "auto", "auto", 2, stream=False, references=0),
    decided=Decided((Candidacy("first", "direct@1"),), (DropEvidence("second", "state", Owner.ROUTE, "it is disabled"),)),
    ended=Ended(403, "none", 0, 0, DIAGNOSIS),
)


@dataclass
class Told:
    """Books that hold these, and nothing else."""

    entries: Sequence[Entry] = ()
    replays: Sequence[ReplayEntry] = ()

    def request(self, request_id: str) -> Sequence[Entry]:
        return [it for it in self.entries if it.attribution.request_id == request_id]

    def requests(self, limit: int, query: RequestQuery = EVERY_REQUEST) -> Sequence[Entry]:
        [wanted] = query.only[Member.UPSTREAM_REQUEST_ID]
        return [it for it in self.entries if it.upstream_request_id == wanted][:limit]

    def replay(self, request_id: str) -> ReplayEntry | None:
        return next((it for it in self.replays if it.request_id == request_id), None)

    def replays_of(self, original_id: str, since: datetime) -> Sequence[ReplayEntry]:
        return [it for it in self.replays if it.original_id == original_id and it.occurred_at >= since]

    def spent(self, scope: str, subject: str, currency: str, since: datetime | None) -> Decimal:
        raise NotImplementedError

    def spend(self, query: SpendQuery, *, kept_sums: bool = True) -> Sequence[SpendRow]:
        raise NotImplementedError

    def covered(self, since: datetime | None, until: datetime | None) -> Iterator[tuple[Entry, Entry]]:
        raise NotImplementedError

    def attempts(self, since: datetime | None, until: datetime | None) -> Iterator[tuple[Entry, ...]]:
        raise NotImplementedError


def told(id: str, books: Told, *kept: Evidence) -> RequestStory:
    story = request_story(id, books, {it.request_id: it for it in kept}.get)
    assert story is not None
    return story


def life(kind: Kind, amount: str | None = "0.05", **booked: Any) -> list[Entry]:
    return [entry(Kind.RESERVE, **booked), entry(kind, amount=amount, at=LATER, **{"begun_at": NOON} | booked)]


COVERED = [
    *life(Kind.VOID, contract="direct", route="first"),
    *life(Kind.SETTLE, attempt=2, contract="reseller", route="second", billing_owner="Atlas"),
    entry(Kind.ADJUST, amount="0.01", at=LATER, begun_at=NOON, attempt=2),
]
REPEAT = ReplayEntry(
    "gw_again",
    "req_1",
    How.REPLAY,
    LATER,
    "shop",
    "web",
    "cc",
    "gpt-image-2",
    "direct",
    (),
    Cost(Decimal("0.05"), "USD", Basis.COMPUTED),
)


def test_a_covered_request_is_told_from_the_question_to_the_tag() -> None:
    """Attempts in their order, whose the failure was, what it cost with its adjustment, which contract answered."""
    document = story_document(told("req_1", Told(COVERED, [REPEAT])))
    assert (document["request_id"], document["status"], document["plan"], document["evidence"]) == (
        "req_1",
        "finished",
        None,
        None,
    )
    first, second = document["attempts"]
    assert (first["outcome"], first["owner"], first["cost"], first["exposure"]) == ("rejected", "rate_limit", "0.00", None)
    assert (second["outcome"], second["cost"], second["adjusted"], second["upstream_request_id"]) == (
        "completed",
        "0.06",
        "0.01",
        "up_1",
    )
    assert document["money"] == [{"currency": "USD", "cost": "0.06", "exposure": None, "adjusted": "0.01"}]
    assert document["tag"] == {
        "contract": "reseller@2026-10-01",
        "route": "second",
        "provider": "openai",
        "model": "gpt-image-2-2026-04-21",
        "billing_owner": "Atlas",
        "attempts": 2,
        "fallback_from": "direct",
    }
    assert [it["request_id"] for it in document["repeats"]] == ["gw_again"]
    assert len(document["entries"]) == 5
    text = printed(story_table(document))
    for said in (
        "by storefront (team web)",
        "attempt 1",
        "rejected after 8.0 s: first at openai",
        "a fallback from direct",
        "gw_again",
        "The list was corrected.",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("kind", "amount", "status", "money"),
    [
        (Kind.EXPIRE, "0.21", "ambiguous", (None, "0.21")),
        (Kind.EXPIRE, None, "ambiguous", (None, "unknown")),
        (Kind.SETTLE, None, "finished", ("unknown", None)),
        (Kind.VOID, "0.21", "failed", ("0.00", None)),
    ],
)
def test_money_that_nobody_knows_stays_unknown(
    kind: Kind, amount: str | None, status: str, money: tuple[str | None, ...]
) -> None:
    """What may still be billed is apart from what is booked."""
    document = story_document(told("req_1", Told(life(kind, amount))))
    assert document["status"] == status
    [sums] = document["money"]
    assert (sums["cost"], sums["exposure"]) == money


def test_a_running_request_has_no_end_yet() -> None:
    """Its hold is exposure."""
    document = story_document(told("req_1", Told([entry(Kind.RESERVE)])))
    [attempt] = document["attempts"]
    assert (document["status"], attempt["outcome"], attempt["ended_at"], attempt["exposure"]) == ("running", "open", None, "0.21")
    assert "open: openai-main at openai" in printed(story_table(document))


def test_a_response_is_answered_by_its_image_model() -> None:
    """The text model in front of it is booked beside it, as an attempt of its own."""
    text = life(Kind.SETTLE, "0.001", attempt=2, operation=TEXT_OPERATION, route="text")
    document = story_document(told("req_1", Told([*life(Kind.SETTLE), *text])))
    assert (document["tag"]["route"], document["money"][0]["cost"]) == ("openai-main", "0.051")


def test_a_provider_s_id_leads_to_the_request() -> None:
    """As does the gateway's own."""
    assert told("up_1", Told(COVERED)).request_id == "req_1"


def test_a_repeat_leads_to_its_original() -> None:
    """It has no attempt of its own, and says what it saved."""
    document = story_document(told("gw_again", Told(COVERED, [REPEAT])))
    assert (document["status"], document["attempts"], document["tag"], document["asked"]["team"]) == ("repeated", [], None, "web")
    assert (document["original"]["original_request_id"], document["original"]["saved"]) == ("req_1", "0.05")
    assert "gateway requests req_1" in printed(story_table(document))


def test_a_refused_request_is_told_by_its_evidence() -> None:
    """Nothing was sent, so the ledger has nothing of it."""
    document = story_document(told("gw_refused", Told(), REFUSED))
    assert (document["status"], document["entries"], document["asked"]["images"]) == ("refused", [], 2)
    assert (document["refusal"]["status"], document["refusal"]["owner"]) == (403, "app_policy")
    text = printed(story_table(document))
    for said in ("refused before anything was sent", "first under direct@1", "not second: it is disabled", "First: Ask for it."):
        assert said in text
    bare = replace(REFUSED, asked=None, decided=None, ended=None)
    assert "by an unknown app" in printed(story_table(story_document(told("gw_refused", Told(), bare))))


def test_nobody_knows_an_unknown_id() -> None:
    """Neither the ledger nor the evidence."""
    assert request_story("gw_none", Told(COVERED), {}.get) is None


def test_a_contradiction_in_the_ledger_is_said() -> None:
    """Currencies are never added."""
    wrong = [*life(Kind.SETTLE), entry(Kind.ADJUST, amount="1", currency="EUR")]
    with pytest.raises(LedgerUnavailable, match=r"contradicts itself. .* `gateway ledger verify`"):
        request_story("req_1", Told(wrong), {}.get)
