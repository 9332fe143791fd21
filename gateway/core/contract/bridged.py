"""What litellm passes on to each vendor. The rest it would drop in silence, so no route behind it may be asked for that.

Source: litellm 1.110.2, ``litellm/llms/VENDOR/image_generation`` and ``image_edit``, read 2026-12-01.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.core.contract.capability import Capabilities
from gateway.core.request.images import Operation

DIALECT = "litellm"
# A thread each, which mostly waits.
CALLS_MAX = 256
# Ten pictures of a megapixel, or one of 4K, as base64.
ANSWER_BYTES_MAX = 32 * 1024 * 1024
# How often each byte of a request or an answer stands in memory while litellm works on it (measured 2026-11-24).
COPIES = 5
_LINKS_BYTES_MAX = 1024 * 1024
# Members that change the picture or say whom it is for, and so must be supported or refused.
_OF_ALL = frozenset({
    "size", "quality", "style", "background", "output_format", "output_compression", "moderation", "user", "safety_identifier",
})  # fmt: skip
_OF_EDITS = frozenset({"mask", "markup", "input_fidelity"})
# Of these 'auto' may be sent, which asks for nothing.
_BY_VALUE = frozenset({"size", "quality"})
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Passed:
    """What of one operation reaches a vendor's model: members by name; ``None`` where any value or number of them does."""

    members: frozenset[str] = frozenset()
    n_max: int | None = None
    references_max: int | None = None
    sizes: frozenset[str] | None = None
    qualities: frozenset[str] | None = None
    output_formats: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Vendor:
    """``models`` are the beginnings or parts of its models' names with what passes, the first that fits; ``""`` fits all.

    ``unserved`` says why nothing of it is served; ``links``: its answers hold links, so they are small.
    """

    generation: tuple[tuple[str, Passed], ...] = ()
    edit: tuple[tuple[str, Passed], ...] = ()
    unserved: str = ""
    links: bool = False


_ONE = Passed(n_max=1, references_max=1)
_SIZED = Passed(frozenset({"size"}))
_STABILITY_SIZES = frozenset({"1024x1024", "1792x1024", "1024x1792", "512x512", "256x256"})
# Any other gets the nearest of five shapes, and nobody is told.
_IMAGEN_SIZES = frozenset({"1024x1024", "1792x1024", "1024x1792", "1280x896", "896x1280"})
_FLUX_FORMATS = frozenset({"png", "jpeg"})
_GPT_IMAGE = frozenset({"size", "quality", "background"})
VENDORS = {
    "bedrock": Vendor(
        generation=(
            ("nova-canvas", Passed(frozenset({"size", "quality"}), qualities=frozenset({"standard", "premium", "hd"}))),
            (
                "titan-image",
                Passed(
                    frozenset({"size", "quality"}),
                    qualities=frozenset({"standard", "premium", "hd", "high", "medium", "low"}),
                ),
            ),
            ("stab", _ONE),
        ),
        edit=(("stability.", Passed(frozenset({"size", "mask"}), 1, 1, sizes=_STABILITY_SIZES)),),
    ),
    "black_forest_labs": Vendor(
        generation=(("", Passed(frozenset({"size", "output_format"}), 1, output_formats=_FLUX_FORMATS)),),
        edit=(("flux-kontext", Passed(frozenset({"output_format"}), 1, 1, output_formats=_FLUX_FORMATS)),),
        links=True,
    ),
    "fal_ai": Vendor(
        generation=(("gpt-image", Passed(_GPT_IMAGE)), ("", _SIZED)),
        edit=(("flux-lora-depth", Passed(frozenset({"size"}), references_max=1)), ("", Passed(_GPT_IMAGE | {"mask"}))),
        links=True,
    ),
    "gemini": Vendor(generation=(("", _SIZED),), edit=(("gemini", _SIZED),)),
    "recraft": Vendor(generation=(("", Passed(frozenset({"size", "style"}))),)),
    "runwayml": Vendor(unserved="litellm asks it for results by connections that can be neither bounded nor ended"),
    "stability": Vendor(
        generation=(("", Passed(frozenset({"size"}), 1, sizes=_STABILITY_SIZES)),),
        edit=(("", Passed(frozenset({"size", "mask"}), 1, 1, sizes=_STABILITY_SIZES)),),
    ),
    "vertex_ai": Vendor(generation=(("imagen", Passed(frozenset({"size"}), sizes=_IMAGEN_SIZES)),)),
}


def vendor_of(upstream_model: str) -> str:
    """By litellm's word for it, with which the model's name begins."""
    return upstream_model.partition("/")[0]


def passed(upstream_model: str, operation: Operation) -> Passed | None:
    """``None`` where nobody has looked whether it works."""
    name = upstream_model.partition("/")[2]
    vendor = VENDORS.get(vendor_of(upstream_model), Vendor())
    known = {Operation.GENERATION: vendor.generation, Operation.EDIT: vendor.edit}.get(operation, ())
    return next((found for part, found in known if part in name), None)


def answer_bytes_of(upstream_model: str, answer_bytes_max: int) -> int:
    """How large its answer may be, within what is configured."""
    vendor = VENDORS.get(vendor_of(upstream_model), Vendor())
    return min(answer_bytes_max, _LINKS_BYTES_MAX) if vendor.links else answer_bytes_max


def limits(upstream_model: str, operations: Iterable[Operation]) -> Capabilities:
    """What a route behind litellm supports at most, for all of its operations alike."""
    without: set[str] = set()
    found = []
    for operation in operations:
        one = passed(upstream_model, operation) or Passed()
        found.append(one)
        without |= (_OF_ALL | (_OF_EDITS if operation is Operation.EDIT else frozenset())) - one.members
    return Capabilities(
        sizes=_NOTHING if "size" in without else _common(it.sizes for it in found),
        qualities=_NOTHING if "quality" in without else _common(it.qualities for it in found),
        output_formats=_common(it.output_formats for it in found),
        n_max=min((it.n_max for it in found if it.n_max is not None), default=None),
        references_max=min((it.references_max for it in found if it.references_max is not None), default=None),
        partial_images_max=0,
        stream=False,
        without=frozenset(without) - _BY_VALUE,
    )


def _common(sets: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    known = [it for it in sets if it is not None]
    return frozenset.intersection(*known) if known else None
