"""Checks of what each dialect needs: an address of the one, and of litellm's routes what it would drop in silence.

Works on what was written; a part of the wrong form is the schema's to report and is passed over here.
"""

from collections.abc import Iterator
from importlib.util import find_spec

from gateway.config.node import Node, entries, find, key_position
from gateway.config.problem import Problem

DIALECT = "litellm"
_WITH_ADDRESS = ("openai", "openrouter")


def check_dialects(root: Node) -> tuple[Problem, ...]:
    """Addresses and packages that are missing, and routes that do not say what their provider honours."""
    found = [
        (member.node.member("dialect") or member.node).at.problem(
            ("providers", name, "base_url"), "is missing", "Write where its API begins, such as https://api.openai.com/v1."
        )
        for name, member in entries(root, "providers")
        if _dialect(member.node) in _WITH_ADDRESS and member.node.member("base_url") is None
    ]
    bridged = {name: member.node for name, member in entries(root, "providers") if _dialect(member.node) == DIALECT}
    if bridged and find_spec(DIALECT) is None:
        for name, node in bridged.items():
            path = ("providers", name, "dialect")
            what, fix = "litellm is not installed", "Install it (pip install litellm), or serve this provider another way."
            found.append((node.member("dialect") or node).at.problem(path, what, fix))
    for name, member in entries(root, "routes"):
        provider = member.node.member("provider")
        if provider is not None and provider.text() in bridged:
            found += _of_route(root, name, member.node)
    return tuple(found)


def _of_route(root: Node, name: str, route: Node) -> Iterator[Problem]:
    operations, model = route.member("operations"), route.member("upstream_model")
    if operations is None or [item.text() for item in operations.items()] != ["generation"]:
        path = ("routes", name, "operations")
        at = operations.at if operations is not None else key_position(root, ("routes", name))
        yield at.problem(path, "litellm serves generations only", "Write operations: [generation].")
    own = route.member("capabilities")
    entry = None if model is None else find(root, ("catalogue", model.text() or "", "capabilities"))
    streams = [it.member("stream") for it in (own, entry) if it is not None]
    if not any(stream is not None and stream.plain() is False for stream in streams):
        path = ("routes", name, "capabilities")
        at = own.at if own is not None else key_position(root, ("routes", name))
        what = "nothing says what a provider behind litellm honours, and what it does not would be dropped in silence"
        yield at.problem(path, what, "Declare capabilities: stream: false, the sizes and qualities it knows, and without: [...].")


def _dialect(provider: Node) -> str | None:
    node = provider.member("dialect")
    return None if node is None else node.text()
