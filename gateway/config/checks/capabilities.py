"""Checks of what routes support: a route narrows the catalogue's entry, never widens it, and never to nothing.

Works on what was written; a part of the wrong form is the schema's to report and is passed over here.
"""

from collections.abc import Iterator
from operator import gt, lt

from pydantic import ValidationError

from gateway.config.capabilities import capabilities_of
from gateway.config.checks.references import shown
from gateway.config.problem import Path, Problem
from gateway.config.schema.catalogue import Capabilities
from gateway.config.source.node import Node, entries, find, key_position
from gateway.core.contract import capability
from gateway.core.contract.capability import narrowed, size_possible
from gateway.core.request.images import Operation

_NARROW = "A route can narrow the catalogue's entry, never widen it: change this, or correct the entry and its date."
_WITH_IMAGES = frozenset({Operation.EDIT, Operation.VARIATION})
# The members of a size rule, and what makes one wider than another.
_WIDER = {"edge_max": gt, "ratio_max": gt, "pixels_min": lt, "pixels_max": gt}


def check_capabilities(root: Node) -> tuple[Problem, ...]:
    """Everything that routes declare beyond the catalogue, and operations that nothing is left for."""
    return tuple(problem for name, member in entries(root, "routes") for problem in _of_route(root, name, member.node))


def _of_route(root: Node, name: str, route: Node) -> Iterator[Problem]:
    named, node = route.member("upstream_model"), route.member("capabilities")
    upstream = "" if named is None else shown(named)
    entry = None if named is None else find(root, ("catalogue", named.text() or "", "capabilities"))
    known, own = _read(entry), _read(node)
    path: Path = ("routes", name, "capabilities")
    if node is not None and own is not None and known is not None:
        yield from _words_beyond(path, node, known, upstream)
        yield from _counts_beyond(path, own, known, root, upstream)
        yield from _sizes_beyond(path, node, own, known, root)
        if known.stream is False and (stream := node.member("stream")) is not None and own.stream:
            yield stream.at.problem((*path, "stream"), f"the catalogue says that {upstream} cannot stream", _NARROW)
    most = [it.references_max for it in (known, own) if it is not None and it.references_max is not None]
    if 0 in most:
        yield from _edits_without_images(("routes", name, "operations"), route, root)


def _read(node: Node | None) -> Capabilities | None:
    try:
        return None if node is None else Capabilities.model_validate(node.plain())
    except ValidationError:
        return None


def _words_beyond(path: Path, node: Node, known: Capabilities, upstream: str) -> Iterator[Problem]:
    for field in ("qualities", "output_formats", "backgrounds"):
        listed, possible = node.member(field), getattr(known, field)
        if listed is None or possible is None:
            continue
        for index, item in enumerate(listed.items()):
            if item.text() not in possible:
                what = f"{shown(item)} is not what the catalogue says of {upstream} ({', '.join(possible) or 'none'})"
                yield item.at.problem((*path, field, index), what, _NARROW)


def _counts_beyond(path: Path, own: Capabilities, known: Capabilities, root: Node, upstream: str) -> Iterator[Problem]:
    for field in ("n_max", "partial_images_max", "references_max"):
        count, most = getattr(own, field), getattr(known, field)
        if count is not None and most is not None and count > most:
            what = f"is more than the {most} that the catalogue says of {upstream}"
            yield _at(root, (*path, field)).at.problem((*path, field), what, _NARROW)


def _sizes_beyond(path: Path, node: Node, own: Capabilities, known: Capabilities, root: Node) -> Iterator[Problem]:
    catalogued = capabilities_of(known)
    found = list(_named_sizes_beyond(path, node, catalogued))
    if own.size_rule is not None and known.size_rule is not None:
        found += _rule_beyond((*path, "size_rule"), own, known, root)
    yield from found
    left = narrowed(catalogued, capabilities_of(own))
    field = "size_rule" if own.size_rule is not None else "sizes"
    if not found and (own.sizes or own.size_rule is not None) and not left.sizes and _allows_nothing(left.size_rule):
        what = "no size is left: none fits both this and the catalogue's entry"
        yield key_position(root, (*path, field)).problem((*path, field), what, "Allow at least one size that the entry allows.")


def _named_sizes_beyond(path: Path, node: Node, known: capability.Capabilities) -> Iterator[Problem]:
    listed = node.member("sizes")
    for index, item in enumerate(listed.items() if listed else ()):
        if not size_possible(item.text() or "", known):
            what = f"{shown(item)} is not a size that the catalogue's entry allows"
            yield item.at.problem((*path, "sizes", index), what, _NARROW)


def _rule_beyond(path: Path, own: Capabilities, known: Capabilities, root: Node) -> Iterator[Problem]:
    for field, wider in _WIDER.items():
        value, bound = getattr(own.size_rule, field), getattr(known.size_rule, field)
        if wider(value, bound):
            yield _at(root, (*path, field)).at.problem((*path, field), f"is wider than the catalogue's {bound}", _NARROW)


def _allows_nothing(rule: capability.SizeRule | None) -> bool:
    if rule is None:
        return True
    longest = rule.edge_max - rule.edge_max % rule.edge_multiple
    return longest == 0 or longest**2 < rule.pixels_min or rule.edge_multiple**2 > rule.pixels_max


def _edits_without_images(path: Path, route: Node, root: Node) -> Iterator[Problem]:
    what = "needs a reference image, and the route takes none (references_max is 0)"
    fix = "Write operations: [generation]."
    operations = route.member("operations")
    if operations is None:
        yield key_position(root, path).problem(
            path, f"the operation 'edit', which is served unless this says otherwise, {what}", fix
        )
        return
    for index, item in enumerate(operations.items()):
        if item.text() in _WITH_IMAGES:
            yield item.at.problem((*path, index), f"the operation {shown(item)} {what}", fix)


def _at(root: Node, path: Path) -> Node:
    return find(root, path) or root
