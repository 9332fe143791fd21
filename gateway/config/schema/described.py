"""What is said of each key: the docstring under its field. It is read from the source when asked for, as that takes its time."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from inspect import cleandoc, getsource
from itertools import pairwise
from textwrap import dedent
from typing import Any

from gateway.config.schema.written import Written


@cache
def descriptions(shape: type[Written]) -> Mapping[str, str]:
    """Of all keys of a mapping, those that it has in common with others included."""
    found: dict[str, str] = {}
    for base in reversed(shape.__mro__):
        if issubclass(base, Written):
            [definition] = ast.parse(dedent(getsource(base))).body
            found |= dict(_docstrings(definition))
    return found


def described(schema: dict[str, Any], root: type[Written]) -> dict[str, Any]:
    """A JSON schema of ``root`` with the descriptions of all keys in it."""
    shapes = {it.__name__: it for it in _all(Written)}
    parts = [(root, schema), *((shapes[name], it) for name, it in schema["$defs"].items() if name in shapes)]
    for shape, part in parts:
        for name, said in descriptions(shape).items():
            part["properties"][name]["description"] = said
    return schema


def _docstrings(definition: Any) -> Iterator[tuple[str, str]]:
    for field, said in pairwise(definition.body):
        if isinstance(field, ast.AnnAssign) and isinstance(said, ast.Expr) and isinstance(said.value, ast.Constant):
            assert isinstance(field.target, ast.Name)  # noqa: S101 -- a class body has no other
            yield field.target.id, cleandoc(str(said.value.value))


def _all(shape: type[Written]) -> Iterator[type[Written]]:
    for it in shape.__subclasses__():
        yield it
        yield from _all(it)
