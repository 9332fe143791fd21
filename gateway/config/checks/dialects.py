"""Checks of what each dialect needs: an address of the one, and of litellm's routes what it would drop in silence.

Works on what was written; a part of the wrong form is the schema's to report and is passed over here.
"""

from collections.abc import Iterator
from importlib.util import find_spec

from gateway.config.problem import Problem
from gateway.config.source.node import Node, entries, find, key_position
from gateway.core.contract.bridged import DIALECT, VENDORS, passed, vendor_of
from gateway.core.request.images import Operation

_BY_DEFAULT = (Operation.GENERATION, Operation.EDIT)
_WITH_ADDRESS = ("openai", "openrouter")


def check_dialects(root: Node) -> tuple[Problem, ...]:
    """Addresses and packages that are missing, and routes that do not say what their provider supports."""
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
    model = route.member("upstream_model")
    upstream = "" if model is None else model.text() or ""
    if model is not None and (complaint := _of_vendor(upstream)) is not None:
        yield model.at.problem(("routes", name, "upstream_model"), *complaint)
    elif model is not None:
        yield from _of_operations(root, name, route, upstream)
    own = route.member("capabilities")
    entry = None if model is None else find(root, ("catalogue", upstream, "capabilities"))
    streams = [it.member("stream") for it in (own, entry) if it is not None]
    if not any(stream is not None and stream.plain() is False for stream in streams):
        path = ("routes", name, "capabilities")
        at = own.at if own is not None else key_position(root, ("routes", name))
        what = "nothing says what a provider behind litellm supports, and what it does not would be dropped in silence"
        yield at.problem(path, what, "Declare capabilities: stream: false, the sizes and qualities it knows, and without: [...].")


def _of_vendor(upstream: str) -> tuple[str, str] | None:
    """What is wrong and the fix."""
    vendor = vendor_of(upstream)
    known = VENDORS.get(vendor)
    served = [name for name, it in VENDORS.items() if not it.unserved]
    fix = f"Begin it with one of {', '.join(f'{it}/' for it in served)}."
    if known is None:
        return "does not begin with a vendor of which it is known what litellm drops in silence", fix
    return (f"cannot be served through litellm: {known.unserved}", fix) if known.unserved else None


def _of_operations(root: Node, name: str, route: Node, upstream: str) -> Iterator[Problem]:
    possible = [it.value for it in Operation if passed(upstream, it) is not None]
    path, fix = ("routes", name, "operations"), f"Write operations: [{', '.join(possible)}]."
    written = route.member("operations")
    if written is None:
        if missing := [it for it in _BY_DEFAULT if it not in possible]:
            what = f"the operation '{missing[0]}', which is served unless this says otherwise, is not one that litellm has for it"
            yield key_position(root, ("routes", name)).problem(path, what, fix)
        return
    for index, item in enumerate(written.items()):
        if (word := item.text()) in {it.value for it in Operation} and word not in possible:
            yield item.at.problem((*path, index), f"litellm has no '{word}' for {upstream}", fix)


def _dialect(provider: Node) -> str | None:
    node = provider.member("dialect")
    return None if node is None else node.text()
