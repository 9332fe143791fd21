"""FOCUS exports before the FinOps Foundation's own validator: what it objects to is known, rule by rule, with the reason."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.booked_month import written_month
from tests.integration.programs import ROOT, run

VALIDATOR = ROOT / ".venv-focus"
FALSE_FAILURES = frozenset(json.loads((ROOT / "tests" / "data" / "focus_1.2_false_failures.json").read_text()))
# What the gateway claims to have; docs/export.md says why not more.
CRITERIA = "ACCOUNT_NAMING_SUPPORTED,TAGGING_SUPPORTED,UNIT_PRICING_SUPPORTED,USAGE_MEASUREMENT_SUPPORTED"
_TOTALS = re.compile(r"^Total: (\d+) \| Pass: (\d+) \| Fail: (\d+) \| Skipped: (\d+)", re.MULTILINE)
_FAILED = re.compile(r"^❌ (\S+): FAIL", re.MULTILINE)


@dataclass(frozen=True)
class Verdict:
    """What the validator said."""

    passed: int
    failed: frozenset[str]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A ledger of a month, and the validator."""
    if not (VALIDATOR / "bin" / "focus-validator").exists():
        pytest.skip("FOCUS NOT VALIDATED: the validator is not installed; `make test` installs it for Python 3.11 and 3.12")
    return written_month(tmp_path_factory.mktemp("month"))


def _validated(file: Path, folder: Path, *only: str) -> Verdict:
    """It reads a list of currencies below its working directory and writes a log there; it exits with 0 whatever it finds."""
    [package] = VALIDATOR.glob("lib/python3*/site-packages/focus_validator")
    (folder / "focus_validator").symlink_to(package)
    options = ["--validate-version", "1.2", "--block-download", "--applicability-criteria", CRITERIA]
    done = subprocess.run(
        [VALIDATOR / "bin" / "focus-validator", "--data-file", file, *options, *only],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    totals = _TOTALS.search(done.stdout)
    assert totals is not None, done.stdout + done.stderr
    failed = frozenset(_FAILED.findall(done.stdout))
    assert len(failed) == int(totals[3])
    return Verdict(int(totals[2]), failed)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_validator_finds_nothing_but_its_known_false_failures(
    environment: dict[str, str], tmp_path: Path, suffix: str
) -> None:
    """A month with settled, void, expired and adjusted attempts in two currencies and under two contracts."""
    file = tmp_path / f"focus.{suffix}"
    arguments = ("--format", "focus-1.2", "--month", "2026-10", "--allow-unknown", "--out", str(file))
    done = run("export", *arguments, environment=environment)
    assert done.returncode == 0, done.stderr
    verdict = _validated(file, tmp_path)
    assert verdict.failed == FALSE_FAILURES
    assert verdict.passed >= 176


def test_the_validator_would_notice(environment: dict[str, str], tmp_path: Path) -> None:
    """A currency that is none is found in the same export."""
    file = tmp_path / "spoilt.csv"
    done = run("export", "--format", "focus-1.2", "--month", "2026-10", environment=environment)
    file.write_text(done.stdout.replace(",USD,", ",usd,"))
    assert "BillingCurrency-C-006-M" in _validated(file, tmp_path, "--filter-rules", "BillingCurrency").failed
