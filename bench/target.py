"""What is compared: the gateway, its peers, and no gateway at all; how each is started and spoken to."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from string import Template

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "bench" / ".peers"
CONFIGS = ROOT / "bench" / "peers"
START_S_MAX = 120
_UPSTREAM_KEY = "sk-bench-0000-not-a-secret"
_GATEWAY_KEY = "igw_bench_0000_not_a_secret"
_LITELLM = PEERS / "litellm" / "bin"
_PORTKEY = PEERS / "portkey" / "node_modules" / "@portkey-ai" / "gateway"


@dataclass(frozen=True)
class Place:
    """Where a target is to listen, what it is to call, and where it may write."""

    port: int
    upstream_port: int
    folder: Path


@dataclass(frozen=True)
class Target:
    """``command`` is what to run, ``None`` where the client calls the upstream itself.

    ``missing`` says why it cannot be run, ``version`` and ``setting`` what was run.
    """

    name: str
    setting: str
    version: Callable[[], str]
    missing: Callable[[], str | None] = lambda: None
    command: Callable[[Place], list[str]] | None = None
    environment: Callable[[Place], dict[str, str]] = lambda _: {}
    headers: Callable[[Place], Mapping[str, str]] = lambda _: {"authorization": f"Bearer {_UPSTREAM_KEY}"}


def environment_of(target: Target, place: Place) -> dict[str, str]:
    """The variables of its process. Python may keep what it compiled: LiteLLM imports while it serves."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return own | target.environment(place)


def _gateway_environment(place: Place) -> dict[str, str]:
    return {
        "BENCH_PORT": str(place.port),
        "BENCH_FOLDER": str(place.folder),
        "BENCH_UPSTREAM": f"http://127.0.0.1:{place.upstream_port}",
        "BENCH_UPSTREAM_KEY": _UPSTREAM_KEY,
    }


def _nginx_command(place: Place) -> list[str]:
    text = Template((CONFIGS / "nginx.conf").read_text())
    written = place.folder / "nginx.conf"
    written.write_text(text.substitute(PORT=place.port, UPSTREAM=f"127.0.0.1:{place.upstream_port}"))
    return ["nginx", "-p", str(place.folder), "-c", str(written), "-e", "error.log", "-g", "daemon off;"]


def _litellm_environment(place: Place) -> dict[str, str]:
    return {
        "BENCH_UPSTREAM_V1": f"http://127.0.0.1:{place.upstream_port}/v1",
        "BENCH_UPSTREAM_KEY": _UPSTREAM_KEY,
        "LITELLM_MASTER_KEY": _UPSTREAM_KEY,
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "NO_DOCS": "True",
        "DISABLE_ADMIN_UI": "True",
    }


def _litellm_command(place: Place) -> list[str]:
    config = str(CONFIGS / "litellm.yaml")
    address = ["--host", "127.0.0.1", "--port", str(place.port)]
    return [str(_LITELLM / "litellm"), "--config", config, *address, "--num_workers", "1", "--telemetry", "False"]


def _portkey_headers(place: Place) -> dict[str, str]:
    host = f"http://127.0.0.1:{place.upstream_port}/v1"
    return {"authorization": f"Bearer {_UPSTREAM_KEY}", "x-portkey-provider": "openai", "x-portkey-custom-host": host}


def _gateway_version() -> str:
    commit = _said("git", "-C", str(ROOT), "describe", "--always", "--dirty")
    return f"{version('image-gateway')} ({commit}), Python {sys.version.split()[0]}, httptools {version('httptools')}"


def _litellm_version() -> str:
    code = "import sys, importlib.metadata as m; print(m.version('litellm') + ', Python ' + sys.version.split()[0])"
    return _said(str(_LITELLM / "python"), "-c", code)


def _portkey_version() -> str:
    return f"{json.loads((_PORTKEY / 'package.json').read_text())['version']}, Node {_said('node', '--version')}"


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return (done.stdout + done.stderr).strip() or "unknown"


def _unless(there: Callable[[], object], otherwise: str) -> Callable[[], str | None]:
    return lambda: None if there() else otherwise


TARGETS = (
    Target(
        "direct",
        "the client calls the upstream: the most that the bench itself can do",
        version=lambda: f"uvloop {version('uvloop')}",
    ),
    Target(
        "gateway",
        "as shipped: keys, routing, ledger with `synchronous: full`, tag, log to a file, metrics",
        version=_gateway_version,
        command=lambda _: [sys.executable, "-m", "gateway", "serve", str(CONFIGS / "gateway.yaml")],
        environment=_gateway_environment,
        headers=lambda _: {"authorization": f"Bearer {_GATEWAY_KEY}"},
    ),
    Target(
        "nginx",
        "1 worker, proxy buffering off both ways, keepalive 512; no keys, no books, reads no body",
        version=lambda: _said("nginx", "-v").rpartition("/")[2],
        missing=_unless(lambda: shutil.which("nginx"), "not installed, left out"),
        command=_nginx_command,
    ),
    Target(
        "litellm",
        "proxy, 1 worker, production settings, opentelemetry-sdk added, master key; no database, so no virtual keys and no spend",
        version=_litellm_version,
        missing=_unless((_LITELLM / "litellm").exists, "not installed (`make bench` installs it), left out"),
        command=_litellm_command,
        environment=_litellm_environment,
    ),
    Target(
        "portkey",
        "npm package, headless, `NODE_ENV=production`; no keys of its own, no books",
        version=_portkey_version,
        missing=_unless(lambda: _PORTKEY.exists() and shutil.which("node"), "not installed (needs Node and npm), left out"),
        command=lambda place: ["node", str(_PORTKEY / "build" / "start-server.js"), f"--port={place.port}", "--headless"],
        environment=lambda _: {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "localhost,127.0.0.1"},
        headers=_portkey_headers,
    ),
)
