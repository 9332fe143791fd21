"""The provider's key goes to the provider and nowhere else, however the provider repeats it."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from tests.integration.hostile_house import configured
from tests.integration.hostile_provider import Script, hostile
from tests.integration.odd_provider import PNG, STREAM_HEAD, event, http
from tests.integration.programs import run, start
from tests.integration.reloads import tell
from tests.integration.two_contracts import GENERATIONS, KEY
from tests.unit.core.redaction.test_provider_settings import FORMS
from tests.unit.core.redaction.test_provider_settings import KEY as CANARY

PARTS = {"cut off", "its end"}
WHOLE = {name: form for name, form in FORMS.items() if name not in PARTS}
# A header holds one form; elsewhere several are repeated at once, those apart that no JSON text holds as they are.
_PLAIN = [form for form in WHOLE.values() if '"' not in form and "\n" not in form]
TOGETHER = [" ".join(_PLAIN[at : at + 6]) for at in range(0, len(_PLAIN), 6)] + [it for it in WHOLE.values() if it not in _PLAIN]
STREAMED = frozenset({"event error", "event comment", "event member", "event unknown", "event field", "event in drips"})
USAGE = {"input_tokens": 14, "output_tokens": 196, "total_tokens": 210}
Answer = Callable[[str], "bytes | Script"]


def raw(template: str, form: str) -> bytes:
    """The form as it is, where that is valid JSON: its escapes are then those of the document."""
    text = template.replace("FORM", form)
    try:
        json.loads(text)
    except ValueError:
        return template.replace("FORM", json.dumps(form)[1:-1]).encode()
    return text.encode()


def said(*headers: str, status: str = "400 Bad Request") -> Answer:
    """An error whose head repeats the key."""
    error = {"error": {"message": "No.", "type": "invalid_request_error", "param": None, "code": None}}
    return lambda form: http(status, error, *(it.replace("FORM", "".join(form.split())).encode() for it in headers))


def drawn(form: str = "", *headers: str, **members: Any) -> bytes:
    """An image, and a key beside it."""
    item = {"b64_json": PNG} | ({"revised_prompt": form} if form else {})
    lines = [it.replace("FORM", "".join(form.split())).encode() for it in headers]
    return http("200 OK", {"created": 1, "data": [item if not headers else {"b64_json": PNG}], "usage": USAGE} | members, *lines)


def in_drips(answer: bytes) -> Script:
    """A few bytes at a time."""

    async def script(writer: asyncio.StreamWriter) -> None:
        for at in range(0, len(answer), 97):
            writer.write(answer[at : at + 97])
            await writer.drain()
            await asyncio.sleep(0)

    return script


def streamed(*parts: bytes) -> bytes:
    return STREAM_HEAD + b"".join(parts) + event("image_generation.completed", b64_json=PNG, usage=USAGE)


PARTIAL = event("image_generation.partial_image", b64_json=PNG, partial_image_index=0)
PLACES: dict[str, Answer] = {
    "error message": lambda form: http("401 Unauthorized", raw('{"error":{"message":"Wrong key FORM","type":"x"}}', form)),
    "error members": lambda form: http(
        "400 Bad Request", raw('{"error":{"message":"No","type":"FORM","param":"FORM","code":"FORM"}}', form)
    ),
    "error of another shape": lambda form: http("422 Unprocessable", raw('{"detail":[{"msg":"FORM","type":"FORM"}]}', form)),
    "error in an error": lambda form: http(
        "500 Internal Server Error", {"error": {"message": json.dumps({"error": {"message": f"key {form}", "code": form}})}}
    ),
    "error of moderation": lambda form: http(
        "400 Bad Request",
        {"error": {"message": "No", "code": "x", "moderation_details": {"moderation_stage": form, "categories": [form]}}},
    ),
    "page": lambda form: http("502 Bad Gateway", f"<html><body>Authorization: Bearer {form}</body></html>".encode()),
    "text": lambda form: http("503 Service Unavailable", f"upstream refused {form}".encode()),
    "head of an error": said(
        "x-request-id: FORM", "openai-version: FORM", "openai-organization: FORM", "openai-processing-ms: FORM", "cf-ray: FORM",
        "request-id: FORM", "x-ratelimit-limit-requests: FORM", "x-ratelimit-reset-tokens: FORM", "set-cookie: a=FORM",
        "x-amzn-errortype: FORM", "www-authenticate: Bearer FORM", "server-timing: FORM",
    ),
    "head that says when": said("retry-after: Mon, FORM", "retry-after-ms: FORM", status="429 Too Many Requests"),
    "redirect": said("location: https://example.com/?key=FORM", status="302 Found"),
    "head of an image": lambda form: drawn(
        form, "x-request-id: FORM", "openai-version: FORM", "openai-organization: FORM", "openai-processing-ms: FORM"
    ),
    "error beside 200": lambda form: http("200 OK", raw('{"created":1,"data":[],"error":{"message":"FORM"}}', form)),
    "error beside an image": lambda form: drawn(error={"message": form}),
    "warnings": lambda form: drawn(warnings=[form], quality=form),
    "prompt": drawn,
    "as it is": lambda form: http("200 OK", raw(f'{{"data":[{{"b64_json":"{PNG}","note":"FORM"}}],"usage":{{}}}}', form)),
    "large answer": lambda form: http("200 OK", {"note": form, "data": [{"b64_json": PNG + "A" * 90_000}], "warnings": [form]}),
    "large answer in drips": lambda form: in_drips(drawn(form, warnings=[form], more=["A" * 3_000])),
    "event error": lambda form: STREAM_HEAD + event("error", error={"message": form, "code": form}),
    "event comment": lambda form: streamed(PARTIAL, b": " + "".join(form.split()).encode() + b"\n\n"),
    "event member": lambda form: streamed(PARTIAL, event("image_generation.partial_image", note=form, b64_json=PNG, more=form)),
    "event unknown": lambda form: streamed(PARTIAL, event("news", text=form)),
    "event field": lambda form: streamed(PARTIAL, b"id: " + "".join(form.split()).encode() + b"\n\n"),
    "event in drips": lambda form: in_drips(streamed(PARTIAL, event("image_generation.partial_image", b64_json=PNG, note=form))),
}  # fmt: skip


def repeated(text: str | bytes) -> list[str]:
    """Which forms of the key stand in it, also as JSON writes them."""
    known = text if isinstance(text, str) else text.decode("utf-8", "replace")
    return [name for name, form in WHOLE.items() if form in known or json.dumps(form)[1:-1] in known]


async def test_no_form_of_the_key_gets_any_further(tmp_path: Path) -> None:
    """Not to the app, nor into log, evidence, ledger, decisions, metrics or readiness; the image beside it is delivered."""
    async with hostile() as there:
        path, state = tmp_path / "gateway.yaml", tmp_path / "state"
        path.write_text(json.dumps(configured(there.url)))
        keys = {"FAKE_PROVIDER_KEY": CANARY, "GATEWAY_LEDGER": str(state / "ledger.sqlite"), "GATEWAY_CONFIG": str(path)}
        gateway = await asyncio.to_thread(start, "serve", log=tmp_path / "gateway.log", environment=keys)
        leaks: list[tuple[str, list[str]]] = []
        try:
            async with aiohttp.ClientSession(gateway.urls[0], headers={"authorization": f"Bearer {KEY}"}) as app:
                for place, answer in PLACES.items():
                    for text in WHOLE.values() if "head" in place or place == "redirect" else TOGETHER:
                        there.answer = answer(text)
                        leaks += await _asked(app, gateway.urls[1], place)
            there.answer = there.image = PLACES["error message"](CANARY)
            word = {"who": "ada", "why": "a drill"}
            for order in (word, word | {"live": True, "budget": "0.50"}):
                walk = await asyncio.to_thread(tell, f"{gateway.urls[1]}/routes/images/ready", "POST", order)
                assert "Wrong key [redacted]" in json.dumps(walk)
                leaks.append(("readiness", repeated(json.dumps(walk))))
            for page in ("/routes", "/config"):
                leaks.append((page, repeated(json.dumps(await asyncio.to_thread(tell, gateway.urls[1] + page)))))
            async with aiohttp.ClientSession(gateway.urls[1]) as admin, admin.get("/metrics") as metrics:
                leaks.append(("/metrics", repeated(await metrics.text())))
        finally:
            await asyncio.to_thread(gateway.stop)
        kept = [it for it in (*state.rglob("*"), gateway.log) if it.is_file()]
        assert {"ledger.sqlite", "evidence.sqlite", "decisions.jsonl", "gateway.log"} <= {it.name for it in kept}
        leaks += [(it.name, repeated(it.read_bytes())) for it in kept]
        assert [it.name for it in kept if KEY.encode() in it.read_bytes()] == []
        assert [it for it in leaks if it[1]] == []
        assert "the provider repeats its key in an answer" in gateway.log.read_text()


async def _asked(app: aiohttp.ClientSession, admin: str, place: str) -> list[tuple[str, list[str]]]:
    """One request, and what of its answer and its evidence repeats the key."""
    wish = {"model": "images", "prompt": "A teapot", "size": "1024x1024", "quality": "low", "stream": place in STREAMED}
    async with app.post(GENERATIONS, json=wish) as answer:
        head, body = str(answer.headers), await answer.read()
    assert answer.headers["x-gateway-attempts"] == "1", (place, body)
    if answer.status == 200:
        assert PNG.encode() in body, place
        for document in re.findall(rb"^data: (.*)$", body, re.MULTILINE) if place in STREAMED else [body]:
            json.loads(document)
    evidence = await asyncio.to_thread(tell, f"{admin}/requests/{answer.headers['x-gateway-request-id']}/evidence")
    found = {"head": head, "body": body, "evidence": json.dumps(evidence)}
    return [(f"{place}: {name}", repeated(text)) for name, text in found.items()]


def test_a_saved_answer_is_diagnosed_without_the_key(tmp_path: Path) -> None:
    """What the command prints goes into tickets."""
    saved, config = tmp_path / "answer.json", tmp_path / "gateway.yaml"
    config.write_text(json.dumps(configured("http://127.0.0.1:9")))
    keys = {"FAKE_PROVIDER_KEY": CANARY, "GATEWAY_LEDGER": str(tmp_path / "ledger.sqlite"), "GATEWAY_CONFIG": str(config)}
    for form in FORMS.values():
        saved.write_bytes(raw('{"error":{"message":"Wrong key: FORM"}}', form))
        done = run("diagnose", str(saved), "--status", "401", "--format", "json", environment=keys)
        assert "Wrong key: " in done.stdout
        assert repeated(done.stdout) == []
