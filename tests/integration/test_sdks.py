"""Unmodified official SDKs get real images through the gateway, and the contract with them."""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from decimal import Decimal
from typing import Any

import openai
import pytest
from PIL import Image

from tests.integration.programs import ROOT, STOREFRONT_KEY, House
from tests.sdk.python_client import WISH

SDK = ROOT / "tests" / "sdk"
CLIENTS = {
    "python": [sys.executable, SDK / "python_client.py"],
    "node": ["node", SDK / "node_client.mjs"],
}
TAG = {
    "x-gateway-contract": "openai-direct@2026-10-01",
    "x-gateway-provider": "simulated-openai",
    "x-gateway-model": "gpt-image-2",
    "x-gateway-attempts": "1",
    "x-gateway-currency": "USD",
}


@pytest.fixture(scope="module", params=CLIENTS)
def got(request: pytest.FixtureRequest, shared_house: House, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the application printed."""
    mask = tmp_path_factory.mktemp("mask") / "mask.png"
    Image.new("RGBA", (1024, 1024)).save(mask)
    program, script = CLIENTS[request.param]
    if shutil.which(program) is None:
        pytest.skip(f"SDK NOT TESTED: no {program} on this machine; `make test` installs it where it can")
    if request.param == "node" and not (SDK / "node_modules" / "openai").exists():
        pytest.skip("SDK NOT TESTED: the npm package is not installed; `make test` installs it where npm is")
    done = subprocess.run(
        [program, script, f"{shared_house.url}/v1", STOREFRONT_KEY, mask], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def ways(got: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers to the same wish, by every kind of client the SDK has."""
    return [got[way] for way in ("sync", "async", "strict") if way in got]


def test_the_sdk_gets_the_provider_s_image_unchanged(got: dict[str, Any], shared_house: House) -> None:
    """Byte for byte what the provider made for that prompt, by every kind of client."""
    with openai.OpenAI(base_url=f"{shared_house.openai.url}/v1", api_key="sk-simulated-openai-not-a-secret") as direct:
        drawn = direct.images.generate(**WISH).data
    assert drawn
    image = hashlib.sha256(base64.b64decode(drawn[0].b64_json or "")).hexdigest()
    assert [answer["images"] for answer in ways(got)] == [[image]] * len(ways(got))
    assert got["sync"]["size"] == "1024x1024"
    assert len(set(got["several"]["images"])) == 2


def test_the_response_names_its_contract(got: dict[str, Any]) -> None:
    """In the headers, and in a member of the body that even strict parsing accepts."""
    for answer in ways(got):
        assert TAG.items() <= answer["headers"].items()
        assert answer["member"]["contract"] == "openai-direct@2026-10-01"
        assert (answer["member"]["images"], answer["member"]["cost_basis"]) == (1, "computed")
        assert answer["request_id"] == answer["headers"]["x-gateway-request-id"] == answer["member"]["request_id"]


def test_a_stream_brings_partial_images_and_ends_with_the_contract(got: dict[str, Any]) -> None:
    """The head names the contract before the first event, the last event knows the cost; several images in one stream."""
    stream, two = got["stream"], got["stream_of_two"]
    assert stream["types"] == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert two["types"] == ["image_generation.completed"] * 2
    assert stream["image"] == got["sync"]["images"][0]
    assert TAG.items() <= stream["headers"].items()
    for found, images in ((stream, 1), (two, 2)):
        assert (found["member"]["images"], found["member"]["cost_basis"]) == (images, "computed")
    # Each partial image costs 100 output tokens, 30 USD a million.
    more = Decimal(stream["member"]["cost"]) - Decimal(got["sync"]["member"]["cost"])
    assert more == Decimal(200 * 30) / 1_000_000
    assert stream["usage_total"] - got["sync"]["usage_total"] == 200


def test_an_edit_takes_files_and_may_be_streamed(got: dict[str, Any]) -> None:
    """One file with a mask, several files, and a stream, each priced by what was sent in as well."""
    edits = got["edits"]
    assert edits["stream"]["types"] == ["image_edit.partial_image", "image_edit.completed"]
    for answer in (edits["one"], edits["several"], edits["stream"]):
        assert (answer["member"]["contract"], answer["member"]["images"]) == ("openai-direct@2026-10-01", 1)
        assert Decimal(answer["member"]["cost"]) > Decimal(got["sync"]["member"]["cost"])


def test_the_models_are_those_of_the_app(got: dict[str, Any]) -> None:
    """Listing and retrieving parse as OpenAI's objects."""
    assert got["models"] == ["gpt-image-2", "gpt-image-2.5-flare"]
    assert got.get("strict_models", got["models"]) == got["models"]
    assert got["model"] == "gpt-image-2"


@pytest.mark.parametrize(
    ("error", "kind", "status", "param", "owner"),
    [
        ("bad_n", "BadRequestError", 400, "n", "request_shape"),
        ("bad_stream", "BadRequestError", 400, "size", "request_shape"),
        ("bad_size", "BadRequestError", 400, "size", "request_shape"),
        ("bad_model", "BadRequestError", 400, "model", "request_shape"),
        ("bad_key", "AuthenticationError", 401, None, "caller"),
    ],
)
def test_errors_are_the_sdk_s_own(got: dict[str, Any], error: str, kind: str, status: int, param: str | None, owner: str) -> None:
    """An application's handling of OpenAI's errors works unchanged, and the owner is beside it."""
    found = got[error]
    assert (found["class"], found["status"], found["param"], found["owner"]) == (kind, status, param, owner)
