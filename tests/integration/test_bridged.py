"""A gateway whose routes lead to vendors with wire formats of their own: apps notice nothing, contracts and prices hold."""

import base64
import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from tests.integration.programs import House, run
from tests.integration.two_contracts import CONFIGURATION, GENERATIONS, KEY, Configuration, Place
from tests.integration.vendors import PNG, Vendors, says, vendors

UPSTREAM = {
    "fal": "fal_ai/fal-ai/flux/schnell",
    "stability": "stability/stable-image-core",
    "gemini": "gemini/imagen-4.0-generate-001",
}
WISH = {"prompt": "A teapot", "size": "1024x1024"}


def configured(url: str) -> Configuration:
    """A model, a provider, a contract and a price by image for each vendor."""
    found = copy.deepcopy(CONFIGURATION)
    contract = found["contracts"]["direct"]
    found |= {"providers": {}, "contracts": {}, "routes": {}, "models": {}}
    prices = found["price_lists"]["usd"]["models"] = {}
    for number, (name, upstream) in enumerate(UPSTREAM.items(), 1):
        found["providers"][name] = {
            "dialect": "litellm",
            "base_url": f"{url}/{name}",
            "credential": {"env": "FAKE_PROVIDER_KEY"},
            "timeouts": {"connect_s": 2, "total_s": 10},
        }
        found["contracts"][name] = contract | {"billing": contract["billing"] | {"owner": f"Owner of {name}"}}
        found["routes"][name] = {
            "model": name,
            "provider": name,
            "upstream_model": upstream,
            "contract": name,
            "operations": ["generation"],
            "capabilities": {"stream": False, "partial_images_max": 0, "without": ["quality", "background"]},
            "links": {"deliver": "b64", "loopback": True},
        }
        found["models"][name] = {"routes": [name]}
        prices[upstream] = {"per_image": [{"size": "*", "quality": "*", "amount": number / 100}]}
    return found


@pytest.fixture
async def there() -> AsyncIterator[Vendors]:
    async with vendors() as found:
        yield found


@pytest.fixture
async def house(place: Place, there: Vendors) -> AsyncIterator[House]:
    with place.gateway(configured(there.url)) as found:
        yield found


async def ask(house: House, **wish: Any) -> tuple[int, Any, dict[str, Any]]:
    async with house.client(KEY) as app, app.post(GENERATIONS, json=WISH | wish) as answer:
        return answer.status, answer.headers, await answer.json()


async def test_each_vendor_serves_under_its_contract(house: House, there: Vendors) -> None:
    """The picture byte for byte, tagged, priced by the image, and booked to the last digit."""
    for name in UPSTREAM:
        status, headers, body = await ask(house, model=name)
        assert status == 200, body
        assert (headers["x-gateway-contract"], headers["x-gateway-billing-owner"]) == (f"{name}@1", f"Owner of {name}")
        assert base64.b64decode(body["data"][0]["b64_json"]) == PNG
    _, _, two = await ask(house, model="gemini", n=2)
    assert len(two["data"]) == 2
    spent = house.spend()
    assert {name: (row["images"], row["cost"]) for name, row in spent.items()} == {
        "fal": (1, "0.01"),
        "stability": (1, "0.02"),
        "gemini": (3, "0.09"),
    }
    assert len(there.asked) == 4


async def test_an_unmodified_sdk_notices_nothing(house: House) -> None:
    """It reads the answer as OpenAI's."""
    async with AsyncOpenAI(base_url=f"{house.url}/v1", api_key=KEY, max_retries=0) as client:
        answer = await client.images.generate(model="fal", prompt="A teapot")
    assert answer.data
    assert base64.b64decode(answer.data[0].b64_json or "") == PNG


async def test_what_a_vendor_does_not_honour_is_refused_before_it_is_asked(house: House, there: Vendors) -> None:
    """By the name of the parameter."""
    for member, value in (("quality", "high"), ("background", "opaque"), ("stream", True)):
        status, _, body = await ask(house, model="fal", **{member: value})
        assert (status, body["error"]["param"]) == (400, member)
    assert there.asked == []


@pytest.mark.parametrize(("status", "owner"), [(429, "rate_limit"), (401, "account")])
async def test_a_refusal_has_its_owner(house: House, there: Vendors, status: int, owner: str) -> None:
    """Whose it is, as for any provider; nothing is booked as spent."""
    there.fault = says(status, {"detail": "no"}, **{"retry-after": "3"})
    found, headers, _ = await ask(house, model="stability")
    assert (found, headers["x-gateway-owner"], headers["x-gateway-cost"]) == (status, owner, "0.00")


async def test_an_answer_that_is_none_stands_as_exposure(house: House, there: Vendors, tmp_path: Path) -> None:
    """It may have been made and billed."""
    there.fault = says(200, "<html>")
    status, _, body = await ask(house, model="gemini")
    assert (status, body["gateway"]["outcome"]) == (503, "ambiguous")
    assert house.spend()["gemini"]["exposure"] == "0.03"
    told = json.loads(run("providers", "--format", "json", environment=house.environment).stdout)
    assert {it["package"].partition(" ")[0] for it in told["providers"]} == {"litellm"}
