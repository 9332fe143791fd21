"""The configuration as commands find it: where it is, and what it says."""

import os
from collections.abc import Mapping
from pathlib import Path

from gateway.app.clock import now
from gateway.config import Loaded, Tokens, load
from gateway.config.schema import Admin
from gateway.config.tree import read_tree

DEFAULT_CONFIG = Path("config/gateway.yaml")


def load_config(path: Path | None, environment: Mapping[str, str] | None = None, *, tokens: Tokens | None = None) -> Loaded:
    """The configuration at ``path``, else at ``GATEWAY_CONFIG``, else the default; raises ``ConfigInvalid``.

    Only with ``tokens`` are commands run that print providers' keys.
    """
    found = os.environ if environment is None else environment
    return load(_config_path(path, found), found, now().date(), tokens)


def admin_address(path: Path | None) -> tuple[str, int]:
    """Host and port of the admin plane as that configuration has them, also where it is invalid: then it is needed most."""
    admin = read_tree(_config_path(path, os.environ), os.environ).root.member("admin")
    host, port = (None if admin is None or (node := admin.member(name)) is None else node.value for name in ("host", "port"))
    return host if isinstance(host, str) else Admin().host, port if isinstance(port, int) else Admin().port


def ledger_url(path: Path | None) -> str | None:
    """``ledger.url`` as that configuration has it, whatever else is missing from it: to make tables needs nothing more."""
    ledger = read_tree(_config_path(path, os.environ), os.environ).root.member("ledger")
    url = None if ledger is None else ledger.member("url")
    return url.value if url is not None and isinstance(url.value, str) else None


def _config_path(path: Path | None, environment: Mapping[str, str]) -> Path:
    return path or Path(environment.get("GATEWAY_CONFIG", DEFAULT_CONFIG))
