"""What an image costs in tokens: the counts a provider reports, and the published formula for what it will report."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

# A response of more tokens than this is a provider's mistake; the bound keeps every cost within the ledger's integers.
TOKENS_MAX = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Billable tokens of one response, by class. ``cached_*`` are part of neither ``text_in`` nor ``image_in``."""

    text_in: int = 0
    image_in: int = 0
    cached_text_in: int = 0
    cached_image_in: int = 0
    image_out: int = 0
    text_out: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """Class by class."""
        return Usage(
            self.text_in + other.text_in,
            self.image_in + other.image_in,
            self.cached_text_in + other.cached_text_in,
            self.cached_image_in + other.cached_image_in,
            self.image_out + other.image_out,
            self.text_out + other.text_out,
        )

    @property
    def total(self) -> int:
        """All tokens of the response."""
        return self.text_in + self.image_in + self.cached_text_in + self.cached_image_in + self.image_out + self.text_out


def usage_of(reported: object) -> Usage | None:
    """Read the Images API's ``usage`` object; ``None`` where a count is missing or the parts do not add up to their totals.

    Shape (OpenAI specification of 2026-08-21): ``{input_tokens, input_tokens_details{text_tokens, image_tokens},
    output_tokens, output_tokens_details?{image_tokens, text_tokens}}``.
    Without output details every output token is an image token.
    """
    if not isinstance(reported, Mapping):
        return None
    tokens_in, tokens_out = _count(reported.get("input_tokens")), _count(reported.get("output_tokens"))
    if tokens_in is None or not tokens_out:
        return None
    sources = reported.get("input_tokens_details") or {"text_tokens": tokens_in, "image_tokens": 0}
    results = reported.get("output_tokens_details") or {"image_tokens": tokens_out, "text_tokens": 0}
    text_in, image_in = _pair(sources)
    text_out, image_out = _pair(results)
    if text_in + image_in != tokens_in or text_out + image_out != tokens_out:
        return None
    return Usage(text_in=text_in, image_in=image_in, image_out=image_out, text_out=text_out)


def tool_usage_of(reported: object) -> Usage | None:
    """Read ``tool_usage.image_gen`` of a response: as above, and what of its input came from the cache.

    Shape (openai-node 7.57, read 2026-11-23): the same with ``cached_tokens_details?{cached_text_tokens, cached_image_tokens}``,
    which are parts of the input.
    """
    usage = usage_of(reported)
    cached = reported.get("cached_tokens_details") if isinstance(reported, Mapping) else None
    if usage is None or not isinstance(cached, Mapping):
        return usage
    text, image = _count(cached.get("cached_text_tokens", 0)), _count(cached.get("cached_image_tokens", 0))
    if text is None or image is None or text > usage.text_in or image > usage.image_in:
        return None
    return replace(
        usage, text_in=usage.text_in - text, cached_text_in=text, image_in=usage.image_in - image, cached_image_in=image
    )


def text_usage_of(reported: object) -> Usage | None:
    """Read a response's own ``usage``, which is its text model's; ``None`` where a count is missing or is none.

    Shape (openai-python 3.54, read 2026-11-24): ``{input_tokens, input_tokens_details?{cached_tokens, cache_write_tokens},
    output_tokens}``; what was cached is part of the input. It holds nothing of the image tool's tokens. Tokens that were written
    to the cache have a price of their own, for which lists have no class: with any, nothing is known.
    """
    if not isinstance(reported, Mapping):
        return None
    read, written = _count(reported.get("input_tokens")), _count(reported.get("output_tokens"))
    details = reported.get("input_tokens_details")
    cached = _count(details.get("cached_tokens", 0)) if isinstance(details, Mapping) else 0
    if isinstance(details, Mapping) and details.get("cache_write_tokens"):
        return None
    if read is None or written is None or cached is None or cached > read:
        return None
    return Usage(text_in=read - cached, cached_text_in=cached, text_out=written)


def output_tokens(factor: int, width: int, height: int) -> int:
    """Output tokens of one image of ``width`` x ``height`` pixels by gpt-image-2's formula.

    ``factor`` is the quality's (gpt-image-2: low 16, medium 48, high 96). Source: OpenAI's own calculator script, checked
    against 34 published or measured values (2026-11-23), among them 1024x1024: 196, 1756, 7024.
    """
    long_edge, short_edge = max(width, height), min(width, height)
    scaled = (2 * factor * short_edge + long_edge) // (2 * long_edge)
    return -(-factor * scaled * (2_000_000 + width * height) // 4_000_000)


def _pair(details: object) -> tuple[int, int]:
    """``(text, image)`` of a details object; negative where a count is not a count, so that no total matches it."""
    if not isinstance(details, Mapping):
        return -1, -1
    text, image = _count(details.get("text_tokens", 0)), _count(details.get("image_tokens", 0))
    return (-1, -1) if text is None or image is None else (text, image)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= TOKENS_MAX else None
