"""Servers that speak OpenAI's wire format in their own way: by options alone the same app request reaches each of them."""

import base64
import copy
import io
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI

from tests.integration.programs import House, control, run
from tests.integration.test_edits import EDITS, WISH, form, picture
from tests.integration.test_ready import ABLE
from tests.integration.two_contracts import GENERATIONS, KEY, Configuration, two_providers

# The provider's part of the base URL, its options, and what of the request's head shows that they were followed.
WIRES: dict[str, tuple[str, Configuration, dict[str, str]]] = {
    "openai": ("/v1", {}, {"authorization": "Bearer sk-fake-not-a-secret"}),
    "azure": ("/openai/v1", {"auth": "api_key", "api_version": "preview"}, {"api-key": "sk-fake-not-a-secret"}),
    "deployment": (
        "/openai",
        {"auth": "api_key", "api_version": "2025-04-01-preview", "model_in": "path"},
        {"api-key": "sk-fake-not-a-secret"},
    ),
    "local": ("/open/v1", {"auth": "none", "headers": {"x-team": "images"}}, {"x-team": "images"}),
    "links": ("/links/v1", {"members": {"response_format": "b64_json"}}, {}),
}


# A provider that answers with links, and what becomes of them.
LINKED: dict[str, Configuration] = {
    "passed": {},
    "fetched": {"deliver": "b64", "loopback": True},
    "elsewhere": {"deliver": "b64", "hosts": ["images.example.com"]},
}


def configured(simulator: str) -> Configuration:
    """A model, a route, a provider and a contract for each, all at one simulator."""
    found = copy.deepcopy(ABLE)
    provider, contract = found["providers"]["openai"], found["contracts"]["direct"]
    found |= {"providers": {}, "contracts": {}, "routes": {}, "models": {}}
    for name, (path, wire, _) in WIRES.items():
        at = provider | {"base_url": f"{simulator}{path}", "wire": wire}
        if wire.get("auth") == "none":
            del at["credential"]
        found["providers"][name] = at
        found["contracts"][name] = contract | {"billing": contract["billing"] | {"owner": f"Owner of {name}"}}
        found["routes"][name] = {"model": name, "provider": name, "upstream_model": "gpt-image-2", "contract": name}
        found["models"][name] = {"routes": [name]}
    for name, links in LINKED.items():
        found["providers"][name] = provider | {"base_url": f"{simulator}/links/v1"}
        found["contracts"][name] = contract
        found["routes"][name] = found["routes"]["links"] | {"model": name, "provider": name, "contract": name, "links": links}
        found["models"][name] = {"routes": [name]}
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One gateway for all of them."""
    with two_providers(tmp_path_factory.mktemp("wires")) as place, place.gateway(configured(place.openai.url)) as house:
        yield house


def asked(house: House) -> tuple[dict[str, str], dict[str, Any]]:
    """The head and the members of the latest request, as the provider got it."""
    got = control(house.openai.url, "stats")["last_request"]
    return got["headers"], got["fields"]


def check(house: House, name: str, answer: aiohttp.ClientResponse) -> dict[str, Any]:
    """Tagged with its own contract; the head and the model as the options say."""
    assert (answer.headers["x-gateway-contract"], answer.headers["x-gateway-billing-owner"]) == (f"{name}@1", f"Owner of {name}")
    headers, fields = asked(house)
    _, wire, expected = WIRES[name]
    assert {key: headers.get(key) for key in expected} == expected
    assert ("authorization" in headers) == ("authorization" in expected or not wire.get("auth"))
    assert fields.get("model") == (None if wire.get("model_in") == "path" else "gpt-image-2")
    assert fields.get("response_format") == wire.get("members", {}).get("response_format")
    return fields


@pytest.mark.parametrize("name", WIRES)
async def test_a_generation_reaches_each(served: House, name: str) -> None:
    """With the same members otherwise."""
    async with served.client(KEY) as app, app.post(GENERATIONS, json=WISH | {"model": name}) as answer:
        body = await answer.json()
        assert answer.status == 200, body
    fields = check(served, name, answer)
    assert {key: fields[key] for key in ("prompt", "size", "quality")} == {
        key: WISH[key] for key in ("prompt", "size", "quality")
    }
    assert base64.b64decode(body["data"][0]["b64_json"]).startswith(b"\x89PNG")


@pytest.mark.parametrize("name", WIRES)
async def test_a_form_reaches_each(served: House, name: str) -> None:
    """The files as they came."""
    made = picture(300)
    async with served.client(KEY) as app, app.post(EDITS, data=form(("image", made), model=name)) as answer:
        assert answer.status == 200, await answer.text()
    check(served, name, answer)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("name", WIRES)
async def test_a_large_json_body_reaches_each(served: House, name: str, last: bool) -> None:
    """Wherever the model stands in it."""
    image = {"image_url": f"data:image/png;base64,{base64.b64encode(picture(900)).decode()}"}
    members = {"images": [image]} | {key: value for key, value in WISH.items() if key != "model"}
    members = members | {"model": name} if last else {"model": name} | members
    body = io.BytesIO(json.dumps(members, indent=4).encode())
    async with (
        served.client(KEY) as app,
        app.post(EDITS, data=body, headers={"content-type": "application/json"}) as answer,
    ):
        assert answer.status == 200, await answer.text()
    fields = check(served, name, answer)
    assert len(fields["images"]) == 1


@pytest.mark.parametrize("name", WIRES)
async def test_an_unmodified_sdk_is_served_by_each(served: House, name: str) -> None:
    """Streams included: the app knows none of the options."""
    async with AsyncOpenAI(base_url=f"{served.url}/v1", api_key=KEY, max_retries=0) as client:
        answer = await client.images.generate(model=name, prompt="A teapot", size="1024x1024")
    assert answer.data
    assert answer.data[0].b64_json


async def test_what_the_caller_sends_is_not_overruled(served: House) -> None:
    """A member that is there stays as it is, and so does what comes of it."""
    wish = WISH | {"model": "links", "response_format": "url"}
    async with served.client(KEY) as app, app.post(GENERATIONS, json=wish) as answer:
        assert "url" in (await answer.json())["data"][0]
    assert asked(served)[1]["response_format"] == "url"


async def test_links_are_passed_on_or_fetched_or_neither(served: House) -> None:
    """As the route says. What may not be fetched is not delivered, and stands as exposure: it may have been billed."""
    answers = {}
    async with served.client(KEY) as app:
        for name in LINKED:
            async with app.post(GENERATIONS, json=WISH | {"model": name, "n": 2}) as answer:
                answers[name] = answer.status, await answer.json()
    (_, passed), (_, fetched) = answers["passed"], answers["fetched"]
    assert [list(item) for item in passed["data"]] == [["url"]] * 2
    assert [base64.b64decode(item["b64_json"])[:4] for item in fetched["data"]] == [b"\x89PNG"] * 2
    assert fetched["gateway"]["images"] == 2
    status, refused = answers["elsewhere"]
    assert (status, refused["error"]["code"]) == (503, "upstream_answer_unusable")
    assert "the link is not https" in refused["error"]["message"]
    assert "pictures" not in json.dumps(refused)
    assert served.spend()["elsewhere"]["exposure"] != "0.00"


def test_each_can_be_walked(served: House) -> None:
    """Readiness asks through the official SDK, by the same options."""
    for name in ("azure", "deployment", "local", "links"):
        done = run("ready", name, "--live", "--budget", "9", "--admin", served.admin_url, "--format", "json")
        assert done.stdout, done.stderr
        [walk] = json.loads(done.stdout)["routes"]
        steps = {step["id"]: (step["state"], step) for step in walk["steps"]}
        assert not any(state == "stopped" for state, _ in steps.values()), (name, steps)


def test_the_command_lists_how_each_is_spoken_to(served: House) -> None:
    """Options, hosts and bounds, and no key."""
    done = run("providers", environment=served.environment)
    told = json.loads(run("providers", "--format", "json", environment=served.environment).stdout)
    options = {provider["id"]: provider["wire"] for provider in told["providers"]}
    assert {name: options.pop(name) for name in LINKED} == {"passed": [], "fetched": [], "elsewhere": []}
    assert options == {
        "openai": [],
        "azure": ["key as api_key", "api-version preview"],
        "deployment": ["key as api_key", "api-version 2025-04-01-preview", "model in the path"],
        "local": ["no key", "header x-team"],
        "links": ["adds response_format: b64_json"],
    }
    [route] = next(it["routes"] for it in told["providers"] if it["id"] == "links")
    assert (route["contract"], "references at most 16" in route["bounds"]) == ("links@1", True)
    assert {it["name"] for it in told["packages"]} == {"image-gateway", "openai", "litellm"}
    assert "model in the path" in done.stdout
    assert "sk-fake" not in done.stdout + json.dumps(told)
