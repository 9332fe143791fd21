"""Taking a route out by hand: at once, for a while, through a restart, and never unseen."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.integration.programs import CONFIG, House, run, start
from tests.integration.programs import tear_down as stop_house
from tests.integration.reloads import Site, build_site, replaced

GENERATIONS = "/v1/images/generations"
WISH = {"model": "gpt-image-2.5-flare", "prompt": "A teapot", "size": "1024x1024", "quality": "low"}
ROUTE = "flare-atlas"
WORD = {"who": "ada", "why": "a drill"}


@pytest.fixture
async def site(shared_site: Site) -> AsyncIterator[Site]:
    """A gateway without overrides and with the demo's configuration."""
    await shared_site.watched()
    yield shared_site
    shared_site.admin(f"/routes/{ROUTE}/override", "DELETE", WORD)
    if shared_site.config.read_text() != CONFIG.read_text():
        shared_site.admin("/routes", "GET")
        shutil.copy(CONFIG, shared_site.config)
        shared_site.admin("/config/reload", "POST", WORD)


async def _status(house: House) -> int:
    async with house.client() as app, app.post(GENERATIONS, json=WISH) as answer:
        await answer.read()
        return answer.status


def _audited(site: Site) -> list[dict[str, Any]]:
    log = site.config.parent.parent / "history" / "audit.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.mark.parametrize(("verb", "state"), [("drain", "draining"), ("disable", "disabled")])
async def test_a_route_is_taken_out_and_brought_back(site: Site, verb: str, state: str) -> None:
    """New requests are refused, everybody who looks sees who did it until when and why, and the audit log has both orders."""
    assert await _status(site.house) == 200
    done = site.routes(verb, ROUTE, "--for", "2h", "--why", "the provider is down", "--who", "ada")
    assert done.returncode == 0, done.stderr
    assert state in done.stdout
    assert await _status(site.house) == 503
    shown = site.route(ROUTE)
    assert (shown["state"], shown["file_state"]) == (state, "active")
    assert (shown["override"]["who"], shown["override"]["why"]) == ("ada", "the provider is down")
    lasts = datetime.fromisoformat(shown["override"]["until"]) - datetime.fromisoformat(shown["override"]["since"])
    assert lasts.total_seconds() == 7200
    table = site.routes()
    assert "by ada: the provider is down" in table.stdout
    done = site.routes("enable", ROUTE, "--why", "it is back", "--who", "bob")
    assert done.returncode == 0, done.stderr
    assert await _status(site.house) == 200
    assert site.route(ROUTE)["override"] is None
    put, lifted = _audited(site)[-2:]
    assert (put["what"], put["who"], put["why"]) == ("route.override", "ada", "the provider is down")
    assert (put["details"]["route"], put["details"]["state"], put["details"]["for_s"]) == (ROUTE, state, 7200)
    assert (lifted["what"], lifted["who"], lifted["why"]) == ("route.enabled", "bob", "it is back")


async def test_an_override_ends_by_itself(site: Site) -> None:
    """Without anybody doing anything."""
    status, said = site.admin(f"/routes/{ROUTE}/override", "POST", WORD | {"state": "draining", "for_s": 1})
    assert (status, said["state"]) == (200, "draining")
    assert await _status(site.house) == 503
    await site.until(lambda it: it.route(ROUTE)["state"] == "active")
    assert await _status(site.house) == 200


async def test_a_restart_and_a_reload_keep_it(tmp_path: Path) -> None:
    """Whoever restarts a gateway does not bring a bad provider back."""
    site = build_site(tmp_path)
    again = None
    try:
        assert site.routes("disable", ROUTE, "--why", "a drill").returncode == 0
        before = site.route(ROUTE)["override"]
        await site.after(lambda: site.config.write_text(replaced(site.config, "team: storefront", "team: other")))
        assert site.route(ROUTE)["override"] == before
        assert site.house.gateway.stop() == 0
        gateway = start("serve", log=tmp_path / "again.log", environment=site.house.environment)
        again = replace(site, house=replace(site.house, gateway=gateway))
        assert again.route(ROUTE)["override"] == before
        assert await _status(again.house) == 503
    finally:
        stop_house(site.house if again is None else again.house)


async def test_the_file_is_the_truth(site: Site) -> None:
    """Lifting an override does not bring back a route that the file has disabled; that is said."""
    text = replaced(site.config, "flare-atlas: {model", "flare-atlas: {state: disabled, model")
    await site.after(lambda: site.config.write_text(text))
    assert site.routes("drain", ROUTE, "--why", "a drill").returncode == 0
    assert site.route(ROUTE)["state"] == "disabled"
    done = site.routes("enable", ROUTE, "--why", "a drill")
    assert done.returncode == 0
    assert "disabled" in done.stdout
    assert f"routes.{ROUTE}.state" in done.stdout
    assert await _status(site.house) == 503


async def test_an_override_can_be_lifted_where_its_route_is_gone(site: Site) -> None:
    """Else it would wait for a new route of that name."""
    assert site.routes("drain", ROUTE, "--why", "a drill").returncode == 0
    text = replaced(site.config, "flare-atlas: {model", "flare-b: {model").replace("[flare-atlas]", "[flare-b]")
    await site.after(lambda: site.config.write_text(text))
    done = site.routes("enable", ROUTE, "--why", "a drill")
    assert done.returncode == 0
    assert "no such route" in done.stdout


@pytest.mark.parametrize(
    ("body", "headers", "status", "field"),
    [
        (WORD | {"state": "draining"}, {"Origin": "http://127.0.0.1:1"}, 403, "origin"),
        (WORD | {"state": "draining"}, {"content_type": "text/plain"}, 415, "content-type"),
        (WORD, {}, 422, "state"),
        (WORD | {"state": ["draining"]}, {}, 422, "state"),
        (WORD | {"state": "off"}, {}, 422, "state"),
        (WORD | {"state": "draining", "for_s": 0}, {}, 422, "for_s"),
        (WORD | {"state": "draining", "for_s": 604_801}, {}, 422, "for_s"),
        (WORD | {"state": "draining", "for_s": True}, {}, 422, "for_s"),
        (WORD | {"state": "draining", "for_s": "60"}, {}, 422, "for_s"),
        (WORD | {"state": "draining", "fors": 60}, {}, 422, "fors"),
        ({"state": "draining", "who": "ada"}, {}, 422, "why"),
        ({"state": "draining", "who": "ada", "why": " "}, {}, 422, "why"),
        ({"state": "draining", "who": "a\nb", "why": "a drill"}, {}, 422, "who"),
        (["draining"], {}, 400, ""),
        (WORD | {"state": "draining", "why": "x" * 20_000}, {}, 413, ""),
    ],
)
async def test_a_faulty_order_is_refused(site: Site, body: Any, headers: dict[str, str], status: int, field: str) -> None:
    """With the field, the rule and the fix; nothing changes and nothing is audited."""
    before = len(_audited(site))
    found, said = site.admin(f"/routes/{ROUTE}/override", "POST", body, **headers)
    assert (found, said["status"], said["field"]) == (status, status, field)
    assert said["media_type"] == "application/problem+json"
    assert said["rule"]
    assert said["fix"]
    assert site.route(ROUTE)["override"] is None
    assert len(_audited(site)) == before


async def test_an_endless_number_is_refused(site: Site) -> None:
    """JSON as Python writes it has NaN, which is no JSON."""
    found, said = site.admin(f"/routes/{ROUTE}/override", "POST", WORD | {"state": "draining", "for_s": float("nan")})
    assert (found, "NaN" in said["detail"] + said["rule"] + said["fix"]) == (400, True), said


async def test_unknown_routes_and_paths_are_named(site: Site) -> None:
    """With the nearest route, or what there is."""
    found, said = site.admin("/routes/flare-atlass/override", "POST", WORD | {"state": "draining"})
    assert (found, said["fix"]) == (404, "Did you mean 'flare-atlas'?")
    found, said = site.admin("/rutes")
    assert (found, said["media_type"]) == (404, "application/problem+json")
    found, said = site.admin("/config/reload")
    assert found == 405


async def test_orders_at_once_are_all_kept(site: Site) -> None:
    """Several operators in an emergency."""
    orders = [WORD | {"state": state, "for_s": 60} for state in ("draining", "disabled") * 5]
    path = f"/routes/{ROUTE}/override"
    answers = await asyncio.gather(*(asyncio.to_thread(site.admin, path, "POST", order) for order in orders))
    assert {status for status, _ in answers} == {200}
    assert [it["what"] for it in _audited(site)[-10:]] == ["route.override"] * 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("drain", ROUTE), "--why"),
        (("drain", ROUTE, "--why", " "), "--why"),
        (("drain",), "ROUTE"),
        (("drain", ROUTE, "--why", "x", "--for", "8d"), "7d"),
        (("drain", ROUTE, "--why", "x", "--for", "0m"), "30m"),
        (("drain", ROUTE, "--why", "x", "--for", "1s"), "30m"),
        (("stop", ROUTE), "drain"),
    ],
)
def test_a_faulty_command_is_refused(arguments: tuple[str, ...], words: str) -> None:
    """With what is missing; no gateway is asked."""
    done = run("routes", *arguments, environment={"GATEWAY_ADMIN_URL": "http://127.0.0.1:1"})
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_gateway_the_file_is_shown() -> None:
    """With a note; an order fails, for nobody would carry it out."""
    environment = {"GATEWAY_CONFIG": str(CONFIG), "GATEWAY_ADMIN_PORT": "1"}
    done = run("routes", environment=environment)
    assert done.returncode == 0
    assert ROUTE in done.stdout
    assert "no gateway answers at http://127.0.0.1:1" in done.stderr
    shown = json.loads(run("routes", "--format", "json", environment=environment).stdout)
    assert {it["id"]: it["state"] for it in shown["routes"]} == {"gpt-image-2-openai": "active", ROUTE: "active"}
    done = run("routes", "drain", ROUTE, "--why", "a drill", environment=environment)
    assert done.returncode == 1
    assert "no gateway answers" in done.stderr


async def test_an_order_needs_no_valid_file(site: Site) -> None:
    """In an emergency the file may be half-edited: where the admin plane listens is read all the same."""
    port = site.house.admin_url.rpartition(":")[2]
    await site.after(
        lambda: site.config.write_text(replaced(site.config, "provider: simulated-atlas,", "provider: nobody,")), "refused"
    )
    environment = site.house.environment | {"GATEWAY_ADMIN_PORT": port}
    done = run("routes", "drain", ROUTE, "--why", "a drill", environment=environment)
    assert done.returncode == 0, done.stderr
    assert site.route(ROUTE)["state"] == "draining"


def test_something_else_that_answers_is_said(site: Site) -> None:
    """The data plane is no admin plane."""
    done = run("routes", "--admin", site.house.url, environment=site.house.environment)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    done = run("routes", "--admin", "file:///etc/hostname", environment=site.house.environment)
    assert done.returncode == 1
    assert "http://HOST:PORT" in done.stderr
