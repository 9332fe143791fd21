"""What litellm hands over, as the relay reads it."""

import json
from types import SimpleNamespace
from typing import Any

from gateway.providers.litellm_answer import encoded, pictured


def answer(*images: dict[str, Any], tokens: int = 0, **usage_members: Any) -> Any:
    """As litellm's own classes look."""
    empty = {"b64_json": None, "url": None, "revised_prompt": None}
    usage = SimpleNamespace(total_tokens=tokens, model_dump=lambda: {"total_tokens": tokens} | usage_members)
    return SimpleNamespace(created=1, data=[SimpleNamespace(**empty | image) for image in images], usage=usage)


def test_base64_comes_without_the_head_of_a_data_url() -> None:
    """Some vendors send one; a comma cannot be part of base64."""
    body = json.loads(encoded(answer({"b64_json": "data:image/png;base64,AAAA"}, {"b64_json": "BBBB", "revised_prompt": "x"})))
    assert body["data"] == [{"b64_json": "AAAA"}, {"b64_json": "BBBB", "revised_prompt": "x"}]


def test_tokens_that_nobody_reported_are_absent() -> None:
    """Never zero; one of several images that is not there stays an item without one, for the relay to judge."""
    assert "usage" not in json.loads(encoded(answer({"url": "https://x"})))
    body = json.loads(encoded(answer({"url": "https://x"}, {}, tokens=7)))
    assert body == {"created": 1, "data": [{"url": "https://x"}, {}], "usage": {"total_tokens": 7}}


def test_an_answer_without_any_image_is_known_as_one() -> None:
    """However many empty items it has."""
    assert [pictured(it) for it in (answer(), answer({}), answer({"b64_json": ""}), answer({}, {"url": "https://x"}))] == [
        False, False, False, True,
    ]  # fmt: skip


def test_tokens_that_only_the_total_counts_are_not_lost() -> None:
    """A model's thoughts are billed, and a cost that leaves them out is wrong."""
    told = {"input_tokens": 10, "output_tokens": 1290, "output_tokens_details": {"image_tokens": 1290, "text_tokens": 0}}
    usage = json.loads(encoded(answer({"url": "https://x"}, tokens=1500, **told)))["usage"]
    assert (usage["output_tokens"], usage["output_tokens_details"]) == (1490, {"image_tokens": 1290, "text_tokens": 200})
    assert json.loads(encoded(answer({"url": "https://x"}, tokens=1300, **told)))["usage"] == {"total_tokens": 1300} | told
