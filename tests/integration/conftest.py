"""A gateway with two simulated providers, once a module; faults and counters are cleared before each test."""

import json
import re
import shutil
import ssl
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from tests.integration.programs import CONFIG, House, build_house, control, tear_down, without_limits
from tests.integration.reloads import Site, build_site
from tests.integration.two_contracts import Place, two_providers

DAY_LEFT_S_MIN = 30.0
Edited = Callable[[str, str, str], House]


@pytest.fixture(scope="module")
def shared_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The programs themselves; no contract limits how much a test may ask for."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(CONFIG.parent, folder / "config")
    without_limits(folder / "config")
    house = build_house(folder, config=folder / "config" / "gateway.yaml")
    yield house
    tear_down(house)


@pytest.fixture
def house(shared_house: House) -> House:
    """The programs without faults, with counters at zero, and no route left out for what a test before has made it do."""
    for route in ("gpt-image-2-openai", "flare-atlas"):
        said = json.dumps({"who": "tests", "why": "a test begins"}).encode()
        order = urllib.request.Request(f"{shared_house.admin_url}/routes/{route}/override", said, method="DELETE")
        order.add_header("content-type", "application/json")
        urllib.request.urlopen(order, timeout=10).close()
    for simulator in (shared_house.openai, shared_house.atlas):
        control(simulator.url, "faults", "DELETE")
        control(simulator.url, "stats", "DELETE")
    return shared_house


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A gateway whose configuration may be edited."""
    site = build_site(tmp_path_factory.mktemp("site"))
    yield site
    tear_down(site.house)


@pytest.fixture(scope="module")
def providers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Two simulated providers, for gateways that tests start in front of them."""
    with two_providers(tmp_path_factory.mktemp("providers")) as place:
        yield place


@pytest.fixture
def place(providers: Place, tmp_path: Path) -> Place:
    """Both providers without faults, and a folder of the test's own."""
    for simulator in (providers.openai, providers.atlas):
        control(simulator.url, "faults", "DELETE")
        control(simulator.url, "stats", "DELETE")
    return Place(tmp_path, providers.openai, providers.atlas)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for a house of the test's own."""
    return tmp_path


@pytest.fixture
async def app(house: House) -> AsyncIterator[aiohttp.ClientSession]:
    """A plain HTTP client that bears the storefront's key."""
    async with house.client() as session:
        yield session


@pytest.fixture
def edited(tmp_path: Path) -> Iterator[Edited]:
    """Start a house whose configuration has one passage replaced."""
    houses = []

    def start(file: str, old: str, new: str) -> House:
        shutil.copytree(CONFIG.parent, tmp_path / "config")
        path = tmp_path / "config" / file
        text, count = re.subn(old, new, path.read_text())
        assert count == 1
        path.write_text(text)
        houses.append(build_house(tmp_path, config=tmp_path / "config" / "gateway.yaml"))
        return houses[0]

    yield start
    for house in houses:
        tear_down(house)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the key and the certificate of ``localhost``."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("NOT TESTED: TLS to providers, for there is no program openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    key, found, both = folder / "key.pem", folder / "certificate.pem", folder / "both.pem"
    kind = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", str(key), "-out", str(found)]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([openssl, "req", *kind, *name], check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + found.read_bytes())
    return both


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    """The provider's side."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway's side trusts the certificate, by OpenSSL's own setting."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


@pytest.fixture
def one_day() -> None:
    """The test and the programs that it starts see one date: where midnight is near, it begins behind that."""
    now = datetime.now(UTC)
    left_s = (datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC) - now).total_seconds()
    if left_s < DAY_LEFT_S_MIN:
        time.sleep(left_s)
