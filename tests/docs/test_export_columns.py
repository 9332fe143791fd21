"""The page on exports names every column that there is."""

import pytest

from gateway.core.finance.attempt_table import ATTEMPT_COLUMNS
from gateway.core.finance.focus import FOCUS_COLUMNS
from tests.integration.programs import ROOT

PAGE = (ROOT / "docs" / "export.md").read_text()


@pytest.mark.parametrize("columns", [ATTEMPT_COLUMNS, *FOCUS_COLUMNS.values()], ids=["attempts", *FOCUS_COLUMNS])
def test_every_column_is_documented(columns: tuple) -> None:
    """By its own name."""
    assert [column.name for column in columns if f"`{column.name}`" not in PAGE] == []
