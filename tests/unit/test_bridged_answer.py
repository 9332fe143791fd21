"""What litellm hands over, as the relay reads it."""

import json
from types import SimpleNamespace
from typing import Any

from gateway.providers.litellm_bridge import _encoded


def answer(*images: dict[str, Any], tokens: int = 0) -> Any:
    """As litellm's own classes look."""
    empty = {"b64_json": None, "url": None, "revised_prompt": None}
    usage = SimpleNamespace(total_tokens=tokens, model_dump=lambda: {"total_tokens": tokens})
    return SimpleNamespace(created=1, data=[SimpleNamespace(**empty | image) for image in images], usage=usage)


def test_base64_comes_without_the_head_of_a_data_url() -> None:
    """Some vendors send one; a comma cannot be part of base64."""
    body = json.loads(_encoded(answer({"b64_json": "data:image/png;base64,AAAA"}, {"b64_json": "BBBB", "revised_prompt": "x"})))
    assert body["data"] == [{"b64_json": "AAAA"}, {"b64_json": "BBBB", "revised_prompt": "x"}]


def test_tokens_that_nobody_reported_are_absent() -> None:
    """Never zero; an image that is neither there nor linked stays an item without one, for the relay to judge."""
    assert "usage" not in json.loads(_encoded(answer({"url": "https://x"})))
    assert json.loads(_encoded(answer({}, tokens=7))) == {"created": 1, "data": [{}], "usage": {"total_tokens": 7}}
