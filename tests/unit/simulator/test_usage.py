"""The simulator's bill: tokens by the published formula, the table, and the rules for what is sent in."""

import pytest

from gateway.simulator.catalogue import MODELS
from gateway.simulator.usage import Tokens, image_in_tokens, image_out_tokens, text_in_tokens


@pytest.mark.parametrize(
    ("model", "quality", "size", "tokens"),
    [
        ("gpt-image-2", "low", (1024, 1024), 196),
        ("gpt-image-2", "medium", (1024, 1024), 1756),
        ("gpt-image-2", "high", (1024, 1024), 7024),
        ("gpt-image-2", "high", (1536, 1024), 5488),
        ("gpt-image-2", "high", (3840, 2160), 13342),
        ("gpt-image-2.5-flare", "low", (1024, 1024), 196),
        ("gpt-image-2.5-flare", "high", (1024, 1024), 1756),
        ("gpt-image-2.5-sunburst", "max", (1024, 1024), 7024),
        ("gpt-image-1.5", "low", (1024, 1024), 272),
        ("gpt-image-1-mini", "medium", (1024, 1536), 1584),
        ("chatgpt-image-latest", "high", (1536, 1024), 6208),
    ],
)
def test_output_tokens_are_the_published_ones(model: str, quality: str, size: tuple[int, int], tokens: int) -> None:
    """By formula for the models since gpt-image-2, by table for the older ones; 100 more for each partial image."""
    assert image_out_tokens(MODELS[model], quality, *size) == tokens
    assert image_out_tokens(MODELS[model], quality, *size, partials=2) == tokens + 200


@pytest.mark.parametrize(
    ("size", "tokens"),
    [((1024, 1024), 1024), ((512, 512), 1024), ((256, 256), 256), ((2048, 2048), 1536), ((1536, 1024), 1536), ((900, 10), 352)],
)
def test_input_images_are_counted_in_patches(size: tuple[int, int], tokens: int) -> None:
    """32 px patches, small images magnified, slim ones widened, never more than 1,536."""
    assert image_in_tokens(*size) == tokens
    assert image_in_tokens(*reversed(size)) == tokens


def test_prompts_cost_a_token_for_four_bytes_and_three_more() -> None:
    """41 characters are 14 tokens, as measured at OpenAI."""
    assert [text_in_tokens(text) for text in ("a", "abcd", "abcde", "x" * 41, "é" * 4)] == [4, 4, 5, 14, 5]


def test_both_forms_of_usage_add_up() -> None:
    """The members come in OpenAI's order."""
    tokens = Tokens(1, 2, 30) + Tokens(0, 0, 10)
    assert list(tokens.reported()) == [
        "input_tokens",
        "input_tokens_details",
        "output_tokens",
        "output_tokens_details",
        "total_tokens",
    ]
    assert list(tokens.reported_in_stream()) == ["total_tokens", "input_tokens", "output_tokens", "input_tokens_details"]
    assert tokens.reported()["total_tokens"] == tokens.reported_in_stream()["total_tokens"] == tokens.total == 43
