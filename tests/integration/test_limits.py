"""Limits of apps and of contracts, in one process and over two that share a real Redis, also while that one is down."""

import asyncio
from typing import Any

import pytest

from tests.integration.programs import House, control
from tests.integration.two_contracts import KEY, OTHER_KEY, Configuration, Place, ask, changed
from tests.real_redis import real_redis

LIMIT = {"model": "gpt-image-2", "recorded_on": "2026-11-01", "source": "limits page"}


def app_limits(redis_url: str | None = None, **limits: Any) -> Configuration:
    def change(found: Configuration) -> None:
        found["apps"]["shop"]["limits"] = limits
        if redis_url is not None:
            found["state"] = {"redis_url": redis_url}

    return changed(change)


def contract_limits(queue_s: float, **recorded: int) -> Configuration:
    """Limits recorded in the direct contract, and a fallback to the other one."""

    def change(found: Configuration) -> None:
        limits = [LIMIT | {"dimension": dimension, "value": value} for dimension, value in recorded.items()]
        found["contracts"]["direct"]["limits"] |= {"recorded": limits, "queue_s": queue_s}
        found["models"]["gpt-image-2"]["fallback"] = {"on": ["rate_limit"], "to": ["reseller"]}
        found["apps"]["shop"]["biller_change"] = True

    return changed(change)


async def asked(house: House, key: str = KEY, **wish: Any) -> tuple[Any, dict[str, Any]]:
    async with house.client(key) as app:
        return await ask(app, **wish)


async def metrics_of(house: House) -> str:
    async with house.client() as app, app.get(f"{house.admin_url}/metrics") as exposition:
        return await exposition.text()


async def test_an_app_that_asks_for_too_much_is_told_how_long_to_wait(place: Place) -> None:
    """429 whose owner is the app's policy, the headers of both kinds, nothing sent; another app is not concerned."""
    with place.gateway(app_limits(requests_per_minute=2)) as house:
        first, _ = await asked(house)
        assert first.headers["ratelimit-policy"] == '"requests";q=2;w=60;qu="requests"'
        assert first.headers["ratelimit"].startswith('"requests";r=1;t=')
        assert first.headers["x-ratelimit-remaining-requests"] == "1"
        await asked(house)
        refused, body = await asked(house)
        assert (refused.status, body["error"]["code"], body["error"]["type"]) == (429, "rate_limit_exceeded", "rate_limit_error")
        assert (refused.headers["x-gateway-owner"], refused.headers["x-should-retry"]) == ("app_policy", "true")
        assert 28 <= int(refused.headers["retry-after"]) <= 30
        assert refused.headers["ratelimit"] == f'"requests";r=0;t={refused.headers["retry-after"]}'
        assert place.served()[0] == 2
        other, _ = await asked(house, OTHER_KEY)
        assert other.status == 200
        assert "ratelimit" not in other.headers
        assert 'gateway_app_limited_total{app="shop",limit="requests"} 1.0' in await metrics_of(house)


async def test_images_are_counted_as_asked_for(place: Place) -> None:
    """n images at once take n; more than the limit ever allows is refused for good, with the member's name."""
    with place.gateway(app_limits(images_per_minute=4)) as house:
        assert (await asked(house, n=3))[0].status == 200
        refused, _ = await asked(house, n=2)
        assert (refused.status, refused.headers["x-ratelimit-remaining-images"]) == (429, "1")
        never, body = await asked(house, n=5)
        assert (never.status, body["error"]["param"], never.headers["x-should-retry"]) == (400, "n", "false")
        assert (await asked(house, n=1))[0].status == 200


async def test_an_app_has_so_many_jobs_at_once(place: Place) -> None:
    """One more is refused while they run, and served once one has ended."""
    configuration = app_limits(jobs_max=1)
    # The gateway finishes what it has begun before it stops, so this is how long the test takes.
    configuration["providers"]["openai"]["timeouts"]["total_s"] = 3
    with place.gateway(configuration) as house:
        house.fault(kind="hang", times=1)
        async with house.client(KEY) as app:
            hanging = asyncio.create_task(ask(app))
            while place.served()[0] == 0:
                await asyncio.sleep(0.01)
            refused, body = await asked(house)
            assert (refused.status, refused.headers["x-gateway-owner"]) == (429, "app_policy")
            assert "in flight" in body["error"]["message"]
            hanging.cancel()
            await asyncio.wait([hanging])
        control(place.openai.url, "faults", "DELETE")


async def test_replicas_that_share_redis_count_together(place: Place) -> None:
    """Of ten requests over two gateways exactly as many are served as one of them would serve."""
    with real_redis() as redis:
        configuration = app_limits(redis.url, requests_per_minute=4)
        with place.gateway(configuration) as one, place.gateway(name="two") as two:
            answers = [(await asked(house))[0].status for house in (one, two) * 5]
            assert (answers.count(200), answers.count(429)) == (4, 6)


@pytest.mark.parametrize(("policy", "status"), [("fail_open", 200), ("fail_closed", 503)])
async def test_while_redis_is_down_the_configuration_decides(place: Place, policy: str, status: int) -> None:
    """Served or refused, counted, never broken; once Redis is back the limit holds again by itself."""
    with real_redis() as redis, place.gateway(app_limits(redis.url, requests_per_minute=1, on_unavailable=policy)) as house:
        assert (await asked(house))[0].status == 200
        redis.stop()
        answer, body = await asked(house)
        assert answer.status == status
        if status == 503:
            # Whether it is a repetition is asked first.
            assert (body["error"]["code"], answer.headers["x-gateway-owner"]) == ("duplicates_unavailable", "gateway")
        limits = "duplicates" if status == 503 else "app"
        assert f'gateway_state_failures_total{{limits="{limits}",policy="{policy}"}} 1.0' in await metrics_of(house)
        redis.start()
        await _until_limited(house)


async def _until_limited(house: House) -> None:
    """The fresh server has forgotten what was taken: one request passes, and then the limit holds."""
    async with asyncio.timeout(10):
        while (await asked(house))[0].status != 429:
            await asyncio.sleep(0.05)


async def test_a_contracts_limit_is_kept_before_the_provider_has_to(place: Place) -> None:
    """The request that finds it used up goes on under the other contract, and the provider never hears of it."""
    with place.gateway(contract_limits(0, images_per_minute=2)) as house:
        first, _ = await asked(house, n=2)
        second, _ = await asked(house)
        assert (first.headers["x-gateway-contract"], second.headers["x-gateway-contract"]) == ("direct@1", "reseller@1")
        assert second.headers["x-gateway-fallback"] == "from=direct; owner=rate_limit"
        assert second.headers["x-gateway-attempts"] == "1"
        assert place.served() == (1, 1)


async def test_a_contracts_limit_is_waited_for_as_long_as_the_contract_says(place: Place) -> None:
    """A short wait beats another contract."""
    with place.gateway(contract_limits(5, images_per_minute=60)) as house:
        for _ in range(6):
            assert (await asked(house, n=10))[0].headers["x-gateway-contract"] == "direct@1"
        waited, _ = await asked(house)
        assert (waited.status, waited.headers["x-gateway-contract"], waited.headers["x-gateway-attempts"]) == (
            200,
            "direct@1",
            "1",
        )
        assert "x-gateway-fallback" not in waited.headers
        assert place.served() == (7, 0)


async def test_without_another_route_a_used_up_limit_is_a_429(place: Place) -> None:
    """Owner rate_limit, with the wait and the contract's name."""
    configuration = contract_limits(0, requests_per_minute=1)
    configuration["apps"]["shop"]["biller_change"] = False
    with place.gateway(configuration) as house:
        await asked(house)
        refused, body = await asked(house)
        assert (refused.status, refused.headers["x-gateway-owner"], refused.headers["x-should-retry"]) == (
            429,
            "rate_limit",
            "true",
        )
        assert 50 <= int(refused.headers["retry-after"]) <= 60
        assert "'direct'" in body["error"]["message"]
