"""The one error of a request that no route can take."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.outcome import Owner
from gateway.core.routing.eligibility import Drop, Reason
from gateway.core.routing.no_route import RETRY_AFTER_S_MAX, no_route_refusal
from tests.unit.core.samples import MODEL, NOW, ROUTE

SECOND = replace(ROUTE, id="second")
IN_20_S = NOW + timedelta(seconds=20)
IN_90_S = NOW + timedelta(seconds=90)
SIZE = Drop(ROUTE, Reason.CAPABILITY, Owner.REQUEST_SHAPE, "it cannot honour 'size'", "send another", param="size")
N = Drop(SECOND, Reason.CAPABILITY, Owner.REQUEST_SHAPE, "it cannot honour 'n'", "send less", param="n")
OPERATION = Drop(ROUTE, Reason.OPERATION, Owner.REQUEST_SHAPE, "it does not serve it", "declare it", param="model")
DATA = Drop(ROUTE, Reason.DATA_POLICY, Owner.APP_POLICY, "the data policy forbids it", "record the terms")
REQUIRED = Drop(SECOND, Reason.REQUIRED_CONTRACT, Owner.CALLER, "another contract is required", "require none")
STATE = Drop(ROUTE, Reason.STATE, Owner.ROUTE, "it is disabled", "enable it")
BREAKER = Drop(ROUTE, Reason.BREAKER, Owner.PROVIDER, "its provider failed", "wait", until=IN_90_S)
LIMIT = Drop(ROUTE, Reason.LIMIT, Owner.RATE_LIMIT, "a limit is used up", "wait", until=IN_20_S)
LATER_LIMIT = replace(LIMIT, route=SECOND, until=IN_90_S)


@pytest.mark.parametrize(
    ("dropped", "status", "code", "owner", "param"),
    [
        ((SIZE, N), 400, "unsupported_parameter", Owner.REQUEST_SHAPE, "size"),
        ((OPERATION,), 400, "unsupported_operation", Owner.REQUEST_SHAPE, "model"),
        ((SIZE, replace(STATE, route=SECOND)), 503, "no_eligible_route", Owner.ROUTE, "model"),
        ((DATA,), 403, "data_policy_forbids", Owner.APP_POLICY, None),
        ((REQUIRED,), 403, "required_contract_forbids", Owner.CALLER, None),
        ((SIZE, REQUIRED), 400, "unsupported_parameter", Owner.REQUEST_SHAPE, "size"),
        ((STATE,), 503, "no_eligible_route", Owner.ROUTE, "model"),
        ((STATE, LIMIT), 503, "no_eligible_route", Owner.ROUTE, "model"),
        ((LIMIT,), 429, "rate_limit_exceeded", Owner.RATE_LIMIT, "model"),
        ((BREAKER,), 503, "no_eligible_route", Owner.PROVIDER, "model"),
        ((BREAKER, LIMIT), 429, "rate_limit_exceeded", Owner.RATE_LIMIT, "model"),
    ],
)
def test_its_owner_and_its_parameter_come_from_the_reasons(
    dropped: tuple[Drop, ...], status: int, code: str, owner: Owner, param: str | None
) -> None:
    """First whoever asked can change something, then the policy, then time, then operators."""
    refusal = no_route_refusal(MODEL, dropped, NOW)
    assert (refusal.status, refusal.code, refusal.diagnosis.owner, refusal.param) == (status, code, owner, param)
    assert refusal.diagnosis.retryable == (status == 429 or owner is Owner.PROVIDER)
    assert "'gpt-image-2'" in refusal.message


def test_the_wait_is_that_of_the_route_that_is_back_first() -> None:
    """In seconds, never below one and never beyond what SDKs obey."""
    assert no_route_refusal(MODEL, (LIMIT, LATER_LIMIT), NOW).retry_after_s == 20
    assert no_route_refusal(MODEL, (replace(LIMIT, until=NOW),), NOW).retry_after_s == 1
    assert no_route_refusal(MODEL, (replace(LIMIT, until=None),), NOW).retry_after_s == 1
    assert no_route_refusal(MODEL, (replace(LIMIT, until=NOW + timedelta(hours=1)),), NOW).retry_after_s == RETRY_AFTER_S_MAX


def test_a_caller_never_reads_the_names_of_routes() -> None:
    """They are the operators' own."""
    refusal = no_route_refusal(MODEL, (SIZE, N), NOW)
    assert "second" not in refusal.message + refusal.diagnosis.first_check
