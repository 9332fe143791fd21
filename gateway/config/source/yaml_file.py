"""One YAML file, read into nodes: every value with its place, numbers exact, variables replaced."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode
from ruamel.yaml.reader import ReaderError

from gateway.config.problem import Path as KeyPath
from gateway.config.problem import Position, Problem
from gateway.config.source.interpolation import NotInterpolated, interpolated
from gateway.config.source.node import Member, Node, Scalar

# Far above any configuration a person keeps; they stop a wrong file and an alias that multiplies itself.
FILE_BYTES_MAX = 4 * 1024 * 1024
VALUES_MAX = 100_000
DEPTH_MAX = 32

# YAML gives these a meaning of their own inside ``${…}``. While it parses, characters of no meaning and the same width stand
# for them, so that a variable may stand wherever a value may, also in [lists] and {mappings}, and places stay right.
_SHIELD = {ord(character): 0xE000 + index for index, character in enumerate("{}[],:#")}
_UNSHIELD = {shield: character for character, shield in _SHIELD.items()}
_VARIABLE = re.compile(r"\$\{[^{}\n]*\}")

_CONSTANTS: dict[str, Scalar] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?[0-9]{1,15}")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,15}\.[0-9]{1,15}")
# ruamel.yaml 0.19 lets the last two out for escapes beyond Unicode and directives with endless numbers.
_PARSER_ERRORS = (YAMLError, OverflowError, ValueError)


class Unreadable(Exception):
    """Nothing of the file can be used."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def read_source(path: Path, environment: Mapping[str, str]) -> tuple[Node, list[Problem]]:
    """The file's mapping and what is wrong inside it; raises ``Unreadable`` where there is no mapping to be had."""
    start = Position(str(path), 1, 1)
    return _read(_text(path, start), start, environment)


def read_section(path: Path, name: str, environment: Mapping[str, str]) -> Member | None:
    """A top-level section alone, of a file that need not be YAML as a whole; ``None`` where there is none to be had."""
    start = Position(str(path), 1, 1)
    try:
        found = re.search(rf"^{name}:.*(?:\n(?:[ \t#].*)?)*", _text(path, start), re.MULTILINE)
        return None if found is None else _read(found[0], start, environment)[0].members().get(name)
    except Unreadable:
        return None


def _read(text: str, start: Position, environment: Mapping[str, str]) -> tuple[Node, list[Problem]]:
    try:
        found = _parser().compose(StringIO(_shielded(text)))
    except _PARSER_ERRORS as error:
        raise Unreadable(_syntax_problem(error, start, text)) from error
    if found is None:
        raise Unreadable(start.problem((), "the file is empty", "Write the configuration into it, or do not include it."))
    if not isinstance(found, MappingNode):
        raise Unreadable(start.problem((), "the file is not a mapping", "Begin with KEY: lines such as 'contracts:'."))
    reading = _Reading(start.file, environment)
    return reading.node(found, (), start), reading.problems


@dataclass(slots=True)
class _Reading:
    """Turns one file's YAML nodes into ours and collects what is wrong with them."""

    file: str
    environment: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    values: int = 0

    def node(self, found: YamlNode, path: KeyPath, key_at: Position) -> Node:
        at = self._position(found)
        self.values += 1
        if len(path) > DEPTH_MAX or self.values > VALUES_MAX:
            if self.values <= VALUES_MAX + 1:
                what = f"the file has more than {DEPTH_MAX} levels or {VALUES_MAX} values"
                self._report(at, path, what, "Remove the nesting or the alias that repeats itself.")
                self.values = max(self.values, VALUES_MAX + 1)
            return Node(None, at, broken=True)
        if isinstance(found, MappingNode):
            return Node(self._members(found, path), at)
        if isinstance(found, SequenceNode):
            return Node(tuple(self.node(item, (*path, index), at) for index, item in enumerate(found.value)), at)
        scalar = found if isinstance(found, ScalarNode) else ScalarNode(found.tag, "")
        return self._scalar(scalar, path, at if scalar.value or scalar.style else key_at)

    def _members(self, found: MappingNode, path: KeyPath) -> dict[str, Member]:
        members: dict[str, Member] = {}
        for key_node, value_node in found.value:
            key_at = self._position(key_node)
            if not isinstance(key_node, ScalarNode):
                self._report(key_at, path, "a key must be a text", "Write KEY: VALUE.")
                continue
            key = str(key_node.value).translate(_UNSHIELD)
            if key in members:
                first = members[key].key_at
                what = f"the key '{key}' was already written at line {first.line}, column {first.column}"
                self._report(key_at, (*path, key), what, "Keep one of the two.")
                continue
            members[key] = Member(key_at, self.node(value_node, (*path, key), key_at))
        return members

    def _scalar(self, found: ScalarNode, path: KeyPath, at: Position) -> Node:
        tag = str(found.tag)
        if not tag.startswith("tag:yaml.org,2002:"):
            self._report(at, path, "YAML tags are not used here", "Remove the word that begins with '!'.")
            return Node(None, at, broken=True)
        try:
            text, from_environment = interpolated(str(found.value).translate(_UNSHIELD), self.environment)
        except NotInterpolated as error:
            self._report(at, path, error.what, error.fix)
            return Node(None, at, broken=True)
        quoted = bool(found.style)
        return Node(text if quoted else _typed(text), at, hidden=from_environment)

    def _position(self, found: YamlNode) -> Position:
        return Position(self.file, found.start_mark.line + 1, found.start_mark.column + 1)

    def _report(self, at: Position, path: KeyPath, what: str, fix: str) -> None:
        self.problems.append(at.problem(path, what, fix))


def _parser() -> YAML:
    parser = YAML(typ="safe", pure=True)
    parser.max_depth = DEPTH_MAX
    parser.composer.warn_double_anchors = False
    return parser


def _shielded(text: str) -> str:
    return _VARIABLE.sub(lambda variable: variable[0].translate(_SHIELD), text)


def _typed(text: str) -> Scalar:
    """A plain scalar's value by YAML 1.2; dates stay texts, and numbers of unusual form do too."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return Decimal(text) if _DECIMAL.fullmatch(text) else text


def _text(path: Path, start: Position) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is not valid"
        raise Unreadable(
            start.problem((), f"the file cannot be read: {reason}", "Check the path and its permissions.")
        ) from error
    if len(content) > FILE_BYTES_MAX:
        raise Unreadable(start.problem((), f"the file is larger than {FILE_BYTES_MAX} bytes", "Is it a configuration file?"))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        at = Position(start.file, line, error.start - content.rfind(b"\n", 0, error.start))
        raise Unreadable(at.problem((), "the file is not UTF-8 text", "Save it in the encoding UTF-8.")) from error


def _syntax_problem(error: Exception, start: Position, text: str) -> Problem:
    fix = "Check indentation, quotes, colons and brackets at this place and just before it."
    if isinstance(error, ReaderError):
        before = text[: error.position]
        at = Position(start.file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        return at.problem((), "not valid YAML: a control character", "Remove it.")
    if not isinstance(error, MarkedYAMLError):
        return start.problem((), "not valid YAML", fix)
    mark = error.problem_mark or error.context_mark
    at = start if mark is None else Position(start.file, mark.line + 1, mark.column + 1)
    if isinstance(error, MaxDepthExceededError):
        return at.problem((), f"the file has more than {DEPTH_MAX} levels", "Remove the nesting.")
    reason = ", ".join(part for part in (error.context, error.problem) if part)
    return at.problem((), f"not valid YAML: {' '.join(reason.split())}", fix)
