"""The ledger's tables in PostgreSQL: what they refuse, who may do what, months and versions."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg.conninfo import conninfo_to_dict

from gateway.core.ledger.entry import Kind
from gateway.ports import LedgerUnavailable, Stake
from gateway.stores.ledger.postgres.books import PostgresBooks
from gateway.stores.ledger.postgres.budgets import PostgresBudgets
from gateway.stores.ledger.postgres.connection import VERSION
from gateway.stores.ledger.postgres.ledger import PostgresLedger
from gateway.stores.ledger.postgres.migration import migrate
from gateway.stores.ledger.postgres.rollups import PostgresRollups
from tests.contract.ledger_samples import NOON, Clock, entry
from tests.real_postgres import RealPostgres
from tests.unit.stores.test_ledger_postgres import checked, columns_of, opened, sql

ROOT = Path(__file__).parents[3]


@pytest.fixture
def url(postgres: RealPostgres) -> str:
    """A database of the test's own, with the tables."""
    return postgres.database()


@pytest.mark.parametrize("change", ["UPDATE {} SET amount_nanos = 0", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", ["entry", "entry_rest", "saving"])
async def test_a_row_is_never_changed_or_removed(url: str, change: str, table: str) -> None:
    """Also by its owner, and where a month is named instead of the whole."""
    with opened(url) as ledger:
        await ledger.append(entry(Kind.RESERVE))
    with pytest.raises(psycopg.IntegrityError, match="is never"):
        sql(url, change.format(table))


async def test_a_root_is_never_changed_or_removed(url: str) -> None:
    """Whatever it covers."""
    with opened(url) as ledger:
        await ledger.append(entry(Kind.RESERVE))
    for change in ("UPDATE root SET rows = 9", "DELETE FROM root", "TRUNCATE root", "DELETE FROM writer"):
        with pytest.raises(psycopg.IntegrityError, match="is never"):
            sql(url, change)


@pytest.fixture
def role(postgres: RealPostgres) -> Iterator[tuple[str, str]]:
    """The URLs of a database's owner and of a role that deploy/postgres/roles.sh makes."""
    owner = postgres.database(migrated=False)
    name = str(conninfo_to_dict(owner)["dbname"])
    script = (ROOT / "deploy" / "postgres" / "roles.sh").read_text().partition("<<'SQL'\n")[2].partition("\nSQL")[0]
    sql(owner, re.sub(r"\bgateway\b", name, script).replace(":'password'", "'fake-password'"))
    migrate(owner, lambda line: None)
    yield owner, postgres.of(name, name, "fake-password")
    sql(owner, f"DROP OWNED BY {name}; DROP ROLE {name}")


async def test_a_role_that_may_only_add_and_read_is_all_that_a_gateway_needs(role: tuple[str, str]) -> None:
    """Everything is booked, expired, chained and rooted with it, and it can change nothing, nor make or drop anything."""
    owner, only_adds = role
    with opened(only_adds) as ledger:
        await ledger.append(entry(Kind.RESERVE), entry(Kind.SETTLE), entry(Kind.ADJUST, amount="-0.01"))
        await ledger.append(entry(Kind.RESERVE, "req_open"))
    with opened(only_adds) as ledger:
        assert [it.kind for it in PostgresBooks(only_adds).request("req_open")] == [Kind.RESERVE, Kind.EXPIRE]
    assert checked(only_adds).faults == []
    assert sql(owner, "SELECT count(*) FROM root") == [(2,)]
    assert PostgresRollups(only_adds, lambda: NOON + timedelta(days=2)).roll_up_a_day()
    assert sql(owner, "SELECT day, kept, stale FROM rolled_day") == [(20_727, True, False)]
    for refused in (
        "UPDATE entry SET reason = ''",
        "DELETE FROM entry_rest",
        "TRUNCATE entry",
        "DELETE FROM open_attempt",
        "UPDATE rolled_day SET stale = false",
        "DROP TABLE entry_rest",
        "CREATE TABLE mine ()",
        "UPDATE ledger_version SET version_num = ''",
    ):
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.IntegrityError)):
            sql(only_adds, refused)
    sql(owner, "DELETE FROM ledger_version")
    with pytest.raises(LedgerUnavailable, match=r"cannot be migrated: .*permission denied"):
        migrate(only_adds, lambda line: None)


async def test_only_who_may_add_entries_counts_budgets_and_marks_days(role: tuple[str, str]) -> None:
    """The gateway's role counts through functions and not at the table; a reader, who may call functions too, is refused."""
    owner, only_adds = role
    counters = PostgresBudgets(only_adds)
    try:
        await counters.seed("day", 1, 60.0)
        assert (await counters.hold([Stake("day", 10)], 2)).used_nanos == (3,)
        assert await counters.add("day", -1) == 2
    finally:
        await counters.aclose()
    for refused in ("UPDATE budget_counter SET used_nanos = 0", "DELETE FROM budget_counter"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sql(only_adds, refused)
    name = str(conninfo_to_dict(owner)["dbname"])
    sql(owner, f"CREATE ROLE {name}_reader; GRANT USAGE ON SCHEMA public TO {name}_reader")
    try:
        sql(owner, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}_reader")
        counting = ("budget_hold('{day}', '{10}', 1)", "budget_add('day', -2)", "budget_seed('month', 0, 1)")
        for call in (*counting, "watch_day(20727)", "keep_day(1)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="may not book"):
                sql(owner, f"SET ROLE {name}_reader; SELECT {call}")
        assert sql(owner, "SELECT count(*) FROM rolled_day") == [(0,)]
        assert sql(owner, "SELECT key, used_nanos FROM budget_counter") == [("day", 2)]
    finally:
        sql(owner, f"DROP OWNED BY {name}_reader; DROP ROLE {name}_reader")


async def test_months_are_made_ahead_also_for_a_role_that_may_only_add(role: tuple[str, str]) -> None:
    """By the gateway as it starts; where it may not even ask for them, the rest holds what has no month."""
    owner, only_adds = role
    sql(owner, "DROP TABLE entry_" + f"{datetime.now(UTC) + timedelta(days=62):%Y_%m}")
    begun = datetime.now(UTC)
    with opened(only_adds) as ledger:
        await ledger.append(entry(Kind.RESERVE, "req_now", at=begun), entry(Kind.RESERVE, "req_then"))
    months = "SELECT relid::text FROM pg_partition_tree('entry') WHERE isleaf ORDER BY 1"
    assert len(sql(owner, months)) == 5
    assert sql(owner, f"SELECT request_id FROM entry_{begun:%Y_%m} WHERE kind = 'reserve'") == [("req_now",)]
    assert sql(owner, "SELECT request_id FROM entry_rest WHERE kind = 'reserve'") == [("req_then",)]
    sql(owner, "REVOKE EXECUTE ON FUNCTION make_months FROM PUBLIC")
    with opened(only_adds) as ledger:
        await ledger.append(entry(Kind.RESERVE, "req_far", at=begun + timedelta(days=400)))
    assert [it.kind for it in PostgresBooks(only_adds).request("req_far")] == [Kind.RESERVE]


async def test_a_month_guards_itself(url: str) -> None:
    """Who writes to it instead of the whole is held to the same rules."""
    with opened(url) as ledger:
        await ledger.append(entry(Kind.RESERVE))
    columns = columns_of(url).removeprefix("seq, ")
    values = columns.replace("event_id", "'x.1.settle'", 1).replace("kind", "'settle'", 1).replace("request_id", "'x'", 1)
    values = values.replace("outcome", "'completed'", 1)
    with pytest.raises(psycopg.IntegrityError, match="needs the reserve"):
        sql(url, f"INSERT INTO entry_rest ({columns}) SELECT {values} FROM entry")


def test_the_version_that_the_gateway_wants_is_the_latest_migration() -> None:
    """It looks without alembic, which takes time to import."""
    config = Config()
    config.set_main_option("script_location", "gateway.stores.ledger.postgres:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == VERSION


async def test_the_version_before_is_upgraded_with_its_rows(postgres: RealPostgres) -> None:
    """They stay what they are; what was open is expired at the next start; verification counts them as older than the chain."""
    url = postgres.database(migrated=False)
    migrate(url, lambda line: None, until="0001")
    with pytest.raises(LedgerUnavailable, match=r"version 0001, and this gateway needs 0006\. Run `gateway ledger migrate`"):
        PostgresLedger(url, Clock()).open()
    newest = postgres.database()
    with opened(newest) as ledger:
        await ledger.append(entry(Kind.RESERVE), entry(Kind.SETTLE), entry(Kind.RESERVE, "req_open"))
    columns = columns_of(url)
    with psycopg.connect(newest) as source, psycopg.connect(url) as target:
        with source.cursor().copy(f"COPY (SELECT {columns} FROM entry ORDER BY seq) TO STDOUT") as out:  # type: ignore[call-overload]
            rows = b"".join(out)
        with target.cursor().copy(f"COPY entry ({columns}) FROM STDIN") as into:  # type: ignore[call-overload]
            into.write(rows)
        target.execute("SELECT setval('entry_seq', 3)")
    told: list[str] = []
    migrate(url, told.append)
    assert [line.removeprefix("version ")[:4] for line in told] == ["0002", "0003", "0004", "0005", "0006"]
    with opened(url) as ledger:
        await ledger.append(entry(Kind.ADJUST, amount="0.01"))
    kinds = [it.kind for name in ("req_1", "req_open") for it in PostgresBooks(url).request(name)]
    assert kinds == [Kind.RESERVE, Kind.SETTLE, Kind.ADJUST, Kind.RESERVE, Kind.EXPIRE]
    found = checked(url)
    assert (found.faults, found.unchained, found.rows) == ([], 3, 5)


def test_tables_of_another_gateway_are_refused(postgres: RealPostgres) -> None:
    """Empty, or made by a newer one: nothing is touched, and the message says what to do."""
    url = postgres.database(migrated=False)
    for reader in (lambda: PostgresLedger(url, Clock()).open(), lambda: PostgresBooks(url).requests(1), lambda: checked(url)):
        with pytest.raises(LedgerUnavailable, match=r"holds no ledger yet\. Run `gateway ledger migrate`"):
            reader()
    migrate(url, lambda line: None)
    sql(url, "UPDATE ledger_version SET version_num = '0099'")
    for reader in (lambda: PostgresLedger(url, Clock()).open(), lambda: migrate(url, lambda line: None)):
        with pytest.raises(LedgerUnavailable, match=r"newer gateway.*0006"):
            reader()
