"""The first thing a newcomer runs."""

import json
import re
import shutil
import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.integration.programs import ROOT, launch, run

FOLDER = Path("var/demo")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Where the demo ran, twice, and what it printed the second time."""
    place = tmp_path_factory.mktemp("demo")
    shutil.copytree(ROOT / "config", place / "config")
    for _ in range(2):
        done = run("demo", "--once", cwd=place)
        assert done.returncode == 0, done.stderr
    return place, done.stdout


def bill(place: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / FOLDER / f"{name}.bill.json").read_text())
    return found


def test_it_shows_images_tags_and_what_an_app_needs(shown: tuple[Path, str]) -> None:
    """Two images on disk, two contracts, the two lines to export."""
    place, text = shown
    for model in ("gpt-image-2", "gpt-image-2.5-flare"):
        assert f"var/demo/{model}.png" in text
        with Image.open(place / FOLDER / f"{model}.png") as image:
            assert image.size == (1024, 1024)
    for words in (
        "openai-direct@2026-10-01",
        "atlas-reseller@2026-10-01",
        "OPENAI_BASE_URL=http://127.0.0.1:",
        "OPENAI_API_KEY=igw_",
    ):
        assert words in text


def test_spend_equals_the_providers_counters_times_the_prices(shown: tuple[Path, str]) -> None:
    """To the last digit, and only this demo's: the second one begins anew and keeps the first."""
    place, _ = shown
    assert len(list((place / "var").glob("demo-*/ledger.sqlite"))) == 1
    done = run("spend", "--by", "contract", "--format", "json", cwd=place)
    rows = {row["contract"]: row for row in json.loads(done.stdout)["rows"]}
    tokens = bill(place, "simulated-openai")["tokens"]
    assert Decimal(rows["openai-direct"]["cost"]) == (tokens["text_in"] * 5 + tokens["image_out"] * 30) / Decimal(1_000_000)
    assert Decimal(rows["atlas-reseller"]["cost"]) == bill(place, "simulated-atlas")["images"] * Decimal("0.012")
    assert [row["requests"] for row in rows.values()] == [1, 1]


def test_it_serves_on_until_it_is_interrupted(shown: tuple[Path, str], tmp_path: Path) -> None:
    """Without --once it goes on, and no second demo takes its ledger away; Ctrl-C ends it and its providers."""
    place, _ = shown
    process = launch("demo", log=tmp_path / "log", cwd=place)
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    assert any("Serving until Ctrl-C" in line for line in lines)
    beside = run("demo", "--once", cwd=place)
    assert beside.returncode == 1
    assert "ledger.sqlite" in beside.stderr
    process.send_signal(signal.SIGINT)
    process.stdout.close()
    assert process.wait(20) == 0
    assert not re.search("Traceback|Error", (tmp_path / "log").read_text())
