"""Checks what was written against the schema, and says in plain words and with places what does not fit."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.config.problem import Path, Problem
from gateway.config.schema.described import descriptions
from gateway.config.schema.document import Configuration
from gateway.config.schema.field import MISTAKE
from gateway.config.schema.written import Written
from gateway.config.source.node import Node, find, key_position
from gateway.config.suggestion import nearest, suggestion

_KEY = "[key]"


def validate(root: Node) -> tuple[Configuration | None, tuple[Problem, ...]]:
    """The configuration, or all that keeps it from being one."""
    try:
        return Configuration.model_validate(root.plain()), ()
    except ValidationError as error:
        return None, tuple(_problems(root, error.errors(include_url=False, include_input=False)))


def _problems(root: Node, errors: list[ErrorDetails]) -> Iterator[Problem]:
    misspelled = _misspelled(errors)
    for error in errors:
        path = _written_path(error["loc"])
        node = find(root, path)
        if _reported_already(error, path, node) or path in misspelled.values():
            continue
        what, fix = _words(error, path, node)
        if error["type"] == "extra_forbidden":
            fix = f"Did you mean '{misspelled[path][-1]}'?" if path in misspelled else _known_keys(path)
        on_key = error["type"] in ("extra_forbidden", "missing") or error["loc"][-1:] == (_KEY,) or node is None
        at = key_position(root, path) if on_key or node is None else node.at
        yield at.problem(path, what, fix)


def _written_path(loc: Path) -> Path:
    return loc[:-1] if loc[-1:] == (_KEY,) else loc


def _reported_already(error: ErrorDetails, path: Path, node: Node | None) -> bool:
    """Values that could not be read were reported when reading; a list of faulty items is not also too short."""
    if node is None:
        return False
    return node.broken or (error["type"] == "too_short" and bool(node.items() or node.members()))


def _misspelled(errors: list[ErrorDetails]) -> dict[Path, Path]:
    """Unknown keys that are almost a known one, with what they probably mean; each known key is meant once."""
    meant: dict[Path, Path] = {}
    for error in errors:
        path: Path = error["loc"]
        if error["type"] == "extra_forbidden":
            near = nearest(str(path[-1]), _keys_at(path[:-1]))
            if near is not None and (*path[:-1], near) not in meant.values():
                meant[path] = (*path[:-1], near)
    return meant


def _known_keys(path: Path) -> str:
    return suggestion(str(path[-1]), _keys_at(path[:-1]), kind="keys")


def _words(error: ErrorDetails, path: Path, node: Node | None) -> tuple[str, str]:
    kind, context = error["type"], error.get("ctx", {})
    if kind == MISTAKE:
        return str(context["what"]), str(context["fix"])
    if kind == "missing":
        return "is missing", f"Add '{path[-1]}': {_description(path)}"
    if kind == "extra_forbidden":
        return "is not a known key", ""
    if node is not None and node.value is None:
        return "has no value", _EXPECTED.get(kind, ("", "Write one."))[1]
    if kind in ("enum", "literal_error"):
        return "is not one of the words that are possible here", f"Write one of: {_one_of(str(context['expected']), node)}"
    if kind in _BOUNDS:
        what, bounded = _BOUNDS[kind]
        return what, bounded(context)
    what, fix = _EXPECTED.get(kind, ("is not valid", "Compare it with 'gateway schema'."))
    if kind == "string_type" and node is not None and isinstance(node.value, bool | int | Decimal):
        return what, "Put it in quotes."
    return what, fix


def _one_of(expected: str, node: Node | None) -> str:
    """The words, and the one that is probably meant."""
    words = expected.replace("'", "").replace(" or ", ", ").split(", ")
    written = None if node is None or node.hidden else node.text()
    near = nearest(written, words) if written else None
    return f"{', '.join(words)}." + (f" Did you mean '{near}'?" if near else "")


_EXPECTED = {
    "string_type": ("must be a text", "Write a text."),
    "string_unicode": ("holds what is no character", "Remove it."),
    "int_type": ("must be a whole number", "Write digits without quotes."),
    "bool_type": ("must be true or false", "Write true or false without quotes."),
    "tuple_type": ("must be a list", "Write each item on a line of its own after '- '."),
    "dict_type": ("must be a mapping", "Write KEY: VALUE lines, indented, under it."),
    "model_type": ("must be a mapping", "Write KEY: VALUE lines, indented, under it."),
    "too_short": ("must not be empty", "Write at least one."),
    "string_too_short": ("must not be empty", "Write a text; where nothing is known, write unknown."),
}
_BOUNDS: dict[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "greater_than": ("is too small", lambda bound: f"Write more than {_number(bound['gt'])}."),
    "greater_than_equal": ("is too small", lambda bound: f"Write at least {_number(bound['ge'])}."),
    "less_than_equal": ("is too large", lambda bound: f"Write at most {_number(bound['le'])}."),
    "too_long": ("has too many items", lambda bound: f"Keep at most {bound['max_length']}."),
    "string_too_long": ("is too long", lambda bound: f"Write at most {bound['max_length']} characters."),
}


def _number(bound: object) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def _keys_at(path: Path) -> tuple[str, ...]:
    """The keys that the schema knows at ``path``."""
    model = _model_at(path)
    return () if model is None else tuple(model.model_fields)


def _description(path: Path) -> str:
    """What the schema says of the field at ``path``, as a sentence that follows a colon."""
    model = _model_at(path[:-1])
    said = "" if model is None else descriptions(model).get(str(path[-1]), "")
    return said[:1].lower() + said[1:]


def _model_at(path: Path) -> type[Written] | None:
    found: Any = Configuration
    for part in path:
        if isinstance(found, type) and issubclass(found, Written):
            field = found.model_fields.get(str(part))
            found = None if field is None else _bare(field.annotation)
        else:
            arguments = get_args(found)
            found = _bare(arguments[0 if isinstance(part, int) else -1]) if arguments else None
    return found if isinstance(found, type) and issubclass(found, Written) else None


def _bare(annotation: Any) -> Any:
    """The annotation without ``Annotated`` and without ``| None``."""
    while get_origin(annotation) is Annotated or get_origin(annotation) in (Union, UnionType):
        annotation = get_args(annotation)[0]
    return annotation
