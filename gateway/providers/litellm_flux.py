"""Black Forest Labs: a task is submitted, then asked for until it is done. The request and the answer are litellm's.

litellm 1.110.2 takes the key of a generation from the environment only, asks for results at its own pace, and would take a poll
that was throttled for a request that was: so the polling is done here, until the call's own end.
"""

from typing import Any
from urllib.parse import urlsplit

import httpx  # noqa: TID251 -- litellm's own client
import msgspec
from litellm.llms.black_forest_labs.common_utils import assert_bfl_polling_url
from litellm.llms.black_forest_labs.image_edit import BlackForestLabsImageEdit
from litellm.llms.black_forest_labs.image_generation import BlackForestLabsImageGeneration
from litellm.llms.custom_httpx.http_handler import HTTPHandler
from litellm.types.utils import ImageResponse

from gateway.core.snapshot import ProviderSettings
from gateway.providers.litellm_logging import Silent
from gateway.providers.litellm_parameters import Wish
from gateway.providers.litellm_transport import AnswerUnusable, BoundedTransport

VENDOR = "black_forest_labs"
# The first question comes soon, the later ones at leisure: the fast models take a second, the slow ones half a minute.
POLL_FIRST_S, POLL_EVERY_S = 0.1, 1.5
_OWN_DOMAIN = "bfl.ai"
# Its words for the end of a task (https://docs.bfl.ai, read 2026-11-24).
_READY, _MODERATED, _FAILED = "Ready", ("Request Moderated", "Content Moderated"), ("Error", "Failed", "Task not found")


def flux_made(provider: ProviderSettings, wish: Wish, client: HTTPHandler, transport: BoundedTransport) -> Any:
    """See ``litellm_call.made``."""
    polling = _Polling(provider.base_url, transport)
    model = wish.model.partition("/")[2]
    there = {"api_key": provider.credential.reveal(), "api_base": provider.base_url or None}
    shared: dict[str, Any] = {"litellm_params": there, "logging_obj": Silent(), "timeout": None, "client": client}
    if not wish.images:
        generation = _Generation(polling)
        words = generation.config.map_openai_params(dict(wish.words), {}, model, drop_params=False)
        return generation.image_generation(model, wish.prompt, model_response=ImageResponse(), optional_params=words, **shared)
    edit = _Edit(polling)
    wanted: Any = dict(wish.words)
    words = edit.config.map_openai_params(wanted, model, drop_params=False)
    return edit.image_edit(model, wish.images[0], wish.prompt, image_edit_optional_request_params=words, **shared)


class _Polling:
    """Asks for a task's result until it is there or the call ends."""

    def __init__(self, base_url: str, transport: BoundedTransport) -> None:
        self._base_url, self._transport = base_url, transport

    def result(self, submitted: httpx.Response, key: str, client: HTTPHandler) -> httpx.Response:
        """The answer that has the result, or the refusal; raises ``httpx.TransportError``."""
        url = str(_object(submitted).get("polling_url") or "")
        self._check(url)
        wait_s = POLL_FIRST_S
        while True:
            self._transport.ended.wait(min(wait_s, self._transport.left_s))
            wait_s = min(2 * wait_s, POLL_EVERY_S)
            try:
                answer: httpx.Response = client.get(url, headers={"x-key": key})
            except AnswerUnusable:
                raise
            except httpx.TransportError:
                self._transport.left_s  # noqa: B018 -- raises
                continue  # the task goes on, whatever becomes of one question
            if answer.status_code == 429 or answer.status_code >= 500:
                continue
            status = _object(answer).get("status")
            if answer.status_code != 200 or status in _FAILED:
                raise AnswerUnusable("the task was taken, and its result cannot be had")
            if status == _READY or status in _MODERATED:
                return answer

    def _check(self, url: str) -> None:
        """The key goes along: to where the task was sent, or within the vendor's own domain."""
        base, found = urlsplit(self._base_url), urlsplit(url)
        if not self._base_url or f".{base.hostname}".endswith(f".{_OWN_DOMAIN}"):
            try:
                assert_bfl_polling_url(url)
            except Exception as error:
                raise AnswerUnusable("its result stands elsewhere than with the provider") from error
        elif (found.scheme, found.netloc) != (base.scheme, base.netloc):
            raise AnswerUnusable("its result stands elsewhere than with the provider")


class _Generation(BlackForestLabsImageGeneration):
    def __init__(self, polling: _Polling) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as litellm has it
        self._polling = polling

    def _poll_for_result_sync(
        self, initial_response: httpx.Response, headers: dict[str, str], sync_client: HTTPHandler, *_: Any, **__: Any
    ) -> httpx.Response:
        return self._polling.result(initial_response, headers["x-key"], sync_client)


class _Edit(BlackForestLabsImageEdit):
    def __init__(self, polling: _Polling) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as litellm has it
        self._polling = polling

    def _poll_for_result_sync(
        self, initial_response: Any, headers: dict[str, str], sync_client: HTTPHandler, *_: Any, **__: Any
    ) -> httpx.Response:
        return self._polling.result(initial_response, headers["x-key"], sync_client)


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(answer.content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        found = None
    if not isinstance(found, dict):
        raise AnswerUnusable("the answer is not what its API promises")
    return found
