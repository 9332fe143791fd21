"""How much of what is in flight may be retries: a provider in trouble must not be asked more by those that it fails."""

from collections.abc import Iterator
from contextlib import contextmanager

# Envoy's retry budget: a share of the requests in flight, and a few in any case.
RETRIES_SHARE = 0.2
RETRIES_MIN = 3


class RetryBudget:
    """Counts the requests and the retries in flight."""

    def __init__(self) -> None:
        self._requests = self._retries = 0

    @property
    def allows(self) -> bool:
        """Whether one more retry may begin."""
        return self._retries < max(RETRIES_MIN, RETRIES_SHARE * self._requests)

    @contextmanager
    def request(self) -> Iterator[None]:
        """A request is in flight."""
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1

    @contextmanager
    def retry(self) -> Iterator[None]:
        """A retry is in flight."""
        self._retries += 1
        try:
            yield
        finally:
            self._retries -= 1
