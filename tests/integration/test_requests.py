"""Support looks a request up: by any id that somebody has of it, by what it was, and reads it as one story."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.programs import House, control, run
from tests.integration.two_contracts import KEY, OTHER_KEY, Configuration, Place, ask, changed

BROKE = {"code": "insufficient_quota", "type": "insufficient_quota", "message": "You exceeded your current quota."}


def _change(found: Configuration) -> None:
    found["models"]["gpt-image-2"]["fallback"] = {"on": ["account"], "to": ["reseller"]}
    found["apps"]["shop"] |= {"biller_change": True}


@pytest.fixture(scope="module")
def house(providers: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One that falls back from the direct contract to the reseller's."""
    place = Place(tmp_path_factory.mktemp("requests"), providers.openai, providers.atlas)
    control(place.openai.url, "faults", "DELETE")
    with place.gateway(changed(_change)) as house:
        yield house


async def _asked(house: House, key: str = KEY, **wish: Any) -> tuple[int, str]:
    """Status and id; where evidence is named it is there to be read."""
    headers = wish.pop("headers", {})
    async with house.client(key) as app:
        app.headers.update(headers)
        answer, body = await ask(app, **wish)
        if (path := body["gateway"].get("evidence")) is not None:
            async with app.get(path) as evidence:
                assert evidence.status == 200
    return answer.status, answer.headers["x-gateway-request-id"]


def _told(house: House, *arguments: str) -> str:
    done = run("requests", *arguments, environment=house.environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _listed(house: House, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(_told(house, *arguments, "--format", "json"))["requests"]
    return found


async def test_a_covered_request_is_one_story_by_its_id_and_by_the_provider_s(house: House) -> None:
    """Asked, planned, two attempts, money and tag; the raw entries stay behind an option."""
    house.fault(kind="status", status=429, error=BROKE, times=1)
    status, name = await _asked(house)
    assert status == 200
    story = json.loads(_told(house, name, "--format", "json"))
    assert (story["status"], story["tag"]["contract"], story["tag"]["fallback_from"]) == ("finished", "reseller@1", "direct")
    assert [it["owner"] for it in story["attempts"]] == ["account", None]
    assert [it["route"] for it in story["plan"]["candidates"]] == ["first", "second"]
    assert story["money"] == [{"currency": "USD", "cost": "0.50", "exposure": None, "adjusted": None}]
    assert story["evidence"] == f"/v1/gateway/requests/{name}/evidence"
    theirs = story["attempts"][1]["upstream_request_id"]
    found = run("requests", theirs, "--format", "json", environment=house.environment)
    assert (json.loads(found.stdout), f"the request is {name}" in found.stderr) == (story, True)
    text = _told(house, name)
    assert "a fallback from direct" in text
    assert f"gateway evidence {name}" in text
    assert "price list" in _told(house, name, "--entries")


async def test_what_was_refused_before_sending_is_found_by_its_evidence(house: House) -> None:
    """With whom it belongs to; both commands no longer point at each other."""
    status, name = await _asked(house, headers={"x-gateway-require-contract": "nobody@1"})
    assert status >= 400
    story = json.loads(_told(house, name, "--format", "json"))
    assert (story["status"], story["entries"], story["refusal"]["status"]) == ("refused", [], status)
    assert "refused before anything was sent" in _told(house, name, "--entries")


async def test_a_repeat_is_found_and_linked_both_ways(house: House) -> None:
    """It has no entries of its own, and is no stranger to the ledger."""
    key = {"headers": {"Idempotency-Key": "order-1"}, "prompt": "A lighthouse"}
    (_, original), (_, repeat) = await _asked(house, **key), await _asked(house, **key)
    assert original != repeat
    story = json.loads(_told(house, repeat, "--format", "json"))
    assert (story["status"], story["original"]["original_request_id"]) == ("repeated", original)
    assert story["original"]["saved"] == "0.50"
    assert [it["request_id"] for it in json.loads(_told(house, original, "--format", "json"))["repeats"]] == [repeat]
    assert original in _told(house, repeat)


async def test_a_list_is_narrowed_by_what_the_options_name(house: House) -> None:
    """Each alone, and together; nothing found is a sentence."""
    house.fault(kind="status", status=429, error=BROKE, times=1)
    _, covered = await _asked(house, prompt="A bridge")
    _, press = await _asked(house, OTHER_KEY, prompt="A bridge")
    [failed] = _listed(house, "--owner", "account", "--limit", "1")
    assert (failed["request_id"], failed["owner"], failed["route"], failed["provider"]) == (covered, "account", "first", "openai")
    assert {it["request_id"] for it in _listed(house, "--app", "press")} == {press}
    assert {it["contract"] for it in _listed(house, "--contract", "reseller", "--outcome", "completed")} == {"reseller@1"}
    assert _listed(house, "--provider", "atlas", "--app", "press") == []
    assert len(_listed(house, "--app", "shop,press", "--since", "1h", "--limit", "2")) == 2
    assert "The ledger has no such requests." in _told(house, "--tag", "campaign=none")
    assert "The ledger has no such requests." in _told(house, "--discrepant", "--until", "2026-01-01")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--owner", "nobody", "none of caller, app_policy"),
        ("--outcome", "lost", "none of not_sent, rejected, completed, ambiguous, open"),
        ("--tag", "campaign", "not NAME=VALUE"),
        ("--since", "yesterday", "not a point in time"),
    ],
)
def test_a_mistake_in_an_option_is_named(house: House, option: str, value: str, said: str) -> None:
    """With what is allowed; exit code 2."""
    done = run("requests", option, value, environment=house.environment)
    plain = " ".join(done.stderr.replace("│", " ").split())
    assert (done.returncode, said in plain) == (2, True), plain


def test_an_unknown_id_is_said_to_be_nowhere(house: House) -> None:
    """In the ledger, with a provider, in the evidence."""
    done = run("requests", "gw_none", environment=house.environment)
    assert (done.returncode, "no evidence of it is kept" in done.stderr) == (1, True)
