"""The ledger as a sheet: every column of an attempt, and nothing made up."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from gateway.core.finance.attempt_table import ATTEMPT_COLUMNS
from gateway.core.finance.table import Cell, Form, row_of
from gateway.core.ledger.balance import balance_of
from gateway.core.ledger.entry import Entry, Kind
from tests.contract.ledger_samples import NOON, entry

KINDS = {Form.AMOUNT: Decimal, Form.COUNT: int, Form.MOMENT: datetime, Form.TEXT: str, Form.JSON: str}


def cells(*then: Entry) -> dict[str, Cell]:
    """Each checked against the form of its column."""
    row = row_of(ATTEMPT_COLUMNS, balance_of([entry(Kind.RESERVE, amount="0.60", images=2), *then]))
    for column, cell in zip(ATTEMPT_COLUMNS, row, strict=True):
        assert cell is None or type(cell) is KINDS[column.form], column.name
    return dict(zip((column.name for column in ATTEMPT_COLUMNS), row, strict=True))


def test_a_delivery_has_its_cost_and_its_tokens() -> None:
    """Beside the estimate that was held for it."""
    found = cells(entry(Kind.SETTLE, at=NOON + timedelta(seconds=8)))
    assert (found["state"], found["kind"], found["outcome"]) == ("settled", "settle", "completed")
    assert (found["cost"], found["settled"], found["estimate"]) == (Decimal("0.21"), Decimal("0.21"), Decimal("0.60"))
    assert (found["exposure"], found["unknown"], found["adjusted"], found["adjusted_at"]) == (None, "", None, None)
    assert (found["begun_at"], found["closed_at"]) == (NOON, NOON + timedelta(seconds=8))
    assert (found["images_requested"], found["images"]) == (2, 1)
    assert (found["tokens_text_in"], found["tokens_image_out"]) == (12, 1756)
    assert json.loads(str(found["tags"])) == {"campaign": "herbst – Überblick", "season": "2026"}


def test_an_open_attempt_is_exposure() -> None:
    """It has no end, no cost and no tokens; what it may cost is what was held."""
    found = cells()
    assert (found["state"], found["kind"], found["outcome"]) == ("open", "reserve", None)
    assert (found["cost"], found["exposure"], found["closed_at"], found["tokens_text_in"]) == (None, Decimal("0.60"), None, None)
    assert found["images"] == 0


def test_an_unknown_amount_is_an_empty_cell_with_its_reason() -> None:
    """Never zero; a void attempt's cost is known, and is zero."""
    unknown_cost, unknown_exposure = cells(entry(Kind.SETTLE, amount=None)), cells(entry(Kind.EXPIRE, amount=None))
    assert (unknown_cost["cost"], unknown_cost["unknown"]) == (None, "cost")
    assert (unknown_exposure["cost"], unknown_exposure["exposure"], unknown_exposure["unknown"]) == (None, None, "exposure")
    assert (cells(entry(Kind.VOID, amount="0"))["cost"], cells(entry(Kind.VOID, amount="0"))["unknown"]) == (Decimal(0), "")


def test_adjustments_are_told_one_by_one() -> None:
    """Their sum, their number, the time of the last, what made them and why."""
    made = datetime(2026, 11, 2, tzinfo=UTC)
    found = cells(
        entry(Kind.SETTLE), entry(Kind.ADJUST, amount="-0.01"), entry(Kind.ADJUST, amount="0.03", at=made, reference="b")
    )
    assert (found["cost"], found["adjusted"], found["adjustments"]) == (Decimal("0.23"), Decimal("0.02"), 2)
    assert found["adjusted_at"] == made
    assert json.loads(str(found["adjustment_references"])) == ["reprice", "b"]
    assert json.loads(str(found["adjustment_reasons"])) == ["The list was corrected."] * 2
