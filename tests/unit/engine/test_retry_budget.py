"""A provider in trouble is not asked more by those that it fails."""

from contextlib import ExitStack

import pytest

from gateway.engine.retry_budget import RetryBudget


@pytest.mark.parametrize(("requests", "retries"), [(0, 3), (1, 3), (15, 3), (20, 4), (100, 20)])
def test_a_fifth_of_the_requests_in_flight_may_be_retries_and_three_in_any_case(requests: int, retries: int) -> None:
    """Envoy's retry budget and its floor."""
    budget, made = RetryBudget(), 0
    with ExitStack() as in_flight:
        for _ in range(requests):
            in_flight.enter_context(budget.request())
        while budget.allows:
            in_flight.enter_context(budget.retry())
            made += 1
        assert made == retries
    assert budget.allows
