"""The SQL of the stores, one file a statement, read once at import."""

from importlib.resources import files

_FOLDER = files("gateway.stores").joinpath("sql")


def statement(name: str) -> str:
    """The text of ``sql/<name>.sql``."""
    return _FOLDER.joinpath(f"{name}.sql").read_text(encoding="utf-8")
