"""The paid steps to readiness: which requests they are, what they may cost, and what their answers show."""

from dataclasses import replace
from decimal import Decimal

import pytest

from gateway.core.contract.capability import Capabilities, SizeRule
from gateway.core.discrepancy import Aspect, Discrepancy
from gateway.core.money.amount import Basis, Cost, unknown
from gateway.core.money.pricing import Delivery, ImageRate, Price, estimate
from gateway.core.outcome import Owner
from gateway.core.readiness.live import budget_of, following, judged, minimal, unaffordable
from gateway.core.readiness.path import StepState
from gateway.core.request.images import ImageRequest, Operation
from gateway.core.request.picture import Picture
from gateway.core.snapshot import Route
from tests.unit.core.samples import IMAGE_PRICE, PRICES, ROUTE, TODAY, TOKEN_PRICE

RULE = SizeRule(16, 3840, 3, 655_360, 8_294_400)
CAN = Capabilities(
    sizes=frozenset({"1024x1024", "2048x2048"}),
    qualities=frozenset({"low", "high"}),
    output_formats=frozenset({"png"}),
    references_max=16,
    partial_images_max=3,
)
ABLE = replace(ROUTE, capabilities=CAN)


def able(can: Capabilities | None, price: Price = TOKEN_PRICE, **more: object) -> Route:
    prices = replace(PRICES, models={"gpt-image-2": price})
    return replace(ROUTE, capabilities=can, price_list=prices, **more)  # type: ignore[arg-type]  # fields by name


def first_of(route: Route) -> ImageRequest:
    found = minimal(route, TODAY)
    assert isinstance(found, ImageRequest)
    return found


@pytest.mark.parametrize(
    ("route", "size", "quality"),
    [
        (ABLE, "1024x1024", "low"),
        (able(Capabilities(sizes=frozenset(), qualities=frozenset())), "auto", "auto"),
        (able(replace(CAN, sizes=frozenset({"2048x2048"}))), "2048x2048", "low"),
        (able(replace(CAN, sizes=None, size_rule=replace(RULE, ratio_max=1))), "816x816", "low"),
        (able(None), "1024x1536", "low"),
        (able(None, IMAGE_PRICE), "1024x1024", "low"),
        (able(None, Price(images=(ImageRate("*", "*", Decimal(1)),))), "1024x1024", "auto"),
        (able(None, Price(images=(ImageRate("640x640", "hd", Decimal(1)),))), "640x640", "hd"),
        (able(None, Price(request=Decimal(1))), "1024x1024", "auto"),
        (able(CAN, upstream_model="unpriced"), "1024x1024", "high"),
    ],
)
def test_the_minimal_request_is_the_cheapest_that_is_declared(route: Route, size: str, quality: str) -> None:
    """One image of the cheapest size and quality; where no price is known, of any."""
    found = first_of(route)
    assert (found.size, found.quality, found.n, found.operation) == (size, quality, 1, Operation.GENERATION)
    assert not found.stream


def test_a_route_for_edits_alone_is_tried_by_an_edit() -> None:
    """And that is its edit, too."""
    route = replace(ABLE, operations=frozenset({Operation.EDIT}))
    found = first_of(route)
    assert (found.operation, found.references) == (Operation.EDIT, 1)
    assert following("edits", found, route, TODAY) == "The minimal request is one already."


def test_a_route_for_variations_alone_cannot_be_tried() -> None:
    """It says why."""
    assert "neither generations nor edits" in str(minimal(replace(ABLE, operations=frozenset({Operation.VARIATION})), TODAY))


def test_one_thing_changes_at_a_time() -> None:
    """Size, then quality, then an edit, then a stream; each the cheapest of its kind."""
    first = first_of(ABLE)
    wishes = {step: following(step, first, ABLE, TODAY) for step in ("size", "quality", "edits", "streaming")}
    requests = {step: wish for step, wish in wishes.items() if isinstance(wish, ImageRequest)}
    assert len(requests) == 4
    assert requests["size"] == replace(first, size="2048x2048")
    assert requests["quality"] == replace(first, quality="high")
    assert (requests["edits"].operation, requests["edits"].references) == (Operation.EDIT, 1)
    assert (requests["streaming"].stream, requests["streaming"].partial_images) == (True, 1)
    for request in requests.values():
        assert estimate(request, ABLE.price_list, "gpt-image-2", TODAY).amount is not None


@pytest.mark.parametrize(
    ("step", "route", "words"),
    [
        ("size", able(replace(CAN, sizes=frozenset({"1024x1024"}))), "No other size"),
        ("quality", able(replace(CAN, qualities=frozenset({"low"}))), "No other quality"),
        ("edits", able(replace(CAN, references_max=0)), "does not declare edits"),
        ("edits", able(CAN, operations=frozenset({Operation.GENERATION})), "does not declare edits"),
        ("streaming", able(replace(CAN, stream=False)), "does not declare streaming"),
        ("responses", ABLE, "does not declare Responses"),
    ],
)
def test_what_is_not_declared_is_not_tried(step: str, route: Route, words: str) -> None:
    """The step says so."""
    assert words in str(following(step, first_of(route), route, TODAY))


def test_a_stream_has_partial_images_only_where_they_are_declared() -> None:
    """They cost."""
    route = able(replace(CAN, partial_images_max=None))
    found = following("streaming", first_of(route), route, TODAY)
    assert isinstance(found, ImageRequest)
    assert found.partial_images == 0


@pytest.mark.parametrize(
    ("step", "cost", "left", "state", "owner"),
    [
        ("minimal", Decimal("0.5"), "0.5", None, None),
        ("minimal", Decimal("0.500000001"), "0.5", StepState.STOPPED, Owner.CALLER),
        ("minimal", None, "1000", StepState.STOPPED, Owner.ROUTE),
        ("minimal", Decimal("0.01"), "0", StepState.STOPPED, Owner.CALLER),
        ("size", Decimal("0.6"), "0.5", StepState.SKIPPED, None),
        ("size", None, "0.5", StepState.SKIPPED, None),
    ],
)
def test_nothing_is_sent_that_does_not_fit_the_budget(
    step: str, cost: Decimal | None, left: str, state: StepState | None, owner: Owner | None
) -> None:
    """What cannot be estimated fits no budget; later steps are skipped, without the first nothing is proven."""
    expected = unknown("USD") if cost is None else Cost(cost, "USD", Basis.ESTIMATED)
    found = unaffordable(step, expected, Decimal(left))
    assert (found.state if found else None, found.owner if found else None) == (state, owner)


COST, PNG = Cost(Decimal("0.006"), "USD", Basis.COMPUTED), Picture("png", 1024, 1024)
DELIVERY = Delivery(1, "1024x1024", "low", None, (PNG,))
SIZE = Discrepancy(Aspect.SIZE, "1024x1024", "512x512")
TOKENS = Discrepancy(Aspect.TOKENS, "196 by the formula", "300")


@pytest.mark.parametrize(
    ("delivery", "found", "cost", "state", "words"),
    [
        (DELIVERY, (), COST, StepState.PASSED, "1 image (1024x1024 png), 0.006 USD; 1.2 s."),
        (replace(DELIVERY, partials=2), (), COST, StepState.PASSED, "1 image and 2 partial"),
        (replace(DELIVERY, pictures=()), (), COST, StepState.PASSED, "by link"),
        (DELIVERY, (TOKENS,), COST, StepState.WARNED, "tokens: asked 196"),
        (DELIVERY, (), unknown("USD"), StepState.WARNED, "what it cost is unknown"),
        (DELIVERY, (SIZE, TOKENS), COST, StepState.STOPPED, "size: asked 1024x1024, delivered 512x512"),
        (replace(DELIVERY, pictures=(Picture("avif", None, None),)), (), COST, StepState.STOPPED, "avif is not declared"),
    ],
)
def test_what_is_delivered_is_compared_with_what_is_declared(
    delivery: Delivery, found: tuple[Discrepancy, ...], cost: Cost, state: StepState, words: str
) -> None:
    """Another size, count or format stops the walk: the provider has delivered otherwise. A doubtful bill is a warning."""
    step = judged("size", ABLE, delivery, found=found, cost=cost, note="1.2 s")
    assert (step.state, step.owner, step.cost) == (state, Owner.PROVIDER if state is StepState.STOPPED else None, cost)
    assert words in step.detail


@pytest.mark.parametrize("route", [able(None), able(replace(CAN, output_formats=None))])
def test_undeclared_formats_are_not_held_against_anyone(route: Route) -> None:
    """There is nothing to compare with."""
    webp = replace(DELIVERY, pictures=(Picture("webp", 1024, 1024),))
    assert judged("size", route, webp, found=(), cost=COST, note="1 s").state is StepState.PASSED


@pytest.mark.parametrize("text", ["0", "0.50", "1000", "0.000000001"])
def test_a_budget_is_an_exact_amount(text: str) -> None:
    """As it is written."""
    assert budget_of(text) == Decimal(text)


@pytest.mark.parametrize("text", ["", "-1", "1000.01", "1e3", "NaN", "0.0000000001", "0,50", " 1", "٣"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    """With the rule."""
    with pytest.raises(ValueError, match="at most 1000"):
        budget_of(text)
