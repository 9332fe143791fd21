"""Checks of what leads to OpenRouter's image API: routes must be without what it has no word for, so that nothing is dropped.

Works on what was written; a part of the wrong form is the schema's to report and is passed over here.
"""

from collections.abc import Iterator

from gateway.config.checks.references import shown, text_at
from gateway.config.problem import Path, Problem
from gateway.config.source.node import Node, entries, find, key_position
from gateway.core.contract.openrouter import DIALECT, LACKED, WORDS


def check_openrouter(root: Node) -> tuple[Problem, ...]:
    """Members that its providers would add in vain, and routes that do not say what it lacks."""
    found: list[Problem] = []
    for name, member in entries(root, "providers"):
        added = find(member.node, ("wire", "members"))
        if text_at(root, ("providers", name, "dialect")) != DIALECT or added is None:
            continue
        for word, it in added.members().items():
            if word not in WORDS:
                fix = f"Leave it out; OpenRouter knows {', '.join(sorted(WORDS))}."
                found.append(it.key_at.problem(("providers", name, "wire", "members", word), "is no word of OpenRouter's", fix))
    for name, member in entries(root, "routes"):
        provider = text_at(root, ("routes", name, "provider"))
        if text_at(root, ("providers", provider or "", "dialect")) == DIALECT:
            found += _of_route(root, name, member.node)
    return tuple(found)


def _of_route(root: Node, name: str, route: Node) -> Iterator[Problem]:
    operations = route.member("operations")
    for index, item in enumerate(operations.items() if operations else ()):
        if item.text() == "variation":
            path: Path = ("routes", name, "operations", index)
            yield item.at.problem(path, f"OpenRouter has no operation {shown(item)}", "Write operations: [generation, edit].")
    own = route.member("capabilities")
    entry = find(root, ("catalogue", text_at(root, ("routes", name, "upstream_model")) or "", "capabilities"))
    declared = [it for it in (own, entry) if it is not None]
    path = ("routes", name, "capabilities")
    at = own.at if own is not None else key_position(root, ("routes", name))
    if not any((stream := it.member("stream")) is not None and stream.plain() is False for it in declared):
        what = "nothing says that it cannot stream: OpenRouter streams some models only, and answers for others as if not asked"
        yield at.problem(path, what, "Write stream: false.")
    without = {item.text() for it in declared for item in (it.member("without") or it).items()}
    if missing := sorted(LACKED - without):
        what = f"nothing says that it is without {', '.join(missing)}, for which OpenRouter has no word"
        yield at.problem(path, what, f"Write without: [{', '.join(missing)}], beside what the model itself lacks.")
