"""No budget is exceeded by an image, whoever asks at once; real programs, and the simulator counts what was made."""

import asyncio
import contextlib
import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.app.configuration import load_config
from gateway.app.reading import books_of
from gateway.core.budget import accounts_in
from tests.integration.programs import House, control, run
from tests.integration.two_contracts import GENERATIONS, KEY, WISH, Configuration, Place, changed
from tests.real_postgres import RealPostgres
from tests.real_redis import real_redis

pytestmark = pytest.mark.usefixtures("one_day")

REQUESTS = 1_000
# Over two gateways: enough that each refuses many while the other delivers.
SHARED = 300
# At 0.50 USD an image.
IMAGES = 40


def with_budgets(*, redis_url: str = "", **budgets: Any) -> Configuration:
    def change(found: Configuration) -> None:
        found["budgets"] = {name: {"amount": 20, "currency": "USD"} | budget for name, budget in budgets.items()}
        if redis_url:
            found["state"] = {"redis_url": redis_url}

    return changed(change)


async def ask(house: House, **wish: Any) -> tuple[int, Any, dict[str, Any]]:
    async with house.client(KEY) as app, app.post(GENERATIONS, json=WISH | wish) as answer:
        return answer.status, answer.headers, await answer.json()


async def ask_often(houses: list[House], count: int) -> Counter[int]:
    """So many requests, all at once, over these gateways."""

    async def one(app: aiohttp.ClientSession) -> int:
        async with app.post(GENERATIONS, json=WISH) as answer:
            await answer.read()
            return answer.status

    apps = [house.client(KEY) for house in houses]
    try:
        return Counter(await asyncio.gather(*(one(apps[number % len(apps)]) for number in range(count))))
    finally:
        for app in apps:
            await app.close()


def images(place: Place) -> int:
    return sum(control(provider.url, "stats")["images"] for provider in (place.openai, place.atlas))


def month_after(now: datetime) -> date:
    """Its first day."""
    return (now.date().replace(day=1) + timedelta(days=31)).replace(day=1)


async def test_a_thousand_at_once_do_not_overspend_by_one_image(place: Place) -> None:
    """Exactly as many images as fit are made, the rest is 402, and a new process knows what is used."""
    with place.gateway(with_budgets(shop={"app": "shop"})) as house:
        assert await ask_often([house], REQUESTS) == {200: IMAGES, 402: REQUESTS - IMAGES}
        assert images(place) == IMAGES
        loaded = load_config(place.config, house.environment)
        [account] = accounts_in(loaded.snapshot.budgets, {"shop": "shop"}, (), datetime.now(UTC))
        assert books_of(loaded).spent(account) == 20
        house.gateway.stop()
        again = place.restart(house)
        try:
            status, headers, body = await ask(House(house.openai, house.atlas, again, house.environment))
        finally:
            again.stop()
    assert (status, body["error"]["code"], headers["x-gateway-owner"]) == (402, "budget_exceeded", "app_policy")
    assert headers["x-should-retry"] == "false"
    for said in ("'shop'", "0.00 of 20.00 USD", f"It begins anew on {month_after(datetime.now(UTC))} (UTC)"):
        assert said in body["error"]["message"]


async def test_replicas_that_share_redis_do_not_overspend_together(place: Place) -> None:
    """Two gateways, one budget."""
    with real_redis() as redis:
        configuration = with_budgets(redis_url=redis.url, team={"team": "*", "period": "day"})
        with place.gateway(configuration) as one, place.gateway(name="two") as two:
            assert await ask_often([one, two], SHARED) == {200: IMAGES, 402: SHARED - IMAGES}
    assert images(place) == IMAGES


async def test_replicas_that_share_a_database_do_not_overspend_together(place: Place, postgres: RealPostgres) -> None:
    """The counters stand beside the ledger; a gateway that comes later goes on from them."""
    configuration = with_budgets(team={"team": "*", "period": "day"}) | {
        "ledger": {"url": postgres.database()},
        "history": {"folder": str(place.folder / "history")},
        "decisions": {"kept_max": 0},
        "evidence": {"requests_max": 0},
    }
    with place.gateway(configuration) as one, place.gateway(name="two") as two:
        assert await ask_often([one, two], SHARED) == {200: IMAGES, 402: SHARED - IMAGES}
    with place.gateway(name="three") as three:
        assert (await ask(three))[0] == 402
    assert images(place) == IMAGES


async def test_a_contract_s_budget_moves_requests_to_another_contract(place: Place) -> None:
    """Without any fallback policy; where no contract has room, or another biller needs the app's consent, it is 402."""
    configuration = with_budgets(each={"contract": "*", "period": "total", "amount": 1})
    with place.gateway(configuration) as house:
        assert [(await ask(house))[0] for _ in range(3)] == [200, 200, 402]
    configuration["apps"]["shop"]["biller_change"] = True
    with place.gateway(configuration, name="two") as house:
        served = [(await ask(house))[:2] for _ in range(5)]
    assert [status for status, _ in served] == [200, 200, 200, 200, 402]
    assert [headers["x-gateway-contract"] for _, headers in served[:4]] == ["direct@1"] * 2 + ["reseller@1"] * 2
    assert served[2][1]["x-gateway-fallback"] == "from=direct; owner=app_policy; held=budget"


async def test_a_soft_threshold_is_told_and_a_soft_budget_refuses_nothing(place: Place) -> None:
    """In a header and in metrics, from the share on that is configured."""
    with place.gateway(with_budgets(warned={"app": "shop", "amount": 1, "hard": False, "soft_at": 0.75})) as house:
        answers = [await ask(house) for _ in range(3)]
        assert [status for status, _, _ in answers] == [200] * 3
        assert "x-gateway-budget" not in answers[0][1]
        assert answers[1][1]["x-gateway-budget"].startswith("warned; used=1.00; amount=1.00; currency=USD; resets=")
        assert "used=1.50" in answers[2][1]["x-gateway-budget"]
        async with house.client(KEY) as app, app.get(f"{house.admin_url}/metrics") as scraped:
            text = await scraped.text()
        assert 'gateway_budget_used{budget="warned",currency="USD",subject="shop"} 1.5' in text


async def test_what_surely_cost_nothing_is_given_back(place: Place) -> None:
    """A refusal frees its hold; what may have been billed keeps it."""
    with place.gateway(with_budgets(shop={"app": "shop", "amount": 1})) as house:
        house.fault(kind="status", status=400, times=3)
        assert [(await ask(house))[0] for _ in range(4)] == [400, 400, 400, 200]
        house.fault(kind="reset_mid_body", times=1)
        with contextlib.suppress(aiohttp.ClientError):
            assert (await ask(house))[0] != 200
        assert (await ask(house))[0] == 402


@pytest.mark.parametrize(("policy", "status"), [("fail_closed", 503), ("fail_open", 200)])
async def test_while_redis_is_down_the_budget_decides(place: Place, policy: str, status: int) -> None:
    """A hard budget that cannot be looked up refuses, unless it says otherwise; then it is filled from the ledger."""
    with real_redis() as redis:
        configuration = with_budgets(redis_url=redis.url, shop={"app": "shop", "amount": 1.5, "on_unavailable": policy})
        with place.gateway(configuration) as house:
            assert (await ask(house))[0] == 200
            redis.stop()
            answered, _, body = await ask(house)
            assert answered == status
            assert status == 200 or body["error"]["code"] == "budgets_unavailable"
            redis.start()
            async with asyncio.timeout(20):
                while (await ask(house))[0] != 402:
                    await asyncio.sleep(0.05)
            assert images(place) <= 3 + (policy == "fail_open") * 20
            if policy == "fail_closed":
                assert images(place) == 3


async def test_what_has_no_price_is_refused_where_the_app_says_so(place: Place) -> None:
    """402 that says why; otherwise it is served at an unknown cost."""

    def unpriced(found: Configuration) -> None:
        found["price_lists"]["usd"]["models"] = {"another": {"per_request": 0.5}}
        found["apps"]["shop"]["unknown_price"] = "refuse"

    with place.gateway(changed(unpriced)) as house:
        status, headers, body = await ask(house)
        assert (status, body["error"]["code"], headers["x-should-retry"]) == (402, "unknown_price", "false")
        assert images(place) == 0


async def test_the_command_shows_what_is_used(place: Place) -> None:
    """By the ledger, with what is left; as JSON for programs."""
    with place.gateway(with_budgets(shop={"app": "*", "amount": 2})) as house:
        await ask(house)
        environment = house.environment | {"GATEWAY_CONFIG": str(place.config)}
        found = json.loads(run("budgets", "--format", "json", environment=environment).stdout)["budgets"]
        assert [(it["subject"], it["used"], it["left"]) for it in found] == [("press", "0.00", "2.00"), ("shop", "0.50", "1.50")]
        assert "shop" in run("budgets", environment=environment).stdout


def test_contradictions_are_found_before_they_cost_anything(place: Place, tmp_path: Path) -> None:
    """An app that nobody has, a budget of nobody, and one in another currency, each at its place."""
    wrong = with_budgets(
        nobody={"app": "shopp"}, both={"app": "shop", "team": "shop"}, euros={"contract": "direct", "currency": "EUR"}
    )
    place.write(wrong)
    told = run("check", str(place.config), environment={}).stderr
    for said in ("'shopp' is no app", "exactly one of app, team and contract", "the budget counts 'EUR'", "bills in USD"):
        assert said in told


def by_tokens(found: Configuration) -> None:
    """Prices a token, and nothing that says how many an image takes."""
    found["price_lists"]["usd"]["models"] = {"gpt-image-2": {"per_million_tokens": {"text_in": 5, "image_out": 30}}}


async def test_what_nobody_can_estimate_is_refused_by_a_hard_budget_or_held_as_it_says(place: Place) -> None:
    """What was really spent is counted all the same: a used-up budget refuses, also after a restart."""
    configuration = with_budgets(shop={"app": "shop", "amount": 0.1})
    by_tokens(configuration)
    with place.gateway(configuration) as house:
        status, _, body = await ask(house)
        assert (status, body["error"]["code"], images(place)) == (402, "unknown_estimate", 0)
        told = run("check", str(place.config), environment=house.environment)
        assert "budgets.shop" in told.stdout + told.stderr
        assert "generations by route first" in told.stdout + told.stderr
    configuration["budgets"]["shop"]["unknown_estimate"] = 0.06
    for name in ("two", "three"):
        with place.gateway(configuration, name=name) as house:
            answers = [await ask(house, quality="high") for _ in range(4)]
            assert [status for status, _, _ in answers][-1] == 402
            spent = sum(Decimal(body["gateway"]["cost"]) for status, _, body in answers if status == 200)
            assert spent <= Decimal("0.1") + Decimal("0.06")
    assert images(place) <= 6


async def test_a_soft_budget_counts_what_nobody_could_estimate(place: Place) -> None:
    """Its metric and its warning come from what was settled."""
    configuration = with_budgets(shop={"app": "shop", "amount": 0.1, "hard": False, "soft_at": 0.1})
    by_tokens(configuration)
    with place.gateway(configuration) as house:
        costs = [Decimal((await ask(house, quality="high"))[2]["gateway"]["cost"]) for _ in range(2)]
        assert (await ask(house, quality="high"))[1]["x-gateway-budget"].startswith("shop; used=")
        assert await _used(house, "shop") >= float(sum(costs))


@pytest.mark.parametrize("counters", ["memory", "redis", "postgres"])
async def test_adjustments_reach_the_counters(place: Place, postgres: RealPostgres, counters: str) -> None:
    """A refund makes room at once, wherever budgets are counted, and a restart knows it; an alert sees it before a request."""
    with contextlib.ExitStack() as stack:
        redis_url = stack.enter_context(real_redis()).url if counters == "redis" else ""
        configuration = with_budgets(redis_url=redis_url, shop={"app": "shop", "amount": 1, "period": "total"})
        if counters == "postgres":
            configuration["ledger"] = {"url": postgres.database()}
        with place.gateway(configuration) as house:
            first = await ask(house)
            assert [first[0], *[(await ask(house))[0] for _ in range(2)]] == [200, 200, 402]
            await _refund(house, first[1]["x-gateway-request-id"], "0.50")
            assert [(await ask(house))[0] for _ in range(2)] == [200, 402]
        again = place.restart(house)
        try:
            house = House(place.openai, place.atlas, again, house.environment)
            async with asyncio.timeout(10):
                while await _used(house, "shop") != 1.0:
                    await asyncio.sleep(0.05)
            assert (await ask(house))[0] == 402
        finally:
            again.stop()


async def _refund(house: House, request_id: str, amount: str) -> None:
    adjustment = {
        "request_id": request_id,
        "attempt": 1,
        "amount": f"-{amount}",
        "currency": "USD",
        "basis": "reported",
        "reference": "ticket-7",
        "reason": "The provider has refunded it.",
    }
    order = {"who": "ada", "why": "a refund", "adjustments": [adjustment]}
    async with house.client() as admin, admin.post(f"{house.admin_url}/ledger/adjustments", json=order) as answer:
        assert (answer.status, (await answer.json())["booked"]) == (200, 1)


async def _used(house: House, subject: str) -> float | None:
    async with house.client() as app, app.get(f"{house.admin_url}/metrics") as scraped:
        text = await scraped.text()
    found = re.search(rf'gateway_budget_used{{budget="shop",currency="USD",subject="{subject}"}} (\S+)', text)
    return None if found is None else float(found[1])
