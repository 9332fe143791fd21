"""What a request costs in tokens, as this provider reports and bills it."""

from dataclasses import dataclass
from typing import Any

from gateway.core.money.tokens import output_tokens
from gateway.simulator.catalogue import Model

PARTIAL_IMAGE_TOKENS = 100
PATCH_EDGE_PX = 32
PATCHES_MAX = 1536
_MAGNIFIED_TO_PX = 1024
_MAGNIFICATION_MAX = 2.0
_RATIO_MAX = 3


@dataclass(frozen=True, slots=True)
class Tokens:
    """Billable tokens by class."""

    text_in: int = 0
    image_in: int = 0
    image_out: int = 0
    text_out: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            self.text_in + other.text_in,
            self.image_in + other.image_in,
            self.image_out + other.image_out,
            self.text_out + other.text_out,
        )

    def reported(self) -> dict[str, Any]:
        """The ``usage`` of an answer that is not streamed."""
        return {
            "input_tokens": self._input,
            "input_tokens_details": {"image_tokens": self.image_in, "text_tokens": self.text_in},
            "output_tokens": self._output,
            "output_tokens_details": {"image_tokens": self.image_out, "text_tokens": self.text_out},
            "total_tokens": self.total,
        }

    def reported_in_stream(self) -> dict[str, Any]:
        """The ``usage`` of a ``completed`` event."""
        return {
            "total_tokens": self.total,
            "input_tokens": self._input,
            "output_tokens": self._output,
            "input_tokens_details": {"text_tokens": self.text_in, "image_tokens": self.image_in},
        }

    @property
    def total(self) -> int:
        """All of them."""
        return self._input + self._output

    @property
    def _input(self) -> int:
        return self.text_in + self.image_in

    @property
    def _output(self) -> int:
        return self.image_out + self.text_out


def image_out_tokens(model: Model, quality: str, width_px: int, height_px: int, partials: int = 0) -> int:
    """Output tokens of one image, by the model's formula or its table, and of its partial images."""
    if model.factors is not None:
        tokens = output_tokens(model.factors[quality], width_px, height_px)
    else:
        tokens = (model.table or {})[f"{width_px}x{height_px}"][quality]
    return tokens + partials * PARTIAL_IMAGE_TOKENS


def text_in_tokens(prompt: str) -> int:
    """An approximation of the prompt's tokens: 3, and 1 for every 4 bytes of UTF-8 begun.

    The real tokenizer is not published; 41 characters were billed as 14 tokens (measured 2026-09-20), as here.
    """
    return 3 - (-len(prompt.encode("utf-8", "surrogatepass")) // 4)


def image_in_tokens(width_px: int, height_px: int) -> int:
    """Input tokens of one reference image: patches of 32 px, at most 1,536.

    Users' observation (OpenAI forum, 2026-06-12), not an official formula: a small image is magnified up to twofold towards a
    long edge of 1,024 px, and its canvas is at most three times as long as it is wide.
    """
    long_edge = max(width_px, height_px)
    factor = max(1.0, min(_MAGNIFICATION_MAX, _MAGNIFIED_TO_PX / long_edge))
    edges_px = (round(max(edge, long_edge / _RATIO_MAX) * factor) for edge in (width_px, height_px))
    across, down = (-(-edge_px // PATCH_EDGE_PX) for edge_px in edges_px)
    return min(PATCHES_MAX, across * down)
