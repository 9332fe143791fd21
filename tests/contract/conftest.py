"""Ledgers of every kind."""

import pytest

from tests.contract.ledgers import Factory, postgres_in, sqlite


@pytest.fixture(params=["sqlite", "postgres"])
def opening(request: pytest.FixtureRequest) -> Factory:
    return sqlite if request.param == "sqlite" else postgres_in(request.getfixturevalue("postgres"))
