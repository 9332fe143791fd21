"""The input images of an edit: where they are in the request, and whether they are images."""

import base64
import binascii
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from gateway.simulator.members import missing, wrong_type
from gateway.simulator.refusal import USER_ERROR, Refusal
from gateway.simulator.submission import FILE_BYTES_MAX, Submission, Upload, too_large

IMAGES_MAX = 16
IMAGE_URL_CHARS_MAX = 20_971_520
THUMBNAIL_EDGE_PX = 512
_FORMATS = ("PNG", "JPEG", "WEBP")
_DATA_URL = re.compile(r"data:(image/[a-z+.-]+);base64,")


@dataclass(frozen=True, slots=True)
class Reference:
    """A decoded input image: its own size, and a small PNG of it to draw with."""

    width_px: int
    height_px: int
    thumbnail: bytes


def images_of(submission: Submission) -> tuple[Upload, ...]:
    """The 1 to 16 input images, not decoded; raises ``Refusal``."""
    uploads = _form_images(submission) if submission.form else _json_images(submission.members)
    for upload in uploads:
        if len(upload.data) > FILE_BYTES_MAX:
            raise too_large(len(upload.data), FILE_BYTES_MAX)
    return uploads


def mask_of(submission: Submission) -> Upload | None:
    """The mask, not decoded; raises ``Refusal``."""
    found = [upload for upload in submission.files if upload.name == "mask"]
    value = submission.members.get("mask")
    if found or value is None:
        return found[-1] if found else None
    if submission.form:
        raise wrong_type("mask", "a file", value)
    return _linked("mask", value)


def decode(images: Sequence[Upload], mask: Upload | None) -> tuple[Reference, ...]:
    """Decode all of them, and the mask; raises ``Refusal``. Takes CPU: call it in a thread."""
    references = tuple(_decoded(upload, number) for number, upload in enumerate(images, start=1))
    if mask is not None:
        _check_mask(mask, references[0])
    return references


def _form_images(submission: Submission) -> tuple[Upload, ...]:
    uploads = tuple(upload for upload in submission.files if upload.name in ("image", "image[]"))
    if not uploads:
        texts = [name for name in ("image", "image[]") if name in submission.members]
        raise wrong_type(texts[0], "a file", submission.members[texts[0]]) if texts else missing("image")
    if len(uploads) > IMAGES_MAX:
        raise _too_many("image", len(uploads))
    return uploads


def _json_images(members: Mapping[str, object]) -> tuple[Upload, ...]:
    if "images" not in members:
        raise missing("images")
    images = members["images"]
    if not isinstance(images, list):
        raise wrong_type("images", "an array", images)
    if not images:
        message = "Invalid 'images': empty array. Expected an array with minimum length 1, but got an empty array instead."
        raise Refusal(message, param="images", code="empty_array")
    if len(images) > IMAGES_MAX:
        raise _too_many("images", len(images))
    return tuple(_linked(f"images[{number}]", image) for number, image in enumerate(images))


def _too_many(name: str, count: int) -> Refusal:
    what = f"array too long. Expected an array with maximum length {IMAGES_MAX}, but got an array with length {count} instead"
    return Refusal(f"Invalid '{name}': {what}.", param=name, code="array_above_max_length")


def _linked(name: str, value: object) -> Upload:
    """``{"image_url": "data:…"}``. There is no file storage here, and nothing is fetched from anywhere."""
    if not isinstance(value, dict):
        raise wrong_type(name, "an object", value)
    for key in value:
        if key not in ("image_url", "file_id"):
            raise Refusal(f"Unknown parameter: '{name}.{key}'.", param=f"{name}.{key}", code="unknown_parameter")
    if "file_id" in value:
        raise Refusal(f"The file '{value['file_id']}' does not exist.", param=f"{name}.file_id", code="invalid_value")
    url, param = value.get("image_url"), f"{name}.image_url"
    if not isinstance(url, str):
        raise wrong_type(param, "a string", url) if "image_url" in value else missing(param)
    if len(url) > IMAGE_URL_CHARS_MAX:
        what = f"Expected a string with maximum length {IMAGE_URL_CHARS_MAX}, but got a string with length {len(url)} instead"
        raise Refusal(f"Invalid '{param}': string too long. {what}.", param=param, code="string_above_max_length")
    found = _DATA_URL.match(url)
    if found is None:
        raise Refusal("Error while downloading file. Upstream status code: 407.", param=param, code="invalid_value")
    try:
        data = base64.b64decode(url[found.end() :], validate=True)
    except binascii.Error as invalid:
        raise Refusal(f"Invalid '{param}': not base64.", param=param, code="invalid_value") from invalid
    return Upload(name, "", found[1], data)


def _decoded(upload: Upload, number: int) -> Reference:
    try:
        with warnings.catch_warnings(), Image.open(BytesIO(upload.data), formats=_FORMATS) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if image.mode == "CMYK":
                raise _not_an_image(number)
            width_px, height_px = image.size
            small = image.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombWarning) as invalid:
        raise _not_an_image(number) from invalid
    small.thumbnail((THUMBNAIL_EDGE_PX, THUMBNAIL_EDGE_PX))
    buffer = BytesIO()
    small.save(buffer, "PNG", compress_level=1)
    return Reference(width_px, height_px, buffer.getvalue())


def _not_an_image(number: int) -> Refusal:
    message = f"Invalid image file or mode for image {number}, please check your image file."
    return Refusal(message, type=USER_ERROR, code="invalid_image_file")


def _check_mask(mask: Upload, first: Reference) -> None:
    """A PNG with alpha, as large as the first image; raises ``Refusal``."""
    problem = ""
    try:
        with Image.open(BytesIO(mask.data), formats=("PNG",)) as image:
            if image.size != (first.width_px, first.height_px):
                problem = "mask size does not match image size"
            elif not image.has_transparency_data:
                problem = "mask has no alpha channel"
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        problem = "mask is not a PNG file"
    if problem:
        raise Refusal(f"Invalid mask image format - {problem}", type=USER_ERROR, param="mask", code="invalid_mask_image_format")
