"""The only way by which litellm reaches a provider: one connection a call, nothing repeated or redirected, everything bounded.

litellm reads whole answers into memory and would wait for each read anew; here its bytes and its time are counted.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import httpx  # noqa: TID251 -- litellm's own client

_CHUNK_BYTES = 256 * 1024
# Nobody asked for them, and they no longer describe the body that is handed on.
_DROPPED = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class AnswerUnusable(httpx.TransportError):
    """The answer breaks a rule; its text names the rule and nothing of the provider's."""


class Ended(httpx.TransportError):
    """Nobody waits for the call any more."""


class BoundedTransport(httpx.BaseTransport):
    """For one call, which may be several requests (polling). Used by one thread; ``end`` may be called by any.

    ``last`` is the latest answer, as the provider gave it.
    """

    def __init__(self, tls: ssl.SSLContext, *, connect_s: float, total_s: float, answer_bytes_max: int) -> None:
        self._inner = httpx.HTTPTransport(verify=tls, trust_env=False, retries=0)
        self._connect_s, self._until_s = connect_s, time.monotonic() + total_s
        self._answer_bytes_max = answer_bytes_max
        self._socket: socket.socket | None = None
        self.ended = threading.Event()
        self.last: httpx.Response | None = None

    @property
    def left_s(self) -> float:
        """Until the call's end, in seconds; raises ``httpx.ReadTimeout`` where that has come, ``Ended`` where nobody waits."""
        if self.ended.is_set():
            raise Ended("the call was ended")
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise httpx.ReadTimeout("the call took too long")
        return left_s

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One request and its whole answer; raises ``httpx.TransportError``."""
        left_s = self.left_s
        request.headers["accept-encoding"] = "identity"
        waits = {"connect": min(self._connect_s, left_s), "read": left_s, "write": left_s, "pool": left_s}
        request.extensions = {**request.extensions, "timeout": waits, "trace": self._trace}
        self._untie()
        self.last = None
        response = self._inner.handle_request(request)
        try:
            headers = [(name, value) for name, value in response.headers.multi_items() if name not in _DROPPED]
            body = b"".join(self._pieces(response))
        finally:
            response.close()
        self.last = httpx.Response(response.status_code, headers=headers, content=body, request=request)
        return self.last

    def close(self) -> None:
        """Let go of the connection."""
        self._untie()
        self._inner.close()

    def end(self) -> None:
        """Break the call off: whatever its thread waits for fails at once."""
        self.ended.set()
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _untie(self) -> None:
        """The client has tied the answer's stream back to the answer: its bytes would stay until somebody collects garbage."""
        if self.last is not None:
            self.last.stream = httpx.ByteStream(b"")

    def _pieces(self, response: httpx.Response) -> Iterator[bytes]:
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
            raise AnswerUnusable("the answer is compressed, which nobody asked for")
        size = 0
        for piece in response.iter_raw(_CHUNK_BYTES):
            size += len(piece)
            if size > self._answer_bytes_max:
                raise AnswerUnusable(f"the answer has more than {self._answer_bytes_max} bytes")
            self.left_s  # noqa: B018 -- raises
            yield piece

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """httpcore's: the connection as it is made, and again inside of TLS."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")
