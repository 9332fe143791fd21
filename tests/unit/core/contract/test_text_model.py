"""The text model in front of an image model: what is reserved for it is what it can take at most."""

from dataclasses import replace
from decimal import Decimal

import pytest

from gateway.core.contract.capability import Shortfall
from gateway.core.contract.text_model import TOOL_TOKENS_MAX, TextModel, text_shortfalls
from gateway.core.money.amount import Basis, Cost, together, unknown
from gateway.core.money.pricing import Price, TokenRates
from gateway.core.money.tokens import Usage, text_usage_of, tool_usage_of
from gateway.core.request.images import ImageRequest, Operation, TextWish
from gateway.core.routing.choice import Candidate
from gateway.core.snapshot import Route
from tests.unit.core.samples import PRICES, REQUEST, ROUTE, TODAY

TEXT = TextModel("gpt-5.5", output_tokens_max=1_000, image_tokens_max=500)
WISH = replace(REQUEST, operation=Operation.RESPONSE, text=TextWish())
TEXT_PRICE = Price(tokens=TokenRates(text_in=Decimal(5), cached_text_in=Decimal("0.5"), text_out=Decimal(30)))
LIST = replace(PRICES, models={**PRICES.models, "gpt-5.5": TEXT_PRICE})
RESPONDING: Route = replace(ROUTE, operations=frozenset({Operation.RESPONSE}), text_model=TEXT, price_list=LIST)


def asking(**text: object) -> ImageRequest:
    return replace(WISH, text=replace(TextWish(), **text))  # type: ignore[arg-type]  # by name


def test_a_request_is_told_its_bounds() -> None:
    """The caller's own where it sets one, the route's where it does not or where that is less."""
    assert TEXT.bounds(WISH) == {"max_output_tokens": 1_000, "max_tool_calls": 1}
    assert TEXT.bounds(replace(asking(output_tokens_max=64), n=3)) == {"max_output_tokens": 64, "max_tool_calls": 3}
    assert TEXT.written_max(REQUEST) == 1_000


def test_everything_is_read_anew_after_each_call() -> None:
    """Texts, images that came and were made, and what was written."""
    usage = TEXT.largest_usage(replace(WISH, n=2, references=1, prompt_bytes=10))
    assert usage == Usage(text_in=3 * (10 + TOOL_TOKENS_MAX + 3 * 500 + 1_000), text_out=1_000)
    drawing = TEXT.drawing(replace(WISH, n=2, references=1, prompt_bytes=10))
    assert (drawing.n, drawing.prompt_bytes, drawing.references) == (2, 2 * 1_010, 2 * 2)


def test_what_is_reserved_is_for_both_models() -> None:
    """Each at its own price; where one has none, the whole is unknown."""
    candidate = Candidate(RESPONDING, WISH, TODAY)
    text = candidate.text_estimate
    assert text is not None
    usage = TEXT.largest_usage(WISH)
    assert text == Cost((5 * Decimal(usage.text_in) + 30 * usage.text_out) / 1_000_000, "USD", Basis.ESTIMATED)
    assert candidate.estimate == together(candidate.image_estimate, text)
    assert Candidate(replace(RESPONDING, price_list=PRICES), WISH, TODAY).estimate == unknown("USD")
    by_image = replace(LIST, models={**LIST.models, "gpt-5.5": PRICES.models["by-image"]})
    assert Candidate(replace(RESPONDING, price_list=by_image), WISH, TODAY).text_estimate == unknown("USD")
    assert Candidate(ROUTE, REQUEST, TODAY).text_estimate is None


def test_costs_that_are_known_in_two_ways_are_computed() -> None:
    """The sum is no more certain than its parts."""
    reported, computed = Cost(Decimal(1), "USD", Basis.REPORTED), Cost(Decimal(2), "USD", Basis.COMPUTED)
    assert together(reported, computed) == Cost(Decimal(3), "USD", Basis.COMPUTED)
    assert together(reported, reported) == Cost(Decimal(2), "USD", Basis.REPORTED)
    assert together(reported) == reported
    assert together(reported, unknown("USD")) == unknown("USD")


@pytest.mark.parametrize(
    ("wish", "params"),
    [
        (TextWish(), []),
        (TextWish("gpt-image-2", 1_000), []),
        (TextWish("gpt-image-1"), ["tools"]),
        (TextWish("", 1_001), ["max_output_tokens"]),
    ],
)
def test_another_image_model_or_more_text_is_not_served(wish: TextWish, params: list[str]) -> None:
    """A route that cannot honour it is not eligible."""
    found: list[Shortfall] = list(text_shortfalls(wish, TEXT, "gpt-image-2"))
    assert [it.param for it in found] == params


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        ({"input_tokens": 9, "output_tokens": 4}, Usage(text_in=9, text_out=4)),
        (
            {"input_tokens": 9, "output_tokens": 0, "input_tokens_details": {"cached_tokens": 5}},
            Usage(text_in=4, cached_text_in=5),
        ),
        ({"input_tokens": 9, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 10}}, None),
        ({"input_tokens": 9, "output_tokens": 4, "input_tokens_details": {"cached_tokens": "5"}}, None),
        ({"input_tokens": 9, "output_tokens": 4, "input_tokens_details": {"cache_write_tokens": 9}}, None),
        ({"input_tokens": 9}, None),
        (None, None),
    ],
)
def test_a_response_reports_what_its_text_model_took(reported: object, usage: Usage | None) -> None:
    """What was cached has a price of its own; what does not add up is not known."""
    assert text_usage_of(reported) == usage


IMAGES = {"input_tokens": 9, "input_tokens_details": {"text_tokens": 5, "image_tokens": 4}, "output_tokens": 7}


@pytest.mark.parametrize(
    ("cached", "usage"),
    [
        (None, Usage(text_in=5, image_in=4, image_out=7)),
        (
            {"cached_text_tokens": 1, "cached_image_tokens": 4},
            Usage(text_in=4, cached_text_in=1, cached_image_in=4, image_out=7),
        ),
        ({"cached_text_tokens": 6}, None),
        ({"cached_image_tokens": -1}, None),
    ],
)
def test_the_image_tool_reports_what_it_took(cached: object, usage: Usage | None) -> None:
    """As the Images API does, and what of it came from the cache."""
    assert tool_usage_of(IMAGES | {"cached_tokens_details": cached}) == usage
    assert tool_usage_of(None) is None
