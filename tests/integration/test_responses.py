"""``POST /v1/responses`` with the image tool: relayed as it comes, tagged, and both models booked as lines of one request."""

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from http.client import IncompleteRead
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import openai
import pytest
from PIL import Image

from tests.integration.programs import ROOT, House, control, run
from tests.integration.reloads import tell
from tests.integration.test_ready import able
from tests.integration.two_contracts import KEY, Configuration, Place, changed, two_providers

TOOL = {"type": "image_generation", "size": "1024x1024", "quality": "low"}
WISH: dict[str, Any] = {"model": "gpt-5.5", "input": "An owl reading by lamplight", "tools": [TOOL]}
SDK = ROOT / "tests" / "sdk"
CLIENTS = {
    "python": (sys.executable, str(SDK / "python_responses.py")),
    "node": ("node", str(SDK / "node_responses.mjs")),
}
# OpenAI's list as of 2026-11-23; the text model's by the announcement of Microsoft Foundry, read 2026-11-24.
PRICES = {
    "gpt-image-2": {
        "per_million_tokens": {"text_in": 5, "cached_text_in": 1.25, "image_in": 8, "cached_image_in": 2, "image_out": 30},
        "output_tokens": {
            "factors": {"low": 16, "medium": 48, "high": 96},
            "auto_size": "1254x1254",
            "auto_quality": "high",
            "partial_image": 100,
            "reference_max": 1536,
        },
    },
    "gpt-5.5": {"per_million_tokens": {"text_in": 5, "cached_text_in": 0.5, "text_out": 30}},
}


def responding(configuration: Configuration) -> None:
    """Both contracts serve responses of one text model, each through its own provider."""
    configuration["price_lists"]["usd"]["models"] = PRICES
    configuration["apps"]["shop"]["biller_change"] = True
    for name in ("first", "second"):
        configuration["routes"][name] |= {
            "model": "gpt-5.5",
            "operations": ["response"],
            "text_model": {"name": "gpt-5.5", "output_tokens_max": 2_000, "image_tokens_max": 1_600},
        }
    configuration["models"] = {
        "gpt-5.5": {"routes": ["first", "second"], "fallback": {"on": ["provider"], "to": ["direct", "reseller"]}}
    }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with two_providers(tmp_path_factory.mktemp("responses")) as both:
        yield both


@pytest.fixture(scope="module")
def house(place: Place) -> Iterator[House]:
    with place.gateway(able(responding)) as found:
        yield found


@pytest.fixture
def sdk(house: House) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{house.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def booked(house: House, request_id: str) -> list[dict[str, Any]]:
    """The ledger's entries of one request."""
    printed = run("requests", request_id, "--format", "json", environment=house.environment).stdout
    found: list[dict[str, Any]] = json.loads(printed)["entries"]
    return found


def test_a_response_is_relayed_as_it_came_and_both_models_are_booked(sdk: openai.OpenAI, house: House, place: Place) -> None:
    """Two lines of one request: what the image model cost, and what the text model did; the tag says their sum."""
    control(place.openai.url, "stats", "DELETE")
    raw = sdk.responses.with_raw_response.create(**WISH)
    parsed = raw.parse()
    image = next(it for it in parsed.output if it.type == "image_generation_call")
    assert base64.b64decode(image.result or "").startswith(b"\x89PNG")
    assert parsed.output_text == "Here is 1 of what you asked for."
    assert (raw.headers["x-gateway-contract"], raw.headers["x-gateway-model"]) == ("direct@1", "gpt-image-2")
    assert raw.headers["x-gateway-cost-basis"] == "estimated"
    member = (parsed.model_extra or {})["gateway"]
    stats = control(place.openai.url, "stats")["by_model"]
    drawn, written = stats["gpt-image-2"]["tokens"], stats["gpt-5.5"]["tokens"]
    costs = [
        (5 * Decimal(drawn["text_in"]) + 30 * drawn["image_out"]) / 1_000_000,
        (5 * Decimal(written["text_in"]) + 30 * written["text_out"]) / 1_000_000,
    ]
    assert (Decimal(member["cost"]), member["cost_basis"], member["images"]) == (sum(costs), "computed", 1)
    entries = booked(house, member["request_id"])
    settled = [it for it in entries if it["kind"] == "settle"]
    assert [(it["operation"], it["upstream_model"], Decimal(it["amount"]), it["images"]) for it in settled] == [
        ("response", "gpt-image-2", costs[0], 1),
        ("response_text", "gpt-5.5", costs[1], 0),
    ]
    reserved = [it for it in entries if it["kind"] == "reserve"]
    assert all(Decimal(before["amount"]) >= Decimal(after["amount"]) for before, after in zip(reserved, settled, strict=True))
    assert Decimal(raw.headers["x-gateway-cost"]) == sum(Decimal(it["amount"]) for it in reserved)


def test_what_is_reserved_is_a_bound_that_the_provider_is_told(sdk: openai.OpenAI, place: Place) -> None:
    """Names of both models and both bounds go upstream; all else of the body goes as it came."""
    sdk.responses.create(**WISH, instructions="Be brief.", extra_body={"max_tool_calls": None, "later": {"a": [1.50, None]}})
    sent = control(place.openai.url, "stats")["last_request"]["fields"]
    assert sent == {
        "model": "gpt-5.5",
        "input": WISH["input"],
        "instructions": "Be brief.",
        "later": {"a": [1.5, None]},
        "tools": [{**TOOL, "model": "gpt-image-2"}],
        "max_output_tokens": 2_000,
        "max_tool_calls": 1,
    }


@pytest.mark.parametrize("stream", [False, True])
def test_several_images_and_references_are_counted(sdk: openai.OpenAI, house: House, stream: bool) -> None:
    """As many as the provider made, each with its tokens, up to the calls that the caller allows."""
    with BytesIO() as file:
        Image.new("RGB", (64, 64)).save(file, "PNG")
        reference = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    told = [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Make 3 pictures of this owl"},
                {"type": "input_image", "image_url": reference, "detail": "auto"},
            ],
        }
    ]
    wish = WISH | {"input": told, "max_tool_calls": 2}
    if stream:
        member = (list(sdk.responses.create(**wish, stream=True))[-1].response.model_extra or {})["gateway"]
    else:
        member = (sdk.responses.create(**wish).model_extra or {})["gateway"]
    assert member["images"] == 2
    assert "discrepancies" not in member
    usage = next(it["usage"] for it in booked(house, member["request_id"]) if it["kind"] == "settle")
    assert usage["image_in"] > 0
    assert usage["image_out"] == 2 * 196


def test_a_stream_passes_with_its_partial_images(sdk: openai.OpenAI, house: House) -> None:
    """All events of the provider in their order, the member at the end of the last one."""
    raw = sdk.responses.with_raw_response.create(**WISH | {"tools": [TOOL | {"partial_images": 2}]}, stream=True)
    events = list(raw.parse())
    kinds = [event.type for event in events]
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert kinds.count("response.image_generation_call.partial_image") == 2
    assert [event.sequence_number for event in events] == list(range(len(events)))
    member = (events[-1].response.model_extra or {})["gateway"]
    assert raw.headers["x-gateway-contract"] == member["contract"] == "direct@1"
    settled = [it for it in booked(house, member["request_id"]) if it["kind"] == "settle"]
    assert settled[0]["usage"]["image_out"] == 196 + 2 * 100
    assert sum(Decimal(it["amount"]) for it in settled) == Decimal(member["cost"])


def test_words_without_an_image_are_an_answer_unless_the_tool_was_forced(sdk: openai.OpenAI, house: House) -> None:
    """The text model may ask back: that costs its tokens, and the image line is booked as nothing, not as unknown."""
    asked = WISH | {"input": "Which owl do you mean?"}
    for stream in (False, True):
        found = sdk.responses.create(**asked, stream=stream)  # type: ignore[call-overload]
        last = list(found)[-1].response if stream else found
        member = last.model_extra["gateway"]
        assert (member["images"], member["cost_basis"]) == (0, "computed")
        settled = [it for it in booked(house, member["request_id"]) if it["kind"] == "settle"]
        assert [Decimal(it["amount"]) > 0 for it in settled] == [False, True]
    forced = sdk.responses.create(**asked, tool_choice={"type": "image_generation"})
    assert (forced.model_extra or {})["gateway"]["images"] == 1


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no tool": ({"tools": []}, "tools", "This is an image gateway"),
    "another tool only": ({"tools": [{"type": "web_search"}]}, "tools", "This is an image gateway"),
    "a tool with a price of its own": ({"tools": [TOOL, {"type": "web_search"}]}, "tools", "price of its own"),
    "a choice against the tool": ({"tool_choice": "none"}, "tool_choice", "leave it out"),
    "earlier turns at the provider": ({"previous_response_id": "resp_1"}, "previous_response_id", "earlier turns in 'input'"),
    "a job in the background": ({"background": True}, "background", "stream the response"),
    "another price": ({"service_tier": "priority"}, "service_tier", "default tier"),
    "another image model": ({"tools": [TOOL | {"model": "gpt-image-1"}]}, "tools", "possible: gpt-image-2"),
    "too many tokens": ({"max_output_tokens": 5_000}, "max_output_tokens", "at most 2000"),
    "too many calls": ({"max_tool_calls": 11}, "max_tool_calls", "<= 10"),
    "a size that is none": ({"tools": [TOOL | {"size": "huge one"}]}, "size", "expected a word"),
    "an image model in front": ({"model": "gpt-image-2"}, "model", "is an image model"),
    "an unknown model": ({"model": "gpt-4.1"}, "model", "gpt-5.5"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_served_is_refused_before_anything_is_sent(sdk: openai.OpenAI, place: Place, case: str) -> None:
    """With the member, the rule and the fix."""
    change, param, text = REFUSED[case]
    before = place.served()
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.responses.create(**WISH | change)
    assert (caught.value.param, text in caught.value.message) == (param, True), caught.value.message
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert place.served() == before


def test_the_text_model_is_none_for_the_images_api(sdk: openai.OpenAI) -> None:
    """And the answer says where its images are made."""
    with pytest.raises(openai.BadRequestError, match="/v1/responses") as caught:
        sdk.images.generate(model="gpt-5.5", prompt="A teapot")
    assert caught.value.response.headers["x-gateway-owner"] == "model_placement"


@pytest.mark.parametrize("client", CLIENTS)
def test_the_sdks_read_responses_whole_and_streamed(house: House, client: str) -> None:
    """Unmodified, with their own helpers for streams: the same image both ways, the contract with it, and nothing is missing."""
    program, script = CLIENTS[client]
    if shutil.which(program) is None or (client == "node" and not (SDK / "node_modules" / "openai").exists()):
        pytest.skip(f"SDK NOT TESTED: no {client} on this machine; `make test` installs it where it can")
    command = [program, script, f"{house.url}/v1", KEY]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert got["whole"]["images"] == got["stream"]["images"]
    assert len(got["whole"]["images"]) == 1
    assert got["whole"]["text"] == got["stream"]["text"] == "Here is 1 of what you asked for."
    assert got["contract"] == got["whole"]["member"]["contract"] == got["stream"]["member"]["contract"] == "direct@1"
    assert Decimal(got["whole"]["member"]["cost"]) < Decimal(got["stream"]["member"]["cost"])  # by one partial image
    assert "response.image_generation_call.partial_image" in got["types"]


def test_a_failed_contract_is_covered_by_another_in_both_lines(house: House, place: Place, sdk: openai.OpenAI) -> None:
    """Four lines of one request; the report of what was covered has it once, the report of spend counts two attempts."""
    control(place.openai.url, "faults", "POST", {"kind": "status", "status": 503, "times": 1})
    found = sdk.responses.with_raw_response.create(**WISH)
    assert found.headers["x-gateway-contract"] == "reseller@1"
    assert (found.headers["x-gateway-attempts"], found.headers["x-gateway-fallback"]) == ("2", "from=direct; owner=provider")
    entries = booked(house, found.headers["x-gateway-request-id"])
    assert [(it["attempt"], it["operation"], it["kind"]) for it in entries if it["kind"] != "reserve"] == [
        (1, "response", "void"),
        (2, "response_text", "void"),
        (3, "response", "settle"),
        (4, "response_text", "settle"),
    ]
    masked = json.loads(run("masked", "--format", "json", environment=house.environment).stdout)
    assert [row["requests"] for row in masked["masked"]] == [1]


def test_an_app_can_ask_what_became_of_its_response(house: House, sdk: openai.OpenAI) -> None:
    """The request's cost is that of both models."""
    member = (sdk.responses.create(**WISH).model_extra or {})["gateway"]
    _, found = tell(f"{house.url}/v1/gateway/requests/{member['request_id']}", authorization=f"Bearer {KEY}")
    assert (found["cost"], found["images"], found["upstream_model"]) == (member["cost"], 1, "gpt-image-2")
    assert [it["upstream_model"] for it in found["attempts"]] == ["gpt-image-2", "gpt-5.5"]


def test_a_moderated_response_is_told_as_the_provider_tells_it(house: House, place: Place, sdk: openai.OpenAI) -> None:
    """Status, code and owner; both lines are void, and no other contract is asked."""
    error = {"message": "Your request was rejected by the safety system.", "code": "moderation_blocked"}
    fault = {"kind": "status", "status": 400, "times": 1, "error": error | {"type": "image_generation_user_error"}}
    control(place.openai.url, "faults", "POST", fault)
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.responses.create(**WISH, stream=True)
    assert (caught.value.code, caught.value.response.headers["x-gateway-owner"]) == ("moderation_blocked", "moderation")
    closed = [it for it in booked(house, caught.value.response.headers["x-gateway-request-id"]) if it["kind"] != "reserve"]
    assert [(it["kind"], it["amount"]) for it in closed] == [("void", "0.00")] * 2


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_that_breaks_off_is_booked_as_exposure(house: House, place: Place, stream: bool) -> None:
    """Both models may have been billed: both lines stand at their estimates."""
    control(place.openai.url, "faults", "POST", {"kind": "truncate", "times": 1})
    body = json.dumps(WISH | {"stream": stream}).encode()
    head = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    with pytest.raises(IncompleteRead), urlopen(Request(f"{house.url}/v1/responses", body, head), timeout=20) as answer:
        answer.read()
    latest = json.loads(run("requests", "--limit", "2", "--format", "json", environment=house.environment).stdout)["requests"]
    assert [it["outcome"] for it in latest] == ["ambiguous"] * 2
    assert all(Decimal(it["exposure"]) > 0 for it in latest)


def test_images_in_the_input_go_only_where_the_policy_lets_them(place: Place, tmp_path: Path) -> None:
    """In a message, as a mask or as an earlier result: all of them are reference images."""

    def strict(configuration: Configuration) -> None:
        responding(configuration)
        configuration["apps"]["shop"]["data_policy"] = {"reference_images": {"training": False}}

    url = "data:image/png;base64,aGk="
    wishes = [
        WISH | {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}]},
        WISH | {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
        WISH | {"input": [{"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "aGk="}]},
        WISH | {"tools": [TOOL | {"input_image_mask": {"image_url": url}}]},
    ]
    other = Place(tmp_path, place.openai, place.atlas)
    with other.gateway(changed(strict)) as house, openai.OpenAI(base_url=f"{house.url}/v1", api_key=KEY) as sdk:
        for wish in wishes:
            with pytest.raises(openai.PermissionDeniedError) as caught:
                sdk.responses.create(**wish)
            assert caught.value.code == "data_policy_forbids"
        assert (sdk.responses.create(**WISH).model_extra or {})["gateway"]["images"] == 1


def test_a_walk_proves_a_route_that_serves_responses(house: House) -> None:
    """By responses: the smallest, and a stream; both models are booked."""
    control(house.openai.url, "stats", "DELETE")
    order = {"who": "ada", "why": "a drill", "live": True, "budget": "5.00"}
    status, walk = tell(f"{house.admin_url}/routes/first/ready", "POST", order)
    states = {step["id"]: (step["state"], step["detail"]) for step in walk["steps"]}
    assert (status, states["minimal"][0], states["streaming"][0]) == (200, "passed", "passed"), states
    assert states["responses"][1] == "The minimal request is one already."
    assert set(control(house.openai.url, "stats")["by_model"]) == {"gpt-5.5", "gpt-image-2"}
