"""Room for what a bridged provider's call takes: a thread, and its request and answer as whole objects in memory."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from gateway.core.bridged import CALLS_MAX, COPIES, DIALECT, answer_bytes_of
from gateway.core.snapshot import Route
from gateway.engine.admission import Admission, busy
from gateway.engine.call import Call

Room = Callable[[Call, Route], AbstractContextManager[None]]


def no_room_needed(call: Call, route: Route) -> AbstractContextManager[None]:
    """A ``Room`` where no route is bridged."""
    return nullcontext()


class BridgedRoom:
    """A ``Room``: of the bytes that this process takes at once, a bridged call holds all that it may come to."""

    def __init__(self, admission: Admission, answer_bytes_max: int) -> None:
        self._admission, self._answer_bytes_max = admission, answer_bytes_max
        self._calls = 0

    def __call__(self, call: Call, route: Route) -> AbstractContextManager[None]:
        """Room until the block is left; entering raises ``Refusal`` (503, owner ``gateway``) where there is none."""
        return self._held(call, route) if route.provider.dialect == DIALECT else nullcontext()

    @contextmanager
    def _held(self, call: Call, route: Route) -> Iterator[None]:
        if self._calls >= CALLS_MAX:
            raise busy("calls_in_flight", f"{CALLS_MAX} calls are under way to providers behind litellm")
        body = call.body.for_upstream("")
        size = len(body) if isinstance(body, bytes) else body.length
        size += answer_bytes_of(route.upstream_model, self._answer_bytes_max)
        with self._admission.holding(COPIES * size):
            self._calls += 1
            try:
                yield
            finally:
                self._calls -= 1
