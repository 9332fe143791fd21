"""The object of a response and the events of its stream, their members in OpenAI's order (openai-python 3.54, 2026-11-24)."""

import base64
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.simulator.job import Job
from gateway.simulator.usage import Tokens

_CALL = "image_generation_call"


@dataclass(frozen=True, slots=True)
class Answered:
    """What the text model was asked (``members`` of the body), what its tool made, and what the text cost."""

    model: str
    members: Mapping[str, Any]
    job: Job
    text_tokens: Tokens
    id: str = field(default_factory=lambda: f"resp_{secrets.token_hex(16)}")

    @property
    def words(self) -> str:
        """What the text model says beside the images."""
        count = len(self.job.pictures)
        return f"Here {'is' if count == 1 else 'are'} {count} of what you asked for." if count else "In words: yes, certainly."


def response_body(answered: Answered, rendered: Sequence[Sequence[bytes]]) -> bytes:
    """The JSON object of an answer that is not streamed; of each picture the last file is the finished one."""
    return json.dumps(_response(answered, "completed", _output(answered, rendered)), separators=(",", ":")).encode()


def events(answered: Answered, rendered: Sequence[Sequence[bytes]]) -> Iterator[bytes]:
    """The events of a stream; the last one holds the response as a whole, its images once more."""
    output = _output(answered, rendered)
    numbered = enumerate(_events(answered, rendered, output))
    for number, (kind, said) in numbered:
        event = {"type": kind, "sequence_number": number} | said
        yield f"event: {kind}\ndata: {json.dumps(event, separators=(',', ':'))}\n\n".encode()


def _events(
    answered: Answered, rendered: Sequence[Sequence[bytes]], output: Sequence[dict[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    begun = _response(answered, "in_progress", [])
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for index, item in enumerate(output):
        empty = {"result": None, "status": "in_progress"} if item["type"] == _CALL else {"content": [], "status": "in_progress"}
        yield "response.output_item.added", {"output_index": index, "item": item | empty}
        if item["type"] == _CALL:
            yield from _drawn(answered, rendered[index][:-1], {"output_index": index, "item_id": item["id"]})
        else:
            yield from _said(item, {"output_index": index, "item_id": item["id"]})
        yield "response.output_item.done", {"output_index": index, "item": item}
    yield "response.completed", {"response": _response(answered, "completed", output)}


def _drawn(answered: Answered, partials: Sequence[bytes], at: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    wish = answered.job.wish
    yield f"response.{_CALL}.in_progress", at
    yield f"response.{_CALL}.generating", at
    for index, image in enumerate(partials):
        how = {"size": wish.size, "quality": wish.quality, "background": wish.background, "output_format": wish.output_format}
        yield (
            f"response.{_CALL}.partial_image",
            at | {"partial_image_index": index, "partial_image_b64": _text(image)} | how,
        )
    yield f"response.{_CALL}.completed", at


def _said(item: dict[str, Any], at: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    part = item["content"][0]
    at = at | {"content_index": 0}
    yield "response.content_part.added", at | {"part": part | {"text": ""}}
    for word in part["text"].split(" "):
        yield "response.output_text.delta", at | {"delta": f"{word} ", "logprobs": []}
    yield "response.output_text.done", at | {"text": part["text"], "logprobs": []}
    yield "response.content_part.done", at | {"part": part}


def _output(answered: Answered, rendered: Sequence[Sequence[bytes]]) -> list[dict[str, Any]]:
    wish = answered.job.wish
    drawn = [
        {
            "id": f"ig_{secrets.token_hex(16)}",
            "type": _CALL,
            "status": "completed",
            "action": "generate",
            "background": wish.background,
            "output_format": wish.output_format,
            "quality": wish.quality,
            "result": _text(renderings[-1]),
            "revised_prompt": wish.prompt,
            "size": wish.size,
        }
        for renderings in rendered
    ]
    content = [{"type": "output_text", "annotations": [], "logprobs": [], "text": answered.words}]
    message = {"id": f"msg_{secrets.token_hex(16)}", "type": "message", "status": "completed", "role": "assistant"}
    return [*drawn, message | {"content": content}]


def _response(answered: Answered, status: str, output: Sequence[dict[str, Any]]) -> dict[str, Any]:
    asked, text = answered.members, answered.text_tokens
    usage = {
        "input_tokens": text.text_in,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": text.text_out,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": text.total,
    }
    done = status == "completed"
    return {
        "id": answered.id,
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": asked.get("instructions"),
        "max_output_tokens": asked.get("max_output_tokens"),
        "max_tool_calls": asked.get("max_tool_calls"),
        "model": answered.model,
        "output": list(output),
        "parallel_tool_calls": True,
        "service_tier": "default",
        "tool_choice": asked.get("tool_choice") or "auto",
        "tools": asked.get("tools") or [],
        "usage": usage if done else None,
        "tool_usage": {"image_gen": answered.job.bill.reported()} if done else None,
        "metadata": {},
    }


def _text(image: bytes) -> str:
    return base64.b64encode(image).decode()
