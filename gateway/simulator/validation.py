"""OpenAI's own checks, in its own order: model, unknown members, prompt, images, n, then the rest.

Order, codes and texts were measured by others on 2026-04-28 and 2026-08-29; where a check has never been measured, the text here
follows the pattern of its neighbours.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.core.request.images import pixels_of
from gateway.simulator.catalogue import MODELS, InputFidelity, Model
from gateway.simulator.members import Members
from gateway.simulator.references import images_of, mask_of
from gateway.simulator.refusal import USER_ERROR, Refusal
from gateway.simulator.settings import SimulatorSettings
from gateway.simulator.submission import Submission, Upload

PROMPT_CHARS_MAX = 32_000
N_MAX = 10
PARTIAL_IMAGES_MAX = 3
DEFAULT_SIZE = "1024x1024"
# `auto` was answered with `low` in every test of 2026-04-28.
DEFAULT_QUALITY = "low"
EDGE_STEP_PX, EDGE_PX_MAX, RATIO_MAX = 16, 3840, 3
PIXELS_MIN, PIXELS_MAX = 655_360, 8_294_400
_MEMBERS = frozenset({
    "model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression", "moderation", "stream",
    "partial_images", "user", "safety_identifier",
})  # fmt: skip
_EDIT_MEMBERS = frozenset({"mask"})
_INPUT_NAMES = frozenset({"image", "image[]", "images"})


class Operation(StrEnum):
    """The endpoint; its value begins the names of its stream's events."""

    GENERATION = "image_generation"
    EDIT = "image_edit"


@dataclass(frozen=True, slots=True)
class Wish:
    """A request that OpenAI would accept, every ``auto`` resolved."""

    operation: Operation
    model: Model
    prompt: str
    n: int
    size: str
    quality: str
    background: str
    output_format: str
    output_compression: int
    stream: bool
    partial_images: int
    images: tuple[Upload, ...] = ()
    mask: Upload | None = None

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height."""
        return pixels_of(self.size) or (0, 0)


def validate(submission: Submission, operation: Operation, settings: SimulatorSettings) -> Wish:
    """The wish, or ``Refusal`` with the first of OpenAI's checks that fails. Files are not decoded here."""
    members = Members(submission.members, submission.form)
    model = _model(members)
    _check_names(submission, operation, model)
    prompt = _prompt(members)
    images = images_of(submission) if operation is Operation.EDIT else ()
    n = members.integer("n", 1, N_MAX, 1)
    quality = members.choice("quality", (*model.qualities, "auto"), "auto")
    output_format = members.choice("output_format", ("png", "webp", "jpeg"), "png")
    members.choice("moderation", ("auto", "low"), "auto")
    background = members.choice("background", ("transparent", "opaque", "auto"), "auto")
    stream = members.boolean("stream")
    compression = members.integer("output_compression", 0, 100, 100)
    partial_images = members.integer("partial_images", 0, PARTIAL_IMAGES_MAX, 0)
    _check_input_fidelity(members, operation, model)
    mask = mask_of(submission) if operation is Operation.EDIT else None
    size = _size(members, model)
    if background == "transparent":
        _check_transparency(model, output_format, settings)
    return Wish(
        operation=operation,
        model=model,
        prompt=prompt,
        n=n,
        size=size,
        quality=DEFAULT_QUALITY if quality == "auto" else quality,
        background="transparent" if background == "transparent" else "opaque",
        output_format=output_format,
        output_compression=compression,
        stream=stream,
        partial_images=partial_images if stream else 0,
        images=images,
        mask=mask,
    )


def _model(members: Members) -> Model:
    name = members.required_text("model")
    if name not in MODELS:
        raise Refusal(f"The model '{name}' does not exist.", type=USER_ERROR, param="model", code="invalid_value")
    return MODELS[name]


def _check_names(submission: Submission, operation: Operation, model: Model) -> None:
    known = _MEMBERS | model.extras
    if operation is Operation.EDIT:
        fidelity = {"input_fidelity"} if model.input_fidelity is not InputFidelity.UNKNOWN else set()
        known |= _EDIT_MEMBERS | _INPUT_NAMES | model.edit_extras | fidelity
    for name in (*submission.members, *(upload.name for upload in submission.files)):
        if name not in known:
            raise Refusal(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
        if name == "images" and submission.form:
            advice = "For multipart/form-data use 'image' or 'image[]'."
            raise Refusal(f"Unknown parameter: 'images'. {advice}", param="images", code="invalid_value")
        if name in ("image", "image[]") and not submission.form:
            advice = "For application/json on /v1/images/edits, use 'images' (array)."
            raise Refusal(f"Unknown parameter: '{name}'. {advice}", param=name, code="invalid_value")


def _prompt(members: Members) -> str:
    prompt = members.required_text("prompt")
    if len(prompt) > PROMPT_CHARS_MAX:
        what = f"Expected a string with maximum length {PROMPT_CHARS_MAX}, but got a string with length {len(prompt)} instead"
        raise Refusal(f"Invalid 'prompt': string too long. {what}.", param="prompt", code="string_above_max_length")
    return prompt


def _check_input_fidelity(members: Members, operation: Operation, model: Model) -> None:
    if operation is not Operation.EDIT or members.values.get("input_fidelity") is None:
        return
    if model.input_fidelity is InputFidelity.UNSUPPORTED:
        message = f"The model '{model.id}' does not support the 'input_fidelity' parameter."
        raise Refusal(message, param="input_fidelity", code="invalid_input_fidelity_model")
    members.choice("input_fidelity", ("high", "low"), "low")


def _size(members: Members, model: Model) -> str:
    size = members.text("size", "auto")
    if size == "auto":
        return DEFAULT_SIZE
    if model.table is not None:
        if size not in model.table:
            raise _bad_size(size, f"Supported sizes are {', '.join(model.table)}, and auto.")
        return size
    pixels = pixels_of(size)
    if pixels is None:
        raise _bad_size(size, "Expected WIDTHxHEIGHT, for example '1824x1024'.")
    long_edge, short_edge = max(pixels), min(pixels)
    if long_edge % EDGE_STEP_PX or short_edge % EDGE_STEP_PX:
        raise _bad_size(size, f"Width and height must both be divisible by {EDGE_STEP_PX}.")
    if long_edge > EDGE_PX_MAX:
        raise _bad_size(size, f"The longest edge must be less than or equal to {EDGE_PX_MAX}.")
    if long_edge > RATIO_MAX * short_edge:
        raise _bad_size(size, f"The maximum supported aspect ratio is {RATIO_MAX}:1.")
    if long_edge * short_edge < PIXELS_MIN:
        raise _bad_size(size, "Requested resolution is below the current minimum pixel budget.")
    if long_edge * short_edge > PIXELS_MAX:
        raise _bad_size(size, "Requested resolution exceeds the current pixel budget.")
    return size


def _bad_size(size: str, rule: str) -> Refusal:
    return Refusal(f"Invalid size '{size}'. {rule}", type=USER_ERROR, param="size", code="invalid_value")


def _check_transparency(model: Model, output_format: str, settings: SimulatorSettings) -> None:
    if model.transparent_in_preview and not settings.transparent_preview:
        message = "Transparent background is not supported for this model."
        raise Refusal(message, type=USER_ERROR, param="background", code="invalid_value")
    if output_format == "jpeg":
        message = "Transparent background needs output_format 'png' or 'webp'."
        raise Refusal(message, type=USER_ERROR, param="background", code="invalid_value")
