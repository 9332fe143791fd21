"""The schema for editors."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from gateway.config.schema.json_schema import json_schema
from tests.unit.config.samples import BROKEN, PARTS, ROOT

FILES = sorted([*(ROOT / "config").rglob("*.yaml"), *PARTS.glob("*.yaml")])


def _read(path: Path) -> Any:
    return _dates_as_texts(YAML(typ="safe", pure=True).load(path))


def _dates_as_texts(value: Any) -> Any:
    """An editor's YAML 1.2 has no dates."""
    match value:
        case dict():
            return {str(key): _dates_as_texts(it) for key, it in value.items()}
        case list():
            return [_dates_as_texts(it) for it in value]
        case date():
            return value.isoformat()
    return value


def test_it_is_a_json_schema() -> None:
    """Of the dialect 2020-12."""
    assert json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_accepts_what_the_gateway_accepts(path: Path) -> None:
    """Every file of the repository's configuration, included ones and variables too."""
    Draft202012Validator(json_schema()).validate(_read(path))


@pytest.mark.parametrize("name", ["misspelled_key", "missing_key", "plain_key"])
def test_it_finds_mistakes_of_form(name: str) -> None:
    """An editor marks them before anybody runs a check."""
    assert not Draft202012Validator(json_schema()).is_valid(_read(BROKEN / f"{name}.yaml"))


def test_every_key_is_described() -> None:
    """An editor can say what a key means."""
    undescribed = [path for path, it in _properties(json_schema()) if "description" not in it and "$ref" not in it]
    assert not undescribed


def _properties(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for owner, definition in [("", schema), *schema["$defs"].items()]:
        for name, it in definition.get("properties", {}).items():
            yield f"{owner}.{name}", it
