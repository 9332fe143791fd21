"""A multipart form of the Images API, read once as a stream: fields in memory, files in a spool, sent on as often as need be.

What goes upstream is built anew: a fresh boundary, the same parts in the same order, only the value of ``model`` changed.
So the provider reads the parts that the gateway read, whatever tricks the caller's form contains.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gateway.core.contract.wire import NO_MEMBERS, Scalar
from gateway.core.outcome import shape_refusal
from gateway.relay.form_content import FormContent, FormField, FormFile
from gateway.relay.form_part import (
    FIRST_BYTES,
    OVERLAYS,
    PartHead,
    PartsSeen,
    check_format,
    format_of,
    malformed,
    part_head,
    shown,
)
from gateway.relay.request_json import links_in
from gateway.relay.spool import Spool

_PART_HEADERS_MAX = 16
_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")  # RFC 2046, 5.1.1


@dataclass(frozen=True, slots=True)
class FormLimits:
    """What a form may hold. OpenAI takes 16 images of less than 50 MB each and prompts of 32,000 characters (2026-11-23).

    For a mask its reference says 4 MB and its guide 50: within the larger the provider decides.
    """

    references_max: int = 16
    file_bytes_max: int = 50 * 1024 * 1024
    mask_bytes_max: int = 50 * 1024 * 1024
    field_bytes_max: int = 256 * 1024
    fields_bytes_max: int = 1024 * 1024
    fields_max: int = 100
    part_head_bytes_max: int = 16 * 1024

    def file_bytes_max_of(self, name: str) -> int:
        """Of the file in the part of this name."""
        return self.mask_bytes_max if name in OVERLAYS else self.file_bytes_max


class Form:
    """A form that has arrived as a whole. ``fields`` holds the texts by name, of a repeated ``name[]`` the last.

    ``references`` counts the files, mask and markup included. ``members`` are the names of all parts, ``svg`` for ``svg[model]``.
    """

    form = True

    def __init__(self, parts: tuple[FormField | FormFile, ...], spool: Spool) -> None:
        self._parts = parts
        self._spool = spool
        self.fields: Mapping[str, str] = MappingProxyType(
            {part.head.name: part.value for part in parts if isinstance(part, FormField)}
        )
        self.files = tuple(part for part in parts if isinstance(part, FormFile))
        self.references = len(self.files)
        self.members = frozenset(part.head.name.partition("[")[0] for part in parts)

    @property
    def links(self) -> frozenset[str]:
        """See ``call.Body``."""
        return links_in(self.fields)

    @property
    def fingerprint(self) -> str:
        """The same for the same fields and files, whatever the boundary, the files' names and the order of different parts."""
        parts = [
            (it.head.name, it.sha256 if isinstance(it, FormFile) else it.value, isinstance(it, FormFile)) for it in self._parts
        ]
        return sha256(repr(sorted(parts, key=lambda part: part[0])).encode()).hexdigest()

    def for_upstream(self, model: str | None, members: Mapping[str, Scalar] = NO_MEMBERS, image_model: str = "") -> FormContent:
        """See ``call.Body``."""
        own = (it if it.head.name != "model" else FormField(it.head, model or "") for it in self._parts)
        added = (FormField(PartHead(name), text_of(value)) for name, value in members.items() if name not in self.members)
        sent = (it for it in (*own, *added) if model is not None or it.head.name != "model")
        return FormContent(self._spool, tuple(sent))

    def close(self) -> None:
        """Let go of the files; may be called again."""
        self._spool.close()


class FormReader:
    """Feed it the body in any chunks, then ``finish``. Raises ``Refusal`` as soon as the bytes show that the form is refused.

    The spool becomes the form's. Until ``finish`` returned one, whoever gave it calls ``close``, whatever happens.
    """

    def __init__(self, content_type: str, spool: Spool, limits: FormLimits) -> None:
        self._spool, self._limits = spool, limits
        self._parser = MultipartParser(
            _boundary(content_type),
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._read_header_name,
                "on_header_value": self._read_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_head,
                "on_part_data": self._read_data,
                "on_part_end": self._end_part,
                "on_end": self._end_form,
            },
            max_header_count=_PART_HEADERS_MAX,
            max_header_size=limits.part_head_bytes_max,
        )
        self._parts: list[FormField | FormFile] = []
        self._seen = PartsSeen(limits.references_max, limits.fields_max)
        self._position = spool.size
        self._to_spool: list[memoryview] = []
        self._bytes_fed = self._fields_bytes = 0
        self._complete = False
        self._begin_part()

    async def feed(self, chunk: bytes) -> None:
        """Read on; raises ``Refusal`` or ``SpoolUnavailable``."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            at = self._bytes_fed + max(getattr(error, "offset", 0), 0)
            bound = f"{_PART_HEADERS_MAX} headers or {self._limits.part_head_bytes_max} bytes of them"
            what = f"it is not well-formed at byte {at}, or its boundary is not the one in the Content-Type header"
            raise malformed(f"{what}, or a part has more than {bound}") from error
        self._bytes_fed += len(chunk)
        pieces, self._to_spool = self._to_spool, []
        for piece in pieces:
            await self._spool.write(piece)

    async def finish(self) -> Form:
        """After the last chunk; raises ``Refusal`` where the form is cut short or holds no image, or ``SpoolUnavailable``."""
        if not self._complete:
            raise malformed("it ends before its closing boundary")
        if not self._seen.references:
            message = "Missing required parameter: 'image'. Send one file or more as 'image' or 'image[]'."
            raise shape_refusal("missing_required_parameter", message, param="image")
        await self._spool.finish()
        return Form(tuple(self._parts), self._spool)

    def close(self) -> None:
        """Let go of the files; may be called again."""
        self._to_spool.clear()
        self._spool.close()

    def _begin_part(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._header_name, self._header_value = bytearray(), bytearray()
        self._head_bytes = 0
        self._head = PartHead("")
        self._data = bytearray()  # of a field all, of a file the first bytes
        self._start = self._position
        self._format, self._digest = "", sha256()

    def _read_header_name(self, data: bytes, start: int, end: int) -> None:
        self._count_head(end - start)
        self._header_name += data[start:end]

    def _read_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_head(end - start)
        self._header_value += data[start:end]

    def _count_head(self, more: int) -> None:
        self._head_bytes += more
        if self._head_bytes > self._limits.part_head_bytes_max:
            raise malformed(f"the headers of a part exceed {self._limits.part_head_bytes_max} bytes")

    def _end_header(self) -> None:
        name = bytes(self._header_name).lower()
        if name in self._headers:
            raise malformed(f"a part has the header '{shown(name.decode())}' twice")
        self._headers[name] = bytes(self._header_value)
        self._header_name, self._header_value = bytearray(), bytearray()

    def _end_head(self) -> None:
        self._head = part_head(self._headers)
        self._seen.admit(self._head)

    def _read_data(self, data: bytes, start: int, end: int) -> None:
        if self._head.filename is None:
            self._read_field(data, start, end)
        else:
            self._read_file(data, start, end)

    def _end_part(self) -> None:
        head = self._head
        if head.filename is None:
            try:
                self._parts.append(FormField(head, self._data.decode()))
            except UnicodeDecodeError:
                message = f"Invalid '{shown(head.name)}': its text is not UTF-8. Send it as UTF-8."
                raise shape_refusal("invalid_value", message, param=shown(head.name)) from None
            return
        if self._position == self._start:
            message = f"Invalid image file: {self._label()} is empty. Send its bytes, or leave the part out."
            raise shape_refusal("invalid_image_file", message, param=head.name)
        if not self._format:
            self._find_format()
        span, digest = (self._start, self._position), self._digest.hexdigest()
        self._parts.append(FormFile(head.name, head.filename, head.content_type, *span, self._format, digest))

    def _end_form(self) -> None:
        self._complete = True

    def _read_field(self, data: bytes, start: int, end: int) -> None:
        limits, name = self._limits, shown(self._head.name)
        self._data += data[start:end]
        self._fields_bytes += end - start
        if len(self._data) > limits.field_bytes_max:
            message = f"Invalid '{name}': expected at most {limits.field_bytes_max} bytes of text, but got more. Shorten it."
            raise shape_refusal("string_above_max_length", message, param=name)
        if self._fields_bytes > limits.fields_bytes_max:
            message = f"The fields of the form, up to '{name}', exceed {limits.fields_bytes_max} bytes together. Shorten them."
            raise shape_refusal("string_above_max_length", message, param=name, status=413)

    def _read_file(self, data: bytes, start: int, end: int) -> None:
        name = self._head.name
        self._position += end - start
        size, bytes_max = self._position - self._start, self._limits.file_bytes_max_of(name)
        if size > bytes_max:
            message = f"{self._label()} exceeds the limit of {bytes_max} bytes ({size} bytes read so far). Send a smaller file."
            raise shape_refusal("file_too_large", message, param=name, status=413)
        piece = memoryview(data)[start:end]
        self._digest.update(piece)
        self._to_spool.append(piece)
        if not self._format:
            self._data += data[start : min(end, start + FIRST_BYTES - len(self._data))]
            if len(self._data) == FIRST_BYTES:
                self._find_format()

    def _find_format(self) -> None:
        self._format = format_of(bytes(self._data))
        check_format(self._head.name, self._format, self._label())

    def _label(self) -> str:
        """What messages call the file at hand: images are numbered from 1, in the order in which they came."""
        name = self._head.name
        return f"the file '{name}'" if name in OVERLAYS else f"file {self._seen.references} of 'image' (part '{name}')"


def text_of(value: Scalar) -> str:
    """As a form has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise malformed("its Content-Type is not multipart/form-data")
    boundary = options.get(b"boundary", b"")
    if not _BOUNDARY.fullmatch(boundary):
        raise malformed("its Content-Type names no boundary, or none of 1 to 70 letters, digits and '()+_,-./:=? or spaces")
    return boundary
