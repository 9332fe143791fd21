"""The ledger against the bill: what finance sees equals what the providers would charge, to the last digit."""

import asyncio
import csv
import io
from decimal import Decimal

import aiohttp
import pytest

from tests.integration.programs import House, build_house, control, run, tear_down

GENERATIONS = "/v1/images/generations"
WISHES = [
    {"model": model, "prompt": f"A still life, number {number}", "size": size, "quality": quality, "n": number % 3 + 1}
    for number, (model, size, quality) in enumerate(
        (model, size, quality)
        for model in ("gpt-image-2", "gpt-image-2.5-flare")
        for size in ("1024x1024", "1536x1024")
        for quality in ("low", "medium", "high")
    )
]

# As config/prices/atlas-per-image.yaml has them.
ATLAS_USD = {
    ("1024x1024", "low"): "0.012",
    ("1024x1024", "medium"): "0.021",
    ("1024x1024", "high"): "0.065",
    ("1536x1024", "low"): "0.011",
    ("1536x1024", "medium"): "0.018",
    ("1536x1024", "high"): "0.052",
}


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory):
    """A house of its own, in which every wish has been granted."""
    house = build_house(tmp_path_factory.mktemp("bill"))
    asyncio.run(_wish_all(house))
    yield house
    tear_down(house)


async def _wish_all(house: House) -> None:
    async with house.client() as app:
        for wish in WISHES:
            async with app.post(GENERATIONS, json=wish, headers={"x-gateway-tag": "campaign=spring"}) as answer:
                assert answer.status == 200, await answer.text()
                await answer.read()


def test_token_prices_times_the_provider_s_own_count(billed: House) -> None:
    """USD 5 a million text tokens and 30 a million image tokens, on the simulator's counters."""
    tokens = control(billed.openai.url, "stats")["tokens"]
    due = (tokens["text_in"] * Decimal(5) + tokens["image_out"] * Decimal(30)) / 1_000_000
    row = billed.spend()["openai-direct"]
    assert Decimal(row["cost"]) == due
    assert (row["requests"], row["images"]) == (6, control(billed.openai.url, "stats")["images"])
    assert (row["exposure"], row["unknown_costs"]) == ("0.00", 0)


def test_image_prices_times_the_images_delivered(billed: House) -> None:
    """The reseller's contract charges by the image; its count is the simulator's."""
    row = billed.spend()["atlas-reseller"]
    assert row["images"] == control(billed.atlas.url, "stats")["images"]
    wishes = [wish for wish in WISHES if wish["model"] == "gpt-image-2.5-flare"]
    assert Decimal(row["cost"]) == sum(Decimal(ATLAS_USD[wish["size"], wish["quality"]]) * wish["n"] for wish in wishes)


@pytest.mark.parametrize("by", ["contract", "team", "app", "provider", "model", "day"])
def test_every_grouping_adds_up_to_the_same(billed: House, by: str) -> None:
    """No entry is lost or counted twice, however it is grouped."""
    total = sum(Decimal(row["cost"]) for row in billed.spend().values())
    assert sum(Decimal(row["cost"]) for row in billed.spend(by).values()) == total


def test_csv_and_table_say_the_same_as_json(billed: House) -> None:
    """Three forms of one report."""
    rows = list(csv.DictReader(io.StringIO(run("spend", "--format", "csv", environment=billed.environment).stdout)))
    table = run("spend", environment=billed.environment).stdout
    assert {row["contract"]: row["cost"] for row in rows} == {name: row["cost"] for name, row in billed.spend().items()}
    assert all(row["cost"] in table for row in rows)


@pytest.mark.parametrize(("since", "rows"), [("1h", 2), ("2099-01-01", 0)])
def test_a_period_limits_the_report(billed: House, since: str, rows: int) -> None:
    """By the time the attempts began."""
    done = run("spend", "--since", since, "--format", "csv", environment=billed.environment)
    assert len(done.stdout.splitlines()) == rows + 1


def test_requests_are_listed_newest_first(billed: House) -> None:
    """With an id each, by which one is looked up."""
    done = run("requests", "--limit", "3", "--format", "json", environment=billed.environment)
    assert done.returncode == 0
    assert done.stdout.count('"gw_') == 3


async def test_metrics_agree_with_the_ledger(billed: House) -> None:
    """Images, cost and requests by contract; nothing unknown, nothing in flight."""
    async with aiohttp.ClientSession() as session, session.get(f"{billed.admin_url}/metrics") as answer:
        text = await answer.text()
        assert answer.status == 200
    found = {name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")}
    images = sum(value for name, value in found.items() if name.startswith("gateway_images_total{") and "openai-direct" in name)
    cost = sum(value for name, value in found.items() if name.startswith("gateway_cost_total{") and "openai-direct" in name)
    assert images == billed.spend()["openai-direct"]["images"]
    assert cost == pytest.approx(float(billed.spend()["openai-direct"]["cost"]))
    assert found["gateway_requests_in_flight"] == 0
    assert "gateway_config_info{" in text
    assert {value for name, value in found.items() if name.startswith("gateway_unknown_costs_total{")} == {0}


async def test_metrics_are_not_on_the_data_plane(billed: House) -> None:
    """Applications cannot read them."""
    async with billed.client() as app, app.get("/metrics") as answer:
        assert answer.status == 404
