"""Warnings about routes, models and apps: what will be tried in vain, passed on unchecked, or refused to everybody."""

from collections.abc import Iterator
from dataclasses import replace

from gateway.config.handling import handling_of, policy_of
from gateway.config.problem import Path
from gateway.config.schema.app import App
from gateway.config.schema.document import Configuration
from gateway.config.schema.model import Model
from gateway.config.schema.route import Route
from gateway.config.schema.wire import reported_currency
from gateway.core.contract.data_policy import DataPolicy, Demand, Handling, Subject, breach

# Where it stands, what to know, and what to do.
ConfigWarning = tuple[Path, str, str]


def routing_warnings(written: Configuration) -> Iterator[ConfigWarning]:
    """All warnings about routing in a valid configuration."""
    for key, route in written.routes.items():
        yield from _route(key, route, written)
    for name, model in written.models.items():
        if model.cheapest_first:
            yield from _incomparable(name, model, written)
        yield from _without_consent(name, model, written)
    for key, app in written.apps.items():
        yield from _unsatisfied(key, app, written)


def _route(key: str, route: Route, written: Configuration) -> Iterator[ConfigWarning]:
    if key not in written.models[route.model].routes:
        what = f"the model '{route.model}' does not list this route, so it can never serve"
        yield ("routes", key), what, f"Add it to models.{route.model}.routes, or remove it."
    path: Path = ("routes", key, "upstream_model")
    list_id = written.contracts[route.contract].price_list
    provider = written.providers[route.provider]
    reported = reported_currency(provider.dialect, provider.wire)
    unknown = "what a request can cost is unknown before its answer" if reported else "its cost will be unknown, never 0"
    for at, model in _priced(path, route):
        if model not in written.price_lists[list_id].models:
            what = f"the price list '{list_id}' has no entry for this model: {unknown}"
            yield at, what, f"Add its prices to price_lists.{list_id}.models."
    entry = written.catalogue.get(route.upstream_model)
    if entry is None and route.capabilities is None:
        what = "nothing says what it supports: every parameter is passed on"
        yield path, what, f"Add an entry to the catalogue, or routes.{key}.capabilities."


def _priced(path: Path, route: Route) -> Iterator[tuple[Path, str]]:
    yield path, route.upstream_model
    if route.text_model is not None:
        yield (*path[:-1], "text_model", "name"), route.text_model.name


def _incomparable(name: str, model: Model, written: Configuration) -> Iterator[ConfigWarning]:
    """What is cheapest is known only where costs are, in one currency."""
    path, currencies = ("models", name, "cheapest_first"), dict[str, None]()
    for key in model.routes:
        route = written.routes[key]
        prices = written.price_lists[written.contracts[route.contract].price_list]
        currencies[prices.currency] = None
        if route.upstream_model not in prices.models:
            what = f"the route '{key}' has no price, so it is always tried last"
            yield path, what, "Add its price, or choose by split or tiers."
    if len(currencies) > 1:
        what = f"its routes are priced in {' and '.join(currencies)}, which are not compared: one currency is always tried last"
        yield path, what, "Use price lists in one currency, or choose by split or tiers."


def _without_consent(name: str, model: Model, written: Configuration) -> Iterator[ConfigWarning]:
    callers = [app for app in written.apps.values() if app.models is None or name in app.models]
    if model.fallback is None or not callers or any(app.biller_change for app in callers):
        return
    contracts = [written.routes[key].contract for key in model.routes]
    for index, receiver in enumerate(model.fallback.to):
        biller = written.contracts[receiver].billing.owner
        billers = {written.contracts[contract].billing.owner for contract in contracts if contract != receiver}
        if billers and biller not in billers:
            what = f"it is billed by another party, '{biller}', and no app has consented to that: it receives no request"
            yield ("models", name, "fallback", "to", index), what, "Set biller_change: true on apps that may, or remove it here."


def _unsatisfied(key: str, app: App, written: Configuration) -> Iterator[ConfigWarning]:
    """A policy that no contract within the app's reach satisfies refuses everything."""
    policy, terms = policy_of(app.data_policy), _within_reach(app, written)
    if not terms:
        return
    # "No reference images at all" is a policy of its own, and not one that waits for better terms.
    images = policy.reference_images.allowed
    path, fix = (
        ("apps", key, "data_policy"),
        "Record terms under contracts.ID.data.handling where they are agreed, or demand less.",
    )
    demands = {subject: getattr(policy, subject) for subject in Subject}
    alone = {it: DataPolicy(**{it: demand}) for it, demand in demands.items() if images or it is not Subject.REFERENCE_IMAGES}
    hopeless = [subject for subject, it in alone.items() if _breached(it, terms)]
    for subject in hopeless:
        which = "requests with reference images are" if subject is Subject.REFERENCE_IMAGES else "all its requests are"
        what = f"no contract under which this app can be served satisfies this: {which} refused"
        yield (*path, subject.value), what, fix
    whole = policy if images else replace(policy, reference_images=Demand())
    if not hopeless and _breached(whole, terms):
        yield path, "no contract under which this app can be served satisfies all of this at once", fix


def _within_reach(app: App, written: Configuration) -> list[Handling]:
    """The terms of every contract under which the app can be served."""
    models = [model for name, model in written.models.items() if app.models is None or name in app.models]
    contracts = {written.routes[key].contract for model in models for key in model.routes}
    return [handling_of(written.contracts[it].data.handling) for it in contracts if app.contracts is None or it in app.contracts]


def _breached(policy: DataPolicy, terms: list[Handling]) -> bool:
    return all(breach(policy, handling, references=True) for handling in terms)
