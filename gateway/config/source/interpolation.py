"""``${NAME}`` and ``${NAME:-default}`` inside the configuration's texts, as a shell reads them; ``$$`` is one dollar."""

import re
from collections.abc import Mapping

NOT_SET = "is not set"
_TOKEN = re.compile(r"\$\$|\$\{(?P<inside>[^}]*)(?P<end>\}?)")
_INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-.*)?", re.DOTALL)


class NotInterpolated(Exception):
    """A variable that is not set, or a ``${`` that is malformed. ``what`` and ``fix`` name the variable, never a value."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


def interpolated(text: str, environment: Mapping[str, str]) -> tuple[str, bool]:
    """``text`` with its variables replaced, and whether it had any; raises ``NotInterpolated``.

    A default stands in for a variable that is unset or empty. What a variable holds is not interpolated again.
    """
    from_environment = False

    def value(token: re.Match[str]) -> str:
        nonlocal from_environment
        if token[0] == "$$":
            return "$"
        from_environment = True
        return _value(token, environment)

    return _TOKEN.sub(value, text), from_environment


def _value(token: re.Match[str], environment: Mapping[str, str]) -> str:
    inside = _INSIDE.fullmatch(token["inside"])
    if not token["end"] or inside is None:
        what = "'${' is not closed" if not token["end"] else "the name inside '${…}' is not that of an environment variable"
        raise NotInterpolated(what, "Write ${NAME} or ${NAME:-default}; a literal dollar is $$.")
    name, default = inside["name"], inside["default"]
    found = environment.get(name, "")
    if found:
        return found
    if default is not None:
        return default.removeprefix(":-")
    if name in environment:
        return ""
    raise NotInterpolated(f"the environment variable {name} {NOT_SET}", f"Set it, or give a default: ${{{name}:-default}}.")
