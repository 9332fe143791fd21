"""One part of a multipart form of the Images API: its head, read strictly and written plainly, and the parts that may come."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header

from gateway.core.outcome import Refusal, shape_refusal

IMAGES = ("image", "image[]")
OVERLAYS = ("mask", "markup")
FIRST_BYTES = 12
# Fields of the Images API that are one text each (specification and SDKs, 2026-11-23). Others pass as they come.
_TEXTS = frozenset({
    "model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression", "moderation",
    "input_fidelity", "stream", "partial_images", "response_format", "style", "user", "safety_identifier", "complexity",
    "frame_count", "frame_duration_ms",
})  # fmt: skip
_IMAGE_FORMATS = ("png", "jpeg", "webp")
_OVERLAY_FORMATS = ("png",)
_NAME_CHARS_SHOWN = 64
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_IDENTITY_ENCODINGS = frozenset({"", "binary", "8bit", "7bit"})
_UTF8 = frozenset({b"", b"utf-8", b"utf8", b"us-ascii", b"ascii"})
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A", "\\": "\\\\"})


@dataclass(frozen=True, slots=True)
class PartHead:
    """What a part says of itself. ``filename`` is ``None`` for a plain field, ``content_type`` empty where there is none."""

    name: str
    filename: str | None = None
    content_type: str = ""

    def encoded(self) -> bytes:
        """The head's lines and the empty one behind them.

        Quotes and line ends are percent-encoded as browsers do, backslashes doubled as the official Python SDK does; any other
        character is UTF-8.
        """
        head = f'Content-Disposition: form-data; name="{self.name.translate(_ESCAPES)}"'
        if self.filename is not None:
            head += f'; filename="{self.filename.translate(_ESCAPES)}"'
        if self.content_type:
            head += f"\r\nContent-Type: {self.content_type}"
        return head.encode() + b"\r\n\r\n"


class PartsSeen:
    """The parts that have begun so far. ``admit`` refuses one that the Images API does not take, or that comes too often."""

    def __init__(self, references_max: int, fields_max: int) -> None:
        self._references_max = references_max
        self._fields_max = fields_max
        self._counts: Counter[str] = Counter()
        self._fields = 0

    @property
    def references(self) -> int:
        """Files sent as 'image' and 'image[]', counted together."""
        return sum(self._counts[name] for name in IMAGES)

    def admit(self, head: PartHead) -> None:
        """Count the part; raises ``Refusal``."""
        base = head.name.partition("[")[0]
        if base == "images":
            message = f"Unknown parameter: '{shown(head.name)}'. In a multipart form the files are sent as 'image' or 'image[]'."
            raise shape_refusal("invalid_value", message, param="images")
        if head.filename is None:
            self._admit_field(head.name, base)
        else:
            self._admit_file(head.name, base)
        self._counts[head.name] += 1

    def _admit_field(self, name: str, base: str) -> None:
        self._fields += 1
        if self._fields > self._fields_max:
            raise shape_refusal("too_many_fields", f"The form has more than {self._fields_max} fields. Send fewer.")
        if base in IMAGES + OVERLAYS:
            raise _wrong_type(shown(name), "a file", "a string", "Send it as a file, with a filename")
        if base in _TEXTS and base != name:
            raise _wrong_type(base, "a string", f"'{shown(name)}'", f"Send it once, as '{base}'")
        if self._counts[name] and not name.endswith("[]"):
            message = f"Repeated parameter: '{shown(name)}'. Which one counts would be a guess: send it once."
            raise shape_refusal("repeated_parameter", message, param=shown(name))

    def _admit_file(self, name: str, base: str) -> None:
        if base in _TEXTS:
            raise _wrong_type(base, "a string", "a file", "Send it as a plain field, without a filename")
        if name not in IMAGES + OVERLAYS:
            message = f"Unknown file: '{shown(name)}'. Files are sent as 'image', 'image[]', 'mask' or 'markup'."
            raise shape_refusal("unknown_parameter", message, param=shown(name))
        if name in IMAGES and self.references == self._references_max:
            what = f"expected at most {self._references_max} files as 'image' and 'image[]' together, but got one more"
            raise shape_refusal("array_above_max_length", f"Invalid 'image': {what}. Send fewer reference images.", param="image")
        if name in OVERLAYS and self._counts[name]:
            message = f"Invalid '{name}': expected one file, but got a second one. Send it once."
            raise shape_refusal("repeated_parameter", message, param=name)
        if name in OVERLAYS and any(self._counts[other] for other in OVERLAYS):
            raise shape_refusal(
                "invalid_value", "Invalid 'markup': it cannot come together with 'mask'. Send one.", param="markup"
            )


def part_head(headers: Mapping[bytes, bytes]) -> PartHead:
    """Read a part's headers (by lower-case name); raises ``Refusal``. Headers other than three are ignored (RFC 7578, 4.8)."""
    for header, value in headers.items():
        if _CONTROL.search(value):
            raise malformed(f"the header '{header.decode()[:_NAME_CHARS_SHOWN]}' of a part holds a control character")
    disposition, options = parse_options_header(headers.get(b"content-disposition", b"").decode("latin-1"))
    if disposition != b"form-data":
        raise malformed("a part comes without 'Content-Disposition: form-data'")
    name = _name(options.get(b"name", b""))
    filename = options.get(b"filename")
    encoding = headers.get(b"content-transfer-encoding", b"").decode("latin-1").strip().lower()
    if encoding not in _IDENTITY_ENCODINGS:
        message = (
            f"The part '{shown(name)}' comes in the transfer encoding '{encoding[:32]}'. Send its bytes as they are (binary)."
        )
        raise shape_refusal("invalid_value", message, param=shown(name))
    content_type = _content_type(name, headers.get(b"content-type", b""))
    return PartHead(name, None if filename is None else _filename(name, filename), content_type)


def format_of(first: bytes) -> str:
    """``png``, ``jpeg``, ``webp`` or ``gif``, by a file's first ``FIRST_BYTES``; empty for anything else."""
    if first.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if first.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if first.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    return "webp" if first.startswith(b"RIFF") and first[8:12] == b"WEBP" else ""


def check_format(name: str, format: str, label: str) -> None:
    """Refuse a file of another type than its part takes; ``label`` is what messages call it."""
    taken = _OVERLAY_FORMATS if name in OVERLAYS else _IMAGE_FORMATS
    if format not in taken:
        found = f"its first bytes are those of a {format} file" if format else "its first bytes are none of an image"
        message = f"Invalid image file: {label} must be {', '.join(taken)}, but {found}. Convert it; renaming is not enough."
        raise shape_refusal("invalid_image_file", message, param=name)


def shown(name: str) -> str:
    """A part's name as messages print it."""
    return name if len(name) <= _NAME_CHARS_SHOWN else name[:_NAME_CHARS_SHOWN] + "…"


def malformed(what: str) -> Refusal:
    """The refusal of a body that is not a well-formed form."""
    return shape_refusal("invalid_body", f"We could not read the multipart form: {what}. Send a form as RFC 7578 describes it.")


def _wrong_type(name: str, expected: str, got: str, fix: str) -> Refusal:
    return shape_refusal(
        "invalid_type", f"Invalid type for '{name}': expected {expected}, but got {got} instead. {fix}.", param=name
    )


def _name(name: bytes) -> str:
    try:
        text = name.decode()
    except UnicodeDecodeError:
        raise malformed("the name of a part is not UTF-8") from None
    if not text:
        raise malformed("a part has no name")
    if '"' in text or "\\" in text:
        raise malformed(f"the name '{shown(text)}' of a part holds a quote or a backslash")
    return text


def _filename(name: str, filename: bytes) -> str:
    try:
        return filename.decode()
    except UnicodeDecodeError:
        message = f"The filename of the part '{shown(name)}' is not UTF-8. Send it as UTF-8, or another filename."
        raise shape_refusal("invalid_value", message, param=shown(name)) from None


def _content_type(name: str, value: bytes) -> str:
    """Raises ``Refusal`` for a type that lets another reader see other parts, or another text, than the gateway does."""
    kind, options = parse_options_header(value.decode("latin-1"))
    plain = value.isascii() and value.lower().count(b"charset") == (b"charset" in options)
    if not plain or kind.startswith(b"multipart/") or options.get(b"charset", b"").lower() not in _UTF8:
        message = (
            f"The part '{shown(name)}' comes with an unsupported content type. Send text as UTF-8, files with their own type."
        )
        raise shape_refusal("invalid_value", message, param=shown(name))
    return value.decode().strip()
