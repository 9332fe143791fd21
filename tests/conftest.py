"""What tests of any kind may need, started once a session (with xdist: once a worker)."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.real_postgres import RealPostgres, some_postgres

# How long an example takes says something of the machine only; how many there are is a matter of patience.
settings.register_profile("suite", deadline=None, max_examples=int(os.environ.get("GATEWAY_TEST_EXAMPLES", "40")))
settings.load_profile("suite")


@pytest.fixture(scope="session")
def postgres() -> Iterator[RealPostgres]:
    """A PostgreSQL server; each test makes itself a database."""
    with some_postgres() as server:
        yield server
