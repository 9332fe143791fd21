"""The keys of the demo stay on the machine that shows it."""

import hashlib
import re
from pathlib import Path

import pytest

from gateway.config.checks.published_keys import APP_KEYS_SHA256, PROVIDER_KEYS
from tests.unit.config.samples import ROOT, base, loaded, place, problems

DEMO, SERVED = hashlib.sha256(b"igw_demo_0000_not_a_secret").hexdigest(), "server: {host: %s}\napps:\n"
KEY = "a" * 64


def _written(folder: Path, host: str, key: str = DEMO) -> Path:
    path = base(folder, ("apps:\n", SERVED % host))
    path.write_text(re.sub("sha256: [0-9a-f]{64}", f"sha256: {key}", path.read_text()))
    return path


@pytest.mark.parametrize("host", ["0.0.0.0", '"::"', "192.168.1.7", "gateway.internal"])
def test_a_published_key_is_refused_where_others_reach_it(tmp_path: Path, host: str) -> None:
    """With the place of the key, and the command that makes another."""
    path = _written(tmp_path, host)
    (found,) = problems(path)
    assert (found.line, found.column) == place(path, DEMO)
    assert found.path == "apps.shop.keys[0].sha256"
    assert "gateway keys shop" in found.fix


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", '"::1"', "localhost"])
def test_it_serves_this_machine(tmp_path: Path, host: str) -> None:
    """As the demo does."""
    assert loaded(_written(tmp_path, host))


def test_a_key_of_ones_own_may_be_reached(tmp_path: Path) -> None:
    """From anywhere: that is what it is for."""
    assert loaded(_written(tmp_path, "0.0.0.0", KEY))


def test_a_published_provider_s_key_is_refused_as_well(tmp_path: Path) -> None:
    """Who serves others does not do so from simulated providers by mistake."""
    path = _written(tmp_path, "0.0.0.0", KEY)
    (tmp_path / "fake.key").write_text("sk-simulated-openai-not-a-secret\n")
    (found,) = problems(path)
    assert (found.path, "published with the demo" in found.what) == ("providers.openai.credential", True)
    assert "sk-simulated" not in str(found)


def test_every_key_that_the_repository_publishes_is_known() -> None:
    """A demo that gets another key must say so here."""
    files = [path for folder in ("config", "bench") for path in (ROOT / folder).rglob("*.yaml")]
    hashes = {found for path in files for found in re.findall("sha256: ([0-9a-f]{64})", path.read_text())}
    assert hashes == APP_KEYS_SHA256
    assert {path.read_text().strip() for path in (ROOT / "config" / "demo").glob("*.key")} == PROVIDER_KEYS
