"""Providers that do not speak OpenAI's wire format, through litellm, in this process.

It is imported in a thread, when it is needed: that takes about four seconds of CPU and 100 MB. Its own retries, callbacks,
telemetry, price map from the network and printed advice are off: one call is one attempt, and only the gateway books.
"""

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

import httpx  # noqa: TID251 -- the causes of litellm's errors are of its types
import msgspec

from gateway.core.diagnosis import Stage
from gateway.ports import UpstreamCall, UpstreamFailed, UpstreamResponse
from gateway.providers.kept_answer import JSON, KeptAnswer, refusal, without_a_word

# What an app may say that litellm has a word for; anything else it would pass on or drop as each vendor's code likes.
_WORDS = frozenset({"prompt", "n", "size", "quality", "style", "user"})
_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout)


class LitellmBridge:
    """``ports.Provider`` for the dialect ``litellm``: generations, whole answers, no streams."""

    def __init__(self) -> None:
        self._loading: asyncio.Task[Any] | None = None

    def warm(self) -> "asyncio.Task[Any]":
        """Begin to import, beside the event loop; the first request waits for what is left of it."""
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(_loaded), name="litellm")
        return self._loading

    async def send(self, call: UpstreamCall) -> UpstreamResponse:
        """One call, never repeated; see ``ports.Provider``."""
        litellm = await self._module()
        wish = _wish(call)
        if unknown := sorted(wish.keys() - _WORDS - {"model"}):
            return without_a_word(unknown[0])
        options: dict[str, Any] = dict(call.provider.options)
        options |= {"api_key": call.provider.credential.reveal()} | ({"api_base": url} if (url := call.provider.base_url) else {})
        total_s = call.provider.timeouts.total_s
        try:
            async with asyncio.timeout(total_s):
                answer = await litellm.aimage_generation(
                    **wish, **options, timeout=total_s, num_retries=0, max_retries=0, drop_params=False
                )
        except TimeoutError as error:
            raise UpstreamFailed(Stage.ANSWER, "the answer took too long") from error
        except Exception as error:
            return _of_error(litellm, error)
        return KeptAnswer(200, JSON, await asyncio.to_thread(_encoded, answer))

    async def _module(self) -> Any:
        try:
            return await asyncio.shield(self.warm())
        except ImportError as error:
            self._loading = None
            raise UpstreamFailed(Stage.CONNECT, "litellm is not installed, and nothing else reaches this provider") from error


class _Image(Protocol):
    b64_json: str | None
    url: str | None
    revised_prompt: str | None


def _loaded() -> Any:
    """litellm, quiet. Its prices would come from the network at import."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_LOG", "CRITICAL")
    litellm: Any = import_module("litellm")
    litellm.telemetry = litellm.set_verbose = litellm.drop_params = False
    litellm.suppress_debug_info = litellm.turn_off_message_logging = True
    litellm.callbacks, litellm.success_callback, litellm.failure_callback = [], [], []
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).disabled = True
    return litellm


def _wish(call: UpstreamCall) -> dict[str, Any]:
    if not isinstance(call.body, bytes):
        raise UpstreamFailed(Stage.CONNECT, "files cannot be sent through litellm")
    wish = msgspec.json.decode(call.body)
    return {name: value for name, value in wish.items() if value is not None}


def _encoded(answer: Any) -> bytes:
    """OpenAI's shape: base64 without a data URL's head, and tokens where any were reported."""
    body: dict[str, Any] = {"created": int(answer.created), "data": [_item(it) for it in answer.data or ()]}
    usage = getattr(answer, "usage", None)
    if usage is not None and usage.total_tokens:
        body["usage"] = usage.model_dump()
    return msgspec.json.encode(body)


def _item(image: _Image) -> dict[str, str]:
    item = {} if not image.revised_prompt else {"revised_prompt": image.revised_prompt}
    if image.b64_json:
        head, comma, data = image.b64_json.partition(",")
        return item | {"b64_json": data if comma and head.startswith("data:") else image.b64_json}
    return item | ({"url": image.url} if image.url else {})


def _of_error(litellm: Any, error: Exception) -> UpstreamResponse:
    """The provider's own status, headers and words, from whatever litellm has wrapped them into; raises ``UpstreamFailed``."""
    chain = list(_causes(error))
    if any(isinstance(it, _NOT_CONNECTED) for it in chain):
        raise UpstreamFailed(Stage.CONNECT, "no connection could be made") from error
    if isinstance(error, litellm.exceptions.Timeout) or any(isinstance(it, httpx.TimeoutException) for it in chain):
        raise UpstreamFailed(Stage.ANSWER, "the answer took too long") from error
    if any(isinstance(it, httpx.TransportError) for it in chain):
        raise UpstreamFailed(Stage.ANSWER, "the connection was lost") from error
    told = next((it for it in reversed(chain) if isinstance(getattr(it, "status_code", None), int)), None)
    status = 0 if told is None else int(told.status_code)  # type: ignore[attr-defined]
    if told is None or not 400 <= status <= 599 or isinstance(error, litellm.exceptions.APIConnectionError):
        raise UpstreamFailed(Stage.BODY, "the answer is not what its API promises") from error
    return refusal(status, str(getattr(told, "message", "") or told), headers=_headers(chain))


def _headers(chain: Sequence[BaseException]) -> Mapping[str, str]:
    """The provider's own, by lower-case name, from whichever of the errors has kept them."""
    for holder in (it for error in chain for it in (error, getattr(error, "response", None))):
        if found := getattr(holder, "headers", None):
            return {str(name).lower(): str(value) for name, value in dict(found).items()}
    return {}


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it was made of, the outermost first."""
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        at = at.__cause__ or at.__context__
    return found
