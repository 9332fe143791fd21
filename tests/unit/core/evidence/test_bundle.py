"""Evidence: each audience sees what is for it, and nothing else."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.core.contract.contract import VerificationState
from gateway.core.diagnosis.facts import Facts
from gateway.core.diagnosis.provider_error import ProviderError
from gateway.core.diagnosis.rules import diagnose
from gateway.core.evidence.bundle import (
    Amount,
    Asked,
    AttemptEvidence,
    Audience,
    Candidacy,
    Decided,
    DropEvidence,
    Ended,
    ErrorText,
    Evidence,
    Terms,
    amount_of,
    called_contracts,
    candidacy_of,
    evidence_path,
    for_audience,
    terms_of,
)
from gateway.core.evidence.document import document_of
from gateway.core.evidence.markdown import markdown_of
from gateway.core.money.amount import unknown
from gateway.core.outcome import Outcome, Owner, Stage
from tests.unit.core.samples import CONTRACT, NOW, ROUTE

LIMITED = diagnose(Facts(Stage.STATUS, 429, ProviderError(words=("rate_limit_exceeded",), code="rate_limit_exceeded")))
COST = Amount("0.50", "USD", "estimated")
FIRST = AttemptEvidence(
    number=1,
    at=NOW,
    route="first",
    provider="openai",
    upstream_model="gpt-image-2",
    endpoint="images/generations",
    terms=replace(terms_of(CONTRACT), support_contact="help@openai.example"),
    called=True,
    outcome=Outcome.REJECTED,
    organization="org-first",
    project="proj-first",
    status=429,
    error=ErrorText("Slow | down\n`now`", "requests", "rate_limit_exceeded"),
    request_ids={"x-request-id": "req_1"},
    headers={"retry-after": "7", "x-ratelimit-limit-requests": "50"},
    upstream_ms=120.0,
    total_ms=130.0,
    diagnosis=LIMITED,
    cost=Amount("0.00", "USD", "computed"),
)
SECOND = replace(
    FIRST,
    number=2,
    at=NOW + timedelta(seconds=1),
    route="second",
    provider="atlas",
    terms=Terms("reseller@3", "Atlas", "Atlas", "Atlas", "desk@atlas.example", "tier-reseller", VerificationState.UNKNOWN, None),
    outcome=Outcome.COMPLETED,
    organization="org-second",
    project="",
    status=200,
    error=None,
    request_ids={},
    headers={},
    diagnosis=None,
    cost=COST,
)
BLOCKED = replace(
    FIRST, number=3, called=False, outcome=Outcome.NOT_SENT, status=None, error=None, request_ids={}, headers={}, cost=None
)
EVIDENCE = Evidence(
    request_id="gw_1",
    at=NOW,
    audience=Audience.OPS,
    attempts=(FIRST, SECOND),
    revision="rev-abc123",
    asked=Asked(
        "app-shop", "model-alias", "/v1/images/generations", "generation", "1024x1024", "low", 1, stream=True, references=0
    ),
    decided=Decided(
        (Candidacy("first", CONTRACT.reference), Candidacy("second", "reseller@3")),
        (
            DropEvidence("third", "override", Owner.ROUTE, "an operator has set it to disabled", "remedy-of-the-third"),
            DropEvidence("hidden", "app_policy", Owner.APP_POLICY, "the app may not use its contract", "Add it."),
        ),
    ),
    ended=Ended(200, "reseller@3", 2, 1, None, "openai-direct", ("size: asked a, delivered b",), COST),
)


def words(text: str) -> list[str]:
    return text.split()


def texts(evidence: Evidence) -> tuple[str, str]:
    return json.dumps(document_of(evidence)), markdown_of(evidence)


@pytest.mark.parametrize(
    ("audience", "hidden"),
    [
        (Audience.OPS, []),
        (
            Audience.PROVIDER,
            ["app-shop", "model-alias", "/v1/images", "second", "third", "hidden", "reseller", "Atlas", "atlas", "rev-abc123"],
        ),
        (
            Audience.APP,
            [
                *words("org-first org-second proj-first example tier-reseller verified x-ratelimit hidden remedy-of-the-third"),
                "tier 3",
            ],
        ),
    ],
)
def test_an_audience_does_not_see_what_is_for_others(audience: Audience, hidden: list[str]) -> None:
    """In both formats; the operators' has all of it."""
    everything = "".join(texts(EVIDENCE))
    for text in texts(for_audience(EVIDENCE, audience)):
        for word in hidden:
            assert word in everything
            assert word not in text, (audience, word)


@pytest.mark.parametrize(
    ("audience", "shown"),
    [
        (Audience.OPS, ["org-first", "tier-reseller", "hidden", "rev-abc123", "app-shop", "help@openai.example"]),
        (
            Audience.PROVIDER,
            [
                *words("org-first proj-first req_1 429 rate_limit_exceeded x-ratelimit-limit-requests 2026-10-01 verified"),
                "gw_1",
                "images/generations",
                "help@openai.example",
                "gpt-image-2",
                "retry-after",
                "1024x1024",
                "tier 3",
            ],
        ),
        (
            Audience.APP,
            ["first", "second", "reseller@3", "req_1", "retry-after", "third", "app-shop", "rate_limit", "rev-abc123"],
        ),
    ],
)
def test_an_audience_sees_what_it_needs(audience: Audience, shown: list[str]) -> None:
    """For the provider that is the bundle: account, model, endpoint, ids, status, limits, verification."""
    for text in texts(for_audience(EVIDENCE, audience)):
        for word in shown:
            assert word in text, (audience, word)


def test_a_provider_s_ticket_is_about_one_contract() -> None:
    """The first that failed, or the one that is asked for; what was not sent is not its business."""
    evidence = replace(EVIDENCE, attempts=(BLOCKED, SECOND, FIRST))
    assert called_contracts(evidence) == ("openai-direct", "reseller")
    ticket = for_audience(evidence, Audience.PROVIDER)
    assert [(it.number, it.provider) for it in ticket.attempts] == [(1, "openai")]
    assert ticket.at == FIRST.at
    assert [it.provider for it in for_audience(evidence, Audience.PROVIDER, "reseller").attempts] == ["atlas"]


def test_where_nobody_was_called_a_provider_sees_nothing() -> None:
    """A refused request has no attempt."""
    refused = replace(EVIDENCE, attempts=(), asked=None, decided=None)
    for audience in (Audience.PROVIDER, Audience.APP):
        found = for_audience(refused, audience)
        assert (found.attempts, found.decided) == ((), None)
        assert "nobody was called" in markdown_of(found)


def test_the_ticket_is_addressed_and_names_the_failure() -> None:
    """To the contract's support owner at its contact."""
    lines = markdown_of(for_audience(EVIDENCE, Audience.PROVIDER)).splitlines()
    assert lines[0] == "# Image request failed: gpt-image-2, status 429, 2026-11-23 12:00:00.000 UTC"
    assert lines[2] == "**To:** OpenAI (help@openai.example), support under the contract openai-direct@2026-10-01"


def test_a_provider_s_text_cannot_break_the_table() -> None:
    """Lines, bars and markup of others stay what they are: text."""
    (line,) = [it for it in markdown_of(EVIDENCE).splitlines() if it.startswith("| error |")]
    assert line == r"| error | Slow \| down \`now\` |"


def test_what_never_ended_or_was_never_answered_is_said_so() -> None:
    """No invented status, no invented outcome."""
    cut = replace(FIRST, outcome=None, status=None, diagnosis=None, cost=COST)
    lost = replace(FIRST, outcome=Outcome.AMBIGUOUS, status=None, diagnosis=diagnose(Facts(Stage.ANSWER)), cost=COST)
    ended = Ended(0, "none", 2, 0, diagnose(Facts(Stage.ANSWER)), cost=None)
    undated = replace(SECOND, terms=replace(SECOND.terms, verification=VerificationState.VERIFIED))
    evidence = replace(EVIDENCE, attempts=(cut, lost, BLOCKED, undated), decided=Decided((), ()), ended=ended)
    text = markdown_of(evidence)
    for said in (
        "## Attempt 1: it never came to an end",
        "| response status | none: no answer came |",
        "| may still be billed | 0.50 USD (estimated) |",
        "## Attempt 3: nobody was called",
        "| response status | none: nobody was called |",
        "the request was refused before",
        "none: the client or the gateway was gone",
        "verified, without a date",
    ):
        assert said in text
    assert markdown_of(for_audience(evidence, Audience.PROVIDER)).startswith("# Image request failed: gpt-image-2, no answer")


def test_json_leaves_out_what_is_not_known() -> None:
    """Absent, and never null; a diagnosis says whether money was spent."""
    found = document_of(EVIDENCE)
    assert found["attempts"][0]["diagnosis"]["billed"] == "no"
    assert found["attempts"][0]["terms"]["verification_recorded_on"] == date(2026, 10, 1).isoformat()
    assert "project" not in found["attempts"][1]
    assert found["at"] == "2026-11-23T12:00:00.000Z"


def test_values_of_the_core_become_evidence() -> None:
    """Costs, contracts, routes, and where it is found."""
    assert amount_of(None) is None
    assert amount_of(unknown("USD")) == Amount("unknown", "USD", "unknown")
    assert candidacy_of(ROUTE) == Candidacy("direct", "openai-direct@2026-10-01")
    assert evidence_path("gw_1") == "/v1/gateway/requests/gw_1/evidence"
