"""Whose a failure is: real errors of many providers, and what holds of any."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.contract.contract import VerificationState
from gateway.core.diagnosis.facts import Facts
from gateway.core.diagnosis.provider_error import read_error
from gateway.core.diagnosis.rules import RULES, diagnose
from gateway.core.outcome import Billed, Confidence, Diagnosis, Outcome, Owner, Stage
from tests.unit.core.diagnosis.test_provider_error import json_values

CORPUS = [json.loads(line) for line in (Path(__file__).parents[3] / "data" / "provider_errors.jsonl").read_text().splitlines()]
STAGES = {"status": Stage.STATUS, "stream_event": Stage.STATUS, "success_body": Stage.BODY}


def diagnosed(said: dict[str, Any]) -> Diagnosis:
    body = said["body"]["text"] if isinstance(said["body"], dict) and set(said["body"]) == {"text"} else said["body"]
    status = 0 if said["stage"] == "stream_event" else said["status"]
    return diagnose(Facts(STAGES[said["stage"]], status, read_error(body, said["headers"])))


@pytest.mark.parametrize("said", CORPUS, ids=lambda said: said["id"])
def test_a_real_error_has_its_owner(said: dict[str, Any]) -> None:
    """Owner, rule, and whether money may be gone; each line names the public place where it was seen."""
    found = diagnosed(said)
    assert (found.owner, found.rule, found.billed, found.retryable) == (
        said["owner"],
        said["rule"],
        said["billed"],
        said["retryable"],
    )
    assert said["source"].startswith("https://")


def test_the_corpus_is_wide_and_every_rule_is_seen_in_it() -> None:
    """At least 60 errors as they were really sent; every rule that reads words or texts has an example."""
    assert sum(said["real"] for said in CORPUS) >= 60
    assert len({said["provider"] for said in CORPUS}) >= 20
    read = {rule.id for rule in RULES if rule.words or rule.texts}
    assert read - {said["rule"] for said in CORPUS} == set()


def test_every_rule_says_what_to_do_and_where_it_was_seen() -> None:
    """An owner without a first check and a stop rule helps nobody."""
    for rule in RULES:
        assert rule.first_check
        assert rule.stop_rule
        assert rule.source
        assert not (rule.retryable and rule.outcome is Outcome.AMBIGUOUS)
        assert all(word == word.lower() for word in rule.words)
        assert all(text == text.lower() for text in rule.texts)


REFUSED = read_error({"error": {"message": "The project does not have access to model `gpt-image-2`", "code": "model_not_found"}})


@pytest.mark.parametrize(
    ("verification", "usage_tier", "owner", "rule"),
    [
        (VerificationState.VERIFIED, "3", Owner.ACCOUNT, "account.access"),
        (VerificationState.UNVERIFIED, "3", Owner.VERIFICATION, "verification.recorded"),
        (VerificationState.UNVERIFIED, "Free", Owner.VERIFICATION, "verification.recorded"),
        (VerificationState.UNKNOWN, "Free", Owner.ACCOUNT, "account.free_tier"),
        (VerificationState.VERIFIED, " tier Free ", Owner.ACCOUNT, "account.free_tier"),
    ],
)
def test_what_the_contract_records_explains_a_refused_access(
    verification: VerificationState, usage_tier: str, owner: Owner, rule: str
) -> None:
    """A paid account that is still blocked is mostly not verified; a Free one is not supported."""
    found = diagnose(Facts(Stage.STATUS, 403, REFUSED, verification=verification, usage_tier=usage_tier))
    assert (found.owner, found.rule, found.confidence) == (owner, rule, Confidence.HIGH)


def test_the_recorded_state_explains_nothing_else() -> None:
    """A throttled request of an unverified organization is throttled."""
    said = read_error({"error": {"message": "slow down", "code": "rate_limit_exceeded"}})
    found = diagnose(Facts(Stage.STATUS, 429, said, verification=VerificationState.UNVERIFIED))
    assert found.owner is Owner.RATE_LIMIT


@pytest.mark.parametrize(
    ("error", "confidence"),
    [
        ({"error": {"message": "x", "code": "rate_limit_exceeded"}}, Confidence.HIGH),
        ({"error": {"message": "Rate limit reached"}}, Confidence.MEDIUM),
        ({"error": {"message": "x"}}, Confidence.LOW),
    ],
)
def test_a_code_says_more_than_a_text_and_a_text_more_than_a_status(error: object, confidence: Confidence) -> None:
    """So that people know how far to trust it."""
    found = diagnose(Facts(Stage.STATUS, 429, read_error(error)))
    assert (found.owner, found.confidence) == (Owner.RATE_LIMIT, confidence)


@given(
    st.sampled_from(Stage),
    st.integers(-1, 1000),
    json_values,
    st.booleans(),
    st.sampled_from(VerificationState),
    st.sampled_from(["", "Free", "5"]),
)
def test_whatever_a_provider_does_somebody_owns_it(
    stage: Stage, status: int, body: object, delivering: bool, verification: VerificationState, usage_tier: str
) -> None:
    """Never an exception, always an owner; nothing that may have been billed is retried; image data is never free."""
    found = diagnose(Facts(stage, status, read_error(body), delivering, verification, usage_tier))
    assert found.first_check
    assert found.stop_rule
    assert not (found.retryable and found.billed is not Billed.NO)
    assert not (delivering and found.billed is Billed.NO)


def test_what_fails_after_image_data_may_be_billed() -> None:
    """Whoever owns it."""
    facts = Facts(Stage.STATUS, 429, read_error({"error": {"message": "x", "code": "rate_limit_exceeded"}}))
    before, after = diagnose(facts), diagnose(replace(facts, delivering=True))
    assert (after.owner, after.rule) == (before.owner, before.rule)
    assert (after.billed, after.retryable) == (Billed.UNKNOWN, False)


LINK = "https://Pictures.example/a/cat.png?token=1"


@pytest.mark.parametrize(
    ("links", "message", "owner"),
    [
        ({LINK}, f"Failed to download image from {LINK}: timed out", Owner.REQUEST_SHAPE),
        ({LINK}, f"upstream: failed to fetch '{LINK}'. 429 Too Many Requests", Owner.REQUEST_SHAPE),
        ({LINK, "https://b.example/x"}, "Error while downloading https://pictures.example/a/cat.png.", Owner.REQUEST_SHAPE),
        ({LINK}, "Timeout while downloading the image", Owner.REQUEST_SHAPE),
        ({LINK}, "Failed to download result from https://cdn.reseller.example/out.png", Owner.PROVIDER),
        ({LINK}, f"Failed to download {LINK} to https://cdn.reseller.example/out.png", Owner.PROVIDER),
        (set(), "Failed to download image from the upstream", Owner.PROVIDER),
        ({LINK}, f"Internal error. request: {LINK}", Owner.PROVIDER),
    ],
)
def test_a_link_of_the_caller_s_that_fails_is_its_own(links: set[str], message: str, owner: Owner) -> None:
    """Whatever the status, where the message is about one that the request had; a provider's other failures stay its own."""
    found = diagnose(Facts(Stage.STATUS, 500, read_error({"error": {"message": message}}), links=frozenset(links)))
    assert found.owner is owner
    assert (found.outcome is Outcome.REJECTED) is (owner is Owner.REQUEST_SHAPE)
