"""Who owns a failure, and whether money may have been spent on it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.diagnosis import Facts, Outcome, Owner, Stage, client_left, diagnose, limit_used_up, limits_unknown

A, R, N = Outcome.AMBIGUOUS, Outcome.REJECTED, Outcome.NOT_SENT


def answer(status: int, type_: str = "", code: str = "", message: str = "") -> Facts:
    return Facts(Stage.STATUS, status, type_, code, message)


@pytest.mark.parametrize(
    ("facts", "owner", "outcome", "retryable"),
    [
        (Facts(Stage.CONNECT), Owner.PROVIDER, N, True),
        (Facts(Stage.ANSWER), Owner.PROVIDER, A, False),
        (Facts(Stage.BODY), Owner.PROVIDER, A, False),
        (answer(401, code="invalid_api_key"), Owner.ACCOUNT, R, False),
        (answer(429, "insufficient_quota", "insufficient_quota"), Owner.ACCOUNT, R, False),
        (answer(429, "insufficient_quota", "credit_balance_exhausted"), Owner.ACCOUNT, R, False),
        (answer(400, "billing_limit_user_error", "billing_hard_limit_reached"), Owner.ACCOUNT, R, False),
        (answer(402), Owner.ACCOUNT, R, False),
        (answer(403, message="Your organization must be verified to use the model `gpt-image-2`."), Owner.VERIFICATION, R, False),
        (answer(403), Owner.ACCOUNT, R, False),
        (answer(404, code="model_not_found"), Owner.ACCOUNT, R, False),
        (answer(429, "input-images", "rate_limit_exceeded"), Owner.RATE_LIMIT, R, True),
        (answer(400, "image_generation_user_error", "moderation_blocked"), Owner.MODERATION, R, False),
        (answer(400, message="Your request was rejected by the safety system."), Owner.MODERATION, R, False),
        (answer(400, code="invalid_value", message="The model 'x' does not exist."), Owner.ROUTE, R, False),
        (answer(404), Owner.ROUTE, R, False),
        (answer(400, code="invalid_value"), Owner.REQUEST_SHAPE, R, False),
        (answer(413), Owner.REQUEST_SHAPE, R, False),
        (answer(503, message="The server is overloaded."), Owner.PROVIDER, R, True),
        (answer(503), Owner.PROVIDER, A, False),
        (answer(500), Owner.PROVIDER, A, False),
        (answer(524), Owner.PROVIDER, A, False),
        (answer(302), Owner.PROVIDER, A, False),
        (answer(418), Owner.UNKNOWN, A, False),
    ],
)
def test_each_failure_has_its_owner(facts: Facts, owner: Owner, outcome: Outcome, retryable: bool) -> None:
    """Owner, outcome and whether a client may try again follow from what the provider said."""
    found = diagnose(facts)
    assert (found.owner, found.outcome, found.retryable) == (owner, outcome, retryable)
    assert found.first_check
    assert found.stop_rule


@given(st.builds(Facts, st.sampled_from(Stage), st.integers(0, 999), st.text(), st.text(), st.text()))
def test_whatever_happens_somebody_owns_it(facts: Facts) -> None:
    """No facts are without an owner, and nothing that may have been billed is retried."""
    found = diagnose(facts)
    assert not (found.retryable and found.outcome is A)


@pytest.mark.parametrize("facts", [answer(429, code="rate_limit_exceeded"), answer(0, code="moderation_blocked"), answer(500)])
def test_what_fails_after_image_data_may_be_billed(facts: Facts) -> None:
    """Whoever owns it: something had been made, so it is exposure and no invitation to retry."""
    before, after = diagnose(facts), diagnose(replace(facts, delivering=True))
    assert (after.owner, after.rule) == (before.owner, before.rule)
    assert (after.outcome, after.retryable) == (A, False)


def test_a_client_that_left_may_have_been_billed() -> None:
    """The call was broken off; the provider may have made the image."""
    found = client_left()
    assert (found.owner, found.outcome, found.retryable) == (Owner.CALLER, A, False)


def test_a_used_up_limit_is_waited_for_unless_the_request_can_never_fit() -> None:
    """Nothing was sent, so nothing can be billed."""
    found = [limit_used_up(ever=True), limit_used_up(ever=False)]
    assert [(it.owner, it.outcome, it.retryable) for it in found] == [
        (Owner.RATE_LIMIT, Outcome.NOT_SENT, True),
        (Owner.RATE_LIMIT, Outcome.NOT_SENT, False),
    ]
    assert (limits_unknown().owner, limits_unknown().outcome) == (Owner.GATEWAY, Outcome.NOT_SENT)
