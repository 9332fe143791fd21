"""`gateway spend`: every grouping of a month adds up to the same, and each option says what it does."""

import csv
import io
import json
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli.finance.spend import spend
from gateway.stores.ledger.sqlite.rollups import SqliteRollups
from tests.integration.booked_month import written_month

MONTH = ("--month", "2026-10")
DIMENSIONS = (
    *("contract", "team", "app", "cost_centre", "provider", "billing_owner", "invoice_issuer", "model", "size", "quality"),
    *("outcome", "day", "week", "month", "tag:campaign"),
)
ADDED = ("cost", "exposure", "images", "attempts", "requests", "image_out", "undelivered", "unknown_costs")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A month with every way an attempt can stand, and rates of two days."""
    folder = tmp_path_factory.mktemp("month")
    environment = written_month(folder)
    path = folder / "gateway.yaml"
    rates = [{"on": "2026-10-01", "rate": 2}, {"on": "2026-10-15", "rate": 1.5}]
    ecb = {"base": "EUR", "quote": "USD", "source": "a page", "days_max": 13, "rates": rates}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"exchange": {"ecb": ecb}}))
    return environment


@pytest.fixture
def asked(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the command in this process: importing it anew takes a second each time."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    app = typer.Typer()
    app.command()(spend)
    return lambda *arguments: CliRunner().invoke(app, [*map(str, arguments)])


def rows(done: Any) -> list[dict[str, str]]:
    assert done.exit_code == 0, done.output
    return list(csv.DictReader(io.StringIO(done.stdout)))


def totals(found: list[dict[str, str]]) -> dict[str, dict[str, Decimal]]:
    """By currency; what is unknown adds nothing."""
    sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in found:
        for name in ADDED:
            sums[row["currency"]][name] += Decimal("0" if row[name] == "unknown" else row[name])
    return {currency: dict(values) for currency, values in sums.items()}


@pytest.mark.parametrize("by", [*DIMENSIONS, ",".join(DIMENSIONS)])
def test_every_grouping_adds_up_to_the_same(asked: Any, by: str) -> None:
    """Whether it is read from the entries or from sums kept of days, alone or all at once."""
    whole = totals(rows(asked(*MONTH, "--format", "csv")))
    assert totals(rows(asked(*MONTH, "--format", "csv", "--by", by))) == whole
    assert totals(rows(asked(*MONTH, "--format", "csv", "--by", by, "--entries"))) == whole


def test_the_report_is_the_same_from_kept_sums(asked: Any, environment: dict[str, str]) -> None:
    """Byte for byte, for every dimension that sums are kept by."""
    by = ("--by", ",".join(DIMENSIONS[:-1]))
    read = asked(*MONTH, *by, "--format", "json").stdout
    rollups = SqliteRollups(Path(environment["GATEWAY_LEDGER"]), lambda: datetime(2026, 12, 1, tzinfo=UTC))
    while rollups.roll_up_a_day():
        pass
    assert asked(*MONTH, *by, "--format", "json").stdout == asked(*MONTH, *by, "--entries", "--format", "json").stdout == read


def test_only_some_of_it(asked: Any) -> None:
    """Conditions are all met; of one dimension any of the values is enough."""
    found = rows(
        asked(*MONTH, "--by", "contract", "--only", "contract=reseller", "--only", "app=storefront,x", "--format", "csv")
    )
    assert [(row["contract"], row["currency"], row["cost"]) for row in found] == [("reseller", "EUR", "0.17")]


def test_in_one_currency(asked: Any) -> None:
    """Each day by its rate: EUR 0.10 and 0.07 of the first half of October are worth twice as many dollars."""
    [row] = rows(asked(*MONTH, "--only", "contract=reseller", "--in", "USD", "--format", "csv"))
    assert (row["currency"], row["cost"]) == ("USD", "0.34")
    table = asked("--month", "2026-11", "--in", "EUR").stdout
    assert "there is no rate for USD on 2026-11-01" in table


def test_compared_with_the_month_before(asked: Any) -> None:
    """October stands beside November, and a table says so."""
    [row] = rows(asked("--month", "2026-11", "--versus", "previous", "--only", "contract=direct", "--format", "csv"))
    [october] = rows(asked(*MONTH, "--only", "contract=direct", "--format", "csv"))
    assert (row["cost"], row["cost_before"]) == ("9.00", october["cost"])
    assert Decimal(row["change"]) == 9 - Decimal(october["cost"])
    assert "compared with from 2026-10-01" in asked("--month", "2026-11", "--versus", "2026-10").stdout.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--by", "colour"), "'colour' is not a dimension"),
        (("--only", "team"), "Write team=growth"),
        (("--month", "2026-13"), "is not a month"),
        (("--month", "2026-10", "--since", "7d"), "without --since and --until"),
        (("--versus", "previous"), "Name the period"),
        (("--versus", "2026-09", "--by", "day"), "leave them out of --by"),
        (("--in", "euro"), "Write EUR"),
        (("--show", "all"), "attempts"),
    ],
)
def test_what_cannot_be_asked_is_refused(asked: Any, arguments: tuple[str, ...], said: str) -> None:
    """Exit code 2; the message names the option and the way out."""
    done = asked(*arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.output.replace("│", " ").split())
