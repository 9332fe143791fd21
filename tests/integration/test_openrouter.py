"""A route to OpenRouter's image API: apps send what OpenAI takes, and what it cost is what OpenRouter says."""

import base64
import copy
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.app.adapters import probe_of
from gateway.config.load import load
from gateway.core.request.images import ImageRequest, Operation
from gateway.core.secret import Secret
from gateway.core.snapshot import ProviderSettings, Timeouts
from gateway.ports import UpstreamRefused
from gateway.reports.configuration.providers import providers_document
from tests.integration.openrouter import B64, GENERATION, MODEL, PNG, OpenRouter, openrouter
from tests.integration.openrouter import KEY as PROVIDER_KEY
from tests.integration.programs import House, start
from tests.integration.test_edits import EDITS, form, picture, resident_mb
from tests.integration.two_contracts import CONFIGURATION, GENERATIONS, KEY
from tests.unit.core.samples import ROUTE

SAMPLES = {
    it["id"]: it
    for it in map(json.loads, (Path(__file__).parents[1] / "data" / "provider_errors.jsonl").read_text().splitlines())
}
WISH = {"model": "seedream", "prompt": "A teapot", "size": "1024x1024"}
REFUSED = {"error": {"code": 401, "message": "User not found."}, "user_id": "user_EXAMPLE"}


def configured(url: str) -> dict[str, Any]:
    """One route under one contract; its price list says 0.05 for an image."""
    found = copy.deepcopy(CONFIGURATION)
    contract = found["contracts"]["direct"]
    found["ledger"] = {"path": "${GATEWAY_LEDGER}"}
    found["contracts"] = {"openrouter": contract | {"billing": contract["billing"] | {"owner": "OpenRouter"}}}
    found["providers"] = {
        "openrouter": {
            "dialect": "openrouter",
            "base_url": url,
            "credential": {"env": "FAKE_PROVIDER_KEY"},
            "timeouts": {"connect_s": 2, "total_s": 20},
            "wire": {"headers": {"x-title": "teapots"}, "members": {"resolution": "2K"}},
        }
    }
    found["price_lists"]["usd"]["models"] = {MODEL: {"per_image": [{"size": "*", "quality": "*", "amount": 0.05}]}}
    lacked = ["input_fidelity", "markup", "mask", "moderation", "partial_images", "safety_identifier", "style"]
    found["routes"] = {
        "seedream": {
            "model": "seedream",
            "provider": "openrouter",
            "upstream_model": MODEL,
            "contract": "openrouter",
            "capabilities": {"stream": False, "without": [*lacked, "quality"], "sizes": ["1024x1024", "64x64"]},
        }
    }
    found["models"] = {"seedream": {"routes": ["seedream"]}}
    return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, OpenRouter]]:
    """One gateway before one OpenRouter."""
    folder = tmp_path_factory.mktemp("openrouter")
    with openrouter() as there:
        (folder / "gateway.yaml").write_text(json.dumps(configured(there.url)))
        environment = {
            "FAKE_PROVIDER_KEY": PROVIDER_KEY,
            "GATEWAY_LEDGER": str(folder / "ledger.sqlite"),
            "GATEWAY_CONFIG": str(folder / "gateway.yaml"),
        }
        gateway = start("serve", log=folder / "gateway.log", environment=environment)
        try:
            yield House(gateway, gateway, gateway, environment), there
        finally:
            gateway.stop()


@pytest.fixture
def there(shared: tuple[House, OpenRouter]) -> OpenRouter:
    """Without faults, and asked for nothing yet."""
    shared[1].reset()
    return shared[1]


@pytest.fixture
def house(shared: tuple[House, OpenRouter]) -> House:
    return shared[0]


async def generate(house: House, **wish: Any) -> tuple[aiohttp.ClientResponse, dict[str, Any]]:
    async with house.client(KEY) as app, app.post(GENERATIONS, json=WISH | wish) as answer:
        return answer, await answer.json()


async def edit(house: House, data: aiohttp.FormData | dict[str, Any]) -> tuple[aiohttp.ClientResponse, dict[str, Any]]:
    sent: dict[str, Any] = {"json": data} if isinstance(data, dict) else {"data": data}
    async with house.client(KEY) as app, app.post(EDITS, **sent) as answer:
        return answer, await answer.json()


def references(wanted: dict[str, Any]) -> list[bytes | str]:
    """The images that came along: the bytes of data URLs, links as they are."""
    found: list[bytes | str] = []
    for it in wanted["input_references"]:
        assert (it["type"], list(it["image_url"])) == ("image_url", ["url"])
        head, comma, data = it["image_url"]["url"].partition(";base64,")
        found.append(base64.b64decode(data, validate=True) if comma and head.startswith("data:image/") else head)
    return found


async def test_a_generation_costs_what_openrouter_says(house: House, there: OpenRouter) -> None:
    """In the headers, in the body and in the ledger, to the nano-unit; its generation is the provider's request id."""
    answer, body = await generate(house, n=2, size="auto", output_format="png", seed=7, response_format="b64_json", user="u-1")
    assert answer.status == 200, body
    assert there.asked == [
        {"model": MODEL, "prompt": "A teapot", "n": 2, "output_format": "png", "seed": 7, "user": "u-1", "resolution": "2K"}
    ]
    assert body["data"] == [{"b64_json": B64, "media_type": "image/png"}] * 2
    assert (body["gateway"]["cost"], body["gateway"]["cost_basis"], body["gateway"]["images"]) == ("0.038765433", "reported", 2)
    found = {name: answer.headers[f"x-gateway-{name}"] for name in ("cost", "cost-basis", "contract", "billing-owner")}
    assert found == {
        "cost": "0.038765433",
        "cost-basis": "reported",
        "contract": "openrouter@1",
        "billing-owner": "OpenRouter",
    }
    held, settled = house.entries(answer.headers["x-gateway-request-id"])
    assert (held["amount"], held["basis"]) == ("0.10", "estimated")
    assert (settled["amount"], settled["basis"], settled["upstream_request_id"]) == ("0.038765433", "reported", GENERATION)


async def test_an_edit_s_files_arrive_as_references(house: House, there: OpenRouter) -> None:
    """In their order and unchanged, from a form as from JSON; a link is passed on as it is."""
    made = [picture(300), picture(64, "jpeg"), PNG]
    fields = {"model": "seedream", "size": "64x64", "n": "1", "seed": "007", "output_compression": "90"}
    answer, body = await edit(house, _without_quality(made, fields))
    assert answer.status == 200, body
    assert (body["gateway"]["cost_basis"], answer.headers["x-gateway-cost"]) == ("reported", "0.038765433")
    prompt = 'A hat on "it" \U0001f3a9'
    urls = [f"data:image/png;base64,{base64.b64encode(made[0]).decode()}", "https://example.com/b.png"]
    images = [{"image_url": urls[0]}, {"image_url": urls[1], "file_id": None}]
    answer, body = await edit(house, {"images": images, "n": 1, "user": None, **WISH, "prompt": prompt})
    assert answer.status == 200, body
    formed, written = there.asked
    assert references(formed) == made
    assert [it["image_url"]["url"][:16] for it in formed["input_references"]] == [
        "data:image/png;b",
        "data:image/jpeg;",
        "data:image/png;b",
    ]
    assert references(written) == [made[0], urls[1]]
    del formed["input_references"], written["input_references"]
    common = {"model": MODEL, "resolution": "2K", "n": 1}
    assert formed == common | {"prompt": "A hat on it", "size": "64x64", "seed": 7, "output_compression": 90}
    assert written == common | {"prompt": prompt, "size": "1024x1024"}


def _without_quality(files: list[bytes], fields: dict[str, str]) -> aiohttp.FormData:
    """Files before the fields, as some clients send them."""
    data = aiohttp.FormData(default_to_multipart=True)
    for number, content in enumerate(files):
        data.add_field("image[]", io.BytesIO(content), filename=f"{number}.bin", content_type="application/octet-stream")
    for name, value in ({"prompt": "A hat on it"} | fields).items():
        data.add_field(name, value)
    return data


@pytest.mark.parametrize(
    "usage", ["", '{"total_tokens":1}', '{"cost":null}', '{"cost":-1}', '{"cost":0,"is_byok":true}', '{"cost":"0.01"}']
)
async def test_what_is_not_said_is_computed(house: House, there: OpenRouter, usage: str) -> None:
    """By the price list: an answer without a cost, with one that is none, or with another account's key."""
    there.usage = usage
    answer, body = await generate(house)
    assert (answer.status, answer.headers["x-gateway-cost-basis"], body["gateway"]["cost"]) == (200, "computed", "0.05")


@pytest.mark.parametrize(
    ("sample", "status", "owner", "cost"),
    [
        ({"status": 401, "body": REFUSED}, 401, "account", "0.00"),
        (SAMPLES["openrouter-credits-1"], 402, "account", "0.00"),
        (SAMPLES["openrouter-moderation-1"], 403, "moderation", "0.00"),
        (SAMPLES["openrouter-upstream-429-1"], 429, "rate_limit", "0.00"),
        (SAMPLES["openrouter-502-1"], 502, "provider", "0.05"),
    ],
    ids=["401", "402", "403", "429", "502"],
)
async def test_an_error_has_its_owner(
    house: House, there: OpenRouter, sample: dict[str, Any], status: int, owner: str, cost: str
) -> None:
    """Whose it is; nothing is booked as spent, and what may have been made stands as exposure. The key stays inside."""
    there.fault = sample["status"], sample["body"]
    answer, body = await generate(house)
    assert (answer.status, answer.headers["x-gateway-owner"], answer.headers["x-gateway-cost"]) == (status, owner, cost), body
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert "user_EXAMPLE" not in json.dumps(body)


async def test_what_it_has_no_word_for_is_refused_by_name(house: House, there: OpenRouter) -> None:
    """Before anything is sent, whether the route says so or nobody has thought of it; nothing is booked."""
    url = f"data:image/png;base64,{B64}"
    for name, value in {
        "style": "vivid",
        "moderation": "low",
        "stream": True,
        "foo": 1,
        "input_references": [],
        "images": [],
    }.items():
        answer, body = await generate(house, **{name: value})
        assert (answer.status, body["error"]["param"]) == (400, name), body
    for images, extra, param in (
        ([{"file_id": "file-1"}], {}, "images[0].file_id"),
        ([{"image_url": url}, {"image_url": {"url": url}}], {}, "images[].image_url"),
        ([{"image_url": url}], {"mask": {"image_url": url}}, "mask"),
    ):
        answer, body = await edit(house, {"images": images, **WISH, **extra})
        assert (answer.status, body["error"]["param"]) == (400, param), body
        assert answer.headers.get("x-gateway-cost", "0.00") == "0.00"
    files = form(("image", PNG), ("mask", picture(16, mode="RGBA")), model="seedream")
    answer, body = await edit(house, files)
    assert (answer.status, "mask" in body["error"]["message"]) == (400, True), body
    assert there.asked == []


async def test_memory_does_not_grow_with_the_files(house: House, there: OpenRouter) -> None:
    """Sixty megabytes are encoded on their way while the process grows by a few."""
    await edit(house, _without_quality([PNG], {"model": "seedream"}))
    before_mb = resident_mb(house.gateway)
    made = [picture(2200)] * 4
    answer, body = await edit(house, _without_quality(made, {"model": "seedream"}))
    assert answer.status == 200, body
    assert references(there.asked[-1]) == made
    assert resident_mb(house.gateway) - before_mb < 20


def test_it_is_listed_with_what_is_particular_to_it(house: House) -> None:
    """How it is spoken to, and that its costs are its own words."""
    loaded = load(Path(house.environment["GATEWAY_CONFIG"]), house.environment, date(2026, 11, 24))
    [told] = providers_document(loaded.snapshot)["providers"]
    assert (told["dialect"], told["package"].partition(" ")[0]) == ("openrouter", "image-gateway")
    assert told["wire"] == ["adds resolution: 2K", "header x-title", "reports its cost in USD"]


async def test_a_walk_takes_the_way_of_requests(there: OpenRouter) -> None:
    """It finds the model listed, and an edit is tried by the same translation; a refusal is told as one."""
    settings = ProviderSettings("or", "openrouter", there.url, Secret(PROVIDER_KEY), None, None, Timeouts(2, 10))
    async with probe_of(settings) as probe:
        assert await probe.models() == {MODEL}
        route = replace(ROUTE, provider=settings, upstream_model=MODEL)
        async with probe.images(route, ImageRequest(Operation.EDIT, "seedream", 9, 1, "64x64", "auto", references=1)) as response:
            assert response.headers["x-request-id"] == GENERATION
            assert json.loads(b"".join([data async for data in response.chunks()]))["data"]
        [reference] = references(there.asked[0])
        assert isinstance(reference, bytes)
        assert reference.startswith(b"\x89PNG")
        there.fault = 402, {"error": {"code": 402, "message": "Insufficient credits"}}
        with pytest.raises(UpstreamRefused):
            async with probe.images(route, ImageRequest(Operation.GENERATION, "seedream", 9, 1, "auto", "auto")):
                pass
