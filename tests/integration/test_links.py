"""Images that come as links: fetched under strict rules, streamed on as base64, and refused for a reason that names no link."""

import asyncio
import base64
import gzip
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.core.contract.links import Deliver, LinkRules
from gateway.core.outcome import Stage
from gateway.ports import UpstreamCall, UpstreamFailed
from gateway.providers.links import LinkFetching
from tests.integration.scripted_provider import SETTINGS
from tests.integration.test_edits import picture

LOOPBACK = LinkRules(Deliver.B64, frozenset({"images.example.com"}), loopback=True)
STRICT = LinkRules(Deliver.B64, frozenset({"images.example.com"}))
PNG = picture(200)
Handler = Callable[[web.Request], Any]


class Answered:
    """A provider that gives this answer."""

    def __init__(self, body: bytes, status: int = 200, step: int = 7_000) -> None:
        self.status, self.headers = status, {"content-type": "application/json"}
        self._pieces = [body[start : start + step] for start in range(0, len(body), step)]
        self.released = False

    async def send(self, call: UpstreamCall) -> "Answered":
        return self

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

    def release(self) -> None:
        self.released = True


@asynccontextmanager
async def host(**paths: Handler) -> AsyncIterator[str]:
    """A server of images on loopback."""
    app = web.Application()
    for name, handler in paths.items():
        app.router.add_get(f"/{name}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def gives(body: bytes = PNG, **more: Any) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=body, **{"content_type": "image/png"} | more)

    return handler


async def fetched(answer: bytes, rules: LinkRules | None = LOOPBACK, *, resolver: AbstractResolver | None = None) -> bytes:
    """What the relay would read."""
    fetching = LinkFetching(Answered(answer), resolver)
    try:
        response = await fetching.send(UpstreamCall(SETTINGS, "images/generations", "gw_1", b"{}", rules))
        return b"".join([data async for data in response.chunks()])
    finally:
        await fetching.aclose()


def links(*urls: str, **more: Any) -> bytes:
    return json.dumps({"created": 1, "data": [{"url": url, **more} for url in urls], "usage": {"input_tokens": 1}}).encode()


async def test_images_take_the_place_of_links() -> None:
    """Byte for byte, in their order, whatever their size; all else of the answer is kept."""
    large = picture(900)
    async with host(small=gives(), large=gives(large), odd=gives(PNG + b"x")) as url:
        found = json.loads(await fetched(links(f"{url}/small", f"{url}/large", f"{url}/odd", revised_prompt='A "teapot"')))
    assert [base64.b64decode(item["b64_json"]) for item in found["data"]] == [PNG, large, PNG + b"x"]
    assert all(item["revised_prompt"] == 'A "teapot"' and "url" not in item for item in found["data"])
    assert (found["created"], found["usage"]) == (1, {"input_tokens": 1})


@pytest.mark.parametrize(
    "answer",
    [
        b'{"data":[{"b64_json":"AAAA","url":"http://127.0.0.1/x"}]}',
        b'{"data":[]}',
        b'{"error":{"message":"no"}}',
        b"not JSON",
        b"[]",
        b'{"data":[{"url":"http://127.0.0.1/x","b64_json":"' + b"A" * 200_000 + b'"}]}',
    ],
)
async def test_what_holds_no_links_passes_as_it_came(answer: bytes) -> None:
    """It is the relay's to judge."""
    assert await fetched(answer) == answer
    assert await fetched(links("http://127.0.0.1:1/x"), None) == links("http://127.0.0.1:1/x")


async def test_a_redirect_to_a_listed_place_is_followed() -> None:
    """As often as three times."""

    async def elsewhere(request: web.Request) -> web.Response:
        raise web.HTTPFound("/image")

    async def around(request: web.Request) -> web.Response:
        raise web.HTTPFound("/around")

    async with host(image=gives(), elsewhere=elsewhere, around=around) as url:
        found = json.loads(await fetched(links(f"{url}/elsewhere")))
        assert base64.b64decode(found["data"][0]["b64_json"]) == PNG
        with pytest.raises(UpstreamFailed, match="redirected more than 3 times"):
            await fetched(links(f"{url}/around"))


async def _slow(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"content-type": "image/png"})
    await answer.prepare(request)
    await answer.write(PNG[:1000])
    await asyncio.Event().wait()
    return answer


async def _endless(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"content-type": "image/png"})
    await answer.prepare(request)
    while True:
        await answer.write(bytes(64 * 1024))


async def _away(request: web.Request) -> web.Response:
    raise web.HTTPFound("https://169.254.169.254/latest/meta-data?secret=1")


REFUSED: dict[str, tuple[Handler, str]] = {
    "html": (gives(b"<html>", content_type="text/html"), "no image, as its content-type says"),
    "missing": (gives(status=404), "answered with status 404"),
    "packed": (gives(gzip.compress(PNG), headers={"content-encoding": "gzip"}), "content-encoding that nobody asked for"),
    "large": (gives(bytes(60_000)), "more than 50000 bytes"),
    "endless": (_endless, "more than 50000 bytes"),
    "slow": (_slow, "took too long"),
    "away": (_away, "leads to '169.254.169.254', which is not among"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_no_image_is_refused(name: str) -> None:
    """The image may have been made and billed; nobody is told where the link led."""
    handler, said = REFUSED[name]
    rules = LinkRules(Deliver.B64, image_bytes_max=50_000, image_s_max=0.3, loopback=True)
    async with host(**{name: handler}) as url:
        with pytest.raises(UpstreamFailed, match=said) as failed:
            await fetched(links(f"{url}/{name}?secret=1"), rules)
    assert failed.value.stage is Stage.BODY
    assert "secret" not in str(failed.value)


class Rebinding(AbstractResolver):
    """Says that every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None: ...


async def test_a_listed_name_that_leads_home_is_not_connected_to() -> None:
    """The address is checked where the connection is made: whoever rebinds a name gains nothing."""
    heard = asyncio.Event()
    server = await asyncio.start_server(lambda reader, writer: heard.set(), "127.0.0.1", 0)
    async with server:
        with pytest.raises(UpstreamFailed, match="could not be fetched"):
            await fetched(links("https://images.example.com/a"), STRICT, resolver=Rebinding())
    assert not heard.is_set()


async def test_no_proxy_of_the_environment_hears_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link is as good as a key to its image."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with host(image=gives()) as url:
        assert b"b64_json" in await fetched(links(f"{url}/image"))


async def test_who_reads_no_further_closes_the_connection() -> None:
    """A client that leaves does not leave a download behind."""
    async with host(slow=_slow) as url:
        provider = Answered(links(f"{url}/slow"))
        fetching = LinkFetching(provider)
        response = await fetching.send(UpstreamCall(SETTINGS, "images/generations", "gw_1", b"{}", LOOPBACK))
        chunks = response.chunks()
        while b"iVBOR" not in await anext(chunks):
            pass
        response.release()
        assert provider.released
        with pytest.raises(UpstreamFailed):
            await anext(chunks)
        await fetching.aclose()
