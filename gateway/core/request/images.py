"""What a caller asked for: the image request, read and checked once at the border."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from gateway.core.outcome import shape_refusal
from gateway.core.request.body_field import AUTO, boolean, integer, required_text, word
from gateway.core.request.image_values import PLAIN, images_in

PROMPT_CHARS_MAX = 32_000
N_MAX = 10
PARTIAL_IMAGES_MAX = 3
# The commonest confusion of names: source, OpenAI's API reference for Responses, read 2026-11-23.
_SERVICE_TIER = (
    "Unknown parameter: 'service_tier'. It selects how the Responses and Chat APIs process a request (auto, default, flex, "
    "priority). The Images API does not have it, and it is not the account's usage tier (Tier 1 to 5): it unlocks no model. "
    "Leave it out."
)
_COUNTED = PLAIN | {"images", "mask", "markup"}
END_USER = ("safety_identifier", "user")
_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")


class Operation(StrEnum):
    """Which endpoint was called: one of the Images API, or Responses for its image tool."""

    GENERATION = "generation"
    EDIT = "edit"
    VARIATION = "variation"
    RESPONSE = "response"


# Where each is found, here under /v1 and at a provider under its base URL.
ENDPOINTS = {
    Operation.GENERATION: "images/generations",
    Operation.EDIT: "images/edits",
    Operation.VARIATION: "images/variations",
    Operation.RESPONSE: "responses",
}


@dataclass(frozen=True, slots=True)
class TextWish:
    """What a Responses request asks of its text model.

    ``image_model`` is the model that its image tool names, empty where it names none; ``output_tokens_max`` what the caller
    allows the text model to write, ``None`` where it does not say. ``forced``: the tool must be called.
    """

    image_model: str = ""
    output_tokens_max: int | None = None
    forced: bool = False


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """The members the gateway itself must understand; everything else passes to the provider as it came.

    ``size``, ``quality``, ``output_format`` and ``background`` are the caller's words (``auto`` where absent); ``n`` is 1 to
    10, ``partial_images`` 0 to 3. ``prompt_bytes`` is the prompt's length in UTF-8. ``references`` counts the images that
    came along, mask and markup included. ``members`` are the names of all that was sent, known or not. ``end_user`` is what
    the app sent as ``safety_identifier`` (or ``user``), ``contract`` the only one (its id) that it accepts; both empty where
    it sent none. ``text`` is set for Responses: then ``model`` is a text model, ``n`` the most images that its tool may make,
    and ``prompt_bytes`` all text that the model reads.
    """

    operation: Operation
    model: str
    prompt_bytes: int
    n: int
    size: str
    quality: str
    output_format: str = AUTO
    stream: bool = False
    partial_images: int = 0
    references: int = 0
    background: str = AUTO
    members: frozenset[str] = frozenset()
    end_user: str = ""
    contract: str = ""
    text: TextWish | None = None


def parse(
    operation: Operation, fields: object, references: int = 0, members: frozenset[str] = frozenset(), *, form: bool = False
) -> ImageRequest:
    """Check the members of a request's body; raises ``Refusal`` with the member's name.

    ``references`` are those that the body's reader has counted: the files of a form, ``images`` and overlays of a JSON edit; what
    else can be an image counts too. ``members`` are the names of all that was sent, ``fields`` those that the gateway
    understands. ``form``: the values came as texts of a multipart form. ``null`` counts as absent for the optional members, as
    OpenAI treats it (measured 2026-08-29).
    """
    if not isinstance(fields, Mapping):
        raise shape_refusal("invalid_type", 'The body must be a JSON object such as {"model": …, "prompt": …}.')
    if "service_tier" in members:
        raise shape_refusal("unknown_parameter", _SERVICE_TIER, param="service_tier")
    model = required_text(fields, "model")
    prompt = "" if operation is Operation.VARIATION else required_text(fields, "prompt")
    if len(prompt) > PROMPT_CHARS_MAX:
        message = f"Invalid 'prompt': expected at most {PROMPT_CHARS_MAX} characters, but got {len(prompt)}. Shorten the prompt."
        raise shape_refusal("string_above_max_length", message, param="prompt")
    stream = boolean(fields, "stream", form=form)
    partial_images = integer(fields, "partial_images", 0, 0, PARTIAL_IMAGES_MAX, form=form)
    return ImageRequest(
        operation=operation,
        model=model,
        prompt_bytes=len(prompt.encode()),
        n=integer(fields, "n", 1, 1, N_MAX, form=form),
        size=word(fields, "size"),
        quality=word(fields, "quality"),
        output_format=word(fields, "output_format"),
        stream=stream,
        partial_images=partial_images if stream else 0,
        references=references + images_in(fields, PLAIN if form or operation is not Operation.EDIT else _COUNTED),
        background=word(fields, "background"),
        members=members,
        end_user=next((it for name in END_USER if isinstance(it := fields.get(name), str)), ""),
    )


@lru_cache(maxsize=1024)
def pixels_of(size: str) -> tuple[int, int] | None:
    """``(width, height)`` of a ``WIDTHxHEIGHT`` text; ``None`` for anything else, ``auto`` included."""
    found = _SIZE.fullmatch(size)
    return None if found is None else (int(found[1]), int(found[2]))
