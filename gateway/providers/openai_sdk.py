"""A provider asked through OpenAI's official SDK, for readiness: what works here works for an app's own SDK too.

Not on the way of requests, where it costs several times as much. Importing it takes half a second and 20 MB.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Self

import httpx2  # noqa: TID251 -- the SDK's answers and the causes of its errors are of its types
from openai import APIConnectionError, APIError, APIStatusError, AsyncAPIResponse, AsyncOpenAI, DefaultAsyncHttpxClient, Omit

from gateway.core.contract.text_model import TextModel
from gateway.core.contract.wire import Auth
from gateway.core.outcome import Stage
from gateway.core.readiness.live import PROMPT
from gateway.core.request.body_field import AUTO
from gateway.core.request.images import ImageRequest, Operation
from gateway.core.request.responses import TOOL
from gateway.core.snapshot import ProviderSettings, Route
from gateway.ports import UpstreamFailed, UpstreamRefused, UpstreamResponse
from gateway.providers.errors import upstream_failed
from gateway.providers.reference import REFERENCE_PNG

MODELS_S_MAX = 10.0
# Besides its own errors the SDK lets through what its client raises while it reads an answer, and that lets through TLS's.
_FOREIGN = (APIError, httpx2.HTTPError, OSError)
_REFERENCE_NAME = "reference.png"


class OpenAISdk:
    """Implements ``ports.Probe``. Like the relay, it retries nothing and follows neither redirects nor proxy variables."""

    def __init__(self, settings: ProviderSettings) -> None:
        timeouts, wire = settings.timeouts, settings.wire
        self._settings, self._headers = settings, _headers(settings)
        self._client = AsyncOpenAI(
            base_url=settings.base_url,
            api_key=settings.credential.reveal(),
            default_query={"api-version": wire.api_version} if wire.api_version else None,
            admin_api_key="",
            max_retries=0,
            timeout=httpx2.Timeout(timeouts.total_s, connect=timeouts.connect_s),
            http_client=DefaultAsyncHttpxClient(trust_env=False, follow_redirects=False, verify=ssl.create_default_context()),
        )
        # Where these are absent, the SDK takes them from variables that may be meant for another account.
        self._client.organization, self._client.project = settings.organization, settings.project

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._client.close()

    async def models(self) -> frozenset[str]:
        """See ``Probe``."""
        try:
            async with asyncio.timeout(MODELS_S_MAX):
                page = await self._client.models.list(timeout=MODELS_S_MAX, extra_headers=self._headers)
            return frozenset(str(model.id) for model in page.data)
        except APIStatusError as refused:
            raise UpstreamRefused(_Told(refused.response)) from refused
        except (*_FOREIGN, AttributeError, TypeError, ValueError) as error:
            raise _failed(error, Stage.ANSWER) from error

    @asynccontextmanager
    async def images(self, route: Route, request: ImageRequest) -> AsyncIterator[UpstreamResponse]:
        """See ``Probe``."""
        async with AsyncExitStack() as stack:
            until_s = asyncio.get_running_loop().time() + self._settings.timeouts.total_s
            try:
                async with asyncio.timeout_at(until_s):
                    response = await stack.enter_async_context(self._opened(route, request))
            except APIStatusError as refused:
                raise UpstreamRefused(_Told(refused.response)) from refused
            except _FOREIGN as error:
                raise _failed(error, Stage.ANSWER) from error
            yield _Answer(response, until_s)

    def _opened(self, route: Route, request: ImageRequest) -> AbstractAsyncContextManager[AsyncAPIResponse[Any]]:
        if route.text_model is not None:
            return self._responding(route.text_model, route.upstream_model, request)
        wire, upstream_model = self._settings.wire, route.upstream_model
        members: dict[str, Any] = {"model": wire.body_model(upstream_model), "prompt": PROMPT, "n": request.n}
        members = {name: value for name, value in members.items() if value is not None} | {"extra_headers": self._headers}
        members |= {name: value for name in ("size", "quality") if (value := getattr(request, name)) != AUTO}
        if request.stream:
            members |= {"stream": True, "partial_images": request.partial_images}
        if wire.members:
            members["extra_body"] = dict(wire.members)
        images = self._at(wire.path_of("", upstream_model)).images.with_streaming_response
        if request.operation is Operation.EDIT:
            return images.edit(image=(_REFERENCE_NAME, REFERENCE_PNG, "image/png"), **members)
        return images.generate(**members)

    def _responding(
        self, text: TextModel, image_model: str, request: ImageRequest
    ) -> AbstractAsyncContextManager[AsyncAPIResponse[Any]]:
        tool: dict[str, Any] = {"type": TOOL, "model": image_model}
        tool |= {name: value for name in ("size", "quality") if (value := getattr(request, name)) != AUTO}
        members: dict[str, Any] = {"extra_headers": self._headers, **text.bounds(request)}
        if request.stream:
            members["stream"], tool["partial_images"] = True, request.partial_images
        responses: Any = self._client.responses.with_streaming_response
        opened: AbstractAsyncContextManager[AsyncAPIResponse[Any]] = responses.create(
            model=text.name, input=PROMPT, tools=[tool], tool_choice={"type": TOOL}, **members
        )
        return opened

    def _at(self, path: str) -> AsyncOpenAI:
        """A client whose base has that path behind it, where there is one: for the SDK it belongs to the base."""
        if not path:
            return self._client
        client = self._client.with_options(base_url=f"{self._settings.base_url.rstrip('/')}/{path}")
        client.organization, client.project = self._settings.organization, self._settings.project
        return client


class _Answer:
    """Implements ``ports.UpstreamResponse``: the bytes as they come, not what the SDK makes of them.

    ``until_s`` is when they must have come, by the loop's clock: the SDK waits for each read anew.
    """

    def __init__(self, response: AsyncAPIResponse[Any], until_s: float) -> None:
        self._response, self._until_s = response, until_s
        self.status: int = response.status_code
        self.headers = _lowered(response.headers)

    async def chunks(self) -> AsyncIterator[bytes]:
        pieces = self._response.iter_bytes()
        try:
            while True:
                async with asyncio.timeout_at(self._until_s):
                    piece = await anext(pieces, None)
                if piece is None:
                    return
                yield piece
        except _FOREIGN as error:
            raise _failed(error, Stage.BODY) from error

    def release(self) -> None:
        """The block that it was opened in closes it."""


class _Told:
    """Implements ``ports.UpstreamResponse`` for an error, which the SDK has read already."""

    def __init__(self, response: httpx2.Response) -> None:
        self._body = response.content
        self.status: int = response.status_code
        self.headers = _lowered(response.headers)

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._body

    def release(self) -> None:
        """It is read."""


def _headers(settings: ProviderSettings) -> dict[str, Any]:
    """The SDK sends the key as a bearer's, unless each request takes that header away."""
    key = settings.credential.reveal()
    own: dict[str, Any] = dict(settings.wire.headers)
    if settings.wire.auth is not Auth.BEARER:
        own["Authorization"] = Omit()
    return own | ({"api-key": key} if settings.wire.auth is Auth.API_KEY else {})


def _lowered(headers: httpx2.Headers) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _failed(error: Exception, stage: Stage) -> UpstreamFailed:
    """Their own texts name hosts. Only what failed while connecting, TLS included, is known not to have been sent."""
    match error.__cause__ if isinstance(error, APIConnectionError) else error:
        case httpx2.ConnectTimeout():
            return UpstreamFailed(Stage.CONNECT, "connecting took too long")
        case httpx2.ConnectError():
            return upstream_failed(error, Stage.CONNECT)
        case httpx2.TimeoutException() | TimeoutError():
            return UpstreamFailed(stage, "the answer took too long")
        case httpx2.DecodingError():
            return UpstreamFailed(stage, "the answer does not decode as its content-encoding says")
        case httpx2.HTTPError() | OSError():
            return UpstreamFailed(stage, "the answer was cut short" if stage is Stage.BODY else "the connection was lost")
        case _:
            return UpstreamFailed(Stage.BODY, "the answer is not what the API promises")
