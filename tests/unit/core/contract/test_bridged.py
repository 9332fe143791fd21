"""What litellm passes on to a vendor is the most that a route behind it can honour."""

from dataclasses import replace

import pytest

from gateway.core.contract.bridged import ANSWER_BYTES_MAX, VENDORS, answer_bytes_of, limits, passed, vendor_of
from gateway.core.contract.capability import narrowed, shortfalls
from gateway.core.request.images import ImageRequest, Operation

GENERATION, EDIT = Operation.GENERATION, Operation.EDIT
FLUX, STABILITY, GEMINI = "black_forest_labs/flux-kontext-pro", "stability/stable-image-core", "gemini/gemini-2.5-flash-image"
PLAIN = ImageRequest(GENERATION, "any", 8, 1, "auto", "auto", members=frozenset({"model", "prompt", "size", "quality"}))


@pytest.mark.parametrize(
    ("upstream", "operations", "change", "refused"),
    [
        (FLUX, (GENERATION,), {}, []),
        (FLUX, (GENERATION,), {"size": "1024x768"}, []),
        (FLUX, (GENERATION,), {"n": 2}, ["n"]),
        (FLUX, (GENERATION,), {"quality": "high"}, ["quality"]),
        (FLUX, (GENERATION, EDIT), {"size": "1024x768"}, ["size"]),
        (FLUX, (GENERATION,), {"output_format": "webp"}, ["output_format"]),
        (FLUX, (EDIT,), {"references": 2, "members": frozenset({"mask"})}, ["mask"]),
        (FLUX, (EDIT,), {"references": 2}, ["image"]),
        (STABILITY, (GENERATION,), {"size": "512x512"}, []),
        (STABILITY, (GENERATION,), {"size": "1536x1024"}, ["size"]),
        (STABILITY, (GENERATION, EDIT), {"references": 2, "members": frozenset({"mask"})}, []),
        (GEMINI, (GENERATION, EDIT), {"n": 4, "size": "1x1", "stream": True}, ["stream"]),
        (GEMINI, (GENERATION,), {"members": frozenset({"user", "background"})}, ["background", "user"]),
        ("bedrock/stability.sd3-5-large-v1:0", (GENERATION,), {"size": "1024x1024"}, ["size"]),
        ("bedrock/amazon.nova-canvas-v1:0", (GENERATION,), {"quality": "premium", "n": 5, "size": "512x768"}, []),
        ("bedrock/amazon.nova-canvas-v1:0", (GENERATION,), {"quality": "high"}, ["quality"]),
        ("unheard-of/model", (GENERATION,), {"size": "1024x1024"}, ["size"]),
    ],
)
def test_what_would_be_dropped_is_a_shortfall(
    upstream: str, operations: tuple[Operation, ...], change: dict[str, object], refused: list[str]
) -> None:
    """By the member's name, for all operations of a route alike."""
    request = replace(PLAIN, **change)  # type: ignore[arg-type]
    assert [it.param for it in shortfalls(request, limits(upstream, operations))] == refused


def test_a_route_s_own_words_narrow_it_further() -> None:
    """Never the reverse."""
    both = narrowed(limits(STABILITY, (GENERATION,)), limits(FLUX, (GENERATION,)))
    assert (both.n_max, both.stream, both.sizes) == (1, False, limits(STABILITY, (GENERATION,)).sizes)


def test_what_nobody_has_looked_at_is_not_served() -> None:
    """Neither a vendor nor an operation of it."""
    assert passed("gemini/imagen-4.0-generate-001", EDIT) is None
    assert passed("gemini/imagen-4.0-generate-001", Operation.VARIATION) is None
    assert passed("vertex_ai/gemini-2.5-flash-image", GENERATION) is None
    assert [name for name, it in VENDORS.items() if it.unserved] == ["runwayml"]
    assert vendor_of(FLUX) == "black_forest_labs"


def test_an_answer_of_links_is_small() -> None:
    """So that it holds little room; one with images may be as large as is configured."""
    assert answer_bytes_of(FLUX, ANSWER_BYTES_MAX) == 1024 * 1024
    assert answer_bytes_of(STABILITY, ANSWER_BYTES_MAX) == ANSWER_BYTES_MAX
