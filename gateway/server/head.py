"""A request's headers by name."""

from starlette.types import Scope


def head_of(scope: Scope) -> dict[str, str]:
    """By lower-case name; what was sent several times is joined by commas, as HTTP says (RFC 9110, 5.3)."""
    head: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        head[name] = f"{head[name]}, {value}" if name in head else value
    return head
