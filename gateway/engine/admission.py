"""Room: how many requests, and how many bytes of their bodies, this process takes at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from gateway.core.diagnosis import Owner, Refusal


class Admission:
    """Counts what is in flight. Both bounds keep memory and disk from growing with the demand."""

    def __init__(self, requests_max: int, bytes_max: int) -> None:
        self.requests_max, self.bytes_max = requests_max, bytes_max
        self.requests = 0
        self.bytes = 0

    def enter(self) -> "Lease":
        """Take one request in; raises ``Refusal`` (503, owner ``gateway``) where there is no room."""
        if self.requests >= self.requests_max:
            raise busy("requests_in_flight", f"{self.requests_max} requests are in flight here")
        self.requests += 1
        return Lease(self)

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """So many bytes more until the block is left; entering raises ``Refusal`` (503, owner ``gateway``) without room."""
        self.take(size)
        try:
            yield
        finally:
            self.bytes -= size

    def take(self, size: int) -> None:
        """Count so many bytes more; raises ``Refusal`` where there is no room."""
        if self.bytes + size > self.bytes_max:
            raise busy("bytes_in_flight", f"the bodies in flight here fill {self.bytes_max} bytes")
        self.bytes += size


class Lease:
    """One request's share, given back at the end of its ``with`` block."""

    __slots__ = ("_admission", "_bytes")

    def __init__(self, admission: Admission) -> None:
        self._admission, self._bytes = admission, 0

    def hold(self, size: int) -> None:
        """Make room for a body of ``size`` bytes in all; raises ``Refusal`` (503, owner ``gateway``) where there is none."""
        more = size - self._bytes
        if more <= 0:
            return
        self._admission.take(more)
        self._bytes = size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._admission.requests -= 1
        self._admission.bytes -= self._bytes


def busy(code: str, what: str) -> Refusal:
    """The gateway has no room for a request."""
    return Refusal(
        status=503,
        type="server_error",
        code=code,
        param=None,
        message=f"The gateway is full: {what}. Nothing was sent; try again shortly.",
        owner=Owner.GATEWAY,
        rule=f"gateway.{code}",
        first_check="Ops: compare the gateway's metrics with server.in_flight_requests_max and server.in_flight_bytes_max.",
        stop_rule="Nothing was sent, nothing was billed: the request may be sent again.",
        retryable=True,
    )
