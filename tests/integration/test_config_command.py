"""``gateway config`` and ``gateway audit`` as processes: what a change would do, the way back, and whether the log is whole."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.integration.programs import CONFIG, run
from tests.integration.reloads import Site, replaced

TEAM = "team: storefront"


@pytest.fixture
async def site(shared_site: Site) -> AsyncIterator[Site]:
    """A gateway that watches its files; they are put back afterwards."""
    first = shared_site.in_force()["revision"]
    await shared_site.watched()
    yield shared_site
    shutil.copytree(shared_site.pristine, shared_site.config.parent, dirs_exist_ok=True)
    await shared_site.until(lambda it: it.in_force()["revision"] == first and it.in_force()["last_reload"]["result"] != "refused")


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two copies of the demo's configuration."""
    for name in ("old", "new"):
        shutil.copytree(CONFIG.parent, tmp_path / name)
    return tmp_path / "old" / "gateway.yaml", tmp_path / "new" / "gateway.yaml"


def command(site: Site, *arguments: str) -> CompletedProcess[str]:
    return run(*arguments, environment=site.house.environment)


def said(done: CompletedProcess[str]) -> Any:
    """The object that a command prints."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_change_is_told_before_it_is_made(two: tuple[Path, Path]) -> None:
    """In plain words and for programs, the money first; nothing runs and nothing is written."""
    old, new = two
    new.write_text(replaced(new, "contract: atlas-reseller}", "contract: openai-direct}").replace(TEAM, "team: shop"))
    done = run("config", "diff", str(old), str(new), cwd=old.parent)
    assert done.returncode == 0, done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert [line for line in lines if line in ("money", "routing", "setting")] == ["money", "routing", "setting"]
    assert any("who bills for gpt-image-2.5-flare changes from" in line for line in lines)
    assert "- model gpt-image-2.5-flare: requests move from atlas-reseller to openai-direct" in lines
    assert "- app demo-storefront: team changes from storefront to shop" in lines
    changes = said(run("config", "diff", str(old), str(new), "--format", "json"))["changes"]
    assert [f"- {it['subject']}: {it['text']}" for it in changes] == [line for line in lines if line.startswith("-")]
    assert not (old.parent / "var").exists()


def test_no_difference_is_said(two: tuple[Path, Path]) -> None:
    """A comment is none."""
    old, new = two
    new.write_text(new.read_text() + "# a comment\n")
    done = run("config", "diff", str(old), str(new))
    assert (done.returncode, done.stdout) == (0, "No difference.\n")


def test_what_cannot_be_compared_says_why(two: tuple[Path, Path]) -> None:
    """Faults with their line; a name that is neither a file nor a revision."""
    old, new = two
    new.write_text(replaced(new, "provider: simulated-openai,", "provider: simulated-opena,"))
    done = run("config", "diff", str(old), str(new))
    line = next(number for number, text in enumerate(new.read_text().splitlines(), 1) if "simulated-opena," in text)
    assert done.returncode == 1
    assert f"{new}:{line}:" in done.stderr
    done = run("config", "diff", "abcdef012345", str(old), environment={"GATEWAY_LEDGER": str(old.parent / "ledger.sqlite")})
    assert done.returncode == 1
    assert "There is no file abcdef012345, and it is no kept revision either" in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_rollback_is_taken_into_force(site: Site) -> None:
    """By the running gateway, by itself: history and audit log say who went back, why, and what it changed."""
    first, text = site.in_force()["revision"], site.config.read_bytes()
    edited = await site.after(lambda: site.config.write_text(replaced(site.config, TEAM, "team: bazaar")))
    listed = said(command(site, "config", "history", "--format", "json"))["revisions"]
    assert [it["id"] for it in listed[:2]] == [edited["revision"], first]
    assert listed[0]["changes"][0]["text"] == "team changes from storefront to bazaar"
    assert "contracts/openai-direct.yaml" in listed[0]["files"]

    diff = command(site, "config", "diff", first[:6], str(site.config))
    assert diff.stdout.splitlines()[1:] == ["setting", "  - app demo-storefront: team changes from storefront to bazaar"]

    done = command(site, "config", "rollback", first[:6], "--why", "the wrong team")
    assert done.returncode == 0, done.stderr
    assert f"Revision {first} is back in place of {edited['revision']}." in done.stdout
    assert "written  gateway.yaml" in done.stdout
    await site.until(lambda it: it.in_force()["revision"] == first)
    assert site.config.read_bytes() == text

    shown = command(site, "config", "history").stdout.splitlines()
    assert shown[0].startswith(first)
    assert shown[0].endswith("rollback: the wrong team")
    entries = said(command(site, "audit", "list", "--last", "2", "--format", "json"))["entries"]
    assert [(it["what"], it["details"]["revision"]) for it in entries] == [
        ("config.rollback", first),
        ("config.applied", first),
    ]
    assert entries[0]["why"] == "the wrong team"
    assert entries[0]["details"]["changes"] == ["app demo-storefront: team changes from bazaar to storefront"]
    listed = command(site, "audit", "list", "--last", "2").stdout
    assert "config.rollback: the wrong team" in listed
    assert "  - app demo-storefront: team changes from bazaar to storefront" in listed
    assert command(site, "audit", "verify").returncode == 0


async def test_a_rollback_of_an_invalid_configuration(site: Site) -> None:
    """Its history is found as long as its files can be read."""
    first, text = site.in_force()["revision"], site.config.read_bytes()
    await site.after(lambda: site.config.write_text(replaced(site.config, TEAM, "taem: storefront")), "refused")
    done = command(site, "config", "rollback", first, "--why", "a slip")
    assert (done.returncode, "in place of a configuration that was not valid" in done.stdout) == (0, True), done.stderr
    await site.until(lambda it: it.in_force()["last_reload"]["result"] == "unchanged")
    assert site.config.read_bytes() == text


async def test_a_rollback_mends_what_is_broken(site: Site) -> None:
    """Where not even the history's place can be read in the file, the command asks for it; what stood there is set aside."""
    first, folder = site.in_force()["revision"], site.config.parent.parent / "history"
    await site.after(lambda: site.config.write_text("apps: [\n"), "refused")
    for arguments in (("config", "rollback", first, "--why", "half a file"), ("config", "history"), ("audit", "verify")):
        lost = command(site, *arguments)
        assert (lost.returncode, "Nothing says where the history is" in lost.stderr) == (1, True)
    there = ("--history", str(folder))
    assert said(command(site, "config", "history", *there, "--format", "json"))["revisions"][0]["id"] == first
    done = said(command(site, "config", "rollback", first, "--why", "half a file", *there, "--format", "json"))
    assert (done["was"], done["written"]) == (None, ["gateway.yaml"])
    assert (Path(done["set_aside"]) / "gateway.yaml").read_text() == "apps: [\n"
    await site.until(lambda it: it.in_force()["last_reload"]["result"] == "unchanged")
    again = command(site, "config", "rollback", first, "--why", "once more")
    assert (again.returncode, again.stdout) == (
        0,
        f"The files already are those of revision {first}. Nothing was changed.\n",
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("ffffffffffff", "--why", "x"), 1, "has no revision 'ffffffffffff'"),
        (("ff", "--why", "x"), 1, "at least 4 characters"),
        (("ffffffffffff",), 2, "--why"),
        (("ffffffffffff", "--why", " "), 2, "Write the reason"),
        (("ffffffffffff", "--why", "a\nb"), 2, "Write the reason"),
    ],
)
def test_a_faulty_rollback_changes_nothing(site: Site, arguments: tuple[str, ...], code: int, words: str) -> None:
    """And says what is missing."""
    before = site.config.read_bytes()
    done = command(site, "config", "rollback", *arguments)
    assert (done.returncode, words in " ".join(done.stderr.split())) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert site.config.read_bytes() == before


def test_before_the_first_start_there_is_nothing(tmp_path: Path) -> None:
    """Neither a history nor a log, which is no fault."""
    environment = {"GATEWAY_CONFIG": str(CONFIG), "GATEWAY_LEDGER": str(tmp_path / "ledger.sqlite")}
    history = run("config", "history", environment=environment)
    assert (history.returncode, "No revision is kept yet" in history.stdout) == (0, True)
    verified = run("audit", "verify", environment=environment)
    assert (verified.returncode, "nothing has been written yet" in verified.stdout) == (0, True)
    listed = run("audit", "list", environment=environment)
    assert (listed.returncode, listed.stdout) == (0, "")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def log(site: Site, tmp_path: Path) -> Path:
    """A copy of the gateway's audit log with some entries."""
    for number in range(3):
        site.admin("/routes/flare-atlas/override", "POST", {"state": "draining", "who": "ada", "why": f"drill {number}"})
    site.admin("/routes/flare-atlas/override", "DELETE", {"who": "ada", "why": "over"})
    for name in ("audit.jsonl", "audit.jsonl.head"):
        shutil.copy(site.config.parent.parent / "history" / name, tmp_path / name)
    return tmp_path / "audit.jsonl"


def test_a_whole_log_is_verified(log: Path) -> None:
    """With the head that somebody may keep elsewhere: the hash of its last line."""
    done = run("audit", "verify", str(log))
    assert done.returncode == 0, done.stderr
    lines = log.read_text().splitlines()
    assert f"{len(lines)} entries, unbroken." in done.stdout
    assert done.stdout.splitlines()[-1] == f"head: {json.loads(lines[-1])['hash']}"


def test_a_tampered_log_is_found_with_its_line(log: Path) -> None:
    """Whatever was changed, removed or cut off."""
    lines = log.read_text().splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines, 1) if "drill 1" in line)
    for text, number in (
        ("".join(lines).replace("drill 1", "drill 7"), at),
        ("".join(lines[: at - 1] + lines[at:]), at),
        ("".join(lines[:-1]), len(lines)),
    ):
        log.write_text(text)
        done = run("audit", "verify", str(log))
        assert done.returncode == 1
        assert f"{log}: line {number}: " in done.stderr
        assert "Traceback" not in done.stderr


def test_a_tampered_log_can_still_be_read(log: Path) -> None:
    """What stands in it commands no terminal; what is no entry is left out."""
    lines = log.read_text().splitlines(keepends=True)
    forged = json.loads(lines[-1]) | {"why": "\x1b[2Jall is well"}
    log.write_text("".join(lines) + json.dumps(forged) + "\n" + json.dumps(forged | {"details": 7, "at": None}) + "\n")
    done = run("audit", "list", str(log), "--last", "3")
    assert done.returncode == 0, done.stderr
    assert "\N{REPLACEMENT CHARACTER}[2Jall is well" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_log_that_is_not_there_is_said(tmp_path: Path) -> None:
    """A mistyped name is not an unbroken log."""
    done = run("audit", "verify", str(tmp_path / "audti.jsonl"))
    assert done.returncode == 2
    assert "There is no file" in done.stderr
