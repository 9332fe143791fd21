"""The configuration as commands find it: where it is, and what it says."""

import os
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.app.clock import now
from gateway.config.change.last_good import Readable
from gateway.config.change.last_good import load_to_read as readable
from gateway.config.checks.schema_errors import validate
from gateway.config.load import Loaded, Secrets, load
from gateway.config.problem import ConfigInvalid
from gateway.config.schema.document import Admin, Configuration
from gateway.config.secrets.token_command import Tokens
from gateway.config.source.document import read_tree

DEFAULT_CONFIG = Path("config/gateway.yaml")


def load_config(
    path: Path | None,
    environment: Mapping[str, str] | None = None,
    *,
    tokens: Tokens | None = None,
    secrets: Secrets = Secrets.ALL,
) -> Loaded:
    """The configuration at ``path``, else at ``GATEWAY_CONFIG``, else the default; raises ``ConfigInvalid``.

    Only with ``tokens`` are commands run that print providers' keys; ``secrets`` says which must be there at all.
    """
    found = os.environ if environment is None else environment
    return load(_config_path(path, found), found, now().date(), tokens, secrets=secrets)


def load_to_read(path: Path | None, *, paths_only: bool = False) -> Readable:
    """The same to read the books with, as ``gateway.config.change.last_good`` has it."""
    return readable(_config_path(path, os.environ), os.environ, now().date(), paths_only=paths_only)


@dataclass(frozen=True, slots=True)
class AdminAddress:
    """Where a configuration has its gateway's admin plane.

    ``main`` is its main file, as the system knows it. ``doubt`` says why it does not tell the address, which is then the
    default's: good enough for a look, never for an order.
    """

    host: str
    port: int
    main: Path
    doubt: str = ""


def admin_address(path: Path | None) -> AdminAddress:
    """Read also where the rest of the configuration is invalid: then it is needed most."""
    main = _config_path(path, os.environ)
    tree = read_tree(main, os.environ)
    _, complaints = validate(tree.root)
    written = {} if (admin := tree.root.member("admin")) is None else admin.members()
    # What is not there could stand in a file that cannot be read, or under a name that is misspelled.
    known = Configuration.model_fields.keys() if "port" not in written else None
    doubts = sorted(it for it in (*tree.problems, *complaints) if _may_hide_the_admin_plane(it.path, known))
    said = Admin() if doubts else Admin.model_validate({name: member.node.plain() for name, member in written.items()})
    return AdminAddress(said.host, said.port, Path(os.path.realpath(main)), str(doubts[0]) if doubts else "")


def _may_hide_the_admin_plane(at: str, known: Container[str] | None) -> bool:
    section = at.partition(".")[0].partition("[")[0]
    return section == "admin" or (known is not None and (section == "include" or section not in known))


def ledger_url(path: Path | None) -> str | None:
    """``ledger.url`` as that configuration has it, whatever else is missing from it: to make tables needs nothing more.

    Raises ``ConfigInvalid`` where it may stand in what cannot be read.
    """
    tree = read_tree(_config_path(path, os.environ), os.environ)
    ledger = tree.root.member("ledger")
    url = None if ledger is None else ledger.member("url")
    if url is not None and isinstance(url.value, str):
        return url.value
    if hiding := [it for it in tree.problems if not tree.complete or it.path.startswith("ledger")]:
        raise ConfigInvalid(tuple(hiding))
    return None


def _config_path(path: Path | None, environment: Mapping[str, str]) -> Path:
    return path or Path(environment.get("GATEWAY_CONFIG", DEFAULT_CONFIG))
