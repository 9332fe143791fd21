"""Providers that do not speak OpenAI's wire format, through litellm, in this process.

It is imported in a thread, when it is needed: that takes about four seconds of CPU and 100 MB. Its own retries, callbacks,
telemetry, price map from the network and printed advice are off: one call is one attempt, and only the gateway books. Each call
runs in a thread of its own, so that neither its waits nor its encoding touch the event loop or anybody else's threads.
"""

import asyncio
import logging
import os
import ssl
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from typing import Any

import httpx  # noqa: TID251 -- the causes of litellm's errors are of its types
import msgspec

from gateway.core.contract.bridged import ANSWER_BYTES_MAX, CALLS_MAX, answer_bytes_of
from gateway.core.outcome import Stage
from gateway.ports import UpstreamCall, UpstreamFailed, UpstreamResponse
from gateway.providers.errors import upstream_failed
from gateway.providers.litellm_answer import encoded, pictured
from gateway.providers.litellm_parameters import Wish, WishRefused, wish_of
from gateway.providers.litellm_transport import AnswerUnusable, BoundedTransport
from gateway.providers.stored_answer import JSON, StoredAnswer, refusal

_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout)
# A success that holds no image: whoever reads it finds the reason, and does not take it for a refusal that cost nothing.
_NO_IMAGE = 500
_AGENT = {"user-agent": "image-gateway"}


class LitellmBridge:
    """``ports.Provider`` for the dialect ``litellm``: generations and edits, whole answers, no streams."""

    def __init__(self, answer_bytes_max: int = ANSWER_BYTES_MAX) -> None:
        self._answer_bytes_max = answer_bytes_max
        self._loading: asyncio.Task[tuple[Any, ssl.SSLContext]] | None = None
        self._threads = ThreadPoolExecutor(CALLS_MAX, "litellm")

    def warm(self) -> "asyncio.Task[tuple[Any, ssl.SSLContext]]":
        """Begin to import, beside the event loop; the first request waits for what is left of it."""
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(_loaded), name="litellm")
        return self._loading

    def close(self) -> None:
        """Take no more calls; those under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def send(self, call: UpstreamCall) -> UpstreamResponse:
        """One call, never repeated; see ``ports.Provider``."""
        calls, tls = await self._loaded()
        try:
            wish = await wish_of(call)
        except WishRefused as refused:
            return refusal(str(refused), refused.param)
        waits = call.provider.timeouts
        bytes_max = answer_bytes_of(wish.model, self._answer_bytes_max)
        transport = BoundedTransport(tls, connect_s=waits.connect_s, total_s=waits.total_s, answer_bytes_max=bytes_max)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(waits.total_s):
                return await loop.run_in_executor(self._threads, _called, calls, call, wish, transport)
        except TimeoutError as error:
            raise UpstreamFailed(Stage.ANSWER, "the answer took too long") from error
        finally:
            transport.end()

    async def _loaded(self) -> tuple[Any, ssl.SSLContext]:
        try:
            return await asyncio.shield(self.warm())
        except ImportError as error:
            self._loading = None
            raise UpstreamFailed(Stage.CONNECT, "litellm is not installed, and nothing else reaches this provider") from error


@cache
def _loaded() -> tuple[Any, ssl.SSLContext]:
    """litellm, quiet, as the module with the calls. Its prices would come from the network at import."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_LOG", "CRITICAL")
    litellm: Any = import_module("litellm")
    litellm.telemetry = litellm.set_verbose = litellm.drop_params = False
    litellm.suppress_debug_info = litellm.turn_off_message_logging = True
    litellm.callbacks, litellm.success_callback, litellm.failure_callback = [], [], []
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).disabled = True
    # Its types are built when they are first used, with a warning that tells nobody anything; now costs no request anything.
    warnings.filterwarnings("ignore", "Item .* on TypedDict class", UserWarning)
    calls: Any = import_module("gateway.providers.litellm_call")
    calls.build()
    return calls, ssl.create_default_context()


def _called(calls: Any, call: UpstreamCall, wish: Wish, transport: BoundedTransport) -> StoredAnswer:
    """In a thread: the call and its answer, or what the provider said instead; raises ``UpstreamFailed``."""
    with httpx.Client(transport=transport, trust_env=False, follow_redirects=False, headers=_AGENT) as client:
        try:
            answer = calls.made(call.provider, wish, client, transport)
        except Exception as error:
            return _of_error(error, transport.last)
    if not pictured(answer):
        return _as_said(transport.last)
    transport.last = None
    return StoredAnswer(200, JSON, encoded(answer))


def _of_error(error: Exception, last: httpx.Response | None) -> StoredAnswer:
    """The provider's own status, headers and body, whatever litellm has made of them; raises ``UpstreamFailed``."""
    chain = _causes(error)
    if unusable := next((it for it in chain if isinstance(it, AnswerUnusable)), None):
        raise UpstreamFailed(Stage.BODY, str(unusable)) from error
    if refused := next((it for it in chain if isinstance(it, WishRefused)), None):
        return refusal(str(refused), refused.param)
    if any(isinstance(it, _NOT_CONNECTED) for it in chain):
        raise upstream_failed(error, Stage.CONNECT) from error
    if any(isinstance(it, httpx.TimeoutException) for it in chain):
        raise UpstreamFailed(Stage.ANSWER, "the answer took too long") from error
    if any(isinstance(it, httpx.TransportError) for it in chain):
        raise UpstreamFailed(Stage.ANSWER, "the connection was lost") from error
    if last is not None:
        return _as_said(last)
    raise UpstreamFailed(Stage.CONNECT, "litellm could not turn the request into the provider's") from error


def _as_said(last: httpx.Response | None) -> StoredAnswer:
    """An answer without an image, as it came; raises ``UpstreamFailed`` where it is not even a refusal."""
    if last is None or 300 <= last.status_code < 400 or (last.status_code < 300 and not _is_object(last.content)):
        raise UpstreamFailed(Stage.BODY, "the answer is not what its API promises")
    status = last.status_code if last.status_code >= 400 else _NO_IMAGE
    return StoredAnswer(status, {name.lower(): value for name, value in last.headers.items()}, last.content)


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(body), dict)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it was made of, the outermost first."""
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        at = at.__cause__ or at.__context__
    return found
