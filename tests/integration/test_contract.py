"""``gateway contract`` and what apps and operators are told of dates, by a running gateway."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from tests.integration.programs import House, control, run
from tests.integration.reloads import tell
from tests.integration.two_contracts import KEY, Configuration, Place, ask, changed

pytestmark = pytest.mark.usefixtures("one_day")


def today() -> date:
    """When a test begins: the suite may have begun the day before."""
    return datetime.now(UTC).date()


def _dated(configuration: Configuration) -> None:
    direct = configuration["contracts"]["direct"]
    direct["effective_to"] = str(today() + timedelta(days=40))
    direct["limits"]["recorded"] = [
        {"model": "gpt-image-2", "dimension": "images_per_minute", "value": 1000, "recorded_on": "2026-01-02", "source": "a page"}
    ]
    configuration["catalogue"] = {
        "gpt-image-2": {
            "recorded_on": str(today()),
            "source": "a page",
            "deprecated_on": "2026-06-02",
            "retires_on": str(today() + timedelta(days=20)),
            "successor": "gpt-image-3",
            "capabilities": {},
        }
    }


def facts(report: dict[str, Any], layer: str) -> dict[str, dict[str, Any]]:
    (found,) = [it for it in report["layers"] if it["id"] == layer]
    return {fact["value"]: fact for fact in found["facts"]}


async def test_apps_and_operators_are_told_what_ends(place: Place) -> None:
    """Apps in headers, operators where they look at routes and metrics."""
    retires = today() + timedelta(days=20)
    with place.gateway(changed(_dated)) as house:
        async with house.client(KEY) as app:
            answer, _ = await ask(app)
        assert answer.headers["deprecation"] == "@1780358400"
        assert answer.headers["sunset"] == f"{retires:%a, %d %b %Y} 00:00:00 GMT"
        due = {(it["kind"], it["days_left"]) for it in tell(f"{house.admin_url}/routes")[1]["routes"][0]["due"]}
        assert {("model", 20), ("contract", 40)} <= due
        assert {kind for kind, _ in due} >= {"model", "contract", "limits"}
        table = run("routes", "--admin", house.admin_url).stdout
        assert "the provider retires this model on" in table
        async with aiohttp.ClientSession(house.admin_url) as admin, admin.get("/metrics") as metrics:
            text = await metrics.text()
        assert 'gateway_days_left{kind="model",name="gpt-image-2"} 20.0' in text
        assert 'gateway_days_left{kind="contract",name="direct"} 40.0' in text
        warned = await house.logged(lambda line: line["event"] == "config" and "retires" in line["problem"])
        assert "gpt-image-3" in warned[0]["problem"]


async def test_what_is_observed_stands_beside_what_is_recorded(place: Place) -> None:
    """In the layer of its own, with its source; without a gateway that is said, and the rest is printed all the same."""
    with place.gateway(changed(_dated)) as house:
        control(house.openai.url, "faults", "POST", {"kind": "rate_limit", "per_minute": 40})
        async with house.client(KEY) as app:
            await ask(app)
        done = run("contract", "direct", "--admin", house.admin_url, "--format", "json")
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        capacity = facts(report, "model_capacity")
        assert capacity["1000 images a minute, recorded"]["stale"]
        assert any("images a minute; your contract records" in value for value in capacity), capacity
        table = run("contract", "direct", "--admin", house.admin_url).stdout
        assert table.count("Does not prove:") == 4
        assert_unknown(house)
    alone = run("contract", "direct", environment=house.environment)
    assert (alone.returncode, "nothing was observed" in alone.stderr, "not asked" in alone.stdout) == (0, True, True)
    wrong = run("contract", "dirct", environment=house.environment)
    assert (wrong.returncode, "Did you mean" in wrong.stderr) == (2, True)


def assert_unknown(house: House) -> None:
    done = run("contract", "dirct", "--admin", house.admin_url)
    assert (done.returncode, "direct, reseller" in done.stderr) == (2, True), done.stderr
