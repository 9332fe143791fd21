"""A large JSON body on its way to the provider: replayed as it came, but for the model and what the provider wants besides."""

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.contract.wire import Scalar
from gateway.relay.request_json import MalformedBody
from gateway.relay.spool import Spool
from gateway.relay.spooled_json import SPACE_BYTES_MAX, SpooledJson, SpooledJsonReader

IMAGES = [{"image_url": "data:image/png;base64,AAAA"}]
SPACES = st.text(" \t\r\n", max_size=4)


async def read(body: bytes, folder: Path, step: int = 1_000) -> SpooledJson:
    spool = Spool(folder, 64 * 1024)
    reader = SpooledJsonReader(spool)
    try:
        for start in range(0, len(body), step):
            await reader.feed(body[start : start + step])
        return await reader.finish()
    except MalformedBody:
        spool.close()
        raise


async def sent(body: SpooledJson, model: str | None, members: dict[str, Scalar]) -> bytes:
    content = body.for_upstream(model, members)
    found = b"".join([piece async for piece in content.chunks()])
    assert len(found) == content.length
    return found


@given(
    before=st.dictionaries(
        st.sampled_from(["prompt", "size", "a,b", 'mo"del']), st.text(max_size=9) | st.integers(-(2**63), 2**64 - 1), max_size=3
    ),
    after=st.dictionaries(st.sampled_from(["quality", "x", "user"]), st.text(max_size=9) | st.none(), max_size=3),
    last=st.booleans(),
    space=SPACES,
    model=st.none() | st.text(max_size=9),
    members=st.dictionaries(
        st.sampled_from(["response_format", "user", "size"]), st.booleans() | st.integers() | st.text(), max_size=2
    ),
    step=st.integers(1, 40),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_provider_reads_what_was_meant(
    tmp_path: Path,
    before: dict[str, object],
    after: dict[str, object],
    last: bool,
    space: str,
    model: str | None,
    members: dict[str, Scalar],
    step: int,
) -> None:
    """Wherever the model stands and however the object is spaced; what was sent is never written twice, and stays as it is."""
    whole = {**before, "images": IMAGES, **({} if last else {"model": "ours"}), **after, **({"model": "ours"} if last else {})}
    pairs = [f"{json.dumps(name)}{space}:{space}{json.dumps(value)}" for name, value in whole.items()]
    body = f"{{{space}{f'{space},{space}'.join(pairs)}{space}}}".encode()

    async def replayed() -> bytes:
        spooled = await read(body, tmp_path, step)
        try:
            return await sent(spooled, model, members)
        finally:
            spooled.close()

    found = json.loads(asyncio.run(replayed()), object_pairs_hook=list)
    named = {name: value for name, value in whole.items() if name != "model"} | ({} if model is None else {"model": model})
    added = {name: value for name, value in members.items() if name not in whole}
    expected = [*named.items(), *added.items()]
    listed = [(name, [dict(it) for it in value] if name == "images" else value) for name, value in found]
    assert sorted(listed, key=repr) == sorted(expected, key=repr)


async def test_a_model_behind_a_desert_is_refused(tmp_path: Path) -> None:
    """The comma before the last member is looked for within a bound."""
    desert = b" " * (SPACE_BYTES_MAX + 1)
    body = b'{"images":[{"image_url":"x"}],' + desert + b'"model":"ours"}'
    with pytest.raises(MalformedBody, match="too much space"):
        await read(body, tmp_path)
