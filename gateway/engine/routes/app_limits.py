"""What an app may ask for: requests and images a minute, and how many at once. Replicas that share Redis count together."""

import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from gateway.core.contract.contract import OnUnavailable
from gateway.core.outcome import Owner, Refusal
from gateway.core.request.images import ImageRequest
from gateway.core.snapshot import App, AppLimits
from gateway.engine.call import Allowance
from gateway.ports import Charge, Grant, SharedState, StateUnavailable

PERIOD_S = 60.0
# Longer than any job with its retries takes: a place that a dead replica held is free after it.
LEASE_S = 900.0
# Nobody knows when a job will end; image jobs take many seconds.
JOB_WAIT_S = 5.0
# Status, type and code.
_LATER = (429, "rate_limit_error", "rate_limit_exceeded")
_NEVER = (400, "invalid_request_error", "app_limit_too_small")
REQUESTS, IMAGES, JOBS = "requests", "images", "jobs"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What an app's limits say of a request: what is left of each, and why it is refused (``None`` where it is not)."""

    allowances: tuple[Allowance, ...] = ()
    refusal: Refusal | None = None


class AppLimiter:
    """Asked before a request is planned. ``limited`` is told of every refusal: the app's id, and which limit.

    ``failed`` is told whenever the shared state could not be asked, and what the app's limits say of that.
    """

    def __init__(
        self, state: SharedState, failed: Callable[[str, OnUnavailable], None], limited: Callable[[str, str], None]
    ) -> None:
        self._state, self._failed, self._limited = state, failed, limited

    @asynccontextmanager
    async def job(self, app: App, request_id: str) -> AsyncIterator[None]:
        """One of the app's jobs in flight; raises ``Refusal`` (429, owner ``app_policy``) where it has too many."""
        jobs_max, subject = app.limits.jobs_max, f"app:{app.id}"
        if jobs_max is None:
            yield
            return
        try:
            entered = await self._state.enter(subject, request_id, jobs_max, LEASE_S)
        except StateUnavailable:
            self._pass_or_refuse(app.limits)
            entered = True
        if not entered:
            self._limited(app.id, JOBS)
            raise _too_many_jobs(app.id, jobs_max)
        try:
            yield
        finally:
            with suppress(StateUnavailable):
                await self._state.leave(subject, request_id)

    async def take(self, app: App, request: ImageRequest) -> Ruling:
        """Take the request's part of every limit, or of none; raises ``Refusal`` (503) where nobody can tell."""
        charges = tuple(_charges(app.limits, request))
        if not charges:
            return Ruling()
        try:
            grant = await self._state.take(f"app:{app.id}", charges)
        except StateUnavailable:
            self._pass_or_refuse(app.limits)
            return Ruling()
        if grant.allowed:
            return Ruling(_allowances(charges, grant))
        scarce = _scarce(charges, grant)
        self._limited(app.id, scarce.name)
        return Ruling(_allowances(charges, grant), _too_much(app.id, scarce, grant.retry_after_s))

    def _pass_or_refuse(self, limits: AppLimits) -> None:
        self._failed("app", limits.on_unavailable)
        if limits.on_unavailable is OnUnavailable.FAIL_CLOSED:
            raise _unavailable()


def _charges(limits: AppLimits, request: ImageRequest) -> Iterator[Charge]:
    if limits.requests_per_minute is not None:
        yield Charge(REQUESTS, limits.requests_per_minute, PERIOD_S, 1)
    if limits.images_per_minute is not None:
        yield Charge(IMAGES, limits.images_per_minute, PERIOD_S, request.n)


def _allowances(charges: tuple[Charge, ...], grant: Grant) -> tuple[Allowance, ...]:
    found = []
    for charge, remaining, reset_s in zip(charges, grant.remaining, grant.reset_s, strict=True):
        short = not grant.allowed and remaining < charge.cost
        wait_s = grant.retry_after_s if short and math.isfinite(grant.retry_after_s) else reset_s
        found.append(Allowance(charge.name, charge.limit, remaining, wait_s))
    return tuple(found)


def _scarce(charges: tuple[Charge, ...], grant: Grant) -> Charge:
    """The limit that refused: of several the one that lacks most."""
    return max(zip(charges, grant.remaining, strict=True), key=lambda it: (it[0].cost - it[1]) / it[0].limit)[0]


def _too_much(app: str, charge: Charge, wait_s: float) -> Refusal:
    allowed = f"the app '{app}' may ask for {charge.limit} {charge.name} a minute"
    if math.isinf(wait_s):
        message = f"n is {charge.cost}, but {allowed}, so it can never be served. Ask for fewer images at once."
        return _refusal(_NEVER, message, param="n")
    message = f"A limit is used up: {allowed}. Try again in {math.ceil(wait_s)} s."
    return _refusal(_LATER, message, wait_s=wait_s)


def _too_many_jobs(app: str, jobs_max: int) -> Refusal:
    message = f"A limit is used up: the app '{app}' may have {jobs_max} requests in flight at once. Wait until one has ended."
    return _refusal(_LATER, message, wait_s=JOB_WAIT_S)


def _refusal(kind: tuple[int, str, str], message: str, *, param: str | None = None, wait_s: float | None = None) -> Refusal:
    status, type_, code = kind
    return Refusal(
        status=status,
        type=type_,
        code=code,
        param=param,
        message=message,
        owner=Owner.APP_POLICY,
        rule="app_policy.limit",
        first_check="Does the app send more than it was given? Its limits are the gateway's own, not the provider's.",
        stop_rule="Do not send it again unchanged." if wait_s is None else "Wait for retry-after; nothing was sent or billed.",
        retryable=wait_s is not None,
        retry_after_s=wait_s or 0.0,
    )


def _unavailable() -> Refusal:
    return Refusal(
        status=503,
        type="server_error",
        code="limits_unavailable",
        param=None,
        message="The app's limits cannot be looked up now, so nothing was sent. Try again shortly.",
        owner=Owner.GATEWAY,
        rule="gateway.limits_unavailable",
        first_check="Ops: can the gateway reach the Redis at state.redis_url?",
        stop_rule="Nothing was sent, nothing was billed: the request may be sent again.",
        retryable=True,
    )
