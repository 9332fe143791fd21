"""What is written down about a request while it runs: one log line, its metrics, and the headers of whatever answers it."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.core.money.amount import Basis, Cost
from gateway.core.outcome import Diagnosis, Outcome, shape_refusal
from gateway.core.snapshot import Route
from gateway.core.tag import NONE, Header, Tag
from gateway.engine.call import Failure, Progress
from gateway.engine.evidence import EvidenceKeeping
from gateway.listener import CONNECTION
from gateway.server.allowance_headers import allowance_headers
from gateway.server.errors import error_answer, failure_of_refusal, gateway_fault, gateway_stopped
from gateway.server.lame_duck import LameDuck
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.request_log import RequestLog

_KEY = "gateway.record"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_log = structlog.get_logger("gateway.request")


@dataclass(slots=True)
class Record:
    """Created once a request; the endpoint fills in what it learns. ``path`` is one of the known paths or ``other``."""

    request_id: str
    begun_s: float
    path: str = "other"
    app: str = NONE
    model: str = NONE
    tag_body: bool = True
    progress: Progress = field(default_factory=Progress)
    status: int = 0
    head_s: float = 0.0
    complete: bool = False

    def left(self, scope: Scope) -> bool:
        """Whether the client has gone before its answer was complete."""
        return not self.complete and bool(scope["state"][CONNECTION].left)

    def tag(self) -> Tag:
        """What is known of the request now."""
        return self.progress.tag(self.request_id)

    def error_answer(self, failure: Failure) -> Response:
        """The answer that tells of the failure; from now on the record knows whose it is."""
        self.progress.diagnosis = failure.diagnosis
        return error_answer(failure, self.tag(), tag_body=self.tag_body)


def record_of(scope: Scope) -> Record:
    """The record of the request that ``scope`` belongs to."""
    record: Record = scope[_KEY]
    return record


class Recorded:
    """Plain ASGI middleware: opens the record, completes the headers, guards against faults, writes it all down at the end."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, log: RequestLog, evidence: EvidenceKeeping | None, lame_duck: LameDuck
    ) -> None:
        self._app, self._metrics, self._log, self._evidence, self._lame_duck = app, metrics, log, evidence, lame_duck

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, recorded, also one that the listener has refused."""
        app = self._app if scope["type"] == "http" else _refused
        record = scope[_KEY] = Record(request_id=_new_id(), begun_s=time.perf_counter())

        async def recorded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status, record.head_s = message["status"], time.perf_counter() - record.begun_s
                message["headers"] = _completed(message["headers"], record)
                if self._lame_duck.begun:
                    message["headers"].append((b"connection", b"close"))
                await send(message)
                return
            await send(message)
            if not message.get("more_body", False):
                record.complete = not scope["state"][CONNECTION].left

        self._metrics.in_flight.inc()
        try:
            await app(scope, receive, recorded_send)
        except (Exception, asyncio.CancelledError) as error:
            stopped, sent = isinstance(error, asyncio.CancelledError), record.progress.attempts > 0
            answer = record.error_answer(gateway_stopped(sent=sent) if stopped else gateway_fault(sent=sent))
            if record.status == 0:
                await answer(scope, receive, recorded_send)
            if stopped:
                raise
            _log.exception("fault", request_id=record.request_id)
        finally:
            self._metrics.in_flight.dec()
            self._write(record, scope["method"])

    def _write(self, record: Record, method: str) -> None:
        total_s = time.perf_counter() - record.begun_s
        progress, metrics = record.progress, self._metrics
        contract = progress.route.contract.id if progress.route else NONE
        owner = progress.diagnosis.owner.value if progress.diagnosis else NONE
        metrics.of(metrics.requests, record.path, record.app, contract, str(record.status), owner).inc()
        metrics.of(metrics.duration, record.path, contract).observe(total_s)
        metrics.of(metrics.overhead, record.path).observe(max(record.head_s - progress.upstream_wait_s, 0.0))
        self._count_attempts(record)
        if self._evidence is not None:
            self._evidence.end(progress, record.status)
        if record.path != "health":
            self._log.write(_line(record, method, owner, total_s))

    def _count_attempts(self, record: Record) -> None:
        progress, metrics = record.progress, self._metrics
        for route, diagnosis in progress.failed:
            metrics.of(metrics.attempts, route.contract.id, diagnosis.outcome.value, diagnosis.owner.value).inc()
        if progress.route is None or progress.diagnosis is not None:
            return
        contract = progress.route.contract.id
        metrics.of(metrics.attempts, contract, Outcome.COMPLETED.value, NONE).inc()
        covered, fallback = (
            {(route.contract.id, diagnosis.owner.value) for route, diagnosis in progress.failed},
            progress.fallback,
        )
        if fallback is not None:
            metrics.of(metrics.fallbacks, record.model, fallback.contract, contract, fallback.owner.value).inc()
            covered.add((fallback.contract, fallback.owner.value))
        for failed, owner in covered:
            if failed != contract:
                metrics.of(metrics.masked, failed, owner).inc()
        if progress.cost is not None:
            self._count_delivery(record, contract, progress.cost)

    def _count_delivery(self, record: Record, contract: str, cost: Cost) -> None:
        progress, metrics = record.progress, self._metrics
        metrics.of(metrics.images, contract, record.model, record.app).inc(progress.images)
        for found in progress.discrepancies:
            metrics.of(metrics.discrepancies, contract, record.model, found.aspect.value).inc()
        if cost.basis is Basis.UNKNOWN:
            metrics.of(metrics.unknown_costs, contract, record.model).inc()
            _log.warning("unknown cost", request_id=record.request_id, contract=contract, model=record.model)
        elif cost.amount is not None:
            metrics.of(metrics.cost, contract, record.app, cost.currency).inc(float(cost.amount))


async def _refused(scope: Scope, receive: Receive, send: Send) -> None:
    """What the listener says of a request that it could not take."""
    why = scope["refusal"]
    failure = failure_of_refusal(shape_refusal(why.reason, why.message, status=why.status))
    await record_of(scope).error_answer(failure)(scope, receive, send)


def _line(record: Record, method: str, owner: str, total_s: float) -> dict[str, object]:
    """What the log says of a request."""
    progress = record.progress
    cost = progress.cost
    return {
        "request_id": record.request_id,
        "method": method if method in _METHODS else "other",
        "path": record.path,
        "status": record.status,
        "complete": record.complete,
        "app": record.app,
        "model": record.model,
        "contract": progress.route.contract.reference if progress.route else NONE,
        "route": progress.route.id if progress.route else NONE,
        "attempts": progress.attempts,
        "original_request_id": progress.original_id or None,
        "failed": [_failed(route, diagnosis) for route, diagnosis in progress.failed],
        "fallback": None if progress.fallback is None else progress.fallback.document(),
        "images": progress.images,
        "discrepancies": [str(found) for found in progress.discrepancies],
        "cost": cost.text if cost else None,
        "currency": cost.currency if cost else None,
        "cost_basis": cost.basis.value if cost else None,
        "owner": owner,
        "rule": progress.diagnosis.rule if progress.diagnosis else None,
        "duration_ms": round(total_s * 1000, 1),
        "upstream_ms": round(progress.upstream_wait_s * 1000, 1),
    }


def _failed(route: Route, diagnosis: Diagnosis) -> dict[str, str]:
    """One attempt that delivered nothing: a fallback hides none of them (law 6)."""
    return {
        "route": route.id,
        "contract": route.contract.reference,
        "owner": diagnosis.owner.value,
        "rule": diagnosis.rule,
        "outcome": diagnosis.outcome.value,
    }


def _new_id() -> str:
    """Beginning with the time, so that the ledger's indexes grow at their end; 80 random bits keep it from being guessed."""
    return f"gw_{time.time_ns() // 1_000_000:012x}{next(_RANDOM).hex()}"


def _random_parts() -> Iterator[bytes]:
    """From the system's source of randomness, many at a time: asking it costs more than the rest of an id."""
    while True:
        block = os.urandom(_RANDOM_BYTES * 256)
        yield from (block[start : start + _RANDOM_BYTES] for start in range(0, len(block), _RANDOM_BYTES))


_RANDOM_BYTES = 10
_RANDOM = _random_parts()


def _completed(headers: Sequence[Header], record: Record) -> list[Header]:
    """Every answer bears the tag's headers, the id under the name that SDKs look for, and where the time went."""
    completed = list(headers)
    if all(name != b"x-gateway-request-id" for name, _ in headers):
        completed += record.tag().headers()
    wait_ms = record.progress.upstream_wait_s * 1000
    timing = b"gateway;dur=%.1f, upstream;dur=%.1f" % (record.head_s * 1000 - wait_ms, wait_ms)
    completed += allowance_headers(record.progress.allowances)
    completed += ((b"x-request-id", record.request_id.encode()), (b"server-timing", timing))
    return completed
