"""A multipart form on its way out, and the parts that it is made of: a dialect may write them in another way."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.relay.form_part import PartHead
from gateway.relay.spool import Spool, SpooledContent


@dataclass(frozen=True, slots=True)
class FormField:
    """A part that is a text."""

    head: PartHead
    value: str


@dataclass(frozen=True, slots=True)
class FormFile:
    """A part that is a file: its bytes are those of the spool from ``start`` to ``end`` (not included).

    ``content_type`` is what the caller declared, ``format`` what the first bytes say: png, jpeg or webp. ``sha256`` is theirs.
    """

    name: str
    filename: str
    content_type: str
    start: int
    end: int
    format: str
    sha256: str = ""

    @property
    def head(self) -> PartHead:
        """As it is sent."""
        return PartHead(self.name, self.filename, self.content_type)


class FormContent(SpooledContent):
    """These parts in their order, with a fresh boundary."""

    def __init__(self, spool: Spool, form: Sequence[FormField | FormFile]) -> None:
        self.form = tuple(form)
        boundary = secrets.token_hex(16)
        pieces: list[bytes | tuple[int, int]] = []
        text = bytearray()
        for part in self.form:
            text += f"--{boundary}\r\n".encode() + part.head.encoded()
            if isinstance(part, FormFile):
                pieces += [bytes(text), (part.start, part.end)]
                text.clear()
            else:
                text += part.value.encode()
            text += b"\r\n"
        pieces.append(bytes(text) + f"--{boundary}--\r\n".encode())
        super().__init__(spool, f"multipart/form-data; boundary={boundary}", tuple(pieces))
