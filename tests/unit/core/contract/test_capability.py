"""What a route can honour: each parameter on both sides of its bound, and what is left where two declarations meet."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.contract.capability import Capabilities, Shortfall, SizeRule, bounds, narrowed, shortfalls, size_possible
from gateway.core.request.images import ImageRequest, Operation

RULE = SizeRule(edge_multiple=16, edge_max=3840, ratio_max=3, pixels_min=655_360, pixels_max=8_294_400)
PLAIN = ImageRequest(Operation.GENERATION, "gpt-image-2", 9, 1, "auto", "auto")
EVERYTHING = replace(
    PLAIN,
    n=10,
    size="3840x2160",
    quality="max",
    output_format="svg",
    background="transparent",
    stream=True,
    partial_images=3,
    references=18,
    members=frozenset({"mask", "markup", "style", "anything"}),
)
NOTHING = Capabilities(
    sizes=frozenset(),
    qualities=frozenset(),
    output_formats=frozenset(),
    backgrounds=frozenset(),
    n_max=1,
    partial_images_max=0,
    references_max=0,
    stream=False,
    without=frozenset({"mask", "style"}),
)


@pytest.mark.parametrize(
    ("size", "allowed"),
    [
        ((1024, 640), True),
        ((640, 1024), True),
        ((1024, 624), False),
        ((3840, 2160), True),
        ((3856, 2144), False),
        ((2880, 2880), True),
        ((2896, 2880), False),
        ((2400, 800), True),
        ((800, 2400), True),
        ((2416, 800), False),
        ((1920, 1080), False),
        ((1080, 1920), False),
    ],
)
def test_a_size_rule_holds_at_its_bounds(size: tuple[int, int], allowed: bool) -> None:
    """Multiples, the longest edge, the ratio and the pixels: the bound itself is allowed, one step more is not."""
    assert RULE.allows(*size) is allowed


@pytest.mark.parametrize(
    ("can", "asked", "lacking"),
    [
        (Capabilities(sizes=frozenset({"1024x1024"})), {"size": "1024x1024"}, None),
        (Capabilities(sizes=frozenset({"1024x1024"})), {"size": "auto"}, None),
        (
            Capabilities(sizes=frozenset({"512x512", "1024x1024"})),
            {"size": "64x64"},
            Shortfall("size", "64x64", "1024x1024, 512x512"),
        ),
        (Capabilities(size_rule=RULE), {"size": "1536x1024"}, None),
        (Capabilities(size_rule=RULE), {"size": "large"}, Shortfall("size", "large", str(RULE))),
        (Capabilities(frozenset({"64x64"}), RULE), {"size": "64x64"}, None),
        (Capabilities(frozenset({"64x64"}), RULE), {"size": "32x32"}, Shortfall("size", "32x32", f"64x64; {RULE}")),
        (Capabilities(sizes=frozenset()), {"size": "64x64"}, Shortfall("size", "64x64", "only auto")),
        (Capabilities(qualities=frozenset({"low", "high"})), {"quality": "low"}, None),
        (Capabilities(qualities=frozenset({"low", "high"})), {"quality": "hd"}, Shortfall("quality", "hd", "high, low")),
        (Capabilities(qualities=frozenset()), {"quality": "auto"}, None),
        (Capabilities(qualities=frozenset()), {"quality": "low"}, Shortfall("quality", "low", "none")),
        (Capabilities(output_formats=frozenset({"png"})), {"output_format": "gif"}, Shortfall("output_format", "gif", "png")),
        (Capabilities(backgrounds=frozenset({"opaque"})), {"background": "opaque"}, None),
        (
            Capabilities(backgrounds=frozenset({"opaque"})),
            {"background": "transparent"},
            Shortfall("background", "transparent", "opaque"),
        ),
        (Capabilities(n_max=2), {"n": 2}, None),
        (Capabilities(n_max=2), {"n": 3}, Shortfall("n", "3", "at most 2")),
        (Capabilities(partial_images_max=0), {"partial_images": 1}, Shortfall("partial_images", "1", "at most 0")),
        (Capabilities(references_max=16), {"references": 17}, Shortfall("image", "17", "at most 16")),
        # A mask and a markup come along without being references.
        (Capabilities(references_max=16), {"references": 18, "members": frozenset({"mask", "markup", "image"})}, None),
        (Capabilities(stream=False), {"stream": True}, Shortfall("stream", "true", "false")),
        (Capabilities(stream=False), {}, None),
        (Capabilities(without=frozenset({"mask"})), {"members": frozenset({"prompt"})}, None),
        (Capabilities(without=frozenset({"mask"})), {"members": frozenset({"mask"})}, Shortfall("mask", "a value", "absent")),
    ],
)
def test_a_parameter_that_cannot_be_honoured_is_named(
    can: Capabilities, asked: dict[str, object], lacking: Shortfall | None
) -> None:
    """With what was asked and what would be possible."""
    assert shortfalls(replace(PLAIN, **asked), can) == (() if lacking is None else (lacking,))  # type: ignore[arg-type]


def test_every_shortfall_is_named_at_once() -> None:
    """A caller mends a request in one go."""
    assert [it.param for it in shortfalls(EVERYTHING, NOTHING)] == [
        "size",
        "quality",
        "output_format",
        "background",
        "n",
        "partial_images",
        "image",
        "stream",
        "mask",
        "style",
    ]


def test_where_nothing_is_known_everything_is_passed_on() -> None:
    """And a request that leaves all to the provider suits every route."""
    assert not shortfalls(EVERYTHING, Capabilities())
    assert not shortfalls(PLAIN, NOTHING)


def test_narrowing_keeps_what_both_hold() -> None:
    """Sizes by name are kept where the rule allows them, rules become the stricter one."""
    named = Capabilities(sizes=frozenset({"1024x1024", "64x64"}), n_max=4, without=frozenset({"mask"}))
    ruled = Capabilities(size_rule=RULE, qualities=frozenset({"low"}), without=frozenset({"style"}))
    expected = Capabilities(
        sizes=frozenset({"1024x1024"}), qualities=frozenset({"low"}), n_max=4, without=frozenset({"mask", "style"})
    )
    assert narrowed(named, ruled) == narrowed(ruled, named) == expected
    other = SizeRule(edge_multiple=24, edge_max=2048, ratio_max=5, pixels_min=1, pixels_max=9_000_000)
    both = SizeRule(edge_multiple=48, edge_max=2048, ratio_max=3, pixels_min=655_360, pixels_max=8_294_400)
    assert narrowed(ruled, Capabilities(size_rule=other)).size_rule == both


EDGES = st.sampled_from([16, 32, 48, 64, 96, 128])
SIZES = st.one_of(st.tuples(EDGES, EDGES).map(lambda edges: f"{edges[0]}x{edges[1]}"), st.just("large"))
RULES = st.builds(
    SizeRule,
    edge_multiple=st.sampled_from([1, 16, 32, 48]),
    edge_max=EDGES,
    ratio_max=st.integers(1, 4),
    pixels_min=st.sampled_from([1, 2048, 4096]),
    pixels_max=st.sampled_from([2048, 8192, 16_384]),
)


def some(words: st.SearchStrategy[str]) -> st.SearchStrategy[frozenset[str] | None]:
    return st.none() | st.frozensets(words, max_size=4)


QUALITIES = st.sampled_from(["low", "medium", "high"])
FORMATS = st.sampled_from(["png", "webp"])
BACKGROUNDS = st.sampled_from(["transparent", "opaque"])
MEMBERS = st.frozensets(st.sampled_from(["mask", "markup", "style", "user"]))
CAPABILITIES = st.builds(
    Capabilities,
    sizes=some(SIZES),
    size_rule=st.none() | RULES,
    qualities=some(QUALITIES),
    output_formats=some(FORMATS),
    backgrounds=some(BACKGROUNDS),
    n_max=st.none() | st.integers(1, 4),
    partial_images_max=st.none() | st.integers(0, 3),
    references_max=st.none() | st.integers(0, 4),
    stream=st.booleans(),
    without=MEMBERS,
)
AUTO = st.just("auto")
REQUESTS = st.builds(
    ImageRequest,
    operation=st.sampled_from(Operation),
    model=st.just("m"),
    prompt_bytes=st.just(1),
    n=st.integers(1, 4),
    size=AUTO | SIZES,
    quality=AUTO | QUALITIES,
    output_format=AUTO | FORMATS,
    stream=st.booleans(),
    partial_images=st.integers(0, 3),
    references=st.integers(0, 6),
    background=AUTO | BACKGROUNDS,
    members=MEMBERS,
)


@given(known=CAPABILITIES, by=CAPABILITIES, request=REQUESTS)
def test_narrowing_never_widens(known: Capabilities, by: Capabilities, request: ImageRequest) -> None:
    """What is left honours exactly the requests, and the parameters of a request, that both honour."""
    left = {it.param for it in shortfalls(request, narrowed(known, by))}
    assert left == {it.param for can in (known, by) for it in shortfalls(request, can)}


@given(known=CAPABILITIES, by=CAPABILITIES, size=SIZES)
def test_narrowing_keeps_exactly_the_sizes_of_both(known: Capabilities, by: Capabilities, size: str) -> None:
    """However each of the two says which sizes it has."""
    assert size_possible(size, narrowed(known, by)) is (size_possible(size, known) and size_possible(size, by))


@given(can=CAPABILITIES)
def test_narrowing_by_nothing_changes_nothing(can: Capabilities) -> None:
    """From either side; and narrowing twice is narrowing once."""
    assert narrowed(can, Capabilities()) == narrowed(Capabilities(), can) == can
    assert narrowed(narrowed(can, can), can) == narrowed(can, can)


def test_what_is_bounded_is_said_in_a_few_words() -> None:
    """For lists of routes; what is not bounded is not mentioned."""
    can = Capabilities(
        sizes=frozenset({"1024x1024"}),
        qualities=frozenset({"low", "high"}),
        output_formats=frozenset(),
        n_max=1,
        references_max=0,
        stream=False,
        without=frozenset({"mask", "style"}),
    )
    assert bounds(can) == (
        "size 1024x1024",
        "quality high, low",
        "output_format only auto",
        "n at most 1",
        "references at most 0",
        "no stream",
        "without mask, style",
    )
    assert bounds(Capabilities()) == ()
