"""The SQL of the stores, one file a statement, read once at import."""

import re
from importlib.resources import files

_FOLDER = files("gateway.stores").joinpath("sql")
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")
_COMMENT = re.compile(r"--[^\n]*")
# SQLite's planner is told what PostgreSQL's finds out.
_HINT = re.compile(r"\s+INDEXED BY \w+")
_ORDERED_JOIN = re.compile(r"CROSS JOIN (\w+ AS \w+\s+ON)")


def statement(name: str) -> str:
    """The text of ``sql/<name>.sql``."""
    return _FOLDER.joinpath(f"{name}.sql").read_text(encoding="utf-8")


def postgres_statement(name: str) -> str:
    """The text of ``sql/postgres/<name>.sql``, else of ``sql/<name>.sql``, in psycopg's words: ``:name`` is ``%(name)s``."""
    own = _FOLDER.joinpath("postgres", f"{name}.sql")
    text = own.read_text(encoding="utf-8") if own.is_file() else statement(name)
    return native(_ORDERED_JOIN.sub(r"JOIN \1", _HINT.sub("", _COMMENT.sub("", text))))


def native(sql: str) -> str:
    """With its parameters in psycopg's words."""
    return _PARAMETER.sub(r"%(\1)s", sql)
