"""What litellm hands over, in OpenAI's shape."""

from typing import Any, Protocol

import msgspec


class _Image(Protocol):
    b64_json: str | None
    url: str | None
    revised_prompt: str | None


def pictured(answer: Any) -> bool:
    """Whether it holds an image at all."""
    return any(it.b64_json or it.url for it in answer.data or ())


def encoded(answer: Any) -> bytes:
    """Base64 without a data URL's head, and tokens where any were reported."""
    body: dict[str, Any] = {"created": int(answer.created), "data": [_item(it) for it in answer.data]}
    usage = getattr(answer, "usage", None)
    if usage is not None and usage.total_tokens:
        body["usage"] = _whole(usage.model_dump())
    return msgspec.json.encode(body)


def _whole(usage: dict[str, Any]) -> dict[str, Any]:
    """With the tokens that only the total counts: litellm 1.110.2 leaves Gemini's thoughts out, which are billed as text."""
    told_in, told_out = usage.get("input_tokens"), usage.get("output_tokens")
    if not isinstance(told_in, int) or not isinstance(told_out, int):
        return usage
    rest = usage["total_tokens"] - told_in - told_out
    if rest <= 0:
        return usage
    details = usage.get("output_tokens_details") or {"image_tokens": told_out, "text_tokens": 0}
    details = details | {"text_tokens": (details.get("text_tokens") or 0) + rest}
    return usage | {"output_tokens": told_out + rest, "output_tokens_details": details}


def _item(image: _Image) -> dict[str, str]:
    item = {} if not image.revised_prompt else {"revised_prompt": image.revised_prompt}
    if image.b64_json:
        head, comma, data = image.b64_json.partition(",")
        return item | {"b64_json": data if comma and head.startswith("data:") else image.b64_json}
    return item | ({"url": image.url} if image.url else {})
