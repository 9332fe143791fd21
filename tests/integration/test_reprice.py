"""`gateway reprice`: a corrected price list reaches the books as adjustments, to the last digit and without a changed row."""

import json
import subprocess
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli.finance.reprice import reprice
from gateway.core.finance.repricing import PREFIX
from gateway.core.ledger.entry import Entry, Kind
from gateway.stores.ledger.sqlite.books import SqliteBooks
from tests.contract.ledger_samples import entry
from tests.integration.booked_month import write, written_month
from tests.integration.programs import House, run
from tests.integration.two_contracts import KEY, Configuration, Place, ask, changed

Found = dict[str, Any]
_TOKENS = {"text_in": 5, "image_out": 30}
# The ledger's figures are exact to the nano-unit: this price uses all of them.
_DEARER = {"text_in": 5.001, "image_out": 33.333}


def listed(begin: str, rates: dict[str, float], **more: Any) -> Configuration:
    return {
        "currency": "USD",
        "effective_from": begin,
        "source": "a page",
        "recorded_on": "2026-11-01",
        "models": {"gpt-image-2": {"per_million_tokens": rates}},
    } | more


def configured(begin: str, rates: dict[str, float]) -> Configuration:
    """The contract 'direct' has a list that is superseded by 'renewed' from that day on."""

    def change(found: Configuration) -> None:
        found["price_lists"] = {
            "first": listed("2026-01-01", _TOKENS),
            "renewed": listed(begin, rates, supersedes="first"),
        }
        found["contracts"]["direct"]["price_list"] = "renewed"
        found["contracts"]["reseller"]["price_list"] = "first"

    return changed(change)


class Desk:
    """Where an operator reprices."""

    def __init__(self, place: Place, house: House) -> None:
        self.place, self.house = place, house
        self.environment = house.environment | {"GATEWAY_ADMIN_URL": house.admin_url}

    def reprice(self, *more: str) -> subprocess.CompletedProcess[str]:
        return run("reprice", "--list", "renewed", "--since", "2026-01-01", *more, environment=self.environment)

    def report(self, *more: str) -> Found:
        done = self.reprice("--json", *more)
        assert done.returncode == 0, done.stderr
        found: Found = json.loads(done.stdout)
        return found

    def rows(self, request_ids: list[str]) -> list[list[Entry]]:
        books = SqliteBooks(Path(self.environment["GATEWAY_LEDGER"]))
        return [list(books.request(it)) for it in request_ids]

    def verified(self) -> bool:
        return run("ledger", "verify", environment=self.environment).returncode == 0


def by_hand(rows: list[Entry], rates: dict[str, float]) -> Decimal:
    """What the usage of a settled row costs at these rates."""
    usage = rows[1].usage
    assert usage is not None
    return sum((getattr(usage, name) * Decimal(str(rate)) for name, rate in rates.items()), Decimal(0)) / 1_000_000


async def test_a_corrected_list_reaches_the_books(place: Place) -> None:
    """Shown first, booked once while the gateway runs, and again without it; spend is the sum by the list; no row changes."""
    with place.gateway(configured("2099-01-01", _DEARER)) as house:
        desk = Desk(place, house)
        async with house.client(KEY) as app:
            ids = [
                (await ask(app, size=size))[0].headers["x-gateway-request-id"] for size in ("1024x640", "1024x1024", "1536x1024")
            ]
        before = desk.rows(ids)
        assert {it.attribution.price_list for rows in before for it in rows} == {"first"}
        at_first, dearer = (sum(by_hand(rows, rates) for rows in before) for rates in (_TOKENS, _DEARER))
        assert Decimal(house.spend()["direct"]["cost"]) == at_first

        place.write(configured("2026-01-02", _DEARER))
        dry = desk.report()
        (row,) = dry["rows"]
        assert (row["contract"], row["attempts"], row["to_book"], dry["booked"]) == ("direct", 3, 3, None)
        assert (Decimal(row["old"]), Decimal(row["new"])) == (at_first, dearer)
        assert Decimal(row["difference"]) == dearer - at_first
        assert desk.rows(ids) == before

        elsewhere = desk.reprice("--yes", "--admin", "http://127.0.0.1:9")
        assert (elsewhere.returncode, "say where its admin plane is: --admin URL" in elsewhere.stderr) == (1, True), (
            elsewhere.stderr
        )
        assert desk.rows(ids) == before

        assert desk.report("--yes", "--who", "finance", "--why", "the page was right")["booked"] == {"booked": 3, "repeated": 0}
        assert Decimal(house.spend()["direct"]["cost"]) == dearer
        assert desk.report("--yes")["booked"] is None
        after = desk.rows(ids)
        assert [rows[:2] for rows in after] == before
        assert {it.reference for *_, it in after} == {f"{PREFIX}renewed@{dry['revision']}"}
        assert desk.verified()
    audit = json.loads(run("audit", "list", "--format", "json", environment=desk.environment).stdout)["entries"]
    (said,) = [it for it in audit if it["what"] == "ledger.adjust"]
    assert (said["who"], said["why"], said["details"]["adjustments"]) == ("finance", "the page was right", 3)

    place.write(configured("2026-01-02", _TOKENS))
    assert desk.report("--yes")["booked"] == {"booked": 3, "repeated": 0}
    assert Decimal(house.spend()["direct"]["cost"]) == at_first
    place.write(configured("2026-01-02", _DEARER))
    assert desk.report("--yes")["booked"] == {"booked": 3, "repeated": 0}
    assert desk.report("--yes")["booked"] is None
    assert Decimal(house.spend()["direct"]["cost"]) == dearer
    assert [rows[:3] for rows in desk.rows(ids)] == after
    assert {rows[-1].reference.partition("#")[2] for rows in desk.rows(ids)} == {"2"}
    assert desk.verified()


_RATES: Configuration = {
    "ecb": {"base": "EUR", "quote": "USD", "source": "a page", "days_max": 0, "rates": [{"on": "2026-10-20", "rate": 1.25}]}
}


@pytest.fixture
def october(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A month of the contract 'direct', whose list changes on the 16th; nobody answers at the admin plane."""
    for name, value in written_month(tmp_path).items():
        monkeypatch.setenv(name, value)
    file, ledger = tmp_path / "gateway.yaml", tmp_path / "october.sqlite"
    found = json.loads(file.read_text()) | {"exchange": _RATES}
    found["price_lists"]["renewed"] = listed("2026-10-16", _DEARER, supersedes="tokens")
    found["contracts"]["direct"]["price_list"] = "renewed"
    file.write_text(json.dumps(found))
    entries = [attempt(f"req_{day}", day, Kind.SETTLE, "0.05274") for day in (1, 15, 16, 20, 31)]
    entries.append(attempt("req_unknown", 20, Kind.SETTLE, None))
    entries.append(attempt("req_lost", 20, Kind.EXPIRE, "0.30"))
    entries.append(attempt("req_refused", 20, Kind.VOID, "0"))
    entries.append(attempt("req_other", 20, Kind.SETTLE, "0.05274", contract="reseller"))
    write(ledger, chain.from_iterable(entries))
    monkeypatch.setenv("GATEWAY_LEDGER", str(ledger))
    monkeypatch.setenv("GATEWAY_ADMIN_URL", "http://127.0.0.1:9")
    return ledger


def attempt(name: str, day: int, kind: Kind, amount: str | None, **booked: Any) -> tuple[Entry, Entry]:
    at = datetime(2026, 10, day, 12, tzinfo=UTC)
    facts = {"contract": "direct", "upstream_model": "gpt-image-2", "price_list": "tokens"} | booked
    return entry(Kind.RESERVE, name, "0.60", at=at, **facts), entry(kind, name, amount, at=at, **facts)


def order(*more: str, price_list: str = "renewed", since: str = "2026-10-01", until: str = "2026-11-01") -> Any:
    app = typer.Typer()
    app.command()(reprice)
    arguments = ["--list", price_list, "--since", since, "--until", until, *more]
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})


def report(*more: str, **options: str) -> Found:
    done = order("--json", *more, **options)
    assert done.exit_code == 0, done.output
    found: Found = json.loads(done.stdout)
    return found


def test_a_list_changed_mid_month_reprices_its_own_days(october: Path) -> None:
    """Attempts before the change, lost answers and those of other contracts stay, and the report says why."""
    found = report("--yes")
    (row,) = found["rows"]
    assert (row["attempts"], row["to_book"], row["unknown_before"]) == (4, 4, 1)
    assert (row["old"], row["new"], row["difference"]) == ("0.15822", "0.23437104", "0.07615104")
    assert {(it["why"], it["attempts"], it["booked"]) for it in found["left"]} == {
        ("another list, or none, was in force on its day", 2, "0.10548"),
        ("ambiguous: nobody knows whether it was billed", 1, "0.00"),
    }
    assert found["booked"] == {"booked": 4, "repeated": 0}
    books = SqliteBooks(october)
    assert [len(books.request(f"req_{day}")) for day in (1, 15, 16, 20, 31)] == [2, 2, 3, 3, 3]
    assert [len(books.request(name)) for name in ("req_unknown", "req_lost", "req_refused", "req_other")] == [3, 2, 2, 2]
    again = report("--yes")
    assert (again["rows"][0]["difference"], again["booked"], again["left"]) == ("0.00", None, found["left"])


def test_a_dry_run_is_what_one_gets_without_a_yes(october: Path) -> None:
    """The table shows what would be booked; nothing is."""
    before = october.read_bytes()
    done = order()
    assert done.exit_code == 0, done.output
    assert "direct" in done.stdout
    assert "+0.07615104" in done.stdout
    assert "ambiguous: nobody knows whether it was billed" in done.stdout
    assert "The cost of 1 attempt was unknown" in done.stdout
    assert "nothing was booked. 4 adjustments can be" in done.stderr
    assert october.read_bytes() == before


def test_another_contract_is_repriced_only_by_name(october: Path) -> None:
    """Then its days are those of the list alone."""
    found = report("--contract", "reseller")
    assert [(it["contract"], it["attempts"]) for it in found["rows"]] == [("reseller", 1)]
    assert found["rows"][0]["difference"] == "0.00585276"


def test_a_day_without_a_rate_is_named(october: Path) -> None:
    """The sum is unknown then, and the booking is in its own currency all the same."""
    unknown = report("--in", "EUR")["in"]
    assert (unknown["difference"], unknown["tables"]) == (None, ["ecb"])
    assert unknown["missing"] == [{"currency": "USD", "day": "2026-10-16"}, {"currency": "USD", "day": "2026-10-31"}]
    assert "is unknown: there is no rate from USD for 2026-10-16, from USD for 2026-10-31" in order("--in", "EUR").stdout
    known = report("--in", "EUR", since="2026-10-17", until="2026-10-21")["in"]
    # 0.00585276 and 0.05859276 dollars, at 1.25 dollars a euro.
    assert (known["difference"], known["missing"]) == ("0.051556416", [])
    assert "+0.051556416 EUR, by the rates of ecb" in order("--in", "EUR", since="2026-10-17", until="2026-10-21").stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"price_list": "renewd"}, "There is no price list 'renewd'"),
        ({"price_list": "orphan"}, "No contract has the price list 'orphan'"),
        ({"since": "2099-01-01", "until": "2099-02-01"}, "Nothing has begun since then"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, str], said: str, october: Path) -> None:
    """With what could be."""
    file = october.parent / "gateway.yaml"
    found = json.loads(file.read_text())
    found["price_lists"]["orphan"] = listed("2026-01-01", _TOKENS)
    file.write_text(json.dumps(found))
    done = order(**options)
    assert done.exit_code == 2
    assert said in " ".join(done.output.replace("│", "").split())
    for more, text in ((("--contract", "nobody"), "no contract 'nobody'"), (("--in", "euro"), "'euro' is no currency")):
        done = order(*more)
        assert (done.exit_code, text in " ".join(done.output.replace("│", "").split())) == (2, True)
