"""What tests of any kind may need, started once a session (with xdist: once a worker)."""

from collections.abc import Iterator

import pytest

from tests.real_postgres import RealPostgres, some_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[RealPostgres]:
    """A PostgreSQL server; each test makes itself a database."""
    with some_postgres() as server:
        yield server
