"""Hostile JSON at every endpoint that takes a body: refused as the caller's own, and never the gateway's fault."""

import asyncio
import io
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.request.images import Operation
from tests.integration.in_process import gateway_to
from tests.integration.odd_provider import PNG, KeptLedger, http, provider
from tests.unit.core.samples import APP

# A walk through all of the worst took seconds. The rest is for a machine that is busy with something else.
LAG_S_MAX = 0.5
PATHS = ("/v1/images/generations", "/v1/images/edits", "/v1/images/variations", "/v1/responses", "/v1/chat/completions")
IMAGE = {"created": 1, "data": [{"b64_json": PNG}], "usage": {"input_tokens": 14, "output_tokens": 196}}
HOSTILE = [
    "1e999", "-1e999", "1e-999", "9" * 5_000, "-" + "9" * 40, "18446744073709551616", "NaN", "Infinity", "-0", "-0.0", "1E+2",
    r'"\ud800"', r'"\udc00\ud800"', r'"\u0000"', '"\x7f"', '"\ud83d\ude00"', "[" * 2_000, "[" * 90 + "]" * 90,
    '{"a":' * 90 + "1" + "}" * 90, '{"a":1,"a":null}', "[1," * 2_000, "1,1", "", "tru", '"', '"\\', r'"\u12', "[]", "{}", "null",
]  # fmt: skip
NAMES = [
    "model", "prompt", "n", "size", "quality", "output_format", "background", "stream", "partial_images", "user", "images",
    "mask", "input", "tools", "tool_choice", "max_output_tokens", "max_tool_calls", "service_tier", "foo", "input_fidelity",
    "image_url", "type", r"\u006eo", r"\ud800", "",
]  # fmt: skip
KNOWN = {
    "model": '"gpt-image-2"',
    "prompt": '"x"',
    "images": '[{"image_url":"data:image/png;base64,AAAA"}]',
    "input": '"x"',
    "tools": '[{"type":"image_generation"}]',
}


def _object(members: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f'"{name}":{value}' for name, value in members) + "}"


JSON = st.recursive(
    st.sampled_from(HOSTILE)
    | st.integers().map(str)
    | st.floats().map(json.dumps)
    | st.text(max_size=20).map(json.dumps)
    | st.sampled_from([*KNOWN.values(), '"image_generation"']),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda it: f"[{','.join(it)}]")
        | st.lists(st.tuples(st.sampled_from(NAMES), inner), max_size=3).map(_object)
    ),
    max_leaves=6,
)
BODIES = st.tuples(
    st.permutations(list(KNOWN.items())), st.lists(st.tuples(st.sampled_from(NAMES), JSON), max_size=3), st.integers(0, 5)
).map(lambda it: _object([*it[0][: it[2]], *it[1]]))


class Plane:
    """A data plane that serves for as long as its runner runs."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner
        self._held = AsyncExitStack()

    async def open(self) -> None:
        url = await self._held.enter_async_context(provider(http("200 OK", IMAGE)))
        app = replace(APP, models=frozenset({"gpt-image-2"}))
        self.client = await self._held.enter_async_context(
            gateway_to(url, KeptLedger(), app=app, operations=frozenset(Operation))
        )

    async def close(self) -> None:
        await self._held.aclose()

    def answer(self, path: str, body: bytes) -> tuple[int, str]:
        """The status, and the owner of what went wrong."""

        async def posted() -> tuple[int, str]:
            async with self.client.post(path, data=body, headers={"content-type": "application/json"}) as answer:
                await answer.read()
                return answer.status, answer.headers.get("x-gateway-owner", "")

        return self.runner.run(posted())


@pytest.fixture(scope="module")
def plane() -> Iterator[Plane]:
    with asyncio.Runner() as runner:
        found = Plane(runner)
        runner.run(found.open())
        yield found
        runner.run(found.close())


def _assert_no_fault(plane: Plane, path: str, body: str) -> None:
    status, owner = plane.answer(path, body.encode("utf-8", "surrogatepass"))
    assert status < 500, (path, body[:500], status, owner)


@pytest.mark.parametrize("path", PATHS)
def test_no_value_of_any_member_is_the_gateway_s_fault(plane: Plane, path: str) -> None:
    """Each hostile value in each member of a request that is whole otherwise."""
    for name in NAMES:
        for value in HOSTILE:
            _assert_no_fault(plane, path, _object([*((it, known) for it, known in KNOWN.items() if it != name), (name, value)]))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(path=st.sampled_from(PATHS), body=BODIES)
def test_no_json_is_the_gateway_s_fault(plane: Plane, path: str, body: str) -> None:
    """Whatever comes is served or refused."""
    _assert_no_fault(plane, path, body)


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/images/edits", "/v1/responses"])
@pytest.mark.parametrize(
    ("member", "code"),
    [
        ('"foo":NaN', "invalid_body"),
        ('"foo":1e999', "invalid_body"),
        (r'"foo":"\ud800"', "invalid_body"),
        ('"input_fidelity":"high","input_fidelity":null', "repeated_parameter"),
        ('"foo":[' + ",".join("0" * 20_001) + "]", "too_many_values"),
        ('"foo":' + "[" * 200 + "]" * 200, "nested_too_deeply"),
    ],
)
def test_one_rule_for_all_bodies(plane: Plane, path: str, member: str, code: str) -> None:
    """What one endpoint refuses no other passes on, and the rule has a name."""
    body = _object(list(KNOWN.items()))[:-1] + "," + member + "}"

    async def posted() -> tuple[int, str]:
        async with plane.client.post(path, data=body.encode(), headers={"content-type": "application/json"}) as answer:
            return answer.status, (await answer.json())["error"]["code"]

    assert plane.runner.run(posted()) == (400, code)


HEAVY = [
    ("/v1/images/generations", _object([(str(index), '""') for index in range(60_000)])),
    ("/v1/images/edits", _object([(str(index), '""') for index in range(300_000)])),
    ("/v1/images/edits", "{" + '"a":"",' * 300_000 + '"b":1}'),
    ("/v1/responses", '{"input":[' + "{}," * 500_000 + "{}]}"),
    ("/v1/responses", '{"input":[' + "1," * 1_800_000 + "1]}"),
    ("/v1/responses", '{"input":' + "[" * 1_500_000),
    ("/v1/responses", _object([*KNOWN.items(), ("foo", "[" + '{"a":"b"},' * 9_900 + "1]")])),
    ("/v1/responses", _object([*KNOWN.items(), ("foo", "[" + ",".join([json.dumps('"\\\n' * 40_000)] * 15) + "]")])),
]


def test_no_body_keeps_the_others_waiting(plane: Plane) -> None:
    """Bodies of very many members, items and escapes, five at a time, leave the loop free for everybody else."""

    async def lag_s() -> float:
        loop, worst_s = asyncio.get_running_loop(), 0.0
        sending = asyncio.ensure_future(sent())
        while not sending.done():
            before_s = loop.time()
            await asyncio.sleep(0)
            worst_s = max(worst_s, loop.time() - before_s)
        await sending
        return worst_s

    async def sent() -> None:
        room = asyncio.Semaphore(5)

        async def one(path: str, body: bytes) -> None:
            async with (
                room,
                plane.client.post(path, data=io.BytesIO(body), headers={"content-type": "application/json"}) as answer,
            ):
                assert answer.status < 500

        await asyncio.gather(*(one(path, body.encode()) for path, body in HEAVY))

    assert plane.runner.run(lag_s()) < LAG_S_MAX
