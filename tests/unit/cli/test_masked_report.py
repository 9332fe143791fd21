"""Masked failures on paper: exact amounts with their sign, and nothing unknown hidden."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from gateway.cli.operations.masked_table import masked_table
from gateway.core.ledger.masked import Masked
from gateway.reports.operations.masked import MaskedReport, masked_document
from tests.contract.ledger_samples import NOON
from tests.unit.cli.test_reports import printed

ROW = Masked(
    contract="direct",
    owner="account",
    requests=3,
    first=NOON,
    last=NOON + timedelta(minutes=12),
    latest=("gw_2", "gw_1"),
    covers=("other", "reseller"),
    extra=(("EUR", Decimal("-0.010")), ("USD", Decimal("0.05"))),
    unknown_extras=1,
    exposure=(),
    unknown_exposures=0,
)


def test_json_has_exact_amounts_and_the_paths_of_the_evidence() -> None:
    """Programs get decimals as text, times in UTC, and counts of what is not known."""
    document = masked_document(MaskedReport(NOON, None, (ROW,)))
    assert document == {
        "since": "2026-10-01T12:00:00+00:00",
        "until": None,
        "masked": [
            {
                "contract": "direct",
                "owner": "account",
                "requests": 3,
                "held": 0,
                "first": "2026-10-01T12:00:00.000Z",
                "last": "2026-10-01T12:12:00.000Z",
                "covered_by": ["other", "reseller"],
                "extra": [{"amount": "-0.01", "currency": "EUR"}, {"amount": "0.05", "currency": "USD"}],
                "unknown_extras": 1,
                "exposure": [],
                "unknown_exposures": 0,
                "evidence": [
                    {"request_id": "gw_2", "path": "/v1/gateway/requests/gw_2/evidence"},
                    {"request_id": "gw_1", "path": "/v1/gateway/requests/gw_1/evidence"},
                ],
            }
        ],
    }


def test_the_table_shows_what_is_dearer_what_is_cheaper_and_what_is_unknown() -> None:
    """One line a currency, a line for the unknown, and the command for the latest evidence."""
    text = printed(masked_table(MaskedReport(NOON, None, (ROW,))))
    assert "from 2026-10-01 12:00 UTC" in text
    for cell in ("-0.01 EUR", "+0.05 USD", "1 unknown", "other, reseller", "2026-10-01 12:12:00"):
        assert cell in text
    assert "direct, account: gateway evidence gw_2" in text


def test_an_unknown_amount_is_never_shown_as_none() -> None:
    """A dash means that there is nothing; an unknown sum is called so."""
    unknown = replace(ROW, extra=(), exposure=(), unknown_exposures=2)
    (line,) = [it for it in printed(masked_table(MaskedReport(None, None, (unknown,)))).splitlines() if "direct  " in it]
    assert [cell.strip() for cell in line.split("│")][-3:-1] == ["1 unknown", "2 unknown"]


def test_nothing_masked_is_said_in_a_sentence() -> None:
    """With the period that was looked at."""
    report = MaskedReport(NOON, NOON + timedelta(days=1), ())
    sentence = "No failure was covered by another contract from 2026-10-01 12:00 until 2026-10-02 12:00 UTC.\n"
    assert printed(masked_table(report)) == sentence
    assert masked_document(report)["masked"] == []
