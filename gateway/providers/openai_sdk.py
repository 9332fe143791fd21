"""A provider asked through OpenAI's official SDK, for readiness: what works here works for an app's own SDK too.

Not on the way of requests, where it costs several times as much. Importing it takes half a second and 20 MB.
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Self

import httpx  # noqa: TID251 -- the SDK's answers and the causes of its errors are of its types
from openai import APIConnectionError, APIError, APIStatusError, AsyncAPIResponse, AsyncOpenAI, DefaultAsyncHttpxClient, Omit

from gateway.core.diagnosis import Stage
from gateway.core.images import ImageRequest, Operation
from gateway.core.member import AUTO
from gateway.core.readiness_live import PROMPT
from gateway.core.response_request import TOOL
from gateway.core.snapshot import ProviderSettings, Route
from gateway.core.text_model import TextModel
from gateway.core.wire import Auth
from gateway.ports import UpstreamFailed, UpstreamRefused, UpstreamResponse
from gateway.providers.reference import REFERENCE_PNG

MODELS_S_MAX = 10.0
_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout)
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
            timeout=httpx.Timeout(timeouts.total_s, connect=timeouts.connect_s),
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
            page = await self._client.models.list(timeout=MODELS_S_MAX, extra_headers=self._headers)
            return frozenset(str(model.id) for model in page.data)
        except APIStatusError as refused:
            raise UpstreamRefused(_Told(refused.response)) from refused
        except (APIError, AttributeError, TypeError, ValueError) as error:
            raise _failed(error) from error

    @asynccontextmanager
    async def images(self, route: Route, request: ImageRequest) -> AsyncIterator[UpstreamResponse]:
        """See ``Probe``."""
        async with AsyncExitStack() as stack:
            try:
                response = await stack.enter_async_context(self._opened(route, request))
            except APIStatusError as refused:
                raise UpstreamRefused(_Told(refused.response)) from refused
            except APIError as error:
                raise _failed(error) from error
            yield _Answer(response)

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
    """Implements ``ports.UpstreamResponse``: the bytes as they come, not what the SDK makes of them."""

    def __init__(self, response: AsyncAPIResponse[Any]) -> None:
        self._response = response
        self.status: int = response.status_code
        self.headers = _lowered(response.headers)

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.iter_bytes():
                yield chunk
        except httpx.HTTPError as error:
            raise UpstreamFailed(Stage.BODY, "the answer was cut short") from error

    def release(self) -> None:
        """The block that it was opened in closes it."""


class _Told:
    """Implements ``ports.UpstreamResponse`` for an error, which the SDK has read already."""

    def __init__(self, response: httpx.Response) -> None:
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


def _lowered(headers: httpx.Headers) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _failed(error: Exception) -> UpstreamFailed:
    """Its own texts name hosts; the cause says how far the call came."""
    if isinstance(error, APIConnectionError):
        if isinstance(error.__cause__, _NOT_CONNECTED):
            return UpstreamFailed(Stage.CONNECT, "no connection could be made")
        return UpstreamFailed(Stage.ANSWER, "no answer came, or it took too long")
    return UpstreamFailed(Stage.BODY, "the answer is not what the API promises")
