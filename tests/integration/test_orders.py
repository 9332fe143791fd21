"""An order reaches the gateway that was meant, or nobody; whoever gives it sees which gateway answered."""

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.integration.programs import House, run
from tests.integration.reloads import tell

ROUTE = "flare-atlas"
DEFAULT = "127.0.0.1:9090"
DRAIN = ("routes", "drain", ROUTE, "--why", "a drill")
ORDERS = {
    "drain": DRAIN,
    "disable": ("routes", "disable", ROUTE, "--why", "a drill"),
    "enable": ("routes", "enable", ROUTE, "--why", "a drill"),
    "ready": ("ready", ROUTE),
    "ready live": ("ready", ROUTE, "--live", "--budget", "0.01"),
}
# These read the whole configuration before they order anything.
BY_A_VALID_FILE = {
    "reprice": ("reprice", "--list", "openai-standard", "--since", "7d", "--yes"),
    "reconcile": ("reconcile", "bill.csv", "--contract", "openai-direct", "--month", "2026-10", "--resolve", "--yes"),
    "rollback": ("config", "rollback", "ffffffffffff", "--why", "a drill"),
    "migrate": ("ledger", "migrate"),
}
LOOKS = {"routes": ("routes",), "contract": ("contract", "openai-direct")}
BROKEN = {
    "missing": None,
    "empty": "",
    "half a file": "admin: {port: 19090}\napps: [\n",
    "port twice": "admin: {port: 19090}\nadmin: {port: 19091}\n",
    "no port": "admin: {port: ninety}\n",
    "variable unset": "admin: {port: '${NO_SUCH_VARIABLE}'}\n",
    "section misspelled": "amdin: {port: 19090}\n",
    "include missing": "include: [nowhere/admin.yaml]\n",
}


def _file(folder: Path, kind: str) -> Path:
    path, text = folder / "second.yaml", BROKEN[kind]
    if text is not None:
        path.write_text(text)
    return path


def _standing(house: House) -> dict[str, Any]:
    """What an order could have changed."""
    routes = tell(f"{house.admin_url}/routes")[1]["routes"]
    with urllib.request.urlopen(f"{house.admin_url}/metrics", timeout=10) as answer:
        spent = re.findall(r"^gateway_attempts.*$", answer.read().decode(), re.MULTILINE)
    return {"overrides": [it["override"] for it in routes], "spent": spent}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("order", [*ORDERS, *BY_A_VALID_FILE])
def test_no_order_without_an_address(tmp_path: Path, order: str, kind: str) -> None:
    """Where the file does not say which gateway is meant, none is asked, the place of the mistake is told and what to do."""
    path = _file(tmp_path, kind)
    done = run(*(ORDERS | BY_A_VALID_FILE)[order], "--config", str(path), environment={"GATEWAY_ADMIN_URL": ""})
    assert done.returncode == 1, done.stderr
    assert DEFAULT not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    if order in ORDERS:
        assert re.search(rf"{re.escape(str(path))}:\d+:\d+: ", done.stderr)
        assert f"{path} does not say where the gateway's admin plane is, so nothing was ordered" in done.stderr
        assert "--admin URL" in done.stderr


@pytest.mark.parametrize("kind", ["missing", "half a file"])
@pytest.mark.parametrize("order", ORDERS)
def test_an_order_by_name_needs_no_file(house: House, tmp_path: Path, order: str, kind: str) -> None:
    """``--admin`` says which gateway is meant, and who answered is told: its address, configuration and instance."""
    done = run(*ORDERS[order], "--admin", house.admin_url, "--config", str(_file(tmp_path, kind)))
    assert done.returncode in (0, 1), done.stderr
    in_force = tell(f"{house.admin_url}/config")[1]
    said = f"gateway: {house.admin_url} answers: configuration {in_force['revision']} of {in_force['main']}, instance "
    assert said + in_force["instance"] in done.stderr
    expected = {"drain": "draining", "disable": "disabled"}.get(order)
    standing = [it["override"] for it in tell(f"{house.admin_url}/routes")[1]["routes"] if it["id"] == ROUTE]
    assert [it and it["state"] for it in standing] == [expected]


@pytest.mark.parametrize("order", ORDERS)
def test_another_gateway_at_the_address_takes_no_order(house: House, tmp_path: Path, order: str) -> None:
    """A file's address can be that of a gateway which runs another file: nothing changes there."""
    host, _, port = house.admin_url.removeprefix("http://").rpartition(":")
    path, before = tmp_path / "second.yaml", _standing(house)
    path.write_text(json.dumps({"admin": {"host": host, "port": int(port)}}))
    done = run(*ORDERS[order], "--config", str(path), environment={"GATEWAY_ADMIN_URL": ""})
    assert done.returncode == 1
    assert f"the gateway at {house.admin_url} runs " in done.stderr
    assert f"and not {path}, so nothing was ordered" in done.stderr
    assert _standing(house) == before


def test_the_files_own_gateway_takes_the_order(house: House) -> None:
    """By the address that its configuration says, whatever way its path is written."""
    config = Path(house.environment["GATEWAY_CONFIG"])
    environment = house.environment | {"GATEWAY_ADMIN_URL": "", "GATEWAY_ADMIN_PORT": house.admin_url.rpartition(":")[2]}
    done = run(*DRAIN, "--config", f"{config.parent}/../{config.parent.name}/{config.name}", environment=environment)
    assert done.returncode == 0, done.stderr
    assert f"gateway: {house.admin_url} answers: " in done.stderr


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("look", LOOKS)
def test_a_look_says_that_it_uses_the_default(tmp_path: Path, look: str, kind: str) -> None:
    """Reading may go where the default leads, as long as that is said."""
    done = run(*LOOKS[look], "--config", str(_file(tmp_path, kind)), environment={"GATEWAY_ADMIN_URL": ""})
    assert f"the default http://{DEFAULT} is asked" in done.stderr
