"""The body of a Responses request on its way to the provider: as it came, but for its models and its bounds."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.contract.wire import Scalar
from gateway.relay.request_json import MalformedBody
from gateway.relay.response_body import TOOLS_BYTES_MAX, ResponseBody, ResponseReader
from gateway.relay.spool import Spool

TOOL: dict[str, Any] = {"type": "image_generation", "size": "1024x1024"}
BOUNDS: dict[str, Scalar] = {"max_output_tokens": 500, "max_tool_calls": 1}


async def read(body: bytes, folder: Path, step: int = 1_000) -> ResponseBody:
    reader = ResponseReader(Spool(folder, 64 * 1024))
    try:
        for start in range(0, len(body), step):
            await reader.feed(body[start : start + step])
        return await reader.finish()
    except MalformedBody:
        reader.spool.close()
        raise


async def sent(body: ResponseBody, model: str | None = "upstream", image_model: str = "gpt-image-2") -> dict[str, Any]:
    content = body.for_upstream(model, BOUNDS, image_model)
    found = b"".join([piece async for piece in content.chunks()])
    body.close()
    assert len(found) == content.length
    assert found.count(b'"tools"') <= 1
    parsed: dict[str, Any] = json.loads(found)
    return parsed


MEMBERS = st.dictionaries(
    st.sampled_from(["input", "model", "max_output_tokens", "max_tool_calls", "tools", "later", 'a"b', "zz"]),
    st.none()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(max_size=5)
    | st.lists(st.just({"model": "inner", "x": "]}"}), max_size=2),
    max_size=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MEMBERS, st.integers(1, 50), st.sampled_from([None, 2]))
def test_what_is_not_the_gateway_s_goes_as_it_came(
    tmp_path: Path, members: dict[str, Any], step: int, indent: int | None
) -> None:
    """Wherever the members stand and however they are written; a bound that is null counts as absent."""
    body = members | {"tools": [TOOL, {"type": "function", "name": "f"}]}
    written = f" {json.dumps(body, indent=indent)}\n".encode()
    found = asyncio.run(_both(written, tmp_path, step))
    kept = {name: value for name, value in body.items() if value is not None or name not in BOUNDS}
    assert found == BOUNDS | kept | {"model": "upstream", "tools": [TOOL | {"model": "gpt-image-2"}, body["tools"][1]]}


async def _both(written: bytes, folder: Path, step: int) -> dict[str, Any]:
    return await sent(await read(written, folder, step))


async def test_a_model_that_the_caller_names_stays(tmp_path: Path) -> None:
    """And where the path names the model, the body has none."""
    tool = TOOL | {"model": "gpt-image-1"}
    found = await sent(await read(json.dumps({"model": "m", "tools": [tool]}).encode(), tmp_path), model=None)
    assert found == {"tools": [tool]} | BOUNDS


async def test_a_large_body_is_not_in_memory(tmp_path: Path) -> None:
    """It waits on disk; what is read of it are the beginnings of its long strings."""
    url = "data:image/png;base64," + "A" * 3_000_000
    body = {"model": "m", "input": [{"content": [{"type": "input_image", "image_url": url}]}], "tools": [TOOL]}
    read_body = await read(json.dumps(body).encode(), tmp_path, 100_000)
    assert len(read_body.fields["input"][0]["content"][0]["image_url"]) < 200_000
    assert read_body.members == {"model", "input", "tools"}
    found = await sent(read_body)
    assert found["input"] == body["input"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"model":"a"', "cut short"),
        (b'{"tools":[{"type":"image_generation","input_image_mask":{"image_url":"' + b"A" * TOOLS_BYTES_MAX + b'"}}]}', "tools"),
    ],
    ids=["cut", "large tools"],
)
async def test_what_cannot_be_replayed_is_refused(tmp_path: Path, body: bytes, words: str) -> None:
    """With the reason."""
    with pytest.raises(MalformedBody, match=words):
        await read(body, tmp_path, 1_000_000)


async def test_a_body_without_tools_can_be_looked_at(tmp_path: Path) -> None:
    """Whoever judges it says what is missing."""
    found = await read(b'{"model":"m"}', tmp_path)
    assert found.fields == {"model": "m"}
    assert (await sent(found))["tools"] == []
