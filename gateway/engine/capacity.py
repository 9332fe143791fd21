"""Room for what a bridged provider's call takes: a thread, and its request and answer as whole objects in memory."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from gateway.core.contract.bridged import CALLS_MAX, COPIES, DIALECT, answer_bytes_of
from gateway.core.snapshot import Route
from gateway.engine.admission import Admission, Pool
from gateway.engine.call import Call

Capacity = Callable[[Call, Route], AbstractContextManager[None]]


def no_capacity_needed(call: Call, route: Route) -> AbstractContextManager[None]:
    """A ``Capacity`` where no route is bridged."""
    return nullcontext()


class BridgedCapacity:
    """A ``Capacity``: of the bytes that this process takes at once, a bridged call holds all that it may come to."""

    def __init__(self, admission: Admission, answer_bytes_max: int) -> None:
        self._admission, self._answer_bytes_max = admission, answer_bytes_max
        self._calls = Pool("calls_in_flight", "calls to providers behind litellm", CALLS_MAX, admission.bytes.share)

    def __call__(self, call: Call, route: Route) -> AbstractContextManager[None]:
        """Room until the block is left; entering raises ``Refusal`` where there is none."""
        return self._held(call, route) if route.provider.dialect == DIALECT else nullcontext()

    @contextmanager
    def _held(self, call: Call, route: Route) -> Iterator[None]:
        body = call.body.for_upstream("")
        size = len(body) if isinstance(body, bytes) else body.length
        size += answer_bytes_of(route.upstream_model, self._answer_bytes_max)
        # The request itself has its body in flight already, which is less: that makes it no second request of its app.
        with self._calls.holding(call.app.id, 1), self._admission.bytes.holding(call.app.id, COPIES * size, own=COPIES * size):
            yield
