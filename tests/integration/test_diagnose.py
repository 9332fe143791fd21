"""``gateway diagnose``: a real command on what a provider has really said."""

import json
from pathlib import Path

import pytest

from tests.integration.programs import House, run

GENERATIONS = "/v1/images/generations"
BLOCKED = {"error": {"message": "You do not have access to model gpt-image-2", "code": "model_not_found"}}


@pytest.mark.parametrize(
    ("options", "owner", "rule"),
    [
        ((), "account", "account.access"),
        (("--verification", "unverified"), "verification", "verification.recorded"),
        (("--usage-tier", "Free"), "account", "account.free_tier"),
    ],
)
def test_a_saved_answer_is_diagnosed_with_what_the_contract_records(
    tmp_path: Path, options: tuple[str, ...], owner: str, rule: str
) -> None:
    """Owner, rule, first check, stop rule and money, as the gateway would say."""
    saved = tmp_path / "answer.json"
    saved.write_text(json.dumps(BLOCKED))
    done = run("diagnose", str(saved), "--status", "403", *options, "--format", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["owner"], found["rule"], found["billed"], found["retryable"]) == (owner, rule, "no", False)
    assert found["first_check"]
    assert found["stop_rule"]
    table = run("diagnose", str(saved), "--status", "403", *options)
    assert rule in table.stdout


def test_headers_and_pages_count_too(tmp_path: Path) -> None:
    """Amazon names its errors in a header; a web page is no error of an API."""
    saved = tmp_path / "answer"
    saved.write_text('{"message": "slow"}')
    done = run("diagnose", str(saved), "--header", "x-amzn-ErrorType: ThrottlingException", "--format", "json")
    assert json.loads(done.stdout)["owner"] == "rate_limit"
    saved.write_text("<html>524</html>")
    done = run("diagnose", str(saved), "--status", "524", "--format", "json")
    assert (json.loads(done.stdout)["owner"], json.loads(done.stdout)["billed"]) == ("provider", "unknown")
    assert run("diagnose", str(tmp_path / "nowhere")).returncode == 2
    assert run("diagnose", str(saved), "--header", "no colon").returncode == 2


async def test_what_no_rule_knows_is_listed(house: House) -> None:
    """With its request id; before there is one, it says so."""
    assert "has an owner" in run("diagnose", "--unknown", environment=house.environment).stdout
    house.fault(kind="status", status=418, error={"type": "teapot", "message": "I am a teapot"}, times=1)
    async with house.client() as app, app.post(GENERATIONS, json={"model": "gpt-image-2", "prompt": "A"}) as answer:
        assert answer.headers["x-gateway-owner"] == "unknown"
    done = run("diagnose", "--unknown", environment=house.environment)
    assert answer.headers["x-gateway-request-id"] in done.stdout
    listed = run("diagnose", "--unknown", "--format", "json", environment=house.environment)
    assert answer.headers["x-gateway-request-id"] in listed.stdout
