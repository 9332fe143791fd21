"""What upstream models support, as dated data with its source; a route may narrow it."""

from typing import Annotated, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from gateway.config.schema.field import Day, PixelSize, Prose, Word, mistake
from gateway.config.schema.written import Written

Words = Annotated[tuple[Word, ...], Field(max_length=100)]
Count = Annotated[int, Field(ge=0, le=1000)]


class SizeRule(Written):
    """Sizes by a rule instead of a list."""

    edge_multiple: Annotated[int, Field(ge=1, le=1024)]
    """Both edges are multiples of it, in pixels."""
    edge_max: Annotated[int, Field(ge=1, le=99_999)]
    """The longest edge, in pixels."""
    ratio_max: Annotated[int, Field(ge=1, le=100)]
    """How many times the shorter edge the longer one may be."""
    pixels_min: Annotated[int, Field(ge=1)]
    """Fewest pixels of an image."""
    pixels_max: Annotated[int, Field(ge=1)]
    """Most pixels of an image."""

    @field_validator("pixels_max")
    @classmethod
    def _not_below_the_least(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("pixels_min", 0):
            raise mistake("is less than pixels_min", "Write the larger number here.")
        return value


class Capabilities(Written):
    """What can be supported. What is absent is not limited, and 'auto' is always possible.

    A route that does not support what a request asks for does not get it: nothing is dropped from a request.
    """

    sizes: Annotated[tuple[PixelSize, ...], Field(max_length=100)] | None = None
    """Sizes by name, such as 1024x1024."""
    size_rule: SizeRule | None = None
    """Sizes by rule; a size is possible where the list or the rule allows it."""
    qualities: Words | None = None
    """Values of quality, such as low, medium, high."""
    output_formats: Words | None = None
    """Values of output_format, such as png, jpeg, webp."""
    backgrounds: Words | None = None
    """Values of background, such as opaque, transparent."""
    n_max: Annotated[int, Field(ge=1, le=10)] | None = None
    """Most images of one request: the largest n."""
    partial_images_max: Annotated[int, Field(ge=0, le=3)] | None = None
    """Most partial images of a stream; 0 means none."""
    references_max: Count | None = None
    """Most reference images of an edit, its mask not counted; 0 means none."""
    stream: bool = True
    """Whether 'stream: true' is supported."""
    without: Annotated[tuple[Word, ...], Field(max_length=100)] = ()
    """Members of a request that are refused or ignored, such as mask, input_fidelity or style."""


class CatalogueEntry(Written):
    """What one upstream model supports, as its provider said it on a day."""

    recorded_on: Day
    """The day on which this was read: what is older than a provider's latest change may be wrong."""
    source: Prose
    """Where it was read, best a URL."""
    retires_on: Day | None = None
    """The first day on which the provider no longer serves it; a check warns of routes that still use it."""
    deprecated_on: Day | None = None
    """The day on which the provider announced that; apps are told both in headers."""
    successor: Word | None = None
    """The upstream model that the provider names in its place."""
    capabilities: Capabilities
    """What it supports."""

    @model_validator(mode="after")
    def _only_a_retirement_has_the_rest(self) -> Self:
        if self.successor is not None and self.retires_on is None:
            raise mistake("has a successor and no retires_on", "Write the day of retirement, or leave successor out.")
        if self.deprecated_on is not None and (self.retires_on is None or self.deprecated_on > self.retires_on):
            raise mistake("has a deprecated_on without a later retires_on", "Write the day of retirement, or leave it out.")
        return self
