"""Callers that misuse a connection: bounded in bytes and in time, and told why."""

import asyncio
import json

from tests.integration.in_process import KEY, gateway_to
from tests.integration.test_odd_answers import KeptLedger

HEAD = f"POST /v1/images/generations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"


async def spoken(*parts: bytes) -> bytes:
    """The first of what the gateway answers to these bytes."""
    async with gateway_to("http://127.0.0.1:9/v1", KeptLedger()) as client:
        base = client._base_url
        assert base is not None
        reader, writer = await asyncio.open_connection(base.host, base.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            async with asyncio.timeout(10):
                return await reader.read(64 * 1024)
        finally:
            writer.close()


async def test_an_endless_head_is_cut_off() -> None:
    """Before it fills the memory, and without a key."""
    answer = await spoken(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-much: ", b"x" * 40_000, b"x" * 40_000)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "headers_too_large"


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    """408 in OpenAI's shape, tagged like every answer."""
    answer = await spoken(f'{HEAD}content-length: 100\r\n\r\n{{"model":'.encode())
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"x-gateway-contract: none" in answer
    assert b"did not arrive within 0.5 s" in answer


async def test_a_large_body_is_not_taken_for_a_large_head() -> None:
    """Head and body may come in one piece."""
    body = json.dumps({"model": "nothing", "prompt": "x"}).encode() + b" " * 100_000
    answer = await spoken(f"{HEAD}content-length: {len(body)}\r\n\r\n".encode() + body)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"does not exist" in answer
