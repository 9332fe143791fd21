"""`gateway export`: what finance gets adds up to what `gateway spend` says, to the last digit, or the command says why not."""

import csv
import io
import json
import os
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer
from pyarrow import parquet
from typer.testing import CliRunner

from gateway.cli.finance.export.command import export
from gateway.core.ledger.entry import Entry
from tests.integration.booked_month import FORMULA, month, write, written_month
from tests.integration.programs import run
from tests.integration.two_contracts import CONFIGURATION, KEY, Place, ask

OCTOBER_ARGUMENTS = ("--month", "2026-10")
LEFT_OUT = ["req_exposed", "req_unknown", "req_open"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a command needs to find the month's ledger."""
    return written_month(tmp_path_factory.mktemp("month"))


@pytest.fixture(scope="module")
def spent(environment: dict[str, str]) -> dict[str, Any]:
    """October as `gateway spend` has it."""
    period = ("--since", "2026-10-01", "--until", "2026-11-01")
    done = run("spend", *period, "--format", "json", environment=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def exported(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the command in this process: importing it anew takes a second each time."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return _invoke


def _invoke(*arguments: object) -> Any:
    app = typer.Typer()
    app.command()(export)
    return CliRunner().invoke(app, [*map(str, arguments)])


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _sums(rows: list[dict[str, Any]], currency: str, *amounts: str) -> dict[str, tuple[Decimal, ...]]:
    found: defaultdict[str, tuple[Decimal, ...]] = defaultdict(lambda: (Decimal(0),) * len(amounts))
    for row in rows:
        sums = found[row[currency]]
        found[row[currency]] = tuple(sum_ + Decimal(row[name] or 0) for sum_, name in zip(sums, amounts, strict=True))
    return dict(found)


def _known(spent: dict[str, Any], *names: str) -> dict[str, tuple[Decimal, ...]]:
    return {row["currency"]: tuple(Decimal(row[name]) for name in names) for row in spent["totals"]}


def test_csv_adds_up_to_the_spend(exported: Any, spent: dict[str, Any], tmp_path: Path) -> None:
    """Cost, exposure, images and what is unknown, by currency; one row an attempt, none of another month."""
    file = tmp_path / "october.csv"
    done = exported("--format", "csv", *OCTOBER_ARGUMENTS, "--out", file)
    assert (done.exit_code, done.stdout) == (0, "")
    rows = _rows(file.read_text())
    assert [row["request_id"] for row in rows] == list(dict.fromkeys(it.attribution.request_id for it in month()))[:-1]
    assert _sums(rows, "currency", "cost", "exposure") == _known(spent, "cost", "exposure")
    settled = [row for row in rows if row["state"] == "settled"]
    assert sum(int(row["images"]) for row in settled) == sum(row["images"] for row in spent["totals"])
    assert sum(row["unknown"] == "cost" for row in rows) == sum(row["unknown_costs"] for row in spent["totals"]) == 1
    assert [it.name for it in tmp_path.iterdir()] == ["october.csv"]


def test_parquet_says_what_csv_says(exported: Any, tmp_path: Path, spent: dict[str, Any]) -> None:
    """The same columns, with types; texts as they are, for no spreadsheet runs them."""
    file = tmp_path / "october.parquet"
    assert exported("--format", "parquet", *OCTOBER_ARGUMENTS, "--out", file).exit_code == 0
    rows = parquet.read_table(file).to_pylist()
    assert _sums(rows, "currency", "cost", "exposure") == _known(spent, "cost", "exposure")
    [formula] = [row for row in rows if row["request_id"] == "req_formula"]
    assert (formula["app"], formula["team"], formula["cost_centre"]) == (FORMULA, "@team", "+49")
    text = _rows(exported("--format", "csv", *OCTOBER_ARGUMENTS).stdout)
    assert list(rows[0]) == list(text[0])


@pytest.mark.parametrize("format", ["focus-1.2", "focus-1.4"])
def test_focus_adds_up_to_the_spend(exported: Any, spent: dict[str, Any], tmp_path: Path, format: str) -> None:
    """Its four costs each; what is left out is beside it, with the reason, and the metadata say the same."""
    file = tmp_path / "october.csv"
    done = exported("--format", format, *OCTOBER_ARGUMENTS, "--out", file)
    assert done.exit_code == 3
    assert "the export is incomplete (exit code 3; --allow-unknown accepts it)" in done.stderr
    rows = _rows(file.read_text())
    for name in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"):
        assert _sums(rows, "BillingCurrency", name) == _known(spent, "cost")
    assert sum(int(row["x_Images"]) for row in rows) == sum(row["images"] for row in spent["totals"]) - 1  # of unknown cost
    left_out = _rows((tmp_path / "october.csv.left-out.csv").read_text())
    assert [row["request_id"] for row in left_out] == LEFT_OUT
    assert _sums(left_out, "currency", "exposure")["USD"] == _known(spent, "exposure")["USD"]
    metadata = json.loads((tmp_path / "october.csv.metadata.json").read_text())
    assert metadata["FocusVersion"] == format.removeprefix("focus-")
    assert metadata["CorrectionHandling"]["CorrectionStyle"] == "Accounting-style"
    assert [column["ColumnName"] for column in metadata["ColumnDefinition"]] == list(rows[0])
    assert (metadata["Rows"], metadata["LeftOut"]["UnknownCost"], metadata["LeftOut"]["Exposed"]) == (len(rows), 1, 2)
    assert {it["BillingCurrency"]: (Decimal(it["BilledCost"]),) for it in metadata["Totals"]} == _known(spent, "cost")


def test_focus_on_standard_output_counts_what_is_left_out(exported: Any) -> None:
    """On standard error; --allow-unknown makes it a success, and keeps the warning."""
    done = exported("--format", "focus-1.2", *OCTOBER_ARGUMENTS, "--allow-unknown")
    assert done.exit_code == 0
    assert len(_rows(done.stdout)) == 15
    assert "2 attempts may still be billed: 0.90 USD; not in the cost" in done.stderr
    assert "the cost of 1 attempt is unknown and in no sum" in done.stderr


def test_a_contract_can_be_exported_alone(exported: Any, environment: dict[str, str]) -> None:
    """With all amounts known there is nothing to warn of."""
    done = exported("--format", "focus-1.4", *OCTOBER_ARGUMENTS, "--contract", "reseller")
    assert done.exit_code == 0
    assert {(row["x_Contract"], row["InvoiceIssuerName"]) for row in _rows(done.stdout)} == {
        ("reseller", "Atlas Rechnungen GmbH")
    }
    assert done.stderr.strip() == "gateway: 2 attempts, 2 rows; cost 0.17 EUR"


def test_a_correction_made_later_adds_rows_and_changes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exported before and after it, the month differs by the rows of the correction alone: deliveries are append-only."""
    for name, value in written_month(tmp_path).items():
        monkeypatch.setenv(name, value)
    entries = list(month())
    reported = entries[-1].occurred_at
    before, after = tmp_path / "before.sqlite", tmp_path / "after.sqlite"
    write(before, (it for it in entries if _known_by(it, reported)))
    write(after, iter(entries))
    texts = []
    for ledger in (before, after):
        monkeypatch.setenv("GATEWAY_LEDGER", str(ledger))
        texts.append(_rows(_invoke("--format", "focus-1.2", *OCTOBER_ARGUMENTS).stdout))
    first, second = texts
    added = [row for row in second if row not in first]
    assert all(row in second for row in first)
    assert [row["x_CorrectedRowId"] for row in added] == [
        "req_corrected.1.settle",
        "req_corrected.1.settle",
        "req_corrected.1.adjust.run-1",
        "req_corrected.1.adjust.run-1",
    ]
    assert {row["BillingPeriodStart"] for row in added} == {"2026-11-01T00:00:00Z"}
    assert {row["ChargeClass"] for row in added} == {"Correction"}


def _known_by(entry: Entry, moment: Any) -> bool:
    return entry.occurred_at <= moment


async def test_a_request_that_was_served_is_in_the_export(place: Place) -> None:
    """At the cost that its answer named, under the contract that it named."""
    with place.gateway(CONFIGURATION) as house:
        async with house.client(KEY) as app:
            answer, _ = await ask(app)
        assert answer.status == 200
        period = ("--since", "1h")
        done = run("export", "--format", "focus-1.4", *period, environment=house.environment)
        assert done.returncode == 0, done.stderr
        [row] = _rows(done.stdout)
        assert row["x_GatewayRequestId"] == answer.headers["x-gateway-request-id"]
        assert f"{row['x_Contract']}@{row['x_ContractRevision']}" == answer.headers["x-gateway-contract"]
        assert (row["BilledCost"], row["BillingCurrency"]) == ("0.50", "USD")
        assert (row["ServiceProviderName"], row["PricingUnit"]) == (answer.headers["x-gateway-billing-owner"], "Requests")
        assert run("export", "--help", environment=house.environment).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--format", "csv"), 2, "Say which period"),
        (("--format", "csv", "--month", "2026-13"), 2, "is not a month"),
        (("--format", "csv", "--month", "2999-01"), 2, "has not begun"),
        (("--format", "csv", "--month", "2026-10", "--since", "1h"), 2, "goes without --since"),
        (("--format", "csv", "--since", "2026-11-01", "--until", "2026-10-01"), 2, "The period is empty"),
        (("--format", "xlsx", "--month", "2026-10"), 2, "focus-1.4"),
        (("--format", "csv", "--month", "2026-10", "--allow-unknown"), 2, "FOCUS formats"),
        (
            ("--format", "csv", "--month", "2026-10", "--contract", "none"),
            1,
            "has a contract 'none'. Configured are: direct, reseller.",
        ),
        (("--format", "csv", "--month", "2026-10", "--out", "/nowhere/at/all.csv"), 1, "/nowhere/at/all.csv cannot be written"),
        (("--format", "csv", "--month", "2026-10", "--out", "/"), 1, "/ is a folder"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    exported: Any, arguments: tuple[str, ...], code: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the rule and the fix; exit code 2 for a mistake in the command, 1 for one in the world."""
    monkeypatch.setenv("COLUMNS", "300")
    done = exported(*arguments)
    assert done.exit_code == code, done.output
    assert message in done.stderr
    assert "Traceback" not in done.output


def test_a_refused_contract_leaves_the_former_file(exported: Any, tmp_path: Path) -> None:
    """What is found out at the end of the ledger is found out before the file is replaced."""
    file = tmp_path / "october.csv"
    file.write_text("former")
    assert exported("--format", "csv", *OCTOBER_ARGUMENTS, "--contract", "none", "--out", file).exit_code == 1
    assert file.read_text() == "former"
    assert [it.name for it in tmp_path.iterdir()] == ["october.csv"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_standard_output_that_is_full_is_named(environment: dict[str, str], format: str) -> None:
    """Without a traceback, and not with exit code 0."""
    arguments = [sys.executable, "-m", "gateway", "export", "--format", format, *OCTOBER_ARGUMENTS]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            arguments, env=os.environ | environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert done.returncode != 0
    assert "gateway: Standard output cannot be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_had_enough_ends_the_export_quietly(environment: dict[str, str]) -> None:
    """As `| head` does."""
    reading, writing = os.pipe()
    os.close(reading)
    arguments = [sys.executable, "-m", "gateway", "export", "--format", "csv", *OCTOBER_ARGUMENTS]
    with os.fdopen(writing, "w") as pipe:
        done = subprocess.run(
            arguments, env=os.environ | environment, stdout=pipe, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (1, "")


def test_a_month_without_attempts_is_an_empty_sheet(exported: Any) -> None:
    """With its header, and nothing in it."""
    done = exported("--format", "csv", "--month", "2026-02")
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 1)
    assert done.stderr.strip() == "gateway: 0 attempts, 0 rows; cost nothing"


def test_a_period_that_is_not_over_is_said_to_be_so(exported: Any) -> None:
    """What is exported of the current month is not the month."""
    done = exported("--format", "csv", "--since", "2026-10-01", "--until", "2999-01-01")
    assert done.exit_code == 0
    assert "the period is not over" in done.stderr


def test_a_ledger_that_is_not_there_is_named(exported: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no file is made."""
    monkeypatch.setenv("GATEWAY_LEDGER", str(tmp_path / "none.sqlite"))
    done = exported("--format", "csv", *OCTOBER_ARGUMENTS, "--out", tmp_path / "october.csv")
    assert done.exit_code == 1
    assert "There is no ledger at" in done.stderr
    assert not list(tmp_path.iterdir())


def test_without_pyarrow_the_extra_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    """Only Parquet needs it: CSV and FOCUS are written without."""
    (tmp_path / "pyarrow.py").write_text("raise ModuleNotFoundError(\"No module named 'pyarrow'\", name='pyarrow')")
    without = environment | {"PYTHONPATH": f"{tmp_path}:{Path.cwd()}"}
    done = run(
        "export",
        "--format",
        "parquet",
        *OCTOBER_ARGUMENTS,
        "--out",
        str(tmp_path / "a.parquet"),
        environment=without,
        process=True,
    )
    assert done.returncode == 1
    assert "Parquet needs pyarrow. Install the extra 'export': pip install 'image-gateway[export]'" in done.stderr
    assert not (tmp_path / "a.parquet").exists()
    assert run("export", "--format", "csv", *OCTOBER_ARGUMENTS, environment=without, process=True).returncode == 0
