"""What travels: answers in OpenAI's shape around a picture of any weight, and the form of an edit. Built once each."""

import base64
import json
import random
import struct
import zlib
from collections.abc import Mapping
from functools import lru_cache

PARTIALS = 3
EVENT_BYTES = 300_000
CREATED_S = 1_790_000_000
BOUNDARY = "bench-4f1c9a"
# What gpt-image-2 reports for a picture of 1024x1024 in low quality, and for each partial one of a stream.
_OUTPUT_TOKENS, _PARTIAL_TOKENS = 196, 100
_FACTS = {"output_format": "png", "quality": "low", "size": "1024x1024"}


@lru_cache(maxsize=64)
def answer(size_bytes: int) -> bytes:
    """The JSON object of a generation or an edit, about ``size_bytes`` long."""
    pictures = [{"b64_json": picture_text(size_bytes)}]
    return _json({"created": CREATED_S, "background": "opaque", "data": pictures, **_FACTS, "usage": _usage(_OUTPUT_TOKENS)})


@lru_cache(maxsize=8)
def events() -> tuple[bytes, ...]:
    """The server-sent events of a stream: ``PARTIALS`` unfinished pictures, then the finished one."""
    partials = [_event("partial_image", {"partial_image_index": index}) for index in range(PARTIALS)]
    usage = {"usage": _usage(_OUTPUT_TOKENS + PARTIALS * _PARTIAL_TOKENS)}
    return (*partials, _event("completed", usage))


@lru_cache(maxsize=64)
def picture_text(size_bytes: int) -> str:
    """Base64 of a PNG of 1024x1024 pixels, about ``size_bytes`` long, the JSON around it included."""
    return base64.b64encode(_png(max(64, (size_bytes - 340) * 3 // 4))).decode()


@lru_cache(maxsize=4)
def form(files: int, file_bytes: int, prompt: str) -> bytes:
    """The multipart body of an edit with that many pictures."""
    fields = {"model": "gpt-image-2", "prompt": prompt, "size": "1024x1024", "quality": "low"}
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{fields[name]}\r\n'.encode() for name in fields
    ]
    for index in range(files):
        head = f'Content-Disposition: form-data; name="image[]"; filename="{index}.png"\r\nContent-Type: image/png'
        parts.append(f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + _png(file_bytes) + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def _event(kind: str, further: Mapping[str, object]) -> bytes:
    name = f"image_generation.{kind}"
    members = {"type": name, "b64_json": picture_text(EVENT_BYTES), "created_at": CREATED_S, "background": "opaque"}
    return f"event: {name}\ndata: ".encode() + _json({**members, **_FACTS, **further}) + b"\n\n"


def _usage(output_tokens: int) -> dict[str, object]:
    return {
        "input_tokens": 14,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 14},
        "output_tokens": output_tokens,
        "output_tokens_details": {"image_tokens": output_tokens, "text_tokens": 0},
        "total_tokens": 14 + output_tokens,
    }


@lru_cache(maxsize=8)
def _png(size_bytes: int) -> bytes:
    """A PNG's signature and header of 1024x1024 pixels, then noise."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 1024, 1024, 8, 2, 0, 0, 0)
    beginning = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return beginning + random.Random(1).randbytes(size_bytes - len(beginning))


def _json(members: dict[str, object]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()
