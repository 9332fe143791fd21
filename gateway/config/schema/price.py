"""A price list as it is written: prices per million tokens, per image, per request, each model its own."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from gateway.config.schema.field import Amount, Currency, Day, Id, Name, PerMillion, PixelSize, Prose, Quality, RateSize, mistake
from gateway.config.schema.written import InForce, Written
from gateway.core.money.pricing import ANY


class TokenPrices(Written):
    """Prices per million tokens, by class; a class without a price makes a cost that needs it unknown, never zero."""

    text_in: PerMillion | None = None
    """Text tokens sent, per million; at most 3 decimals."""
    cached_text_in: PerMillion | None = None
    """Text tokens sent and found in the provider's cache, per million; at most 3 decimals."""
    image_in: PerMillion | None = None
    """Image tokens sent, per million; at most 3 decimals."""
    cached_image_in: PerMillion | None = None
    """Image tokens sent and found in the provider's cache, per million; at most 3 decimals."""
    image_out: PerMillion | None = None
    """Image tokens made, per million; at most 3 decimals."""
    text_out: PerMillion | None = None
    """Text tokens made, per million; at most 3 decimals."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise mistake("gives no price", "Give at least one, such as image_out: 30.00.")
        return self


class ImagePrice(Written):
    """The price of one delivered image."""

    size: RateSize
    """WIDTHxHEIGHT as the response names it, or "*" for any."""
    quality: Quality
    """The quality as the response names it, or "*" for any."""
    amount: Amount
    """Price of one image; at most 9 decimals."""


Tokens = Annotated[int, Field(ge=1, le=10_000_000)]


class OutputTokens(Written):
    """How many tokens an image will take, so that its cost can be held before the call."""

    table: dict[PixelSize, Annotated[dict[Quality, Tokens], Field(min_length=1)]] = Field(default_factory=dict)
    """The published tokens of one image by size and quality; where it has no entry, the factors count."""
    factors: dict[Quality, Annotated[int, Field(ge=1, le=10_000)]] = Field(default_factory=dict)
    """The published formula's factor by quality; up to 10000, far above the 96 of the best quality known."""
    auto_size: PixelSize
    """The largest size that the provider chooses by itself: what 'auto' is held as."""
    auto_quality: Quality
    """The best quality that the provider chooses by itself: what 'auto' is held as."""
    partial_image: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """Output tokens of one partial image of a stream; absent: nobody knows, so a stream with some is held as unknown."""
    reference_max: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """The most input tokens that one reference image takes; absent means that nobody knows, so an edit is held as unknown."""

    @field_validator("auto_quality")
    @classmethod
    def _is_counted(cls, value: str, info: ValidationInfo) -> str:
        size, table, factors = (info.data.get(name) for name in ("auto_size", "table", "factors"))
        if size is None or table is None or factors is None:
            return value
        if value not in (known := {*factors, *table.get(size, ())}):
            named = ", ".join(sorted(known)) or "none"
            raise mistake("has neither a factor nor an entry in the table at auto_size", f"Those that have: {named}.")
        return value


def _reachable(rows: tuple[ImagePrice, ...]) -> tuple[ImagePrice, ...]:
    """The first row that matches is the price, so a row behind a wider one would never be used."""
    for index, row in enumerate(rows):
        for earlier, wider in enumerate(rows[:index]):
            if wider.size in (ANY, row.size) and wider.quality in (ANY, row.quality):
                what = f"item {index + 1} can never apply, because item {earlier + 1} matches the same images first"
                raise mistake(what, "Order the rows from the special to the general, each once.")
    return rows


class Price(Written):
    """What one upstream model costs; several kinds of price add up."""

    per_million_tokens: TokenPrices | None = None
    """Prices per million tokens, by class."""
    per_image: Annotated[tuple[ImagePrice, ...], Field(max_length=1000), AfterValidator(_reachable)] = ()
    """Prices per delivered image, from the special to the general: the first row that matches counts. At most 1000 rows."""
    per_request: Amount | None = None
    """Price of one request, whatever it delivers; at most 9 decimals."""
    output_tokens: OutputTokens | None = None
    """How the tokens of an image are known beforehand; without it a price by tokens cannot be held before the call."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if self.per_million_tokens is None and not self.per_image and self.per_request is None:
            raise mistake(
                "gives no price", "Add per_million_tokens, per_image or per_request; to leave a price unknown, remove the model."
            )
        return self


class PriceList(InForce):
    """Prices by upstream model, in one currency."""

    currency: Currency
    """Currency of all amounts, by ISO 4217; the same as the billing currency of the contracts that use it."""
    source: Prose
    """Where the prices were read."""
    recorded_on: Day
    """The day on which they were read."""
    supersedes: Id | None = None
    """Id of the list that it follows: days before effective_from stay with that one, so that a change never rewrites history."""
    models: dict[Name, Price]
    """The prices by upstream model."""
