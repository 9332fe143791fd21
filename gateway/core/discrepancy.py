"""Whether what was delivered is what was asked for: each difference is a delivery discrepancy on the contract's record."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.core.money.pricing import Delivery, OutputTokens
from gateway.core.request.body_field import AUTO
from gateway.core.request.images import ImageRequest, pixels_of

# Of the tokens that the published formula gives; a report of n images has been seen to be off by a token or two.
TOKENS_TOLERANCE_PERCENT = 10


class Aspect(StrEnum):
    """In what a delivery can differ."""

    COUNT = "count"
    SIZE = "size"
    FORMAT = "format"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One difference; both sides in words."""

    aspect: Aspect
    asked: str
    delivered: str

    def __str__(self) -> str:
        return f"{self.aspect}: asked {self.asked}, delivered {self.delivered}"


def discrepancies(request: ImageRequest, delivery: Delivery, rule: OutputTokens | None) -> tuple[Discrepancy, ...]:
    """All differences. ``rule`` is the price list's, by which the tokens of an image can be known; ``None`` where there is none.

    What the caller left to the provider (``auto``) cannot differ; neither can an image whose bytes do not tell.
    """
    found = []
    # Of a response ``n`` is no wish, but the most that its text model may have made.
    if delivery.images != request.n and (request.text is None or delivery.images > request.n):
        found.append(Discrepancy(Aspect.COUNT, str(request.n), str(delivery.images)))
    asked = pixels_of(request.size)
    sizes = {f"{picture.width}x{picture.height}" for picture in delivery.pictures if picture.width is not None}
    if asked is not None and (others := sizes - {f"{asked[0]}x{asked[1]}"}):
        found.append(Discrepancy(Aspect.SIZE, request.size, ", ".join(sorted(others))))
    formats = {picture.format for picture in delivery.pictures} - {request.output_format}
    if request.output_format != AUTO and formats:
        found.append(Discrepancy(Aspect.FORMAT, request.output_format, ", ".join(sorted(formats))))
    billed = _unexpected_tokens(delivery, rule)
    return (*found, *billed)


def _unexpected_tokens(delivery: Delivery, rule: OutputTokens | None) -> tuple[Discrepancy, ...]:
    image = None if rule is None else rule.of_image(delivery.size, delivery.quality)
    if rule is None or image is None or delivery.usage is None:
        return ()
    expected = delivery.images * image + delivery.partials * (rule.partial_image or 0)
    billed = delivery.usage.image_out
    if abs(billed - expected) * 100 <= expected * TOKENS_TOLERANCE_PERCENT:
        return ()
    return (Discrepancy(Aspect.TOKENS, f"{expected} by the formula", str(billed)),)
