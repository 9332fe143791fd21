"""What is wrong with a configuration: where, what, and what would be right."""

import pathlib
from dataclasses import dataclass

from gateway.core.redaction.secrets import redact

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake at ``file:line:column`` (1-based). Its texts never hold a credential or an interpolated value."""

    file: str
    line: int
    column: int
    path: str
    what: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.path}: {self.what}. {self.fix}" if self.path else f"{place}: {self.what}. {self.fix}"


class ConfigInvalid(Exception):
    """The configuration cannot run. Carries all its problems, in the order of files, lines and columns.

    ``looked_at`` are the paths at which an edit could mend it.
    """

    def __init__(self, problems: tuple[Problem, ...], looked_at: tuple[pathlib.Path, ...] = ()) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems, self.looked_at = problems, looked_at


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file, 1-based."""

    file: str
    line: int
    column: int

    def problem(self, path: Path, what: str, fix: str) -> Problem:
        """The mistake at this place. ``what`` and ``fix`` are without the final and with the final full stop."""
        return Problem(self.file, self.line, self.column, _shown(path_text(path)), _shown(what), _shown(fix))


def _shown(text: str) -> str:
    """Without secrets, and without characters that could command a terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in redact(text))


def path_text(path: Path) -> str:
    """``contracts.openai-direct.limits.recorded[0].value``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
