"""``gateway check`` and ``gateway schema`` as a person or a pipeline calls them."""

import json
import re
from pathlib import Path

import typer
from typer.testing import CliRunner

from gateway.cli.configuration.check import check
from tests.integration.programs import CONFIG, ROOT, run

BROKEN = sorted((ROOT / "tests" / "data" / "broken").glob("*.yaml"))


def test_a_valid_configuration_is_summed_up() -> None:
    """Who serves what under which contract, and exit code 0."""
    done = run("check", str(CONFIG))
    assert done.returncode == 0
    for word in ("gpt-image-2.5-flare", "dall-e-3", "openai-direct@2026-10-01", "Atlas Images GmbH", "atlas-per-image", "active"):
        assert word in done.stdout
    assert "is valid" in done.stdout


def test_the_configuration_is_found_without_a_name() -> None:
    """In the environment, else at its usual place."""
    assert "Atlas" in run("check").stdout
    other = str(ROOT / "tests" / "data" / "parts" / "base.yaml")
    assert "openai-route" in run("check", environment={"GATEWAY_CONFIG": other}).stdout


def test_the_summary_for_programs() -> None:
    """One JSON object with the revision and the models' routes."""
    done = run("check", str(CONFIG), "--format", "json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"], report["problems"]) == (0, True, [])
    assert [(model["name"], model["apps"]) for model in report["models"]] == [("gpt-image-2", 2), ("gpt-image-2.5-flare", 1)]
    assert report["models"][1]["routes"][0]["billing_owner"] == "Atlas Images GmbH"


def test_a_broken_file_fails_with_its_place() -> None:
    """Exit code 1, ``file:line:column`` first on the line, a count, no traceback, nothing on standard output."""
    app = typer.Typer()
    app.command()(check)
    for path in BROKEN:
        done = CliRunner().invoke(app, [str(path)])
        first, last = done.stderr.splitlines()
        assert (done.exit_code, done.stdout) == (1, "")
        assert re.match(rf"{re.escape(str(path))}:[0-9]+:[0-9]+: ", first)
        assert last.startswith("1 problem.")
    assert len(BROKEN) == 10


def test_problems_for_programs() -> None:
    """All members of each problem."""
    path = next(path for path in BROKEN if path.stem == "misspelled_key")
    done = run("check", str(path), "--format", "json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"], report["models"]) == (1, False, [])
    assert report["problems"] == [
        {
            "file": str(path),
            "line": 7,
            "column": 5,
            "path": "contracts.second.biling",
            "what": "is not a known key",
            "fix": "Did you mean 'billing'?",
        }
    ]


def test_warnings_are_shown_beside_the_summary(tmp_path: Path) -> None:
    """They do not fail a check."""
    path = tmp_path / "gateway.yaml"
    path.write_text("server: {port: 0}\n")
    done = run("check", str(path))
    assert done.returncode == 0
    assert f"warning: {path}:1:1: models: there are no models" in done.stderr
    assert json.loads(run("check", str(path), "--format", "json").stdout)["warnings"][1]["path"] == "models"


def test_the_schema_is_printed() -> None:
    """As JSON, for an editor's settings."""
    assert "contracts" in json.loads(run("schema").stdout)["properties"]
