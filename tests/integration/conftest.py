"""A gateway with two simulated providers, once a module; faults and counters are cleared before each test."""

import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.integration.programs import CONFIG, House, build_house, control, tear_down

Edited = Callable[[str, str, str], House]


@pytest.fixture(scope="module")
def shared_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The programs themselves."""
    house = build_house(tmp_path_factory.mktemp("house"))
    yield house
    tear_down(house)


@pytest.fixture
def house(shared_house: House) -> House:
    """The programs without faults and with counters at zero."""
    for simulator in (shared_house.openai, shared_house.atlas):
        control(simulator.url, "faults", "DELETE")
        control(simulator.url, "stats", "DELETE")
    return shared_house


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
