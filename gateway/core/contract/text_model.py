"""The text model in front of an image model, in the Responses API: what it may use, and what of that can be known beforehand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from gateway.core.contract.capability import Shortfall
from gateway.core.contract.wire import Scalar
from gateway.core.money.tokens import Usage
from gateway.core.request.images import ImageRequest, TextWish

# What the provider writes around a request so that the model knows its image tool. Not published: a generous guess.
TOOL_TOKENS_MAX = 4_096


@dataclass(frozen=True, slots=True)
class TextModel:
    """``name`` is the upstream's.

    ``output_tokens_max`` is the most that it may write in one response, ``image_tokens_max`` the most input tokens that one
    image takes of it.
    """

    name: str
    output_tokens_max: int
    image_tokens_max: int

    def written_max(self, request: ImageRequest) -> int:
        """Output tokens that this request lets it write."""
        asked = None if request.text is None else request.text.output_tokens_max
        return self.output_tokens_max if asked is None else min(asked, self.output_tokens_max)

    def bounds(self, request: ImageRequest) -> Mapping[str, Scalar]:
        """The members that keep a response within what is reserved for it, for a body that has not got them."""
        return {"max_output_tokens": self.written_max(request), "max_tool_calls": request.n}

    def largest_usage(self, request: ImageRequest) -> Usage:
        """The most that the request can take of it: it reads everything anew after each call of its tool."""
        images = request.references + request.n
        written = self.written_max(request)
        # A token is at least one byte of text.
        read = request.prompt_bytes + TOOL_TOKENS_MAX + images * self.image_tokens_max + written
        return Usage(text_in=(request.n + 1) * read, text_out=written)

    def drawing(self, request: ImageRequest) -> ImageRequest:
        """The request as its image model sees it at most: each call may bring all texts and all images along."""
        return replace(
            request,
            prompt_bytes=request.n * (request.prompt_bytes + self.written_max(request)),
            references=request.n * (request.references + request.n - 1),
        )


def text_shortfalls(wish: TextWish, text: TextModel, image_model: str) -> Iterator[Shortfall]:
    """What of the wish the text model, and ``image_model`` as its tool's, does not support."""
    if wish.image_model not in ("", image_model):
        yield Shortfall("tools", f"model {wish.image_model}", image_model)
    if wish.output_tokens_max is not None and wish.output_tokens_max > text.output_tokens_max:
        yield Shortfall("max_output_tokens", str(wish.output_tokens_max), f"at most {text.output_tokens_max}")
