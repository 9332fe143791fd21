"""Reading one member of a request: its type, its range, and OpenAI's words where they are wrong."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.core.request.body_field import json_type
from gateway.simulator.refusal import Refusal

_INTEGER = re.compile(r"-?[0-9]{1,9}")
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Members:
    """``form``: the values came as texts of a multipart form. ``null`` counts as omitted for every optional member."""

    values: Mapping[str, object]
    form: bool = False

    def required_text(self, name: str) -> str:
        """A text that is not empty; raises ``Refusal``."""
        if name not in self.values:
            raise missing(name)
        value = self.values[name]
        if not isinstance(value, str):
            raise wrong_type(name, "a string", value)
        if not value:
            message = f"Invalid '{name}': empty string. Expected a string with minimum length 1, but got an empty string instead."
            raise Refusal(message, param=name, code="empty_string")
        return value

    def text(self, name: str, default: str) -> str:
        """Any text; raises ``Refusal``."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise wrong_type(name, "a string", value)
        return value

    def choice(self, name: str, options: Sequence[str], default: str) -> str:
        """One of the options; raises ``Refusal``, which lists them in their order."""
        value = self.text(name, default)
        if value not in options:
            raise Refusal(
                f"Invalid value: '{value}'. Supported values are: {_listed(options)}.", param=name, code="invalid_value"
            )
        return value

    def integer(self, name: str, low: int, high: int, default: int) -> int:
        """A whole number in ``[low, high]``; raises ``Refusal``."""
        value = self.values.get(name)
        if value is None:
            return default
        if self.form and isinstance(value, str):
            if not _INTEGER.fullmatch(value):
                raise _inconvertible(name, "an integer")
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong_type(name, "an integer", value)
        if value < low:
            message = f"Invalid '{name}': integer below minimum value. Expected a value >= {low}, but got {value} instead."
            raise Refusal(message, param=name, code="integer_below_min_value")
        if value > high:
            message = f"Invalid '{name}': integer above maximum value. Expected a value <= {high}, but got {value} instead."
            raise Refusal(message, param=name, code="integer_above_max_value")
        return value

    def boolean(self, name: str) -> bool:
        """``false`` where omitted; raises ``Refusal``."""
        value = self.values.get(name)
        if value is None:
            return False
        if self.form and isinstance(value, str):
            if value not in _BOOLEANS:
                raise _inconvertible(name, "a boolean")
            value = _BOOLEANS[value]
        if not isinstance(value, bool):
            raise wrong_type(name, "a boolean", value)
        return value


def missing(name: str) -> Refusal:
    """The refusal of a request without a required member."""
    return Refusal(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")


def wrong_type(name: str, expected: str, value: object) -> Refusal:
    """The refusal of a value of another JSON type."""
    message = f"Invalid type for '{name}': expected {expected}, but got {json_type(value)} instead."
    return Refusal(message, param=name, code="invalid_type")


def _inconvertible(name: str, expected: str) -> Refusal:
    what = f"expected {expected}, but got a string value that could not be converted into {expected}"
    return Refusal(f"Invalid type for '{name}': {what}.", param=name, code="invalid_type")


def _listed(options: Sequence[str]) -> str:
    quoted = [f"'{option}'" for option in options]
    return " and ".join(quoted) if len(quoted) < 3 else f"{', '.join(quoted[:-1])}, and {quoted[-1]}"
