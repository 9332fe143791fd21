"""Checks that need more than one place: names that must exist, and values that must agree.

Works on what was written, so that one mistake does not hide another.
"""

from collections.abc import Iterator

from gateway.config.problem import Path, Problem
from gateway.config.source.node import Node, entries, find
from gateway.config.suggestion import suggestion

_KINDS = {
    "contracts": "contracts",
    "providers": "providers",
    "price_lists": "price lists",
    "models": "models",
    "routes": "routes",
}


def check_references(root: Node) -> tuple[Problem, ...]:
    """All names that are not defined and all values that contradict each other."""
    return (*_unknown_names(root), *_currencies(root), *_listed_routes(root), *_aliases(root), *_shared_keys(root))


def _unknown_names(root: Node) -> Iterator[Problem]:
    for path, section in _references(root):
        known = {key for key, _ in entries(root, section)}
        node = find(root, path)
        name = None if node is None else node.text()
        if node is None or name is None or name in known:
            continue
        owner = aliases_of(root).get(name) if section == "models" else None
        fix = f"It is an alias: write '{owner}'." if owner else suggestion(name, known, kind=_KINDS[section])
        yield node.at.problem(path, f"{shown(node)} is not defined under {section}", fix)


def _references(root: Node) -> Iterator[tuple[Path, str]]:
    """Every place that names something, and the section in which that must be defined."""
    for name, _ in entries(root, "contracts"):
        yield ("contracts", name, "price_list"), "price_lists"
    for name, _ in entries(root, "price_lists"):
        yield ("price_lists", name, "supersedes"), "price_lists"
    for name, _ in entries(root, "routes"):
        yield ("routes", name, "provider"), "providers"
        yield ("routes", name, "contract"), "contracts"
        yield ("routes", name, "model"), "models"
    lists: tuple[tuple[str, Path, str], ...] = (
        ("models", ("routes",), "routes"),
        ("models", ("fallback", "to"), "contracts"),
        ("apps", ("models",), "models"),
        ("apps", ("contracts",), "contracts"),
    )
    for section, field, target in lists:
        for name, member in entries(root, section):
            listed = find(member.node, field)
            for index in range(len(listed.items() if listed else ())):
                yield (section, name, *field, index), target
    for name, member in entries(root, "apps"):
        pins = member.node.member("pins")
        for model in pins.members() if pins else ():
            yield ("apps", name, "pins", model), "routes"


def _currencies(root: Node) -> Iterator[Problem]:
    for name, _ in entries(root, "contracts"):
        path: Path = ("contracts", name, "price_list")
        billed, node = text_at(root, ("contracts", name, "billing", "currency")), find(root, path)
        priced = text_at(root, ("price_lists", text_at(root, path) or "", "currency"))
        if node is not None and billed != priced and _is_currency(billed) and _is_currency(priced):
            shown = "another currency" if _hidden(root, name, node) else f"{priced}, but the contract bills in {billed}"
            yield node.at.problem(path, f"this price list is in {shown}", "Use a price list in the currency of the invoice.")


def _is_currency(text: str | None) -> bool:
    """What is none is reported where it stands."""
    return text is not None and len(text) == 3 and text.isascii() and text.isupper()


def _hidden(root: Node, contract: str, price_list: Node) -> bool:
    paths: tuple[Path, ...] = (
        ("contracts", contract, "billing", "currency"),
        ("price_lists", price_list.text() or "", "currency"),
    )
    return any(node.hidden for path in paths if (node := find(root, path)) is not None)


def _listed_routes(root: Node) -> Iterator[Problem]:
    models = {name for name, _ in entries(root, "models")}
    for name, member in entries(root, "models"):
        listed, seen = member.node.member("routes"), set[str]()
        for index, node in enumerate(listed.items() if listed else ()):
            path, route = ("models", name, "routes", index), node.text()
            if route is None:
                continue
            if route in seen:
                yield node.at.problem(path, f"{shown(node)} is listed twice", "Keep the first.")
            seen.add(route)
            served = text_at(root, ("routes", route, "model"))
            if served in models and served != name:
                fix = f"List it under that model, or change routes.{route}.model."
                yield node.at.problem(path, f"the route '{route}' serves another model, '{served}'", fix)


def _aliases(root: Node) -> Iterator[Problem]:
    names = {name for name, _ in entries(root, "models")}
    taken: dict[str, str] = {}
    for path, node, model in _alias_nodes(root):
        alias = node.text()
        if alias is None:
            continue
        other = alias if alias in names else taken.get(alias)
        if other is not None:
            what = "is itself a model" if other == alias else f"is already an alias of '{other}'"
            yield node.at.problem(path, f"{shown(node)} {what}", "A name leads to one model only: remove it here or there.")
        taken.setdefault(alias, model)


def _alias_nodes(root: Node) -> Iterator[tuple[Path, Node, str]]:
    for name, member in entries(root, "models"):
        listed = member.node.member("aliases")
        for index, node in enumerate(listed.items() if listed else ()):
            yield ("models", name, "aliases", index), node, name


def aliases_of(root: Node) -> dict[str, str]:
    """The model that each alias leads to."""
    return {node.text() or "": model for _, node, model in _alias_nodes(root)}


def _shared_keys(root: Node) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for app, member in entries(root, "apps"):
        keys = member.node.member("keys")
        for index, item in enumerate(keys.items() if keys else ()):
            node = item.member("sha256")
            digest = (node.text() or "").lower() if node else ""
            if node is None or not digest:
                continue
            path = ("apps", app, "keys", index, "sha256")
            if digest in owners:
                what = f"this key already belongs to the app '{owners[digest]}'"
                yield node.at.problem(path, what, "Give each app a key of its own: gateway keys APP.")
            owners.setdefault(digest, app)


def text_at(root: Node, path: Path) -> str | None:
    """The text at ``path``; ``None`` for anything else."""
    node = find(root, path)
    return None if node is None else node.text()


def shown(node: Node) -> str:
    """The value as a message may show it."""
    return "what the variable names" if node.hidden else f"'{node.value}'"
