"""Logs: one line a request, and nothing in them that must not leak."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.programs import STOREFRONT_KEY, House, build_house, run, tear_down

GENERATIONS = "/v1/images/generations"
PROMPT_CANARY = "canary-prompt-7f3a"
WISH = {"model": "gpt-image-2", "prompt": f"{PROMPT_CANARY} teapot", "size": "1024x640", "quality": "low"}


@pytest.fixture
def noisy_house(folder: Path) -> Iterator[House]:
    """A gateway that has met every kind of request."""
    house = build_house(folder)
    yield house
    tear_down(house)


async def test_no_secret_reaches_any_output(noisy_house: House) -> None:
    """Not the app's key, the provider's credential, a prompt or image data; not in logs, metrics, errors or reports."""
    house, seen = noisy_house, []
    async with house.client() as app:
        wishes = [WISH, WISH | {"n": 0}, WISH | {"model": PROMPT_CANARY}, WISH | {PROMPT_CANARY: 1}]
        for fault in (None, {"kind": "reset_before"}, {"kind": "reset_mid_body"}, {"kind": "status", "status": 500}):
            if fault:
                house.fault(**fault, times=len(wishes))
            for wish in wishes:
                async with app.post(GENERATIONS, json=wish) as answer:
                    try:
                        seen.append(str(answer.headers))
                        await answer.read()
                    except Exception:
                        continue
        async with app.post(GENERATIONS, data=f'{{"prompt": "{PROMPT_CANARY}', headers={"content-type": "application/json"}):
            pass
        async with app.get(f"{house.admin_url}/metrics") as answer:
            seen.append(await answer.text())
    seen.append(house.gateway.log.read_text())
    seen.append(run("requests", "--format", "json", environment=house.environment).stdout)
    output = "\n".join(seen)
    for secret in (STOREFRONT_KEY, "sk-simulated", "Bearer", "iVBOR", "A" * 60):
        assert secret not in output
    assert PROMPT_CANARY not in output


async def test_each_request_is_one_line(noisy_house: House) -> None:
    """With who asked, which contract served, what it cost and how long it took."""
    async with noisy_house.client() as app, app.post(GENERATIONS, json=WISH) as answer:
        await answer.read()
        request_id = answer.headers["x-gateway-request-id"]
    (line,) = await noisy_house.logged(lambda line: line.get("request_id") == request_id)
    assert (line["event"], line["status"], line["app"], line["images"]) == ("request", 200, "demo-storefront", 1)
    assert (line["contract"], line["cost_basis"], line["complete"]) == ("openai-direct@2026-10-01", "computed", True)
    assert line["duration_ms"] >= line["upstream_ms"] > 0
