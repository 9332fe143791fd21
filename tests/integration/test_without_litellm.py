"""litellm is needed by those only whose routes need it."""

import os
from pathlib import Path

import pytest

from tests.integration.programs import ROOT, run
from tests.integration.two_contracts import CONFIGURATION, KEY, Configuration, Place, ask, changed


@pytest.fixture
def _without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that are started meanwhile cannot import it."""
    folder = tmp_path / "without"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import sys\nsys.modules['litellm'] = None\n")
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{ROOT}")


@pytest.mark.usefixtures("_without")
async def test_a_gateway_runs_without_it_until_a_route_needs_it(place: Place) -> None:
    """Then the configuration is refused, with what to do; what runs goes on."""

    def bridged(configuration: Configuration) -> None:
        provider = configuration["providers"]["atlas"]
        configuration["providers"]["atlas"] = provider | {"dialect": "litellm"}
        configuration["routes"]["second"] |= {
            "upstream_model": "stability/stable-image-core",
            "operations": ["generation"],
            "capabilities": {"stream": False},
        }

    with place.gateway(CONFIGURATION) as house:
        place.write(changed(bridged))
        checked = run("check", str(place.config), environment=house.environment, process=True)
        assert checked.returncode == 1
        assert "litellm is not installed. Install it (pip install litellm)" in checked.stderr
        async with house.client(KEY) as app:
            answer, body = await ask(app)
        assert answer.status == 200, body
        listed = run("providers", "--config", str(ROOT / "config" / "gateway.yaml"), environment=house.environment, process=True)
        assert listed.returncode == 0, listed.stderr
