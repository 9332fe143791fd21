"""A request's headers by name."""

from starlette.types import Scope


def head_of(scope: Scope) -> dict[str, str]:
    """By lower-case name; what was sent several times is joined by commas, as HTTP says (RFC 9110, 5.3)."""
    head: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        head[name] = f"{head[name]}, {value}" if name in head else value
    return head


def as_get(scope: Scope) -> Scope:
    """HEAD is asked as GET, whose answer's body the listener leaves out (RFC 9110, 9.3.2)."""
    return {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
