"""The schema for editors, as JSON Schema 2020-12."""

from typing import Any

from gateway.config.schema.described import described
from gateway.config.schema.document import Configuration

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {"type": "string", "pattern": r"\$\{", "description": "A text with ${NAME} or ${NAME:-default} in it."}
# Where any of these stands, a variable could stand too without being what the keyword asks for.
_NARROW = ("enum", "const", "pattern", "format")
_KEYS_ONLY = ("propertyNames",)


def json_schema() -> dict[str, Any]:
    """The shape of the configuration and of every file it includes; all values may be variables."""
    schema = described(Configuration.model_json_schema(mode="validation"), Configuration)
    variables = {"variable": _VARIABLE}
    definitions = {name: _with_variables(it) for name, it in schema.pop("$defs").items()}
    shape = _with_variables(schema)
    return {"$schema": DIALECT, **shape, "title": "Image gateway configuration", "$defs": definitions | variables}


def _with_variables(schema: Any) -> Any:
    """The same schema, in which a variable may stand wherever not every text may."""
    if isinstance(schema, list):
        return [_with_variables(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    walked = {
        key: it if key in _KEYS_ONLY else _with_variables(it) for key, it in schema.items() if key not in ("default", "title")
    }
    if "patternProperties" in walked:
        walked["additionalProperties"] = False
    if schema.get("type") in ("integer", "number", "boolean") or any(keyword in schema for keyword in _NARROW):
        outside = {key: walked.pop(key) for key in ("description",) if key in walked}
        return outside | {"anyOf": [walked, {"$ref": "#/$defs/variable"}]}
    return walked
