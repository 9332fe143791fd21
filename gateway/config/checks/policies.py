"""Checks of how models choose among their routes and which of them apps are pinned to: what can never happen is a mistake.

Works on what was written, so that one mistake does not hide another; names that are not defined are the references' to report.
"""

from collections.abc import Iterator

from gateway.config.checks.references import aliases_of, shown, text_at
from gateway.config.problem import Path, Problem
from gateway.config.source.node import Member, Node, entries
from gateway.config.suggestion import suggestion


def check_policies(root: Node) -> tuple[Problem, ...]:
    """All shares, fallbacks and pins that contradict the rest, or lead nowhere."""
    return (*_shares(root), *_fallbacks(root), *_pins(root), *_receipts(root))


def _receipts(root: Node) -> Iterator[Problem]:
    signing = root.member("signing")
    if signing is not None and "key" in signing.members():
        return
    for key, member in entries(root, "apps"):
        node = member.node.member("receipts")
        if node is not None and node.value is True:
            what = "there is no key to sign receipts with"
            yield node.at.problem(
                ("apps", key, "receipts"), what, "Make one with 'gateway ledger key', and name it in signing.key."
            )


def _shares(root: Node) -> Iterator[Problem]:
    for name, member in entries(root, "models"):
        routes = _texts(member.node.member("routes"))
        known = {key for key, _ in entries(root, "routes")}.intersection(routes)
        for field in ("tiers", "split"):
            for route, share in _members(member.node.member(field)).items():
                if route not in routes:
                    fix = suggestion(route, known, kind=f"routes of '{name}'")
                    yield share.key_at.problem(("models", name, field, route), f"'{route}' is no route of this model", fix)
        yield from _idle_tiers(name, member.node)


def _idle_tiers(name: str, model: Node) -> Iterator[Problem]:
    """Tiers whose weights are all 0. Where no route of a tier has a weight, its routes are tried in their order."""
    split, tiers = model.members().get("split"), _members(model.member("tiers"))
    if split is None:
        return
    totals: dict[int, int] = {}
    for route, weight in split.node.members().items():
        tier = _number(tiers[route].node if route in tiers else None)
        totals[tier] = totals.get(tier, 0) + _number(weight.node)
    for tier, total in sorted(totals.items()):
        if total == 0:
            which = f"the weights of tier {tier}" if tiers else "the weights"
            what = f"{which} add up to 0, so no route gets a share"
            yield split.key_at.problem(("models", name, "split"), what, "Give one of its routes a weight of 1 or more.")


def _fallbacks(root: Node) -> Iterator[Problem]:
    for name, member in entries(root, "models"):
        fallback = member.node.members().get("fallback")
        if fallback is None:
            continue
        yield from _twice(("models", name, "fallback", "on"), fallback.node.member("on"), "is listed twice")
        # Two mentions of a contract describe a circle that there is not.
        circle = "is listed twice, but no request comes back to a contract that it has left"
        yield from _twice(("models", name, "fallback", "to"), fallback.node.member("to"), circle)
        routes = list(dict.fromkeys(_texts(member.node.member("routes"))))
        found = [text_at(root, ("routes", route, "contract")) for route in routes]
        contracts = [contract for contract in found if contract is not None]
        if routes and len(contracts) == len(routes):
            yield from _dead_ends(root, name, fallback, list(zip(routes, contracts, strict=True)))


def _twice(path: Path, listed: Node | None, what: str) -> Iterator[Problem]:
    seen = set[str]()
    for index, item in enumerate(listed.items() if listed else ()):
        text = item.text()
        if text is not None and text in seen:
            yield item.at.problem((*path, index), f"{shown(item)} {what}", "Keep the first.")
        seen.add(text or "")


def _dead_ends(root: Node, name: str, fallback: Member, routes: list[tuple[str, str]]) -> Iterator[Problem]:
    """``routes`` are the model's, each with its contract."""
    path, listed = ("models", name, "fallback"), fallback.node.member("to")
    if len(routes) == 1:
        yield fallback.key_at.problem(path, "the model has one route only: nothing to fall back to", "List another route.")
        return
    known = {key for key, _ in entries(root, "contracts")}
    to = set(_texts(listed))
    lost = to - {contract for _, contract in routes}
    for index, item in enumerate(listed.items() if listed else ()):
        if item.text() in lost & known:
            what = f"no route of '{name}' is under the contract {shown(item)}, so a fallback never reaches it"
            yield item.at.problem((*path, "to", index), what, "Give the model a route under it, or remove it here.")
    if to and not lost and not any(then in to | {first} for first, then in _successions(root, name, routes)):
        what = "no route that comes later is under one of these contracts, so a fallback leads nowhere"
        at = fallback.node.members()["to"].key_at
        yield at.problem((*path, "to"), what, "Name the contract of a route that is tried after another one.")


def _successions(root: Node, name: str, routes: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Contracts of two routes of which the second can come after the first: a split or prices change the order in a tier."""
    model = dict(entries(root, "models"))[name].node
    cheapest, tiers = model.member("cheapest_first"), _members(model.member("tiers"))
    any_order = bool(_members(model.member("split"))) or (cheapest is not None and cheapest.value is True)
    ranked = [(_number(tiers[route].node if route in tiers else None), contract) for route, contract in routes]
    for first, (tier, contract) in enumerate(ranked):
        for then, (other_tier, other) in enumerate(ranked):
            if tier < other_tier or (tier == other_tier and (first < then or (any_order and first != then))):
                yield contract, other


def _pins(root: Node) -> Iterator[Problem]:
    for app, member in entries(root, "apps"):
        for model, pin in _members(member.node.member("pins")).items():
            yield from _pin(root, app, model, pin)


def _pin(root: Node, app: str, model: str, pin: Member) -> Iterator[Problem]:
    path: Path = ("apps", app, "pins", model)
    models, written = dict(entries(root, "models")), dict(entries(root, "apps"))[app].node
    if model not in models:
        owner = aliases_of(root).get(model)
        fix = f"It is an alias: write '{owner}'." if owner else suggestion(model, models, kind="models")
        yield pin.key_at.problem(path, f"'{model}' is not defined under models", fix)
        return
    if not _permits(written.member("models"), model):
        fix = f"Add it to apps.{app}.models, or remove the pin."
        yield pin.key_at.problem(path, f"the app may not use the model '{model}'", fix)
    route = pin.node.text()
    contract = None if route is None else text_at(root, ("routes", route, "contract"))
    if contract is None:
        return
    routes = _texts(models[model].node.member("routes"))
    if route not in routes:
        fix = f"Pin a route that models.{model}.routes lists, or list it there."
        yield pin.node.at.problem(path, f"{shown(pin.node)} is no route of '{model}'", fix)
    if not _permits(written.member("contracts"), contract):
        fix = f"Add its contract to apps.{app}.contracts, or pin another route."
        yield pin.node.at.problem(path, f"the app may not use the contract of {shown(pin.node)}", fix)


def _permits(listed: Node | None, name: str) -> bool:
    """Whether an app's list lets it use ``name``; what is absent or no list permits all."""
    return listed is None or not isinstance(listed.value, tuple) or name in _texts(listed)


def _texts(listed: Node | None) -> tuple[str, ...]:
    return tuple(text for item in (listed.items() if listed else ()) if (text := item.text()) is not None)


def _members(node: Node | None) -> dict[str, Member]:
    return dict(node.members()) if node else {}


def _number(node: Node | None) -> int:
    """A tier or a weight; 1 where there is none or it is none."""
    return node.value if node is not None and type(node.value) is int else 1
