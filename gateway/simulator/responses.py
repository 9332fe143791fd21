"""``POST …/responses`` with the image tool: a text model that hands what it is told on to the image model.

What it is told with a question mark at the end it answers in words, unless it has to call the tool; told to make ``3 pictures``
it calls the tool three times, as far as ``max_tool_calls`` lets it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.simulator.catalogue import MODELS
from gateway.simulator.endpoint import ENDINGS, Endpoint
from gateway.simulator.exchange import Ending, Exchange
from gateway.simulator.faults import Strike
from gateway.simulator.job import Job, accept
from gateway.simulator.members import Members
from gateway.simulator.references import decode
from gateway.simulator.refusal import Refusal
from gateway.simulator.response_object import Answered, events, response_body
from gateway.simulator.submission import Submission
from gateway.simulator.usage import Tokens, text_in_tokens
from gateway.simulator.validation import N_MAX, Operation, validate

TEXT_MODELS = ("gpt-5.5", "gpt-5.5-mini")
TOOL, IMAGE_MODEL = "image_generation", "gpt-image-2"
# What the provider writes around a request so that its model knows the tool; the real number is not published.
TOOL_TOKENS = 300
_PASSED = ("size", "quality", "background", "output_format", "output_compression", "moderation", "partial_images")
_COUNT = re.compile(r"\b([1-9]) pictures")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the text model is told, and what its tool gets of that."""

    model: str
    text: str
    images: tuple[str, ...]
    tool: Mapping[str, Any]
    stream: bool
    calls: int


class ResponsesEndpoint(Endpoint):
    """The text model and its tool."""

    async def serve(self, exchange: Exchange, submission: Submission, strike: Strike) -> None:
        """See ``Endpoint``."""
        asked = _asked(submission.members)
        job = await self._job(asked, strike)
        for rate in strike.limits:
            rate.take(len(job.pictures), job.wish.model.id, self.settings.organization)
        await self._deliver(exchange, Answered(asked.model, submission.members, job, _text_tokens(asked, job)), strike)

    async def _job(self, asked: _Asked, strike: Strike) -> Job:
        """What the tool makes; nothing where it is not called."""
        inner = {"model": asked.tool.get("model") or IMAGE_MODEL, "prompt": asked.text, "n": max(asked.calls, 1)}
        inner |= {name: asked.tool[name] for name in _PASSED if name in asked.tool}
        inner |= {"stream": asked.stream}
        if asked.images:
            inner["images"] = [{"image_url": url} for url in asked.images]
        wish = validate(Submission(inner), Operation.EDIT if asked.images else Operation.GENERATION, self.settings)
        references = await asyncio.to_thread(decode, wish.images, wish.mask) if wish.images else ()
        job = accept(wish, references, self.settings.name, self.settings.latency_ms, strike)
        return job if asked.calls else replace(job, pictures=(), bills=())

    async def _deliver(self, exchange: Exchange, answered: Answered, strike: Strike) -> None:
        await asyncio.sleep(answered.job.latency_ms / 1000)
        rendered = await answered.job.rendered()
        self._bill(answered, exchange)
        ending = ENDINGS.get(strike.kind, Ending.WHOLE)
        if answered.job.wish.stream:
            headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
            await exchange.deliver(_each(events(answered, rendered)), headers, ending)
            return
        body = await asyncio.to_thread(response_body, answered, rendered)
        headers = {"content-type": "application/json"}
        if ending is Ending.WHOLE:
            headers["content-length"] = str(len(body))
        await exchange.deliver(_each([body]), headers, ending)

    def _bill(self, answered: Answered, exchange: Exchange) -> None:
        client_request_id = exchange.request.headers.get("x-client-request-id", "")
        self.stats.bill(answered.model, 0, answered.text_tokens, "")
        if answered.job.pictures:
            self.stats.bill(answered.job.wish.model.id, len(answered.job.pictures), answered.job.bill, client_request_id)


async def _each(frames: Any) -> AsyncIterator[bytes]:
    for frame in frames:
        yield frame


def _asked(values: Mapping[str, Any]) -> _Asked:
    members = Members(values)
    model = members.required_text("model")
    if model in MODELS:
        message = f"The requested model '{model}' is not supported with the Responses API."
        raise Refusal(message, param="model")
    if model not in TEXT_MODELS:
        raise Refusal(f"The requested model '{model}' does not exist.", param="model", code="model_not_found")
    tools = [it for it in values.get("tools") or () if isinstance(it, dict) and it.get("type") == TOOL]
    text, images = _told(values.get("input"))
    if not text:
        raise Refusal("Missing required parameter: 'input'.", param="input", code="missing_required_parameter")
    choice = values.get("tool_choice")
    forced = choice == "required" or (isinstance(choice, dict) and choice.get("type") == TOOL)
    calls_max = members.integer("max_tool_calls", 1, N_MAX, N_MAX)
    members.integer("max_output_tokens", 16, 1_000_000, 16)
    wanted = int(found[1]) if (found := _COUNT.search(text)) else 1
    calls = 0 if not tools or (text.endswith("?") and not forced) else min(wanted, calls_max)
    return _Asked(model, text, images, tools[0] if tools else {}, members.boolean("stream"), calls)


def _told(given: object) -> tuple[str, tuple[str, ...]]:
    """The text and the images of all messages."""
    if isinstance(given, str):
        return given, ()
    parts = [part for item in given for part in _parts(item)] if isinstance(given, list) else []
    text = "\n".join(part["text"] for part in parts if isinstance(part.get("text"), str))
    return text, tuple(part["image_url"] for part in parts if isinstance(part.get("image_url"), str))


def _parts(item: object) -> list[dict[str, Any]]:
    content = item.get("content") if isinstance(item, dict) else None
    if isinstance(content, str):
        return [{"text": content}]
    return [it for it in content if isinstance(it, dict)] if isinstance(content, list) else []


def _text_tokens(asked: _Asked, job: Job) -> Tokens:
    """It reads everything once more after each call."""
    read = TOOL_TOKENS + text_in_tokens(asked.text) + sum(bill.image_in for bill in job.bills)
    return Tokens(text_in=(len(job.pictures) + 1) * read, text_out=20 + 15 * len(job.pictures))
