"""Receipts of real deliveries, checked with another implementation and with the command."""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.signing import new_key
from tests.integration.programs import House, control, run
from tests.integration.two_contracts import KEY, OTHER_KEY, WISH, Place, ask, changed

STREAM = {"stream": True, "partial_images": 1}


@pytest.fixture(scope="module")
def gateway(providers: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One that signs for the shop, and for nobody else."""
    place = Place(tmp_path_factory.mktemp("receipts"), providers.openai, providers.atlas)
    (place.folder / "signing.jwk").write_text(new_key())

    def change(it: dict[str, Any]) -> None:
        it["signing"] = {"key": {"file": "signing.jwk"}}
        it["apps"]["shop"]["receipts"] = True

    with place.gateway(changed(change)) as house:
        yield house


async def keys(house: House) -> dict[str, Any]:
    async with aiohttp.ClientSession(house.url) as anybody, anybody.get("/.well-known/jwks.json") as answer:
        assert (answer.status, "max-age" in answer.headers["cache-control"]) == (200, True)
        found: dict[str, Any] = await answer.json(content_type=None)
        return found


def claims(receipt: str, jwks: dict[str, Any]) -> dict[str, Any]:
    """By hand: RFC 7515 over Ed25519; raises ``InvalidSignature``."""
    head, payload, signature = receipt.split(".")
    header = json.loads(_decoded(head))
    (key,) = [it for it in jwks["keys"] if it["kid"] == header["kid"]]
    Ed25519PublicKey.from_public_bytes(_decoded(key["x"])).verify(_decoded(signature), f"{head}.{payload}".encode())
    found: dict[str, Any] = json.loads(_decoded(payload))
    return found


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def images(body: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(item["b64_json"]) for item in body["data"]]


async def test_a_delivery_is_signed_for(gateway: House, tmp_path: Path) -> None:
    """Request, contract, booked cost and the images' own hashes, under the published key."""
    async with gateway.client(KEY) as app:
        answer, body = await ask(app, n=2)
    receipt = body["gateway"]["receipt"]
    found = claims(receipt, await keys(gateway))
    assert found["request_id"] == answer.headers["x-gateway-request-id"]
    assert (found["contract"], found["cost"], found["currency"], found["app"]) == ("direct@1", "0.50", "USD", "shop")
    hashes = [hashlib.sha256(image).hexdigest() for image in images(body)]
    assert found["images_sha256"] == hashes
    (settled,) = [it for it in gateway.entries(found["request_id"]) if it["kind"] == "settle"]
    assert settled["images_sha256"] == hashes
    (tmp_path / "image.png").write_bytes(images(body)[1])
    (tmp_path / "jwks.json").write_text(json.dumps(await keys(gateway)))
    options = ("--image", str(tmp_path / "image.png"))
    done = run("receipts", "verify", receipt, *options, environment=gateway.environment)
    assert (done.returncode, json.loads(done.stdout)) == (0, found), done.stderr
    (tmp_path / "receipt.txt").write_text(receipt + "\n")
    (tmp_path / "image.png").write_bytes(images(body)[1] + b"x")
    stranger = run("receipts", "verify", str(tmp_path / "receipt.txt"), *options, "--jwks", str(tmp_path / "jwks.json"))
    assert (stranger.returncode, "none of its images" in stranger.stderr) == (1, True)
    forged = run("receipts", "verify", receipt[:-6] + "AAAAAA", "--jwks", str(tmp_path / "jwks.json"))
    assert (forged.returncode, "not valid" in forged.stderr) == (1, True)
    with pytest.raises(InvalidSignature):
        claims(receipt[:-6] + "AAAAAA", await keys(gateway))


async def test_a_stream_is_signed_for_in_its_last_event(gateway: House) -> None:
    """The receipt is about the completed image, not about partial ones."""
    async with gateway.client(KEY) as app, app.post("/v1/images/generations", json=WISH | STREAM) as answer:
        events = [json.loads(line[6:]) for line in (await answer.text()).splitlines() if line.startswith("data: {")]
    found = claims(events[-1]["gateway"]["receipt"], await keys(gateway))
    assert found["images_sha256"] == [hashlib.sha256(base64.b64decode(events[-1]["b64_json"])).hexdigest()]
    assert not [event for event in events[:-1] if "gateway" in event]


async def test_nobody_else_gets_one(gateway: House) -> None:
    """Neither another app nor a failure; an image costs no hash then."""
    async with gateway.client(OTHER_KEY) as app:
        answer, body = await ask(app)
    assert (answer.status, "receipt" in body["gateway"]) == (200, False)
    (settled,) = [it for it in gateway.entries(body["gateway"]["request_id"]) if it["kind"] == "settle"]
    assert not settled.get("images_sha256")
    control(gateway.openai.url, "faults", "POST", {"kind": "status", "status": 400, "times": 1})
    async with gateway.client(KEY) as app:
        answer, body = await ask(app)
    assert (answer.status, "receipt" in body["gateway"], "x-gateway-receipt" in answer.headers) == (400, False, False)


def test_receipts_without_a_key_are_a_mistake(place: Place) -> None:
    """At their place, with the way to one."""
    place.write(changed(lambda it: it["apps"]["shop"].update(receipts=True)))
    environment = {
        "GATEWAY_CONFIG": str(place.config),
        "GATEWAY_LEDGER": "x",
        "FAKE_PROVIDER_KEY": "sk-fake-not-a-secret",
        "SIMULATED_OPENAI_URL": place.openai.url,
        "SIMULATED_ATLAS_URL": place.atlas.url,
    }
    done = run("check", environment=environment)
    assert (done.returncode, "apps.shop.receipts" in done.stderr, "gateway ledger key" in done.stderr) == (1, True, True)
