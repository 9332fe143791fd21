"""A command imports what it uses: what it must not import is named, because seconds differ from machine to machine."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from gateway.cli import COMMANDS, _Command, _Group
from tests.unit.config.samples import base

# What takes long to import, and who needs it.
HEAVY = {
    "aiohttp", "alembic", "cryptography", "fastapi", "httpx", "httpx2", "joserfc", "litellm", "openai", "PIL",
    "prometheus_client", "psycopg", "pyarrow", "redis", "sqlalchemy", "starlette", "structlog", "uvicorn", "uvloop",
}  # fmt: skip
_RUN = """
import json, sys
sys.argv = ["gateway", *sys.argv[1:]]
from gateway.cli import main
try:
    main()
except SystemExit:
    pass
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def imported(config: Path, *arguments: str) -> set[str]:
    """The top-level modules that a command has imported at its end."""
    environment = {"GATEWAY_CONFIG": str(config), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments], capture_output=True, text=True, env=environment, cwd=config.parent, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return base(tmp_path)


@pytest.mark.parametrize("asked", ["--help", "--version"])
def test_who_asks_for_help_or_the_version_waits_for_no_configuration(config: Path, asked: str) -> None:
    """The list of commands is made of their names and first sentences."""
    assert imported(config, asked) & (HEAVY | {"gateway.config", "ruamel", "msgspec"}) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["spend"],
        ["requests"],
        ["masked"],
        ["budgets"],
        ["evidence", "gw_1"],
        ["providers"],
        ["explain", "--model", "gpt-image-2"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_reader_imports_neither_servers_nor_databases_that_are_not_configured(config: Path, arguments: list[str]) -> None:
    """No HTTP server or client, no PostgreSQL, no cryptography, no provider's SDK."""
    assert imported(config, *arguments) & HEAVY == set()


def test_a_gateway_imports_only_what_its_configuration_uses(config: Path) -> None:
    """One that serves from SQLite, alone, and signs nothing: neither PostgreSQL nor Redis, neither litellm nor OpenAI's SDK."""
    unused = {"alembic", "litellm", "openai", "PIL", "psycopg", "pyarrow", "redis", "sqlalchemy", "joserfc"}
    assert imported(config, "serve", "--help") & unused == set()


def test_what_is_said_of_a_command_in_the_list_is_what_it_says_itself() -> None:
    """The list has the sentences beside the names, so that it need not import them."""

    def walk(commands: object) -> None:
        assert isinstance(commands, dict)
        for name, found in commands.items():
            if isinstance(found, _Group):
                walk(found.commands)
                continue
            assert isinstance(found, _Command)
            module, _, function = found.place.partition(":")
            said = getattr(import_module(module), function or name).__doc__.strip().split("\n\n")[0]
            assert " ".join(said.split()) == found.help, name

    walk(COMMANDS)
