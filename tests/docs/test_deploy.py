"""The files for containers. No engine runs them here: they are held against the Compose schema, each other and the code."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
SERVICES: dict[str, dict[str, Any]] = YAML(typ="safe").load(COMPOSE.read_text())["services"]


def test_the_compose_file_follows_the_compose_specification() -> None:
    """By the schema of the specification, as a published package brings it."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_it_mounts_and_builds_is_there() -> None:
    """Every path of this repository that it names."""
    for service in SERVICES.values():
        mounted = [volume.partition(":")[0] for volume in service.get("volumes", ()) if volume.startswith("./")]
        built = [service["build"]["dockerfile"]] if "build" in service else []
        for path in (*mounted, *built):
            assert (ROOT / path).exists(), path


def test_the_gateway_runs_without_rights() -> None:
    """No root, no capability, no file system to write to but its own volume, and time enough to finish."""
    gateway = SERVICES["gateway"]
    assert (gateway["read_only"], gateway["cap_drop"]) == (True, ["ALL"])
    assert "no-new-privileges:true" in gateway["security_opt"]
    assert not [port for port in gateway["ports"] if "9090" in port and not port.startswith("127.0.0.1:")]
    assert int(gateway["stop_grace_period"].removesuffix("s")) > 330
    assert re.search(r"^USER (\d+):\d+$", DOCKERFILE, re.MULTILINE)
    assert "HEALTHCHECK" in DOCKERFILE


def test_no_secret_stands_in_it_and_a_missing_one_is_named() -> None:
    """Secrets come from the environment, and compose refuses to start without them."""
    for name in ("POSTGRES_PASSWORD", "GATEWAY_DB_PASSWORD", "OPENAI_API_KEY", "GATEWAY_APP_KEY_SHA256"):
        assert not re.search(rf"\$\{{{name}\}}", COMPOSE.read_text())
        assert re.search(rf"\$\{{{name}:\?[^}}]+\}}", COMPOSE.read_text())


def test_its_secrets_stay_out_of_git_and_of_the_image() -> None:
    """The file that compose reads them from is ignored by both."""
    for name, pattern in ((".gitignore", ".env"), (".dockerignore", "**/.env")):
        assert pattern in (ROOT / name).read_text().splitlines()


def test_the_image_is_built_from_locked_files_of_this_repository() -> None:
    """Whatever it copies is there and not ignored, and nothing is installed without its hash."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert any(source == path or source.startswith(f"{path}/") for path in allowed), source
    for install in re.findall(r"pip install[^&\n]*", DOCKERFILE):
        assert "--require-hashes" in install or "--no-index" in install, install


def test_the_roles_script_is_a_shell_script() -> None:
    """It runs once, when the database is made; a mistake there would be found late."""
    assert subprocess.run(["sh", "-n", str(ROOT / "deploy" / "postgres" / "roles.sh")], check=False).returncode == 0
