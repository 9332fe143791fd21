"""Cost by price list: exact, and unknown where the list has no answer."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money.amount import Basis, Cost, amount_text, from_nanos, to_nanos, unknown
from gateway.core.money.pricing import Delivery, OutputTokens, Price, TokenRates, estimate, price, tokens_max
from gateway.core.money.tokens import Usage, output_tokens, usage_of
from tests.unit.core.samples import IMAGE_PRICE, PRICES, REQUEST, TODAY, TOKEN_PRICE

COUNTS = st.integers(0, 10**7)


@pytest.mark.parametrize(
    ("factor", "size", "tokens"),
    [
        (16, (1024, 1024), 196),
        (48, (1024, 1024), 1756),
        (96, (1024, 1024), 7024),
        (96, (1536, 1024), 5488),
        (96, (1024, 1536), 5488),
        (96, (2048, 2048), 14272),
        (16, (3840, 2160), 371),
        (96, (1536, 864), 4312),
    ],
)
def test_formula_gives_the_published_counts(factor: int, size: tuple[int, int], tokens: int) -> None:
    """The formula agrees with OpenAI's calculator, whatever the orientation."""
    assert output_tokens(factor, *size) == tokens


def usage(text_in: int = 0, image_in: int = 0, image_out: int = 0, text_out: int = 0) -> dict[str, object]:
    return {
        "input_tokens": text_in + image_in,
        "input_tokens_details": {"text_tokens": text_in, "image_tokens": image_in},
        "output_tokens": image_out + text_out,
        "output_tokens_details": {"text_tokens": text_out, "image_tokens": image_out},
    }


@given(COUNTS, COUNTS, st.integers(1, 10**7), COUNTS)
def test_usage_keeps_every_token_in_its_class(text_in: int, image_in: int, image_out: int, text_out: int) -> None:
    """What a provider reports is read without loss."""
    found = usage_of(usage(text_in, image_in, image_out, text_out))
    assert found == Usage(text_in=text_in, image_in=image_in, image_out=image_out, text_out=text_out)
    assert found.total == text_in + image_in + image_out + text_out


def test_usage_without_details_counts_text_in_and_images_out() -> None:
    """Older answers lack the details: a generation reads text and writes images."""
    assert usage_of({"input_tokens": 14, "output_tokens": 380}) == Usage(text_in=14, image_out=380)


@pytest.mark.parametrize(
    "reported",
    [
        None,
        [],
        {},
        {"prompt_tokens": 10, "total_tokens": 206},
        {"input_tokens": 10},
        {"input_tokens": 14, "output_tokens": 0},
        {"input_tokens": 14, "output_tokens": 10**12},
        {"input_tokens": "14", "output_tokens": 1},
        {"input_tokens": 1, "output_tokens": True},
        {"input_tokens": -1, "output_tokens": 1},
        usage(14, 0, 196) | {"output_tokens": 200},
        usage(14, 0, 196) | {"input_tokens": 15},
        usage(14, 0, 196) | {"output_tokens_details": "many"},
        usage(14, 0, 196) | {"input_tokens_details": {"text_tokens": None}},
    ],
)
def test_usage_that_does_not_add_up_is_no_usage(reported: object) -> None:
    """A count that cannot be trusted is not priced."""
    assert usage_of(reported) is None


def test_tokens_are_priced_exactly_by_class() -> None:
    """14 text tokens at 5 and 196 image tokens at 30 per million are 0.00595 to the last digit."""
    cost = price(Delivery(1, "1024x1024", "low", Usage(text_in=14, image_out=196)), PRICES, "gpt-image-2", TODAY)
    assert cost == Cost(Decimal("0.00595"), "USD", Basis.COMPUTED)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_any_cost_is_a_whole_number_of_nano_units(a: int, b: int, c: int, d: int, e: int) -> None:
    """No rounding happens between a price list and the ledger."""
    cost = price(Delivery(1, "", "", Usage(a, b, c, d, e)), PRICES, "gpt-image-2", TODAY)
    assert cost.amount is not None
    assert from_nanos(to_nanos(cost.amount)) == cost.amount


@pytest.mark.parametrize(
    ("delivery", "model", "on"),
    [
        (Delivery(1, "1024x1024", "low", None), "gpt-image-2", TODAY),
        (Delivery(1, "1024x1024", "low", Usage(text_out=1)), "gpt-image-2", TODAY),
        (Delivery(1, "1024x1024", "low", Usage(text_in=1)), "gpt-image-2.6-flare", TODAY),
        (Delivery(1, "1024x1024", "low", Usage(text_in=1)), "gpt-image-2", date(2025, 12, 31)),
        (Delivery(1, "1024x1024", "medium", None), "by-image", TODAY),
    ],
)
def test_what_the_list_does_not_price_is_unknown(delivery: Delivery, model: str, on: date) -> None:
    """No usage, a class without a rate, a model or a day that the list lacks: unknown, never zero."""
    assert price(delivery, PRICES, model, on) == unknown("USD")


def test_a_list_ends_before_its_last_day() -> None:
    """``effective_to`` is exclusive."""
    ending = replace(PRICES, effective_to=TODAY)
    assert ending.price_of("gpt-image-2", TODAY) is None
    assert ending.price_of("gpt-image-2", date(2026, 11, 22)) == TOKEN_PRICE


def test_images_are_priced_by_the_first_row_that_matches() -> None:
    """Delivered images count, and a row for any size is used where the special one does not match."""
    assert price(Delivery(3, "1024x1024", "high", None), PRICES, "by-image", TODAY).text == "0.75"
    assert price(Delivery(2, "2048x2048", "low", None), PRICES, "by-image", TODAY).text == "0.02"


def test_a_price_per_request_adds_to_the_others_or_stands_alone() -> None:
    """Per request + per image, and per request only."""
    both = replace(PRICES, models={"m": replace(IMAGE_PRICE, request=Decimal("0.005")), "r": Price(request=Decimal("0.04"))})
    assert price(Delivery(2, "any", "low", None), both, "m", TODAY).text == "0.025"
    assert price(Delivery(2, "any", "low", None), both, "r", TODAY).text == "0.04"
    assert estimate(REQUEST, both, "r", TODAY).text == "0.04"


def test_an_empty_price_is_unknown() -> None:
    """An entry without any price says nothing."""
    empty = replace(PRICES, models={"m": Price()})
    assert price(Delivery(1, "", "", Usage()), empty, "m", TODAY) == unknown("USD")


@given(st.text(min_size=1, max_size=50), st.integers(1, 10), st.sampled_from(["low", "medium", "high", "auto"]))
def test_the_estimate_is_never_below_the_price(prompt: str, n: int, quality: str) -> None:
    """A token is at least one byte of the prompt, so the reservation covers whatever usage comes back."""
    request = replace(REQUEST, prompt_bytes=len(prompt.encode()), n=n, quality=quality)
    held = estimate(request, PRICES, "gpt-image-2", TODAY)
    factor = {"low": 16, "medium": 48, "high": 96, "auto": 16}[quality]
    billed = Usage(text_in=len(prompt.encode()), image_out=n * output_tokens(factor, 1024, 1024))
    paid = price(Delivery(n, "1024x1024", quality, billed), PRICES, "gpt-image-2", TODAY)
    assert held.basis is Basis.ESTIMATED
    assert held.amount is not None
    assert paid.amount is not None
    assert held.amount >= paid.amount


@pytest.mark.parametrize(
    ("changes", "model", "text"),
    [
        ({"size": "auto", "quality": "low"}, "gpt-image-2", "0.006995"),
        ({}, "by-image", "0.25"),
        ({"size": "auto", "quality": "auto", "n": 2}, "by-image", "0.50"),
        ({"size": "bogus"}, "gpt-image-2", "unknown"),
        ({"quality": "ultra"}, "gpt-image-2", "unknown"),
        ({}, "gpt-image-2.6-flare", "unknown"),
    ],
)
def test_estimates_of_a_table(changes: dict[str, object], model: str, text: str) -> None:
    """``auto`` is held at what the list names or at its dearest image; what cannot be known is unknown."""
    assert estimate(replace(REQUEST, **changes), PRICES, model, TODAY).text == text


def test_an_estimate_needs_a_rule_for_output_tokens() -> None:
    """Token prices alone do not say how many tokens there will be."""
    bare = replace(PRICES, models={"m": Price(tokens=TokenRates(image_out=Decimal(30)))})
    assert estimate(REQUEST, bare, "m", TODAY) == unknown("USD")


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0.210720000", "0.21072"),
        ("3", "3.00"),
        ("0", "0.00"),
        ("1E+2", "100.00"),
        ("-0.000000001", "-0.000000001"),
        ("2.50", "2.50"),
    ],
)
def test_amounts_read_as_plain_decimals(amount: str, text: str) -> None:
    """No exponent, no needless zeros, at least two decimals."""
    assert amount_text(Decimal(amount)) == text


def test_money_that_would_be_rounded_is_an_error() -> None:
    """Half a nano-unit cannot be booked."""
    with pytest.raises(ValueError, match="cannot be booked exactly"):
        to_nanos(Decimal("0.0000000005"))


@pytest.mark.parametrize(("amount", "basis"), [(None, Basis.COMPUTED), (Decimal(1), Basis.UNKNOWN)])
def test_a_cost_is_unknown_exactly_when_it_has_no_amount(amount: Decimal | None, basis: Basis) -> None:
    """Zero cannot stand in for unknown, nor unknown for an amount."""
    with pytest.raises(ValueError, match="exactly when"):
        Cost(amount, "USD", basis)


@pytest.mark.parametrize(
    ("asked", "tokens"),
    [
        ({}, {"image_out": 7024}),
        ({"stream": True, "partial_images": 3}, {"image_out": 7324}),
        ({"n": 2, "stream": True, "partial_images": 1}, {"image_out": 2 * 7124}),
        ({"references": 4}, {"image_out": 7024, "image_in": 4 * 1536}),
    ],
)
def test_partial_images_and_references_are_held_too(asked: dict[str, int], tokens: dict[str, int]) -> None:
    """Each partial image adds output tokens, each reference image input tokens."""
    request = replace(REQUEST, **asked)
    usage = Usage(text_in=request.prompt_bytes + (32 if request.references else 16), **tokens)
    held = price(Delivery(1, "1024x1024", "high", usage), PRICES, "gpt-image-2", TODAY)
    assert estimate(request, PRICES, "gpt-image-2", TODAY).amount == held.amount


@pytest.mark.parametrize("asked", [{"stream": True, "partial_images": 1}, {"references": 1}])
def test_what_nobody_knows_the_tokens_of_is_held_as_unknown(asked: dict[str, int]) -> None:
    """Never as nothing."""
    rule = replace(TOKEN_PRICE.output_tokens, partial_image=None, reference_max=None)
    prices = replace(PRICES, models={"gpt-image-2": replace(TOKEN_PRICE, output_tokens=rule)})
    assert estimate(replace(REQUEST, **asked), prices, "gpt-image-2", TODAY) == unknown("USD")


def test_usages_add_up_class_by_class() -> None:
    """The bill of a stream is the sum of what its events report."""
    assert Usage(1, 2, 3, 4, 5, 6) + Usage(10, 20, 30, 40, 50, 60) == Usage(11, 22, 33, 44, 55, 66)


def test_the_most_tokens_that_a_request_can_take() -> None:
    """In and out together; unknown where the list does not say how many an image has."""
    usage = 9 + 16 + 7024
    assert tokens_max(REQUEST, PRICES, "gpt-image-2", TODAY) == usage
    assert tokens_max(replace(REQUEST, references=1), PRICES, "gpt-image-2", TODAY) == usage + 16 + 1536
    assert tokens_max(REQUEST, PRICES, "by-image", TODAY) is None
    assert tokens_max(REQUEST, PRICES, "nobody", TODAY) is None


def test_a_published_table_comes_before_the_formula() -> None:
    """Older models' tokens follow no formula (OpenAI's guide, legacy models, read 2026-11-23): what is listed counts."""
    square = {"low": 272, "medium": 1056, "high": 4160}
    rule = OutputTokens({"low": 16}, "1024x1024", "high", table={"1024x1024": square, "1024x1536": {"high": 6240}})
    assert [rule.of_image("1024x1024", quality) for quality in square] == [272, 1056, 4160]
    assert (rule.of_image("1024x1536", "high"), rule.of_image("1024x1536", "medium")) == (6240, None)
    assert rule.of_image("1536x1024", "low") == output_tokens(16, 1536, 1024)
