"""The only rate arithmetic: what a response cost, and the most that a request can cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from gateway.core.money.amount import Basis, Cost, unknown
from gateway.core.money.tokens import Usage, output_tokens
from gateway.core.request.body_field import AUTO
from gateway.core.request.images import ImageRequest, pixels_of
from gateway.core.request.picture import Picture

ANY = "*"
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class TokenRates:
    """Prices per million tokens, by class; ``None`` means that the list gives no price, which is not zero."""

    text_in: Decimal | None = None
    cached_text_in: Decimal | None = None
    image_in: Decimal | None = None
    cached_image_in: Decimal | None = None
    image_out: Decimal | None = None
    text_out: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ImageRate:
    """The price of one delivered image of that size and quality; ``*`` stands for any."""

    size: str
    quality: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class OutputTokens:
    """How many output tokens an image will take: by size and quality where ``table`` has them, else by a factor a quality.

    The factors are those of ``tokens.output_tokens``.
    ``auto_size`` and ``auto_quality`` stand in for ``auto``, which cannot be known beforehand. ``partial_image`` are the
    tokens of one partial image of a stream, ``reference_max`` the most input tokens that one reference image takes;
    ``None`` where nobody knows.
    """

    factors: Mapping[str, int]
    auto_size: str
    auto_quality: str
    partial_image: int | None = None
    reference_max: int | None = None
    table: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def of_image(self, size: str, quality: str) -> int | None:
        """Output tokens of one image, without partial ones; ``None`` where size or quality are not known."""
        listed = self.table.get(size, {}).get(quality)
        if listed is not None:
            return listed
        factor, pixels = self.factors.get(quality), pixels_of(size)
        return None if factor is None or pixels is None else output_tokens(factor, *pixels)


@dataclass(frozen=True, slots=True)
class Price:
    """What one upstream model costs: by token, by image, by request, or by several of these together."""

    tokens: TokenRates | None = None
    images: tuple[ImageRate, ...] = ()
    request: Decimal | None = None
    output_tokens: OutputTokens | None = None


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices by upstream model in one currency, in force from ``effective_from`` until ``effective_to`` (exclusive).

    ``earlier`` is the list that it supersedes, in the same currency: days before its own are that one's to price.
    """

    id: str
    currency: str
    effective_from: date
    effective_to: date | None
    source: str
    recorded_on: date
    models: Mapping[str, Price]
    earlier: "PriceList | None" = None

    @property
    def series(self) -> "tuple[PriceList, ...]":
        """This list and all that went before it, newest first."""
        return (self,) if self.earlier is None else (self, *self.earlier.series)

    def at(self, on: date) -> "PriceList":
        """The list of the series that answers for that UTC day: each ends where the one that supersedes it begins."""
        return next((it for it in self.series if it.effective_from <= on), self.series[-1])

    def price_of(self, upstream_model: str, on: date) -> Price | None:
        """The model's price on that UTC day; ``None`` where the series has no answer."""
        found = self if self.earlier is None else self.at(on)
        return found.models.get(upstream_model) if found.in_force(on) else None

    def in_force(self, on: date) -> bool:
        """Whether this list itself holds on that UTC day, whatever supersedes it."""
        return self.effective_from <= on and (self.effective_to is None or on < self.effective_to)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a response delivered and reported: images counted in ``data`` (never ``n``), size and quality as echoed.

    ``pictures`` are the images as their own bytes describe them, in order; an image delivered by URL has none.
    ``partials`` counts the partial images of a stream, ``text_usage`` are the tokens of the text model that wrote a response.
    ``reported`` is what the provider says that it cost, rounded to nano-units, in the currency in which it reports; ``None``
    where it says nothing.
    """

    images: int
    size: str
    quality: str
    usage: Usage | None
    pictures: tuple[Picture, ...] = ()
    partials: int = 0
    reported: Decimal | None = None
    text_usage: Usage | None = None


def price(delivery: Delivery, price_list: PriceList, upstream_model: str, on: date) -> Cost:
    """What the delivery costs by the list; ``unknown`` where a class of tokens or an image has no price."""
    found = price_list.price_of(upstream_model, on)
    if found is None:
        return unknown(price_list.currency)
    parts: list[Decimal | None] = [] if found.request is None else [found.request]
    if found.tokens is not None:
        parts.append(_of_tokens(delivery.usage, found.tokens))
    if found.images:
        parts.append(_of_images(delivery, found.images))
    return _total(parts, price_list.currency, Basis.COMPUTED)


def estimate(request: ImageRequest, price_list: PriceList, upstream_model: str, on: date) -> Cost:
    """The most that the request can cost by the list: what is reserved before it is sent."""
    found = price_list.price_of(upstream_model, on)
    if found is None:
        return unknown(price_list.currency)
    parts: list[Decimal | None] = [] if found.request is None else [found.request]
    if found.tokens is not None:
        parts.append(_of_tokens(_largest_usage(request, found.output_tokens), found.tokens))
    if found.images:
        delivery = Delivery(request.n, request.size, request.quality, None)
        parts.append(_of_images(delivery, found.images) or _dearest(delivery, found.images))
    return _total(parts, price_list.currency, Basis.ESTIMATED)


def most(usage: Usage, price_list: PriceList, upstream_model: str, on: date) -> Cost:
    """What so many tokens cost by the list, as an estimate; a class that is not used needs no price."""
    found = price_list.price_of(upstream_model, on)
    parts = [] if found is None or found.tokens is None else [_of_tokens(usage, found.tokens)]
    return _total(parts, price_list.currency, Basis.ESTIMATED)


def tokens_max(request: ImageRequest, price_list: PriceList, upstream_model: str, on: date) -> int | None:
    """The most tokens that the request can take, in and out; ``None`` where the list does not say how many an image has."""
    found = price_list.price_of(upstream_model, on)
    usage = None if found is None else _largest_usage(request, found.output_tokens)
    return None if usage is None else usage.text_in + usage.image_in + usage.image_out


def _total(parts: list[Decimal | None], currency: str, basis: Basis) -> Cost:
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return unknown(currency)
    return Cost(sum(known, Decimal(0)), currency, basis)


def _of_tokens(usage: Usage | None, rates: TokenRates) -> Decimal | None:
    if usage is None:
        return None
    total = Decimal(0)
    for tokens, rate in (
        (usage.text_in, rates.text_in),
        (usage.cached_text_in, rates.cached_text_in),
        (usage.image_in, rates.image_in),
        (usage.cached_image_in, rates.cached_image_in),
        (usage.image_out, rates.image_out),
        (usage.text_out, rates.text_out),
    ):
        if not tokens:
            continue
        if rate is None:
            return None
        total += tokens * rate
    return total / _MILLION


def _of_images(delivery: Delivery, rates: tuple[ImageRate, ...]) -> Decimal | None:
    """The first rate that matches wins, so a list is written from the special to the general."""
    for rate in rates:
        if rate.size in (ANY, delivery.size) and rate.quality in (ANY, delivery.quality):
            return delivery.images * rate.amount
    return None


def _dearest(delivery: Delivery, rates: tuple[ImageRate, ...]) -> Decimal:
    """A size or quality left to the provider (``auto``) is reserved at the list's dearest image."""
    return delivery.images * max(rate.amount for rate in rates)


def _largest_usage(request: ImageRequest, rule: OutputTokens | None) -> Usage | None:
    if rule is None:
        return None
    size = rule.auto_size if request.size == AUTO else request.size
    quality = rule.auto_quality if request.quality == AUTO else request.quality
    image, partials = rule.of_image(size, quality), _times(request.partial_images, rule.partial_image)
    image_in = _times(request.references, rule.reference_max)
    if image is None or partials is None or image_in is None:
        return None
    # A token is at least one byte of text; the wrapper around a prompt has been measured at under 16 tokens, an edit's at 32.
    text_in = request.prompt_bytes + (32 if request.references else 16)
    return Usage(text_in=text_in, image_in=image_in, image_out=request.n * (image + partials))


def _times(count: int, tokens: int | None) -> int | None:
    """None of something costs nothing, also where nobody knows what one costs."""
    return 0 if count == 0 else None if tokens is None else count * tokens
