"""What is written down about a request while it runs: one log line, its metrics, and the headers of whatever answers it."""

import asyncio
import secrets
import time
from dataclasses import dataclass, field

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.core.diagnosis import Outcome
from gateway.core.money import Basis
from gateway.core.tag import NONE, Tag
from gateway.engine.call import Failure, Progress
from gateway.server.errors import error_answer, gateway_fault, gateway_stopped
from gateway.telemetry.metrics import Metrics

_KEY = "gateway.record"
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

    def tag(self) -> Tag:
        """What is known of the request now."""
        progress = self.progress
        return Tag(self.request_id, progress.attempts, progress.route, progress.cost, progress.diagnosis)

    def error_answer(self, failure: Failure) -> Response:
        """The answer that tells of the failure; from now on the record knows whose it is."""
        self.progress.diagnosis = failure.diagnosis
        return error_answer(failure, self.tag(), tag_body=self.tag_body)


def record_of(scope: Scope) -> Record:
    """The record of the request that ``scope`` belongs to."""
    record: Record = scope[_KEY]
    return record


class Recorded:
    """Plain ASGI middleware: opens the record, completes the headers, guards against faults, writes log line and metrics."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, recorded."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = scope[_KEY] = Record(request_id=_new_id(), begun_s=time.perf_counter())

        async def recorded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status, record.head_s = message["status"], time.perf_counter() - record.begun_s
                message["headers"] = _completed(message["headers"], record)
            elif not message.get("more_body", False):
                record.complete = True
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, recorded_send)
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
        metrics.requests.labels(record.path, record.app, contract, record.status, owner).inc()
        metrics.duration.labels(record.path, contract).observe(total_s)
        metrics.overhead.labels(record.path).observe(max(record.head_s - progress.upstream_wait_s, 0.0))
        if progress.route is not None:
            self._write_attempt(record, contract, owner)
        if record.path == "health":
            return
        cost = progress.cost
        _log.info(
            "request",
            request_id=record.request_id,
            method=method,
            path=record.path,
            status=record.status,
            complete=record.complete,
            app=record.app,
            model=record.model,
            contract=progress.route.contract.reference if progress.route else NONE,
            route=progress.route.id if progress.route else NONE,
            attempts=progress.attempts,
            images=progress.images,
            cost=cost.text if cost else None,
            currency=cost.currency if cost else None,
            cost_basis=cost.basis.value if cost else None,
            owner=owner,
            rule=progress.diagnosis.rule if progress.diagnosis else None,
            duration_ms=round(total_s * 1000, 1),
            upstream_ms=round(progress.upstream_wait_s * 1000, 1),
        )

    def _write_attempt(self, record: Record, contract: str, owner: str) -> None:
        progress, metrics = record.progress, self._metrics
        outcome = progress.diagnosis.outcome if progress.diagnosis else Outcome.COMPLETED
        metrics.attempts.labels(contract, outcome, owner).inc()
        if outcome is not Outcome.COMPLETED or progress.cost is None:
            return
        metrics.images.labels(contract, record.model, record.app).inc(progress.images)
        if progress.cost.basis is Basis.UNKNOWN:
            metrics.unknown_costs.labels(contract, record.model).inc()
            _log.warning("unknown cost", request_id=record.request_id, contract=contract, model=record.model)
        elif progress.cost.amount is not None:
            metrics.cost.labels(contract, record.app, progress.cost.currency).inc(float(progress.cost.amount))


def _new_id() -> str:
    """Beginning with the time, so that the ledger's indexes grow at their end; 80 random bits keep it from being guessed."""
    return f"gw_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def _completed(headers: list[tuple[bytes, bytes]], record: Record) -> list[tuple[bytes, bytes]]:
    """Every answer bears the tag's headers, the id under the name that SDKs look for, and where the time went."""
    names = {name for name, _ in headers}
    if b"x-gateway-request-id" not in names:
        headers = [*headers, *((name.encode(), value.encode()) for name, value in record.tag().headers())]
    wait_ms = record.progress.upstream_wait_s * 1000
    timing = f"gateway;dur={record.head_s * 1000 - wait_ms:.1f}, upstream;dur={wait_ms:.1f}"
    return [*headers, (b"x-request-id", record.request_id.encode()), (b"server-timing", timing.encode())]
