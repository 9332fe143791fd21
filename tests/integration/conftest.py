"""A gateway with two simulated providers, once a module; faults and counters are cleared before each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.integration.programs import House, build_house, control, tear_down


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
