"""Room: how many requests, and how many bytes of their bodies, this process takes at once, and of these one app."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from gateway.core.outcome import Owner, Refusal

ROOM_WAIT_S = 5.0


class Pool:
    """``size`` of something that all apps take from at once; ``what`` it is, for those who are refused.

    An app may have ``share`` of what the others leave: most of the pool while it is alone, and the next one still finds room.
    What an app has alone in flight may take all that is free.
    """

    def __init__(self, code: str, what: str, size: int, share: float) -> None:
        self.code, self.what, self.size, self.share = code, what, size, share
        self.taken = 0
        self._by_app: dict[str, int] = {}

    def take(self, app: str, amount: int, own: int = 0) -> None:
        """So much more; raises ``Refusal``: 503, or 429 where it is the app's share. ``own``: what the taker already has."""
        self.check(app, amount, own)
        self.taken += amount
        self._by_app[app] = self._by_app.get(app, 0) + amount

    def check(self, app: str, amount: int, own: int = 0) -> None:
        """Raises what ``take`` would now."""
        if self.taken + amount > self.size:
            raise busy(self.code, f"{self.size} {self.what} are in flight here")
        has = self._by_app.get(app, 0)
        if has > own and has + amount > self.share * (self.size - (self.taken - has)):
            raise _over_share(app, self)

    def give_back(self, app: str, amount: int) -> None:
        """So much less."""
        self.taken -= amount
        left = self._by_app[app] - amount
        if left:
            self._by_app[app] = left
        else:
            del self._by_app[app]

    @contextmanager
    def holding(self, app: str, amount: int, own: int = 0) -> Iterator[None]:
        """So much until the block is left; entering raises as ``take`` does."""
        self.take(app, amount, own)
        try:
            yield
        finally:
            self.give_back(app, amount)


class Admission:
    """Counts what is in flight. Both bounds keep memory and disk from growing with the demand."""

    def __init__(self, requests_max: int, bytes_max: int, app_share: float) -> None:
        self.requests = Pool("requests_in_flight", "requests", requests_max, app_share)
        self.bytes = Pool("bytes_in_flight", "bytes of bodies", bytes_max, app_share)

    def enter(self, app: str) -> "Lease":
        """Take one request in; raises ``Refusal`` where there is no room."""
        self.requests.take(app, 1)
        return Lease(self, app)


class Lease:
    """One request's part of the room, given back at the end of its ``with`` block."""

    __slots__ = ("_admission", "_app", "_bytes")

    def __init__(self, admission: Admission, app: str) -> None:
        self._admission, self._app, self._bytes = admission, app, 0

    def check(self, size: int) -> None:
        """Raises what ``hold`` would now."""
        self._admission.bytes.check(self._app, size - self._bytes, self._bytes)

    def hold(self, size: int) -> None:
        """Make room for what has arrived of a body, ``size`` bytes in all; raises ``Refusal`` where there is none."""
        more = size - self._bytes
        if more > 0:
            self._admission.bytes.take(self._app, more, self._bytes)
            self._bytes = size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._admission.requests.give_back(self._app, 1)
        if self._bytes:
            self._admission.bytes.give_back(self._app, self._bytes)


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


def _over_share(app: str, pool: Pool) -> Refusal:
    return Refusal(
        status=429,
        type="rate_limit_error",
        code="app_share_exceeded",
        param=None,
        message=f"The app '{app}' has as many {pool.what} in flight as one app may: {pool.share:.0%} of what others leave. "
        "Nothing was sent; wait until one of its requests has ended.",
        owner=Owner.APP_POLICY,
        rule=f"app_policy.share_of_{pool.code}",
        first_check="Has the app more requests in flight than it needs, or uploads that do not end? "
        "Ops: server.in_flight_app_share is the share.",
        stop_rule="Wait for retry-after; nothing was sent or billed.",
        retryable=True,
        retry_after_s=ROOM_WAIT_S,
    )
