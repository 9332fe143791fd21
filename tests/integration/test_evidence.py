"""Evidence of real requests: there for whoever may read it, in every format without what nobody may read."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from tests.integration.programs import House, control, run
from tests.integration.reloads import tell
from tests.integration.two_contracts import KEY, OTHER_KEY, Configuration, Place, ask, changed

PROMPT = "A walrus in a velvet armchair, secret campaign of spring"
PROVIDER_KEY = "sk-fake-not-a-secret"
INTERNAL = "http://10.1.2.3:8080/v1/internal"
ECHO = {
    "message": f"You said: {PROMPT}. Ask at {INTERNAL} with {PROVIDER_KEY} as org-first1234 or {KEY}.",
    "type": "input-images",
    "code": "rate_limit_exceeded",
}
HEADERS = {"x-ratelimit-limit-requests": "50", "x-ratelimit-remaining-requests": "0", "set-cookie": "session=canary-cookie"}
NOBODY_S = [PROMPT, "walrus in a velvet", PROVIDER_KEY, KEY, OTHER_KEY, INTERNAL, "10.1.2.3", "127.0.0.1", "canary-cookie"]
AUDIENCES = ("ops", "provider", "app")


def _declared(configuration: Configuration) -> None:
    configuration["providers"]["openai"] |= {"organization": "org-first1234", "project": "proj-first1234"}
    configuration["contracts"]["direct"]["support"] = {"owner": "OpenAI", "contact": "help@openai.example"}
    configuration["contracts"]["direct"]["verification"] = {"state": "verified", "recorded_on": "2026-11-01"}
    configuration["models"]["gpt-image-2"]["fallback"] = {"on": ["rate_limit"], "to": ["reseller"]}
    configuration["apps"]["shop"]["biller_change"] = True


@pytest.fixture(scope="module")
def shared_gateway(providers: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One that may fall back from the direct contract to the reseller's."""
    place = Place(tmp_path_factory.mktemp("evidence"), providers.openai, providers.atlas)
    with place.gateway(changed(_declared)) as house:
        yield house


@pytest.fixture
def gateway(shared_gateway: House) -> House:
    """Its providers without faults."""
    for simulator in (shared_gateway.openai, shared_gateway.atlas):
        control(simulator.url, "faults", "DELETE")
    for route in ("first", "second"):
        tell(f"{shared_gateway.admin_url}/routes/{route}/override", "DELETE", {"who": "tests", "why": "a test begins"})
    return shared_gateway


async def covered(house: House, **wish: Any) -> tuple[aiohttp.ClientResponse, dict[str, Any]]:
    """A request whose first attempt was throttled in words that repeat all that they should not."""
    house.fault(kind="status", status=429, error=ECHO, headers=HEADERS, times=1)
    async with house.client(KEY) as app:
        answer, body = await ask(app, prompt=PROMPT, **wish)
    assert (answer.status, answer.headers["x-gateway-fallback"]) == (200, "from=direct; owner=rate_limit")
    return answer, body


async def read(house: House, path: str, accept: str = "application/json", key: str = KEY) -> tuple[int, str]:
    async with house.client(key) as app, app.get(path, headers={"accept": accept}) as answer:
        return answer.status, await answer.text()


async def test_an_answer_says_where_its_evidence_is(gateway: House) -> None:
    """The whole of it: both attempts, their contracts, what was said, what was decided, what it cost."""
    answer, body = await covered(gateway)
    assert body["gateway"]["evidence"] == f"/v1/gateway/requests/{answer.headers['x-gateway-request-id']}/evidence"
    status, text = await read(gateway, body["gateway"]["evidence"])
    found = json.loads(text)
    assert status == 200
    first, second = found["attempts"]
    assert (first["status"], first["outcome"], first["terms"]["contract"]) == (429, "rejected", "direct@1")
    assert (first["diagnosis"]["owner"], first["diagnosis"]["billed"]) == ("rate_limit", "no")
    assert first["error"]["code"] == "rate_limit_exceeded"
    assert first["request_ids"]["x-request-id"].startswith("req_")
    assert (second["outcome"], second["cost"]) == ("completed", {"amount": "0.50", "currency": "USD", "basis": "computed"})
    assert (found["ended"]["fallback_from"], found["ended"]["contract"]) == ("direct", "reseller@1")
    assert [it["route"] for it in found["decided"]["candidates"]] == ["first", "second"]
    assert (found["asked"]["app"], found["asked"]["model"], found["audience"]) == ("shop", "gpt-image-2", "app")
    assert found["revision"] == tell(f"{gateway.admin_url}/routes")[1]["revision"]


async def test_an_app_reads_its_own_only(gateway: House) -> None:
    """Another app is told what one is told who asks for none; without a key nothing is told."""
    _, body = await covered(gateway)
    path = body["gateway"]["evidence"]
    theirs = await read(gateway, path, key=OTHER_KEY)
    nobody_s = await read(gateway, path.replace("gw_", "gw_0"), key=OTHER_KEY)
    assert (theirs[0], nobody_s[0]) == (404, 404)
    errors = [json.loads(text)["error"] for _, text in (theirs, nobody_s)]
    assert [error["code"] for error in errors] == ["evidence_not_found"] * 2
    assert (await read(gateway, path, key="igw_wrong_not_a_secret"))[0] == 401
    assert (await read(gateway, "/v1/gateway/requests/..%2f..%2fevidence/evidence"))[0] == 404


async def every_format(house: House, path: str) -> dict[str, str]:
    """The same evidence by every way out: the app's endpoint, the admin plane, the command."""
    request_id = path.split("/")[4]
    found = {f"app {kind}": (await read(house, path, kind))[1] for kind in ("application/json", "text/markdown")}
    async with aiohttp.ClientSession(house.admin_url) as admin:
        for audience in AUDIENCES:
            for kind in ("application/json", "text/markdown"):
                link = f"/requests/{request_id}/evidence?for={audience}"
                async with admin.get(link, headers={"accept": kind}) as answer:
                    assert answer.status == 200
                    assert answer.content_type == kind
                    found[f"{audience} {kind}"] = await answer.text()
    for audience in AUDIENCES:
        for form in ("md", "json"):
            done = run("evidence", request_id, "--for", audience, "--format", form, environment=house.environment)
            assert done.returncode == 0, done.stderr
            found[f"{audience} command {form}"] = done.stdout + done.stderr
    return found


async def test_no_format_has_a_key_a_prompt_or_an_internal_address(gateway: House) -> None:
    """Nor an image; and for its audience not what is somebody else's."""
    answer, body = await covered(gateway)
    image = body["data"][0]["b64_json"]
    for name, text in (await every_format(gateway, body["gateway"]["evidence"])).items():
        assert answer.headers["x-gateway-request-id"] in text, name
        assert "rate_limit_exceeded" in text, name
        for word in (*NOBODY_S, image[:40]):
            assert word not in text, (name, word)
        if name.startswith("provider"):
            assert "org-first1234" in text, name
            assert not [
                it for it in ("shop", "reseller", "Atlas", "atlas") if it in text.replace("for the attempts under reseller", "")
            ]
        if name.startswith("app"):
            assert not [it for it in ("org-first", "proj-first", "help@openai") if it in text], name


async def test_a_ticket_is_ready_to_be_sent(gateway: House) -> None:
    """To the contract's support, with what the seven lines of the bundle ask for, and the limits the provider's headers told."""
    _, body = await covered(gateway)
    request_id = body["gateway"]["request_id"]
    async with asyncio.timeout(10):
        # It is written beside the requests.
        while (done := run("evidence", request_id, environment=gateway.environment)).returncode != 0:
            await asyncio.sleep(0.05)
    for said in (
        "**To:** OpenAI (help@openai.example), support under the contract direct@1",
        "| organization (declared) | org-first1234 |",
        "| project (declared) | proj-first1234 |",
        "| model | gpt-image-2 |",
        "| endpoint | POST images/generations |",
        "| request id (x-request-id) | req_",
        "| response status | 429 |",
        "| x-ratelimit-remaining-requests | 0 |",
        "| organization verification (recorded) | verified on 2026-11-01 |",
    ):
        assert said in done.stdout, said
    other = run("evidence", request_id, "--contract", "reseller", environment=gateway.environment)
    assert "**To:** Atlas (help)" in other.stdout
    assert "OpenAI" not in other.stdout


def test_a_wrong_command_says_what_would_be_right(gateway: House) -> None:
    """1 where nothing is kept, 2 where the command is wrong."""
    none = run("evidence", "gw_0000000000000000", environment=gateway.environment)
    assert (none.returncode, "gateway requests gw_0000000000000000" in none.stderr) == (1, True)
    wrong = run("evidence", "gw_1", "--for", "everyone", environment=gateway.environment)
    assert (wrong.returncode, "provider" in wrong.stderr) == (2, True)


@pytest.mark.parametrize(
    ("query", "status", "field"), [("?for=everyone", 422, "for"), ("?for=provider&contract=nobody", 422, "contract")]
)
async def test_the_admin_plane_refuses_what_it_does_not_know(gateway: House, query: str, status: int, field: str) -> None:
    """With the field, the rule and the fix."""
    _, body = await covered(gateway)
    found, said = tell(f"{gateway.admin_url}/requests/{body['gateway']['request_id']}/evidence{query}")
    assert (found, said["field"]) == (status, field)
    assert said["fix"]
    assert tell(f"{gateway.admin_url}/requests/gw_0000000000000000/evidence")[0] == 404


async def test_a_flawless_request_leaves_none(gateway: House) -> None:
    """By default: it has no link, and nothing is kept of it."""
    async with gateway.client(KEY) as app:
        answer, body = await ask(app)
    assert (answer.status, "evidence" in body["gateway"]) == (200, False)
    path = f"/v1/gateway/requests/{answer.headers['x-gateway-request-id']}/evidence"
    assert (await read(gateway, path))[0] == 404


async def test_a_refused_plan_leaves_its_reasons(gateway: House) -> None:
    """Nobody was called, and what was against each route is told: to the app in what concerns it."""
    stop = {"state": "disabled", "who": "ada", "why": "a drill"}
    for route in ("first", "second"):
        assert tell(f"{gateway.admin_url}/routes/{route}/override", "POST", stop)[0] == 200
    async with gateway.client(KEY) as app:
        answer, body = await ask(app)
    assert answer.status == 503
    found = json.loads((await read(gateway, body["gateway"]["evidence"]))[1])
    assert [(it["route"], it["reason"]) for it in found["decided"]["drops"]] == [("first", "override"), ("second", "override")]
    assert "attempts" not in found
    done = run("evidence", found["request_id"], environment=gateway.environment)
    assert (done.returncode, "--for ops" in done.stderr) == (1, True)


async def test_a_stream_s_last_event_says_where_its_evidence_is(gateway: House) -> None:
    """As a body does."""
    gateway.fault(kind="status", status=429, error=ECHO, times=1)
    async with gateway.client(KEY) as app, app.post("/v1/images/generations", json=_STREAM) as answer:
        events = [json.loads(line[6:]) for line in (await answer.text()).splitlines() if line.startswith("data: {")]
    found = json.loads((await read(gateway, events[-1]["gateway"]["evidence"]))[1])
    assert (len(found["attempts"]), found["asked"]["stream"]) == (2, True)


_STREAM = {"model": "gpt-image-2", "prompt": PROMPT, "size": "1024x640", "quality": "low", "stream": True}


def _keeping(**settings: Any) -> Configuration:
    def change(configuration: Configuration) -> None:
        _declared(configuration)
        configuration["evidence"] = settings

    return changed(change)


async def test_all_can_be_kept_and_outlive_the_gateway(place: Place) -> None:
    """keep: all keeps flawless requests too; the next process finds what the last one kept."""
    with place.gateway(_keeping(keep="all")) as house:
        async with house.client(KEY) as app:
            _, body = await ask(app, prompt=PROMPT)
        found = json.loads((await read(house, body["gateway"]["evidence"]))[1])
        assert [it["outcome"] for it in found["attempts"]] == ["completed"]
    done = run("evidence", found["request_id"], "--for", "app", "--format", "json", environment=house.environment)
    assert json.loads(done.stdout) == found


async def test_none_need_be_kept(place: Place) -> None:
    """requests_max: 0 keeps none, and no answer promises any."""
    with place.gateway(_keeping(requests_max=0)) as house:
        _, body = await covered(house)
        assert "evidence" not in body["gateway"]
        assert not (place.folder / "one" / "evidence.sqlite").exists()


async def test_a_file_that_cannot_be_used_stands_in_no_request_s_way(place: Place) -> None:
    """Requests are served, what is lost is counted, and whoever asks for it is told to come later."""
    with place.gateway(_keeping()) as house:
        for path in (place.folder / "one").glob("evidence.sqlite*"):
            path.unlink()
        (place.folder / "one" / "evidence.sqlite").mkdir()
        _, body = await covered(house)
        request_id = body["gateway"]["request_id"]
        status, text = await read(house, f"/v1/gateway/requests/{request_id}/evidence")
        assert (status, json.loads(text)["error"]["code"]) == (503, "evidence_unavailable")
        assert str(place.folder) not in text
        async with aiohttp.ClientSession(house.admin_url) as admin, admin.get("/metrics") as metrics:
            assert "gateway_evidence_lost_total 1.0" in await metrics.text()
        _, later = await covered(house)
        assert "evidence" not in later["gateway"]
