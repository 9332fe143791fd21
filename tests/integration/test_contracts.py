"""What a contract's dates and prices lead to when a request meets them."""

import json

import pytest

from tests.integration.conftest import Edited
from tests.integration.programs import run

GENERATIONS = "/v1/images/generations"
WISH = {"model": "gpt-image-2", "prompt": "A teapot", "size": "1024x640", "quality": "low"}


async def test_a_model_without_a_price_costs_unknown_and_never_zero(edited: Edited) -> None:
    """Served, counted, warned of at start, in the log, in the metrics and in the report."""
    house = edited("prices/openai-standard.yaml", "      gpt-image-2:\n", "      gpt-image-9:\n")
    async with house.client() as app:
        async with app.post(GENERATIONS, json=WISH) as answer:
            assert answer.status == 200
            assert (answer.headers["x-gateway-cost"], answer.headers["x-gateway-cost-basis"]) == ("unknown", "unknown")
            assert (await answer.json())["gateway"]["cost"] is None
        async with app.get(f"{house.admin_url}/metrics") as answer:
            assert 'gateway_unknown_costs_total{contract="openai-direct",model="gpt-image-2"} 1.0' in await answer.text()
    row = house.spend()["openai-direct"]
    assert (row["cost"], row["unknown_costs"], row["images"]) == ("unknown", 1, 1)
    assert "unknown" in run("spend", environment=house.environment).stdout
    assert await house.logged(lambda line: line["event"] == "unknown cost")
    (warning,) = await house.logged(lambda line: line["event"] == "config" and "unknown" in line["problem"])
    assert "gpt-image-2" in warning["problem"]


@pytest.mark.parametrize("date", ["effective_to: 2026-10-02", "effective_from: 2999-01-01"])
async def test_a_contract_out_of_force_serves_nothing(edited: Edited, date: str) -> None:
    """The gateway starts and warns; its requests are refused with the reason, and nothing is sent or booked."""
    name = date.partition(":")[0]
    old = "    # effective_to:[^\n]*" if name == "effective_to" else "    effective_from: [^\n]*"
    house = edited("contracts/openai-direct.yaml", old, f"    {date}")
    async with house.client() as app, app.post(GENERATIONS, json=WISH) as answer:
        body = await answer.json()
        assert (answer.status, answer.headers["x-gateway-owner"], answer.headers["x-gateway-contract"]) == (503, "route", "none")
    assert body["error"]["code"] == "no_eligible_route"
    assert "openai-direct@2026-10-01" in body["gateway"]["first_check"]
    assert house.spend() == {}
    assert json.dumps([line["problem"] for line in await house.logged(lambda line: line["event"] == "config")]).count("in force")
