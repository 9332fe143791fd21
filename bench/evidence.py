"""What keeping evidence costs: ``python -m bench.evidence``. Medians over rounds, in microseconds of CPU a request."""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from gateway.core.diagnosis.facts import Facts
from gateway.core.diagnosis.rules import diagnose
from gateway.core.outcome import Stage
from gateway.core.routing.eligibility import Conditions
from gateway.core.routing.plan import Plan, plan
from gateway.engine.attempt_trace import Keep
from gateway.engine.call import Call, Progress
from gateway.engine.evidence import EvidenceKeeping
from gateway.stores.evidence import SqliteEvidence
from tests.unit.core.samples import APP, MODEL, NOW, REQUEST, snapshot

ROUNDS, REQUESTS = 20, 500
CASES = (("flawless, keep: failures", Keep.FAILURES, False), ("flawless, keep: all", Keep.ALL, False), ("failed", Keep.ALL, True))
HEADERS = {"x-request-id": "req_1", "retry-after": "3", "x-ratelimit-limit-requests": "50", "x-ratelimit-remaining-requests": "0"}
SNAPSHOT, CONDITIONS = snapshot(MODEL), Conditions(NOW)
THROTTLED = diagnose(Facts(Stage.STATUS, 429))


def main() -> None:
    """One line a case: on the way of the request, and beside it in the writer."""
    found = plan(REQUEST, APP, SNAPSHOT, CONDITIONS)
    for name, keep, failed in CASES:
        with tempfile.TemporaryDirectory() as folder:
            store = SqliteEvidence(Path(folder) / "evidence.sqlite", 14, 100_000, lost=print, clock=lambda: datetime.now(UTC))
            on_the_way, beside = _measured(EvidenceKeeping(keep, store), store.flush, found, failed=failed)
            store.close()
        print(f"{name}: {on_the_way:.1f} us on the way, {beside:.1f} us beside it")


def _measured(keeping: EvidenceKeeping, flush: Callable[[], None], found: Plan, *, failed: bool) -> tuple[float, float]:
    on_the_way, beside = [], []
    for at in range(ROUNDS):
        begun = time.thread_time()
        for number in range(REQUESTS):
            _request(f"gw_{at}_{number}", keeping, found, failed=failed)
        gathered = time.thread_time()
        flush()
        on_the_way.append((gathered - begun) / REQUESTS * 1e6)
        beside.append((time.thread_time() - gathered) / REQUESTS * 1e6)
    return median(on_the_way), median(beside)


def _request(request_id: str, keeping: EvidenceKeeping, found: Plan, *, failed: bool) -> None:
    """As the dispatcher notes one."""
    call = Call(request_id, NOW, APP, SNAPSHOT, REQUEST, _NoBody(), (), "A lighthouse on a cliff")
    progress = Progress(request_trace=keeping.begin(call, CONDITIONS, found))
    if progress.request_trace is not None:
        trace = progress.request_trace.begin(found.candidates[0], 0.0)
        trace.called, trace.status, trace.headers, trace.ended_s = True, 429 if failed else 200, HEADERS, 0.1
        if failed:
            trace.error, trace.diagnosis = {"message": "Slow down, please."}, THROTTLED
            progress.diagnosis = THROTTLED
    keeping.end(progress, 200)


class _NoBody:
    def for_upstream(self, model: str) -> bytes:
        raise NotImplementedError


if __name__ == "__main__":
    main()
