"""A ledger that cannot be written: nothing is sent that cannot be booked, nothing is delivered whose cost cannot be."""

from collections.abc import Iterator

import aiohttp
import pytest

from gateway.core.ledger.entry import Entry, Kind
from gateway.ports import LedgerUnavailable
from tests.integration.in_process import gateway_to
from tests.integration.programs import Program, control, start

WISH = {"model": "gpt-image-2", "prompt": "A teapot", "size": "1024x640", "quality": "low"}


class BrokenLedger:
    """A ledger whose disk fails as soon as it is to write an entry of one kind."""

    lag_s = 0.0

    def __init__(self, refused: Kind) -> None:
        self.refused, self.failing = refused, False

    async def append(self, *entries: Entry, spool: bool = False) -> None:
        self.failing = any(entry.kind is self.refused for entry in entries)
        if self.failing:
            raise LedgerUnavailable("the disk is full")


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One provider for all."""
    program = start("simulate", "--port", "0", log=tmp_path_factory.mktemp("simulator") / "log")
    yield program
    program.stop()


async def test_a_request_that_cannot_be_booked_is_not_sent(simulator: Program) -> None:
    """503, retry allowed, no contract reached, and the provider hears nothing."""
    control(simulator.url, "stats", "DELETE")
    async with (
        gateway_to(f"{simulator.url}/v1", BrokenLedger(Kind.RESERVE)) as client,
        client.post("/v1/images/generations", json=WISH) as answer,
    ):
        body = await answer.json()
        assert (answer.status, answer.headers["x-gateway-owner"], answer.headers["x-should-retry"]) == (503, "gateway", "true")
        assert (answer.headers["x-gateway-contract"], answer.headers["x-gateway-attempts"]) == ("none", "0")
        async with client.get("/readyz") as health:
            assert (health.status, (await health.json())["status"]) == (503, "ledger_failing")
    assert body["error"]["code"] == "ledger_unavailable"
    assert "disk" not in body["error"]["message"]
    assert control(simulator.url, "stats")["requests"] == 0


async def test_an_image_whose_cost_cannot_be_booked_is_not_delivered(simulator: Program) -> None:
    """The head has left, so the connection is broken off before the last byte."""
    async with gateway_to(f"{simulator.url}/v1", BrokenLedger(Kind.SETTLE)) as client:
        with pytest.raises(aiohttp.ClientPayloadError):
            async with client.post("/v1/images/generations", json=WISH) as answer:
                await answer.read()


async def test_a_failure_that_cannot_be_booked_may_not_be_retried(simulator: Program) -> None:
    """The provider may have billed: the gateway says so instead of inviting a second try."""
    control(simulator.url, "faults", "POST", {"kind": "status", "status": 500, "times": 1})
    async with (
        gateway_to(f"{simulator.url}/v1", BrokenLedger(Kind.EXPIRE)) as client,
        client.post("/v1/images/generations", json=WISH) as answer,
    ):
        body = await answer.json()
        assert (answer.status, answer.headers["x-gateway-owner"], answer.headers["x-should-retry"]) == (503, "gateway", "false")
    assert body["gateway"]["outcome"] == "ambiguous"
