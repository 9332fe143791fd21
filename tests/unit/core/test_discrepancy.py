"""What was delivered against what was asked for."""

from dataclasses import replace

import pytest

from gateway.core.discrepancy import discrepancies
from gateway.core.money.pricing import Delivery
from gateway.core.money.tokens import Usage
from gateway.core.request.body_field import AUTO
from gateway.core.request.picture import Picture
from tests.unit.core.samples import REQUEST, TOKEN_PRICE

RULE = TOKEN_PRICE.output_tokens
GOOD = Picture("png", 1024, 1024)
DELIVERY = Delivery(1, "1024x1024", "high", Usage(text_in=10, image_out=7024), (GOOD,))


def said(delivery: Delivery, **asked: object) -> list[str]:
    return [str(found) for found in discrepancies(replace(REQUEST, **asked), delivery, RULE)]


@pytest.mark.parametrize(
    ("delivery", "asked"),
    [
        (DELIVERY, {}),
        (DELIVERY, {"size": AUTO, "output_format": "png"}),
        (replace(DELIVERY, pictures=(Picture("jpeg", None, None),)), {}),
        (replace(DELIVERY, pictures=()), {"output_format": "webp"}),
        (replace(DELIVERY, usage=None), {}),
        (replace(DELIVERY, size="odd"), {}),
        (replace(DELIVERY, usage=Usage(image_out=7020)), {}),
        (replace(DELIVERY, partials=2, usage=Usage(image_out=7224)), {"stream": True}),
    ],
)
def test_what_was_asked_for_and_what_cannot_be_known_is_no_discrepancy(delivery: Delivery, asked: dict[str, object]) -> None:
    """Nobody is accused of what the bytes, the echo or the formula do not prove."""
    assert said(delivery, **asked) == []


@pytest.mark.parametrize(
    ("delivery", "asked", "words"),
    [
        (DELIVERY, {"n": 3}, "count: asked 3, delivered 1"),
        (DELIVERY, {"size": "2048x2048"}, "size: asked 2048x2048, delivered 1024x1024"),
        (DELIVERY, {"output_format": "webp"}, "format: asked webp, delivered png"),
        (replace(DELIVERY, usage=Usage(image_out=9000)), {}, "tokens: asked 7024 by the formula, delivered 9000"),
        (replace(DELIVERY, usage=Usage(image_out=196)), {}, "tokens: asked 7024 by the formula, delivered 196"),
    ],
)
def test_each_difference_is_told_in_words(delivery: Delivery, asked: dict[str, object], words: str) -> None:
    """Both sides of it, for finance and for the contract's record."""
    assert said(delivery, **asked) == [words]


def test_a_model_without_a_formula_is_not_judged_by_its_tokens() -> None:
    """Where the price list gives no formula, any count of tokens is as good as another."""
    assert discrepancies(REQUEST, replace(DELIVERY, usage=Usage(image_out=1)), None) == ()
