"""Which earlier request a repeated one belongs to; that nothing is paid twice in any order is told by the claims' contract."""

from dataclasses import replace

import pytest

from gateway.core.idempotency.claims import (
    CLAIMS_A_NAME_MAX,
    FOLLOWERS_MAX,
    Asked,
    Claim,
    Claimed,
    Join,
    Known,
    Look,
    Replay,
    Run,
    Standing,
    decide,
    standing_of,
)
from gateway.core.idempotency.refusals import KEY_CHARS_MAX, valid_key
from gateway.core.outcome import Outcome, Refusal

RUNNING = Claim("first", "body", "here", 1_000)
FINISHED = replace(RUNNING, standing=Standing.FINISHED, kept=True)
KNOWN = Known(1_010, 600)


def asked(look: Look, **facts: str) -> Asked:
    return Asked(**{"request_id": "second", "fingerprint": "body", "replica": "here"} | facts, look=look)  # type: ignore[arg-type]  # all are texts


def original(*claims: Claim, left: frozenset[str] = frozenset()) -> str:
    """The request that a retry with this body is taken for a repetition of; empty where it is sent."""
    decision = decide(claims, asked(Look.RETRY), replace(KNOWN, left=left))
    return "" if isinstance(decision, Run) else decision.request_id


def test_a_retry_belongs_to_the_request_whose_client_has_gone() -> None:
    """Before one that was told to try again, before one that seems to be well, before one whose retry has come."""
    well, gone = replace(RUNNING, request_id="well"), replace(RUNNING, request_id="gone")
    told = replace(RUNNING, request_id="told", standing=Standing.RELEASED)
    followed = replace(FINISHED, request_id="followed", followers=("other",))
    assert original(well, replace(gone, left=True), told, followed) == "gone"
    assert original(well, gone, told, followed, left=frozenset({"gone"})) == "gone"
    assert original(well, told, followed) == ""
    assert original(followed, well) == "well"
    assert original(followed) == "followed"
    assert original() == ""


def test_who_has_joined_stays_with_that_request() -> None:
    """Asked again once it has ended, it gets that one's answer, whatever has come in between."""
    later = replace(FINISHED, request_id="later")
    decision = decide((FINISHED, later), asked(Look.IDENTICAL, follows="first"), KNOWN)
    assert (type(decision), decision.claims[0].request_id) == (Replay, "first")
    assert decision.claims[0].followers == ("second",)
    again = decide(decision.claims, asked(Look.IDENTICAL, follows="first"), KNOWN)
    assert again == decision


def test_a_name_is_bounded() -> None:
    """Of too many claims the oldest that has ended goes, else the oldest; of too many followers the oldest as well."""
    many: Claimed = tuple(replace(RUNNING, request_id=str(number)) for number in range(CLAIMS_A_NAME_MAX))
    run = decide(many, asked(Look.NOWHERE), KNOWN)
    assert (len(run.claims), run.claims[0].request_id, run.claims[-1].request_id) == (CLAIMS_A_NAME_MAX, "1", "second")
    ended = (*many[:5], replace(many[5], standing=Standing.FINISHED), *many[6:])
    assert "5" not in {claim.request_id for claim in decide(ended, asked(Look.NOWHERE), KNOWN).claims}
    crowded = replace(RUNNING, followers=tuple(map(str, range(FOLLOWERS_MAX))))
    [joined] = decide((crowded,), asked(Look.KEY), KNOWN).claims
    assert (len(joined.followers), joined.followers[-1]) == (FOLLOWERS_MAX, "second")


def test_a_dead_process_s_request_may_have_been_paid() -> None:
    """409 that names it; where the process lives, it is joined."""
    assert isinstance(decide((RUNNING,), asked(Look.KEY), KNOWN), Join)
    with pytest.raises(Refusal, match="first") as refused:
        decide((RUNNING,), asked(Look.KEY), replace(KNOWN, lost=frozenset({"first"})))
    assert (refused.value.status, refused.value.original_id) == (409, "first")


@pytest.mark.parametrize(
    ("failures", "answered", "standing"),
    [
        ([], True, Standing.FINISHED),
        ([Outcome.REJECTED], False, Standing.RELEASED),
        ([Outcome.REJECTED, Outcome.AMBIGUOUS], False, Standing.AMBIGUOUS),
        ([Outcome.AMBIGUOUS], True, Standing.FINISHED),
    ],
)
def test_what_attempts_say_of_a_request_s_money(failures: list[Outcome], answered: bool, standing: Standing) -> None:
    """One that may have been paid makes the whole request ambiguous, unless it was answered."""
    assert standing_of(failures, answered=answered) is standing


@pytest.mark.parametrize(
    ("header", "key"), [("abc", "abc"), ('"abc"', "abc"), ('"', '"'), ("x" * KEY_CHARS_MAX, "x" * KEY_CHARS_MAX)]
)
def test_a_key_may_stand_in_quotes(header: str, key: str) -> None:
    """As a structured field's string, and as most clients send it."""
    assert valid_key(header) == key


@pytest.mark.parametrize("header", ["", '""', "two words", "ü", "x" * (KEY_CHARS_MAX + 1), "tab\t"])
def test_what_is_no_key_is_refused(header: str) -> None:
    """400 with the rule."""
    with pytest.raises(Refusal, match=f"1 to {KEY_CHARS_MAX} printable ASCII") as refused:
        valid_key(header)
    assert (refused.value.status, refused.value.param) == (400, "Idempotency-Key")
