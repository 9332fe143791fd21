"""Starting the gateway: fast, and with a clear message before any port opens where it cannot."""

import resource
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.integration.programs import CONFIG, ROOT, run, start

FREE = {"GATEWAY_PORT": "0", "GATEWAY_ADMIN_PORT": "0"}


def test_litellm_is_installed_and_not_imported() -> None:
    """It takes seconds to import, and no route here needs it."""
    assert find_spec("litellm") is not None
    code = "import sys, gateway.cli.serving.serve; print([name for name in ('litellm', 'openai') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    """The message names the address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run("serve", str(CONFIG), environment=FREE | {"GATEWAY_PORT": port, "GATEWAY_LEDGER": str(tmp_path / "l")})
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unwritable_ledger_is_said(tmp_path: Path) -> None:
    """Nothing is served that cannot be booked."""
    (tmp_path / "file").write_text("")
    done = run("serve", str(CONFIG), environment=FREE | {"GATEWAY_LEDGER": str(tmp_path / "file" / "ledger.sqlite")})
    assert done.returncode == 1
    assert str(tmp_path / "file") in done.stderr
    assert "Traceback" not in done.stderr
    assert "listening" not in done.stdout


def test_two_gateways_do_not_share_a_ledger(tmp_path: Path) -> None:
    """The second one says who is in its way."""
    environment = FREE | {"GATEWAY_LEDGER": str(tmp_path / "ledger.sqlite")}
    first = start("serve", str(CONFIG), log=tmp_path / "log", environment=environment)
    done = run("serve", str(CONFIG), environment=environment)
    assert first.stop() == 0
    assert done.returncode == 1
    assert "ledger.sqlite" in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [("server: [", "gateway.yaml:1:"), ("server: {port: ${GATEWAY_TEST_UNSET}}", "GATEWAY_TEST_UNSET"), ("", "gateway.yaml:1:")],
)
def test_a_bad_configuration_is_said(tmp_path: Path, text: str, words: str) -> None:
    """With the place, and without opening a port."""
    (tmp_path / "gateway.yaml").write_text(text)
    done = run("serve", str(tmp_path / "gateway.yaml"))
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_missing_configuration_is_said(tmp_path: Path) -> None:
    """By its path."""
    done = run("serve", str(tmp_path / "none.yaml"))
    assert done.returncode == 1
    assert "none.yaml" in done.stderr


def test_without_the_simulator_s_packages_the_rest_works(tmp_path: Path) -> None:
    """A production install has no Pillow: simulate says what is missing, and help lists every command."""
    (tmp_path / "PIL.py").write_text("raise ModuleNotFoundError('No module', name='PIL')")
    environment = {"PYTHONPATH": str(tmp_path)}
    assert "serve" in run("--help", environment=environment).stdout
    done = run("simulate", environment=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert "image-gateway[simulator]" in done.stderr


def test_the_gateway_takes_all_files_that_it_may_open(tmp_path: Path) -> None:
    """A thousand jobs in flight need two thousand: the usual soft limit would turn them away."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        gateway = start("serve", str(CONFIG), log=tmp_path / "log", environment=FREE | {"GATEWAY_LEDGER": str(tmp_path / "l")})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE)[0] == hard
    gateway.stop()
