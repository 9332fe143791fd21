"""The six ways in which a GPT image request is blocked, provoked at a simulated provider: whose each is, and what follows."""

import time
from typing import Any

import pytest

from tests.integration.programs import House
from tests.integration.reloads import tell
from tests.integration.two_contracts import KEY, Configuration, Place, ask, changed

NO_ACCESS = {
    "message": "Project does not have access to model `gpt-image-2`",
    "code": "model_not_found",
    "type": "invalid_request_error",
}
UNVERIFIED = {"message": "Your organization must be verified to use the model `gpt-image-2`.", "type": "invalid_request_error"}
THROTTLED = {"message": "Rate limit reached", "code": "rate_limit_exceeded", "type": "input-images"}
BAD_SHAPE = {
    "message": "Unknown parameter: 'style'.",
    "code": "unknown_parameter",
    "param": "style",
    "type": "invalid_request_error",
}
ADVICE = ("owner", "rule", "first_check", "stop_rule", "billed", "confidence")
BAD_KEY = {"message": "Incorrect API key provided.", "code": "invalid_api_key", "type": "invalid_request_error"}


def configuration(recorded: Configuration, *, covered: bool) -> Configuration:
    """What the direct contract records of its account, and whether the reseller may serve what fails there."""

    def change(found: Configuration) -> None:
        found["contracts"]["direct"]["verification"] = recorded.get("verification", {"state": "not_required"})
        found["contracts"]["direct"]["limits"]["usage_tier"] = recorded.get("usage_tier", "3")
        found["apps"]["shop"]["biller_change"] = True
        if covered:
            owners = ["rate_limit", "provider", "account", "verification"]
            found["models"]["gpt-image-2"]["fallback"] = {"on": owners, "to": ["reseller"]}

    return changed(change)


SYMPTOMS = [
    ({"usage_tier": "Free"}, 403, NO_ACCESS, "account", "account.free_tier", "Free API access"),
    (
        {"verification": {"state": "unverified", "recorded_on": "2026-11-01"}},
        403,
        NO_ACCESS,
        "verification",
        "verification.recorded",
        "Finish verification",
    ),
    ({}, 403, UNVERIFIED, "verification", "verification.required", "15 minutes"),
    ({}, 429, THROTTLED, "rate_limit", "rate_limit.throttled", "reduce concurrency"),
    ({}, 401, BAD_KEY, "account", "account.credential", "replace the credential"),
]


@pytest.mark.parametrize(("recorded", "status", "error", "owner", "rule", "stop"), SYMPTOMS, ids=[it[4] for it in SYMPTOMS])
async def test_whose_a_blocked_request_is(
    place: Place, recorded: Configuration, status: int, error: dict[str, Any], owner: str, rule: str, stop: str
) -> None:
    """Owner, first check and stop rule stand in the answer; nothing was billed."""
    with place.gateway(configuration(recorded, covered=False)) as house:
        house.fault(kind="status", status=status, error=error)
        answer, body = await asked(house)
        found = body["gateway"]
        assert (answer.status, answer.headers["x-gateway-owner"], found["rule"]) == (status, owner, rule)
        assert stop in found["stop_rule"]
        assert found["first_check"]
        assert (found["billed"], answer.headers["x-gateway-contract"], place.served()[1]) == ("no", "direct@1", 0)
        (kept,) = evidence(house, found["request_id"])
        assert (kept["status"], kept["terms"]["contract"]) == (status, "direct@1")
        assert {name: kept["diagnosis"][name] for name in ADVICE} == {name: found[name] for name in ADVICE}


@pytest.mark.parametrize(("recorded", "status", "error", "owner", "rule", "stop"), SYMPTOMS, ids=[it[4] for it in SYMPTOMS])
async def test_another_contract_s_success_does_not_hide_it(
    place: Place, recorded: Configuration, status: int, error: dict[str, Any], owner: str, rule: str, stop: str
) -> None:
    """The reseller serves, and the answer still says that the direct account is blocked, and by whom."""
    with place.gateway(configuration(recorded, covered=True)) as house:
        house.fault(kind="status", status=status, error=error)
        answer, _ = await asked(house)
        assert (answer.status, answer.headers["x-gateway-contract"]) == (200, "reseller@1")
        assert answer.headers["x-gateway-fallback"] == f"from=direct; owner={owner}"
        (kept,) = evidence(house, answer.headers["x-gateway-request-id"])
        assert (kept["status"], kept["diagnosis"]["rule"]) == (status, rule)
        assert stop in kept["diagnosis"]["stop_rule"]
        (line,) = await house.logged(lambda line: line["event"] == "request")
        assert [(it["contract"], it["owner"], it["rule"]) for it in line["failed"]] == [("direct@1", owner, rule)]


async def test_a_wrong_shape_is_nobody_else_s(place: Place) -> None:
    """It is refused where it was sent, and no other contract is tried with it."""
    with place.gateway(configuration({}, covered=True)) as house:
        house.fault(kind="status", status=400, error=BAD_SHAPE)
        answer, body = await asked(house)
        assert (answer.status, body["gateway"]["rule"], body["error"]["param"]) == (400, "shape.refused", "style")
        assert place.served()[1] == 0


async def test_an_image_model_at_responses_is_a_wrong_place(place: Place) -> None:
    """Before any provider hears of it."""
    with place.gateway(configuration({}, covered=True)) as house:
        async with house.client(KEY) as app, app.post("/v1/responses", json={"model": "gpt-image-2", "input": "A"}) as answer:
            assert (answer.status, answer.headers["x-gateway-owner"]) == (400, "model_placement")
            assert "image_generation" in (await answer.json())["error"]["message"]
        assert place.served() == (0, 0)


def evidence(house: House, request_id: str) -> list[dict[str, Any]]:
    """The attempts of the contract that failed, as its provider's support gets them."""
    path = f"{house.admin_url}/requests/{request_id}/evidence?for=provider"
    ended = time.monotonic() + 10
    # It is written once the answer has been kept, a moment after its last byte.
    while (told := tell(path))[0] == 404 and time.monotonic() < ended:
        time.sleep(0.02)
    status, found = told
    assert status == 200, found
    attempts: list[dict[str, Any]] = found["attempts"]
    return attempts


async def asked(house: House) -> tuple[Any, dict[str, Any]]:
    async with house.client(KEY) as app:
        return await ask(app)
