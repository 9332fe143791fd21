"""`gateway reconcile`: what was planted in a month is found completely and exactly, whatever the provider delivers."""

import gzip
import hashlib
import json
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli.finance.reconcile.command import reconcile
from gateway.core.ledger.entry import Kind
from gateway.stores.ledger.sqlite.books import SqliteBooks
from tests.integration.booked_month import write, written_month
from tests.integration.programs import run as program
from tests.integration.provider_month import (
    KEY,
    LEAKED,
    LOST,
    MAPPING,
    SPARED,
    azure_export,
    booked,
    charged,
    focus_file,
    openai_pages,
    own_table,
)
from tests.integration.two_contracts import CONFIGURATION, Place, ask
from tests.integration.two_contracts import KEY as KEY_OF_APP

Found = dict[str, Any]
_ARGUMENTS = ("--contract", "direct", "--month", "2026-10")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a configuration and the month's ledger, and nobody who answers at the admin plane."""
    for name, value in written_month(tmp_path).items():
        monkeypatch.setenv(name, value)
    ledger = tmp_path / "october.sqlite"
    write(ledger, booked())
    monkeypatch.setenv("GATEWAY_LEDGER", str(ledger))
    monkeypatch.setenv("GATEWAY_ADMIN_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    (tmp_path / "azure.yaml").write_text('models: {"gpt image 2 *": gpt-image-2}\n')
    return tmp_path


def run(files: list[Path], *more: str, input: str | None = None) -> Any:
    app = typer.Typer()
    app.command()(reconcile)
    arguments = [*map(str, files), *_ARGUMENTS, "--record", "record.json", *more]
    return CliRunner().invoke(app, arguments, input=input)


def delivered(form: str, folder: Path) -> tuple[list[Path], list[str]]:
    """The files of a form, and the options that it takes."""
    if form == "openai":
        return openai_pages(folder, charged()), []
    if form == "azure":
        return azure_export(folder, charged(LEAKED)), ["--mapping", "azure.yaml", "--account", "rg-images", "--key", KEY]
    if form == "focus":
        return focus_file(folder, charged()), []
    return own_table(folder, charged()), ["--mapping", "mapping.yaml"]


def by_result(document: Found) -> dict[str, list[Found]]:
    found = defaultdict[str, list[Found]](list)
    for it in document["findings"]:
        found[it["result"]].append(it)
    return found


def total(findings: list[Found], name: str = "difference") -> Decimal:
    return sum((Decimal(it[name]) for it in findings), Decimal(0))


FORMS = ["openai", "azure", "focus", "table"]


@pytest.mark.parametrize("form", FORMS)
def test_a_month_with_planted_differences_is_found_completely(form: str, folder: Path) -> None:
    """Leaked key, lost answers, price change and refund, each at its amount and day, and nothing else."""
    files, options = delivered(form, folder)
    done = run(files, *options, "--json")
    assert done.exit_code == 1, done.output
    document = json.loads(done.stdout)
    found = by_result(document)
    assert set(found) == {"matched", "ambiguous", "price variance", "provider-only"}
    leaked = [it for it in found["provider-only"] if Decimal(it["difference"]) > 0]
    assert {it["day"] for it in leaked} == {"2026-10-10"}
    assert total(leaked) == Decimal("0.84")
    [refund] = [it for it in found["provider-only"] if Decimal(it["difference"]) < 0]
    assert (Decimal(refund["difference"]), "refund" in refund["note"]) == (Decimal("-0.21"), True)
    dearer = found["price variance"]
    assert sorted({it["day"] for it in dearer}) == [f"2026-10-{day}" for day in range(16, 31)]
    assert total(dearer) == 30 * Decimal("0.021")
    assert all(it["note"].startswith("1.1000 times") for it in dearer)
    assert total(found["ambiguous"]) == Decimal("0.63")
    settled = {it["request_id"]: it["amount"] for it in document["resolutions"] if it["request_id"] in (*LOST, SPARED)}
    assert settled == dict.fromkeys(LOST, "0.21") | {SPARED: "0.00"}
    assert total(found["matched"]) == 0
    assert total(document["findings"], "charged") == sum(it.amount for it in charged())
    assert total(document["findings"], "booked") == 61 * Decimal("0.21")
    assert [it["sha256"] for it in document["files"]] == [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    assert json.loads((folder / "record.json").read_text()) == document


@pytest.mark.parametrize("form", FORMS)
def test_what_the_file_says_of_lost_answers_is_booked(form: str, folder: Path) -> None:
    """Once, with the file's hash as the reference; then nothing is ambiguous any more, and the rest stays as it was."""
    files, options = delivered(form, folder)
    before = by_result(json.loads(run(files, *options, "--json").stdout))
    done = run(files, *options, "--resolve", "--yes", "--why", "October's bill", "--who", "finance")
    assert "booked" in done.stderr, done.output
    books = SqliteBooks(folder / "october.sqlite")
    hashes = {hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    for name, amount in (*((name, "0.21") for name in LOST), (SPARED, "0")):
        *_, adjusted = books.request(name)
        assert (adjusted.kind, adjusted.cost.amount) == (Kind.ADJUST, Decimal(amount))
        assert adjusted.reference.removeprefix("reconcile:") in hashes
    after = by_result(json.loads(run(files, *options, "--json").stdout))
    assert "ambiguous" not in after
    assert after["price variance"] == before["price variance"]
    assert [it for it in after["provider-only"] if "refund" not in it["note"]] == [
        it for it in before["provider-only"] if "refund" not in it["note"]
    ]
    again = run(files, *options, "--resolve", "--yes")
    assert "to be booked" not in again.stdout.lower()


def test_nothing_is_booked_without_a_yes(folder: Path) -> None:
    """The question is asked, and no is the default."""
    files, options = delivered("focus", folder)
    done = run(files, *options, "--resolve", input="\n")
    assert "nothing was booked" in done.stderr
    assert done.exit_code == 1
    assert [it.kind for it in SqliteBooks(folder / "october.sqlite").request(SPARED)] == [Kind.RESERVE, Kind.EXPIRE]


def test_a_month_that_agrees_exits_with_zero(folder: Path) -> None:
    """Over midnight, gzipped, and with half a cent of rounding a line; a tolerance takes more."""
    lines = [it for it in charged() if it.request_id.startswith("up_") and not it.refund]
    write(folder / "plain.sqlite", (it for it in booked() if it.attribution.request_id not in (*LOST, SPARED)))
    file = folder / "actual.csv.gz"
    [plain] = azure_export(folder, lines)
    text = plain.read_text()
    for exact, rounded in (("0.462", "0.42"), ("0.42", "0.43")):
        text = text.replace(f",{exact},", f",{rounded},")
    file.write_bytes(gzip.compress(text.encode()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWAY_LEDGER", str(folder / "plain.sqlite"))
        options = ("--mapping", "azure.yaml")
        assert run([file], *options).exit_code == 1
        done = run([file], *options, "--tolerance", "USD=0.01", "--csv")
        assert done.exit_code == 0, done.output
        assert done.stdout.splitlines()[0].startswith("day,line,request_id,result,currency,booked,charged,difference")
        assert run([file], *options, "--tolerance", "USD=3%").exit_code == 0


def test_the_table_says_what_to_do(folder: Path) -> None:
    """Differences first, sums by result, the price change in one sentence, what was left out."""
    files, options = delivered("azure", folder)
    done = run(files, *options)
    assert "Price variance of gpt-image-2 from 2026-10-16 to 2026-10-30" in done.stdout
    assert f"under {LEAKED}, which the gateway does not call with" in done.stdout
    assert "Not compared: 1 lines of another account, 7.77 USD" in done.stdout
    assert "4 adjustments can be booked" in done.stderr


def test_what_cannot_be_used_is_refused(folder: Path) -> None:
    """Exit code 2, with the file, the place, the rule and the fix."""
    first, second, usage = openai_pages(folder, charged())
    broken = folder / "broken.csv"
    broken.write_text("ChargePeriodStart,BilledCost,BillingCurrency\n2026-10-01,1,USD\n2026-10-02,1.2.3,USD\n")
    odd = folder / "odd.csv"
    odd.write_text("a,b\n1,2\n")
    for files, more, message in (
        ([first], (), "The last page is missing"),
        ([usage], (), "Give the pages of /v1/organization/costs too"),
        ([second, second], (), "the same, byte for byte"),
        ([broken], (), "broken.csv, line 3: '1.2.3' is no amount"),
        ([odd], (), "Say which is what with --mapping"),
        ([folder / "none.csv"], (), "none.csv cannot be read"),
        ([second], ("--contract", "nobody"), "has a contract 'nobody'"),
        ([second], ("--tolerance", "1"), "Write USD=0.01 or USD=0.5%"),
        ([second], ("--json", "--csv"), "Choose one"),
        ([second], ("--mapping", "none.yaml"), "none.yaml cannot be read"),
        ([second], ("--mapping", "october.sqlite"), "october.sqlite"),
    ):
        done = run(files, *more)
        assert (done.exit_code, message in done.stderr) == (2, True), done.output
        assert "Traceback" not in done.output


@pytest.mark.usefixtures("one_day")
async def test_a_running_gateway_books_what_the_file_says(place: Place, tmp_path: Path) -> None:
    """A refund that names the request it refunds, through the admin plane, while the ledger is that gateway's."""
    with place.gateway(CONFIGURATION) as house:
        async with house.client(KEY_OF_APP) as app:
            answer, _ = await ask(app)
        name, cost = answer.headers["x-gateway-request-id"], answer.headers["x-gateway-cost"]
        contract = answer.headers["x-gateway-contract"].partition("@")[0]
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        file, record = tmp_path / "bill.csv", tmp_path / "kept" / "record.json"
        lines = [f"{today}T00:00:00Z,{cost},USD,Usage,{name}", f"{today}T00:00:00Z,-0.1,USD,Credit,{name}"]
        file.write_text("\n".join(["ChargePeriodStart,BilledCost,BillingCurrency,ChargeCategory,x_RequestId", *lines, ""]))
        command = ("reconcile", str(file), "--contract", contract, "--month", today[:7], "--record", str(record))
        resolved = (*command, "--resolve", "--yes", "--admin", house.admin_url)
        done = program(*resolved, environment=house.environment)
        assert "1 booked" in done.stderr, done.stderr
        assert json.loads(record.read_text())["booked"] is True
        again = program(*command, "--json", environment=house.environment)
        assert again.returncode == 0, again.stdout
        shown = program("requests", name, environment=house.environment)
        assert "refunds this request" in shown.stdout
