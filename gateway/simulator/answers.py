"""The bodies of successful answers, their members in OpenAI's order."""

import base64
import json
from collections.abc import Sequence

from gateway.simulator.usage import Tokens
from gateway.simulator.validation import Wish


def answer(wish: Wish, created_s: int, images: Sequence[bytes], tokens: Tokens) -> bytes:
    """The JSON object of an answer that is not streamed."""
    members = {
        "created": created_s,
        "background": wish.background,
        "data": [{"b64_json": _text(image)} for image in images],
        "output_format": wish.output_format,
        "quality": wish.quality,
        "size": wish.size,
        "usage": tokens.reported(),
    }
    return json.dumps(members, separators=(",", ":")).encode()


def partial_event(wish: Wish, created_s: int, image: bytes, index: int) -> bytes:
    """A server-sent event with an unfinished image; ``index`` counts from 0."""
    return _event(f"{wish.operation}.partial_image", wish, created_s, image, {"partial_image_index": index})


def completed_event(wish: Wish, created_s: int, image: bytes, tokens: Tokens) -> bytes:
    """A server-sent event with a finished image. Nothing like ``[DONE]`` follows the last one."""
    return _event(f"{wish.operation}.completed", wish, created_s, image, {"usage": tokens.reported_in_stream()})


def _event(name: str, wish: Wish, created_s: int, image: bytes, further: dict[str, object]) -> bytes:
    members = {
        "type": name,
        "b64_json": _text(image),
        "created_at": created_s,
        "size": wish.size,
        "quality": wish.quality,
        "background": wish.background,
        "output_format": wish.output_format,
    }
    return f"event: {name}\ndata: {json.dumps(members | further, separators=(',', ':'))}\n\n".encode()


def _text(image: bytes) -> str:
    return base64.b64encode(image).decode()
