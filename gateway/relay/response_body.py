"""The body of a Responses request: read once as a stream, replayed with its models named and its bounds written down."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.core.contract.wire import NO_MEMBERS, Scalar
from gateway.core.request.responses import TOOL
from gateway.relay.request_json import RESPONSE_VALUES_MAX, MalformedBody, links_in
from gateway.relay.scanned_spool import ENVELOPE_BYTES_MAX, STRING_BYTES_KEPT, ScannedSpool, tokens_max
from gateway.relay.scanner import EnvelopeScanner
from gateway.relay.spool import Spool, SpooledContent

# The list of tools is rewritten in memory: a mask may be among them (OpenAI: less than 4 MB), functions are small.
TOOLS_BYTES_MAX = 8 * 1024 * 1024
_SPACE = b" \t\r\n"
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
Part = bytes | tuple[int, int]


class ResponseBody:
    """``fields`` are all members, long strings cut, ``members`` the names of those that are not ``null``.

    ``fingerprint`` is the same for the same bytes: they are never in memory as a whole, and an SDK's retry sends them as they
    were.
    """

    form = False
    references = 0  # they are anywhere in the body: whoever reads it finds them

    def __init__(self, spool: Spool, fields: dict[str, Any], tools: bytes, members: "_Members", fingerprint: str) -> None:
        self._spool, self.fields, self._tools, self._members = spool, fields, tools, members
        self.fingerprint = fingerprint
        self.members = frozenset(name for name, value in fields.items() if value is not None)

    def for_upstream(
        self, model: str | None, members: Mapping[str, Scalar] = NO_MEMBERS, image_model: str = ""
    ) -> SpooledContent:
        """See ``call.Body``; the tool gets its model where the caller named none. Here ``null`` is as good as absent."""
        added = {name: value for name, value in members.items() if name not in self.members}
        own = ({} if model is None else {"model": model}) | added
        written = msgspec.json.encode(own)[1:-1] + (b"," if own else b"")
        written += b'"tools":' + _with_model(self._tools, image_model)
        kept, last = self._members.without({"model", "tools", *added})
        end = (b"}",) if last is None else (b",", last)
        return SpooledContent(self._spool, "application/json", (b"{", *kept, written, *end))

    @property
    def links(self) -> frozenset[str]:
        """See ``call.Body``."""
        return links_in(self.fields)

    def close(self) -> None:
        """Let go of the spool."""
        self._spool.close()


class _Members:
    """Where the members of the object are: of each its name and where it begins, and where the bytes end."""

    def __init__(self, begins: tuple[tuple[str | None, int], ...], size: int) -> None:
        self._begins, self._size = begins, size

    def span(self, name: str) -> tuple[int, int]:
        """From its name to the next member's, or to the end."""
        at = next(index for index, (found, _) in enumerate(self._begins) if found == name)
        return self._begins[at][1], self._end(at)

    def without(self, names: set[str]) -> tuple[list[Part], Part | None]:
        """The others, each with the comma behind it; apart the last of all, with the object's brace, where it is one of them."""
        kept: list[Part] = [(start, self._end(at)) for at, (name, start) in enumerate(self._begins[:-1]) if name not in names]
        name, start = self._begins[-1]
        return kept, None if name in names else (start, self._size)

    def _end(self, at: int) -> int:
        return self._begins[at + 1][1] if at + 1 < len(self._begins) else self._size


class ResponseReader(ScannedSpool):
    """Feed it the body in any chunks, then ``finish``."""

    def __init__(self, spool: Spool) -> None:
        scanner = EnvelopeScanner(
            places=frozenset(),
            string_bytes_kept=STRING_BYTES_KEPT,
            envelope_bytes_max=ENVELOPE_BYTES_MAX,
            tokens_max=tokens_max(RESPONSE_VALUES_MAX),
        )
        super().__init__(spool, scanner, RESPONSE_VALUES_MAX)

    async def finish(self) -> ResponseBody:
        """Raises ``MalformedBody`` where the object is not complete, or its tools are too large."""
        fields = await self.object()
        members = _Members(self.scanner.named_beginnings, self.spool.size)
        tools = await self._tools(members) if "tools" in fields else b"[]"
        return ResponseBody(self.spool, fields, tools, members, self.fingerprint)

    async def _tools(self, members: _Members) -> bytes:
        start, end = members.span("tools")
        if end - start > TOOLS_BYTES_MAX:
            raise MalformedBody(f"'tools' has more than {TOOLS_BYTES_MAX} bytes; send its images as references")
        text = b"".join([piece async for piece in self.spool.read(start, end)]).rstrip(_SPACE)
        return bytes(_OBJECT.decode(b"{" + (text if end == self.spool.size else text.removesuffix(b",") + b"}"))["tools"])


def _with_model(tools: bytes, model: str) -> bytes:
    """The list as it was written, but that the image tool has a model."""
    listed: list[msgspec.Raw] = msgspec.json.decode(tools, type=list[msgspec.Raw])
    for index, raw in enumerate(listed):
        tool = _OBJECT.decode(raw)
        if msgspec.json.decode(tool["type"]) == TOOL:
            named = msgspec.json.decode(tool.get("model", b"null")) is not None
            listed[index] = msgspec.Raw(msgspec.json.encode(tool if named else {**tool, "model": model}))
    return msgspec.json.encode(listed)
