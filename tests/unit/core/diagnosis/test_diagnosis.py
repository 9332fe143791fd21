"""Who owns a failure, and whether money may have been spent on it."""

import pytest

from gateway.core.diagnosis.facts import Facts
from gateway.core.diagnosis.local import client_left, limit_used_up, limits_unknown
from gateway.core.diagnosis.provider_error import read_error
from gateway.core.diagnosis.rules import diagnose
from gateway.core.outcome import Outcome, Owner, Stage

A, R, N = Outcome.AMBIGUOUS, Outcome.REJECTED, Outcome.NOT_SENT


def answer(status: int, type_: str = "", code: str = "", message: str = "") -> Facts:
    return Facts(Stage.STATUS, status, read_error({"error": {"type": type_, "code": code, "message": message}}))


@pytest.mark.parametrize(
    ("facts", "owner", "outcome", "retryable"),
    [
        (Facts(Stage.ROOM), Owner.GATEWAY, N, True),
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
