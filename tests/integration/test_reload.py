"""Switching the configuration of a running gateway: no request fails, no bad file takes effect, no edit goes unseen."""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.app.configuration import load_config
from gateway.app.running import running
from gateway.telemetry.request_log import RequestLog
from tests.integration.programs import CONFIG, STOREFRONT_KEY, House, control, start
from tests.integration.reloads import Site, replaced

GENERATIONS = "/v1/images/generations"
WISH = {"model": "gpt-image-2", "prompt": "A teapot", "size": "1024x1024", "quality": "low"}
TEAM = "team: storefront"
ROUTE = "gpt-image-2-openai: {model: gpt-image-2,"
# More of them prove more: GATEWAY_TEST_RELOADS=1000.
RELOADS = int(os.environ.get("GATEWAY_TEST_RELOADS", "200"))


@pytest.fixture
async def site(shared_site: Site) -> AsyncIterator[Site]:
    """A gateway that watches its files; they are put back afterwards."""
    for simulator in (shared_site.house.openai, shared_site.house.atlas):
        control(simulator.url, "faults", "DELETE")
    first = shared_site.in_force()["revision"]
    await shared_site.watched()
    yield shared_site
    shutil.copytree(shared_site.pristine, shared_site.config.parent, dirs_exist_ok=True)
    for stray in set(shared_site.config.parent.rglob("*.yaml")):
        if not (shared_site.pristine / stray.relative_to(shared_site.config.parent)).exists():
            stray.unlink()
    await shared_site.until(lambda it: it.in_force()["revision"] == first and it.in_force()["last_reload"]["result"] != "refused")


async def _asked(house: House, **wish: Any) -> tuple[int, str]:
    async with house.client() as app, app.post(GENERATIONS, json=WISH | wish) as answer:
        await answer.read()
        return answer.status, answer.headers["x-gateway-route"]


async def test_a_new_route_serves(site: Site) -> None:
    """An edit of the main file takes effect by itself, and is told in plain words."""
    assert (await _asked(site.house, model="teapots"))[0] == 400
    text = replaced(site.config, "\nmodels:\n", "\nmodels:\n  teapots: {routes: [teapots-openai]}\n")
    site.config.write_text(text)
    route = "teapots-openai: {model: teapots, provider: simulated-openai, upstream_model: gpt-image-2, contract: openai-direct}"
    ended = await site.after(lambda: site.config.write_text(replaced(site.config, "\nroutes:\n", f"\nroutes:\n  {route}\n")))
    assert any("teapots" in change for change in ended["changes"])
    assert await _asked(site.house, model="teapots") == (200, "teapots-openai")
    assert f'gateway_config_info{{revision="{ended["revision"]}"}} 1.0' in site.metrics()
    assert site.metrics().count("gateway_config_info{") == 1


async def test_a_bad_file_changes_nothing(site: Site) -> None:
    """It is told with its line in log, metric and admin plane; requests are served as before; mended, it is forgotten."""
    before = site.in_force()["revision"]
    ended = await site.after(
        lambda: site.config.write_text(replaced(site.config, "provider: simulated-openai,", "provider: simulated-opena,")),
        "refused",
    )
    (problem,) = ended["problems"]
    line = next(number for number, text in enumerate(site.config.read_text().splitlines(), 1) if "simulated-opena," in text)
    assert (problem["line"], problem["path"]) == (line, "routes.gpt-image-2-openai.provider")
    assert site.in_force()["revision"] == before
    assert "gateway_config_last_reload_success 0.0" in site.metrics()
    at = f"gateway.yaml:{line}:"
    assert await site.house.logged(lambda it: it["event"] == "config refused" and it["level"] == "error" and at in it["problem"])
    assert await _asked(site.house) == (200, "gpt-image-2-openai")
    await site.after(lambda: shutil.copy(CONFIG, site.config), "unchanged")
    assert "gateway_config_last_reload_success 1.0" in site.metrics()


async def test_a_half_written_file_is_not_read(site: Site) -> None:
    """An editor that takes its time is waited for."""
    refused = _count(site, "refused")
    text = replaced(site.config, TEAM, "team: slow-writer")

    def write_slowly() -> None:
        with site.config.open("w") as file:
            for begin in range(0, len(text), len(text) // 8 + 1):
                file.write(text[begin : begin + len(text) // 8 + 1])
                file.flush()
                os.fsync(file.fileno())
                signal.sigtimedwait([], 0.1)  # what is tested is a writer that is slow

    ended = await site.after(write_slowly)
    assert any("slow-writer" in change for change in ended["changes"])
    assert _count(site, "refused") == refused


async def test_half_a_file_that_stays_is_refused_until_it_is_whole(site: Site) -> None:
    """As any other bad file."""
    text = replaced(site.config, TEAM, "team: late-writer")
    await site.after(lambda: site.config.write_text(text[: text.index("provider: simulated-atlas,")]), "refused")
    ended = await site.after(lambda: site.config.write_text(text))
    assert any("late-writer" in change for change in ended["changes"])


def _rename(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.swp")
    beside.write_text(text)
    beside.replace(path)


def _recreate(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


def _backup(path: Path, text: str) -> None:
    path.rename(path.with_name(f"{path.name}~"))
    path.write_text(text)
    path.with_name(f"{path.name}~").unlink()


@pytest.mark.parametrize("save", [_rename, _recreate, _backup])
async def test_every_way_to_save_is_noticed(site: Site, save: Callable[[Path, str], None]) -> None:
    """Also the second time: a watch on the file would have gone with the first."""
    for team in ("red", "blue"):
        old = TEAM if team == "red" else "team: red"
        text = replaced(site.config, old, f"team: {team}")
        ended = await site.after(lambda text=text: save(site.config, text))  # type: ignore[misc]
        assert any(team in change for change in ended["changes"])


async def test_included_folders_are_watched(site: Site) -> None:
    """A new file in one, an edit there, and a folder that is removed and made anew."""
    contracts = site.config.parent / "contracts"
    price = (site.config.parent / "prices" / "openai-standard.yaml").read_text()
    new = price.replace("openai-standard:", "openai-renewed:")
    assert new != price
    await site.after(lambda: (site.config.parent / "prices" / "renewed.yaml").write_text(new))
    direct = contracts / "openai-direct.yaml"
    ended = await site.after(
        lambda: direct.write_text(replaced(direct, "price_list: openai-standard", "price_list: openai-renewed"))
    )
    assert any("openai-direct" in change for change in ended["changes"])

    def anew() -> None:
        shutil.rmtree(contracts)
        shutil.copytree(CONFIG.parent / "contracts", contracts)

    await site.after(anew)
    ended = await site.after(
        lambda: direct.write_text(replaced(direct, "price_list: openai-standard", "price_list: openai-renewed"))
    )
    assert any("openai-direct" in change for change in ended["changes"])


async def test_a_file_that_was_missing_is_noticed(site: Site) -> None:
    """Where an include was refused because nothing was there yet."""
    await site.after(lambda: site.config.write_text(replaced(site.config, "include:", "include:\n  - later")), "refused")
    later = site.config.parent / "later"
    later.mkdir()
    try:
        ended = await site.after(lambda: (later / "a.yaml").write_text("apps: {}\n"), "unchanged")
        assert ended["problems"] == []
    finally:
        shutil.rmtree(later)


async def test_sighup_reloads(site: Site) -> None:
    """At once, whether or not anything was edited."""
    site.house.gateway.process.send_signal(signal.SIGHUP)
    last = await site.until(lambda it: (last := it.in_force()["last_reload"])["who"] == "SIGHUP" and last)
    assert last["result"] == "unchanged"


async def test_the_admin_plane_reloads(site: Site) -> None:
    """And answers with what became of it: the problems where there are any."""
    body = {"who": "ada", "why": "in a hurry"}
    site.config.write_text(replaced(site.config, TEAM, "team: hurried"))
    status, said = site.admin("/config/reload", "POST", body)
    assert (status, said["result"], said["who"]) == (200, "applied", "ada")
    site.config.write_text("routes: [}\n")
    status, said = site.admin("/config/reload", "POST", body)
    assert status == 422
    assert {"type", "title", "status", "detail", "field", "rule", "fix"} <= set(said)
    assert said["reload"]["problems"][0]["line"] == 1
    history = site.config.parent.parent / "history"
    entries = [json.loads(line) for line in (history / "audit.jsonl").read_text().splitlines()]
    first, second = [(it["what"], it["why"]) for it in entries if it["who"] == "ada"]
    assert first in {("config.applied", "in a hurry"), ("config.claimed", "in a hurry")}  # the watch may have been faster
    assert second == ("config.refused", "in a hurry")


async def test_settings_that_need_a_restart_are_named(site: Site) -> None:
    """Nobody has to wonder why the port is still the old one."""
    ended = await site.after(
        lambda: site.config.write_text(replaced(site.config, "GATEWAY_PORT:-8080}", "GATEWAY_PORT:-8080}\n  host: 127.0.0.2"))
    )
    assert ended["restart_needed"] == ["server.host"]
    (logged, *_) = await site.house.logged(lambda it: "restart" in it["event"])
    assert logged["settings"] == ["server.host"]


async def test_a_request_in_flight_finishes_on_its_snapshot(site: Site) -> None:
    """Its route is switched off meanwhile: it is served there; the next request is not."""
    site.house.fault(kind="latency", ms=2_500, times=1)
    early = asyncio.create_task(_asked(site.house))
    await site.until(lambda it: "gateway_requests_in_flight 1.0" in it.metrics())
    await site.after(lambda: site.config.write_text(replaced(site.config, ROUTE, f"{ROUTE} state: disabled,")))
    assert not early.done()
    assert (await _asked(site.house))[0] == 503
    assert await early == (200, "gpt-image-2-openai")


async def test_a_rotated_key_takes_effect(tmp_path: Path) -> None:
    """The revision stays; the provider is called with the new key, which stands nowhere else."""
    provider = start("simulate", "--port", "0", "--key", "sk-simulated-new", log=tmp_path / "provider.log")
    shutil.copytree(CONFIG.parent, tmp_path / "config")
    environment = {
        "SIMULATED_OPENAI_URL": f"{provider.url}/v1",
        "GATEWAY_PORT": "0",
        "GATEWAY_ADMIN_PORT": "0",
        "GATEWAY_LEDGER": str(tmp_path / "ledger.sqlite"),
    }
    gateway = start("serve", str(tmp_path / "config" / "gateway.yaml"), log=tmp_path / "gateway.log", environment=environment)
    site = Site(House(provider, provider, gateway, environment), tmp_path / "config" / "gateway.yaml", CONFIG.parent)
    try:
        before = site.in_force()["revision"]
        assert (await _asked(site.house))[0] != 200
        key = tmp_path / "config" / "demo" / "simulated-openai.key"
        ended = await site.after(lambda: key.write_text("sk-simulated-new\n"))
        assert ended["revision"] == before
        assert (await _asked(site.house))[0] == 200
        assert "sk-simulated-new" not in gateway.log.read_text() + json.dumps(ended)
    finally:
        gateway.stop()
        provider.stop()


async def test_a_config_map_that_is_swapped_is_noticed(tmp_path: Path) -> None:
    """As Kubernetes does it, twice: the link `..data` is replaced, the files behind it are new, the old ones are removed."""
    mount = tmp_path / "mount"
    mount.mkdir()

    def swap(name: str, team: str) -> None:
        shutil.copytree(CONFIG.parent, mount / name)
        main = mount / name / "gateway.yaml"
        main.write_text(replaced(main, TEAM, f"team: {team}"))
        old = mount / "..data"
        gone = old.resolve() if old.exists() else None
        (mount / "..data_tmp").symlink_to(name)
        (mount / "..data_tmp").replace(old)
        if gone is not None:
            shutil.rmtree(gone)

    swap("..2026_1", "one")
    for name in ("gateway.yaml", "contracts", "prices", "models", "demo"):
        (mount / name).symlink_to(f"..data/{name}")
    environment = {"GATEWAY_PORT": "0", "GATEWAY_ADMIN_PORT": "0", "GATEWAY_LEDGER": str(tmp_path / "ledger.sqlite")}
    gateway = start("serve", str(mount / "gateway.yaml"), log=tmp_path / "gateway.log", environment=environment)
    site = Site(House(gateway, gateway, gateway, environment), mount / "gateway.yaml", CONFIG.parent)
    try:
        for number, team in ((2, "two"), (3, "three")):
            ended = await site.after(lambda number=number, team=team: swap(f"..2026_{number}", team))  # type: ignore[misc]
            assert any(team in change for change in ended["changes"])
    finally:
        gateway.stop()


async def test_no_request_fails_because_of_many_reloads(shared_site: Site, tmp_path: Path) -> None:
    """Two configurations in turn, under load: every answer is an image, and all reloads took effect."""
    house = shared_site.house
    shutil.copytree(shared_site.pristine, tmp_path / "one")
    shutil.copytree(shared_site.pristine, tmp_path / "two")
    other = tmp_path / "two" / "gateway.yaml"
    other.write_text(replaced(other, TEAM, "team: other"))
    environment = {**os.environ, **house.environment, "GATEWAY_LEDGER": str(tmp_path / "ledger.sqlite")}
    pair = [load_config(tmp_path / name / "gateway.yaml", environment) for name in ("one", "two")]
    turns = cycle(reversed(pair))
    async with running(pair[0], RequestLog(None), lambda: next(turns)) as addresses, _load(addresses.data_plane) as statuses:
        body, results = {"who": "ada", "why": "load"}, []
        async with asyncio.timeout(120), aiohttp.ClientSession(addresses.admin_plane) as admin:
            for _ in range(RELOADS):
                async with admin.post("/config/reload", json=body) as answer:
                    results.append((await answer.json())["result"])
    assert results.count("applied") == RELOADS
    assert len(statuses) > 20
    assert set(statuses) == {200}


async def test_no_request_fails_because_of_edits(site: Site) -> None:
    """The same with files that are edited, in the real program."""
    async with _load(site.house.url) as statuses:
        for number in range(8):
            was = TEAM if number == 0 else f"team: number-{number - 1}"
            text = replaced(site.config, was, f"team: number-{number}")
            await site.after(lambda text=text: _rename(site.config, text))  # type: ignore[misc]
    assert len(statuses) > 20
    assert set(statuses) == {200}


@asynccontextmanager
async def _load(url: str) -> AsyncIterator[list[int]]:
    """Four clients that ask without a pause until the block is left; the statuses of their answers."""
    statuses: list[int] = []
    stopped = asyncio.Event()

    async def ask(app: aiohttp.ClientSession) -> None:
        while not stopped.is_set():
            async with app.post(GENERATIONS, json=WISH) as answer:
                await answer.read()
                statuses.append(answer.status)

    async with aiohttp.ClientSession(url, headers={"authorization": f"Bearer {STOREFRONT_KEY}"}) as app:
        clients = [asyncio.create_task(ask(app)) for _ in range(4)]
        try:
            yield statuses
        finally:
            stopped.set()
            await asyncio.gather(*clients)


def _count(site: Site, result: str) -> float:
    line = next(it for it in site.metrics().splitlines() if it.startswith(f'gateway_config_reloads_total{{result="{result}"}}'))
    return float(line.rpartition(" ")[2])
