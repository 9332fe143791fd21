"""Write the reference pages that the code itself knows: `make docs`. A test fails where they lag."""

from collections.abc import Mapping
from inspect import cleandoc
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.config.schema.described import descriptions
from gateway.config.schema.document import Configuration
from gateway.config.schema.written import Written

FOLDER = Path(__file__).parent
_INTRODUCTION = """# Configuration

Generated from the schema by `make docs`. `gateway schema` prints the same as JSON Schema for editors.

YAML, in one file or in several joined by `include:`. Every text may hold `${NAME}` or `${NAME:-default}`, replaced from the
environment; `$$` is one dollar. Unknown keys are errors. Mappings are by id: lower-case letters, digits, `-`, `.` and `_`.
`gateway check` names every mistake at once, each with file, line and column.
"""


def configuration_page() -> str:
    """All sections, each shape once, behind the first that holds it."""
    shapes: list[type[Written]] = [Configuration]
    parts = [_INTRODUCTION]
    for at, shape in enumerate(shapes, 1):
        inside: list[type[Written]] = []
        title = "The whole" if shape is Configuration else f"{shape.__name__}"
        parts.append(f"## {title}\n\n{cleandoc(shape.__doc__ or '')}\n\n| key | kind | default | meaning |\n|---|---|---|---|")
        said = descriptions(shape)
        for name, field in shape.model_fields.items():
            kind, inner = _kind(field.annotation)
            inside += [one for one in inner if one not in (*shapes, *inside)]
            parts.append(f"| `{name}` | {kind} | {_default(field)} | {said[name]} |")
        shapes[at:at] = inside
        parts.append("")
    return "\n".join(parts)


def _kind(annotation: Any) -> tuple[str, list[type[Written]]]:
    """A kind in words, and the shapes in it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(arguments[0])
    if origin in (Union, UnionType):
        return _kind(arguments[0])
    if origin is tuple:
        inner, shapes = _kind(arguments[0])
        return f"list of {inner}", shapes
    if origin in (dict, Mapping):
        inner, shapes = _kind(arguments[1])
        return f"{inner} by id", shapes
    if isinstance(annotation, type) and issubclass(annotation, Written):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})", [annotation]
    if arguments:
        return " or ".join(f"`{word}`" for word in arguments), []
    if hasattr(annotation, "__members__"):
        return " or ".join(f"`{word.value}`" for word in annotation), []
    return {"str": "text", "int": "whole number", "float": "number", "bool": "`true` or `false`"}.get(
        annotation.__name__, annotation.__name__.lower()
    ), []


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None or value is PydanticUndefined or isinstance(value, Written) or value in ((), {}):
        return "–"
    return ", ".join(f"`{_word(it)}`" for it in (value if isinstance(value, tuple) else (value,)))


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(getattr(value, "value", value))


if __name__ == "__main__":
    (FOLDER / "configuration.md").write_text(configuration_page())
