"""An HTTP/1.1 answer from the bytes it comes in; no network here."""

from httptools import HttpParserError, HttpResponseParser

from gateway.providers.errors import BadAnswer

# Of names and values, and of whatever else comes without bringing any of the body.
HEAD_BYTES_MAX = 64 * 1024
_HEADER_LINE_BYTES = len(": \r\n")
# What a piece of the body takes in memory besides its content.
_PIECE_BYTES = 64
_HEAD_TOO_LARGE = "the answer's head is too large"
# Of these the first counts; any other that is repeated is one list.
_SINGLE = frozenset({"content-type", "retry-after"})
_NO_BODY = (204, 304)


class Answer:
    """``status`` and ``headers`` (by lower-case name) once ``has_head``, then ``pieces`` of body until it is ``complete``.

    ``keep_alive``: the provider lets another request follow. Interim answers (1xx) and trailers are dropped.
    """

    def __init__(self) -> None:
        self.status, self.headers = 0, dict[str, str]()
        self.pieces: list[bytes] = []
        self.queued_bytes = 0
        self.has_head = self.complete = self.keep_alive = False
        self._head_bytes = self._barren_bytes = 0
        self._until_close = False
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        # A provider's header may hold control characters: that matters only to those who pass it on.
        self._parser.set_dangerous_leniencies(lenient_headers=True)

    @property
    def refuses(self) -> bool:
        """Whether the provider has answered without success, and so wants no more of the request."""
        return self.has_head and self.status >= 300

    def feed(self, data: memoryview) -> None:
        """Take the next bytes; raises ``BadAnswer``, also for bytes after the end of an answer that is complete and stays so."""
        if self._parser is None:
            raise BadAnswer("the answer goes on after its end")
        queued_bytes = self.queued_bytes
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            reason = error.__context__
            raise reason if isinstance(reason, BadAnswer) else BadAnswer("the answer is not valid HTTP") from error
        if self.complete:
            self._parser = None  # it refers to this object, and a circle would wait for the garbage collector
        elif self.queued_bytes == queued_bytes:
            self._barren_bytes += len(data)
            if self._barren_bytes > HEAD_BYTES_MAX:
                raise BadAnswer(_HEAD_TOO_LARGE)

    def close(self) -> None:
        """The provider sends no more: the end of a body that has no other."""
        self.complete = self.complete or self._until_close

    def take(self) -> bytes:
        """What has come of the body and was not taken yet."""
        data = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
        self.pieces.clear()
        self.queued_bytes = 0
        return data

    def on_message_begin(self) -> None:
        """Called by the parser where an answer begins, interim or final."""
        if self.complete:
            raise BadAnswer("the answer goes on after its end")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser for each header and trailer."""
        self._head_bytes += len(name) + len(value) + _HEADER_LINE_BYTES
        if self._head_bytes > HEAD_BYTES_MAX:
            raise BadAnswer(_HEAD_TOO_LARGE)
        if not self.has_head:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            if key not in self.headers:
                self.headers[key] = text
            elif key not in _SINGLE:
                self.headers[key] += f", {text}"

    def on_headers_complete(self) -> None:
        """Called by the parser where a head ends."""
        if self._parser is None:
            return
        self.status = self._parser.get_status_code()
        if self.status < 100 or self.status == 101:
            raise BadAnswer("the answer has a status that nobody asked for")
        if self.status < 200:
            self.headers.clear()
            return
        transfer_coding = self.headers.get("transfer-encoding")
        if transfer_coding is not None and transfer_coding.strip().lower() != "chunked":
            raise BadAnswer("the answer has a transfer-encoding that nobody asked for")
        self.has_head = True
        self.keep_alive = self._parser.should_keep_alive()
        self._until_close = transfer_coding is None and "content-length" not in self.headers and self.status not in _NO_BODY

    def on_body(self, body: bytes) -> None:
        """Called by the parser with each piece of the body, without its framing."""
        if not self.has_head:
            raise BadAnswer("an interim answer has a body")
        if body:  # an empty piece would be taken for the end
            self.pieces.append(body)
            self.queued_bytes += len(body) + _PIECE_BYTES

    def on_message_complete(self) -> None:
        """Called by the parser where an answer ends, interim or final."""
        self.complete = self.has_head
