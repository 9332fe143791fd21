"""From what is written to what runs: the immutable snapshot, every name resolved, every mapping read-only."""

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType

from gateway.config.capabilities import capabilities_of
from gateway.config.handling import handling_of, policy_of
from gateway.config.schema import app, budget, contract, document, exchange, model, price, route
from gateway.config.schema.wire import reported_currency
from gateway.core.budget import Budget
from gateway.core.contract.bridged import DIALECT, limits
from gateway.core.contract.capability import Capabilities, narrowed
from gateway.core.contract.contract import (
    Billing,
    Contract,
    DataTerms,
    FailureTerms,
    Limits,
    ModelMapping,
    RecordedLimit,
    Support,
    Verification,
)
from gateway.core.contract.links import LinkRules
from gateway.core.contract.text_model import TextModel
from gateway.core.contract.wire import Wire
from gateway.core.money.exchange import ExchangeRates
from gateway.core.money.pricing import ImageRate, OutputTokens, Price, PriceList, TokenRates
from gateway.core.outcome import Owner
from gateway.core.secret import Secret
from gateway.core.snapshot import (
    App,
    AppLimits,
    FallbackPolicy,
    Model,
    ProviderSettings,
    Retirement,
    RetryPolicy,
    Route,
    Snapshot,
    Timeouts,
)

REVISION_CHARS = 12


def build_snapshot(written: document.Configuration, credentials: Mapping[str, Secret]) -> Snapshot:
    """Every name in ``written`` is defined and every provider has a credential; both have been checked."""
    price_lists = _price_lists(written.price_lists)
    contracts = {key: _contract(key, it) for key, it in written.contracts.items()}
    providers = {key: _provider(key, it, credentials.get(key, Secret(""))) for key, it in written.providers.items()}
    catalogue = {name: capabilities_of(it.capabilities) for name, it in written.catalogue.items()}
    retirements = {
        name: Retirement(it.retires_on, it.successor or "", it.source, it.deprecated_on)
        for name, it in written.catalogue.items()
        if it.retires_on is not None
    }
    routes = {
        key: Route(
            id=key,
            model=it.model,
            provider=providers[it.provider],
            upstream_model=it.upstream_model,
            contract=contracts[it.contract],
            price_list=price_lists[contracts[it.contract].price_list],
            state=it.state,
            operations=frozenset(it.operations),
            capabilities=_capabilities(it, catalogue, providers[it.provider].dialect),
            require_ready=it.require_ready,
            ready_days_max=it.ready_days_max,
            retirement=retirements.get(it.upstream_model),
            links=LinkRules(**dict(it.links) | {"hosts": frozenset(it.links.hosts)}),
            text_model=None if it.text_model is None else TextModel(**dict(it.text_model)),
        )
        for key, it in written.routes.items()
    }
    models = [_model(name, it, routes) for name, it in written.models.items()]
    apps = [_app(key, it) for key, it in written.apps.items()]
    return Snapshot(
        revision=revision_of(written),
        contracts=MappingProxyType(contracts),
        providers=MappingProxyType(providers),
        routes=MappingProxyType(routes),
        models=MappingProxyType({name: model for model in models for name in (model.name, *model.aliases)}),
        apps=MappingProxyType({digest: app for app in apps for digest in app.key_hashes}),
        retirements=MappingProxyType(retirements),
        catalogued=MappingProxyType({name: it.recorded_on for name, it in written.catalogue.items()}),
        price_lists=MappingProxyType(price_lists),
        budgets=tuple(_budget(key, it) for key, it in written.budgets.items()),
        exchange=MappingProxyType({key: _exchange_rates(key, it) for key, it in written.exchange.items()}),
    )


def revision_of(written: document.Configuration) -> str:
    """A name for the configuration's content: the same for the same values, in whichever files and order of keys they stand.

    Holds keys as hashes, and where credentials are found instead of what they are.
    """
    content = written.model_dump(mode="json", exclude={"include": True, "state": {"redis_url"}, "ledger": {"url"}})
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:REVISION_CHARS]


def _contract(id: str, written: contract.Contract) -> Contract:
    return Contract(
        id=id,
        revision=written.revision,
        effective_from=written.effective_from,
        effective_to=written.effective_to,
        billing=Billing(**dict(written.billing)),
        limits=Limits(
            owner=written.limits.owner,
            usage_tier=written.limits.usage_tier,
            recorded=tuple(RecordedLimit(**dict(limit)) for limit in written.limits.recorded),
            queue_s=written.limits.queue_s,
            on_unavailable=written.limits.on_unavailable,
        ),
        verification=Verification(**dict(written.verification)),
        support=Support(**dict(written.support)),
        failure=FailureTerms(**dict(written.failure)),
        data=DataTerms(**dict(written.data) | {"handling": handling_of(written.data.handling)}),
        model_mapping=ModelMapping(**dict(written.model_mapping)),
        price_list=written.price_list,
    )


def _price_lists(written: Mapping[str, price.PriceList]) -> dict[str, PriceList]:
    """A list begins after the one it supersedes, which has been checked: by their days, that one is there already."""
    made: dict[str, PriceList] = {}
    for key in sorted(written, key=lambda it: written[it].effective_from):
        earlier = written[key].supersedes
        made[key] = _price_list(key, written[key], None if earlier is None else made[earlier])
    return {key: made[key] for key in written}


def _price_list(id: str, written: price.PriceList, earlier: PriceList | None) -> PriceList:
    return PriceList(
        id=id,
        currency=written.currency,
        effective_from=written.effective_from,
        effective_to=written.effective_to,
        source=written.source,
        recorded_on=written.recorded_on,
        models=MappingProxyType({model: _price(it) for model, it in written.models.items()}),
        earlier=earlier,
    )


def _exchange_rates(id: str, written: exchange.ExchangeRates) -> ExchangeRates:
    rates = MappingProxyType({it.on: it.rate for it in sorted(written.rates, key=lambda it: it.on)})
    return ExchangeRates(id, written.base, written.quote, written.source, written.days_max, rates)


def _price(written: price.Price) -> Price:
    tokens, rule = written.per_million_tokens, written.output_tokens
    return Price(
        tokens=None if tokens is None else TokenRates(**dict(tokens)),
        images=tuple(ImageRate(**dict(row)) for row in written.per_image),
        request=written.per_request,
        output_tokens=None if rule is None else _output_tokens(rule),
    )


def _output_tokens(rule: price.OutputTokens) -> OutputTokens:
    table = {size: MappingProxyType(dict(tokens)) for size, tokens in rule.table.items()}
    return OutputTokens(**dict(rule) | {"factors": MappingProxyType(dict(rule.factors)), "table": MappingProxyType(table)})


def _budget(id: str, written: budget.Budget) -> Budget:
    scope, subject = written.owner
    return Budget(
        id=id,
        scope=scope,
        subject=subject,
        period=written.period,
        amount=written.amount,
        currency=written.currency,
        soft_at=written.soft_at,
        hard=written.hard,
        on_unavailable=written.on_unavailable,
        unknown_estimate=written.unknown_estimate,
    )


def _provider(id: str, written: document.Provider, credential: Secret) -> ProviderSettings:
    return ProviderSettings(
        id=id,
        dialect=written.dialect,
        base_url=written.base_url or "",
        credential=credential,
        organization=written.organization,
        project=written.project,
        timeouts=Timeouts(written.timeouts.connect_s, written.timeouts.total_s),
        wire=Wire(
            auth=written.wire.auth,
            api_version=written.wire.api_version or "",
            model_in=written.wire.model_in,
            members=MappingProxyType(dict(written.wire.members)),
            headers=tuple(written.wire.headers.items()),
            reports_cost=reported_currency(written.dialect, written.wire),
        ),
        options=MappingProxyType(dict(written.options)),
    )


def _app(id: str, written: app.App) -> App:
    return App(
        id=id,
        team=written.team,
        cost_centre=written.cost_centre,
        key_hashes=tuple(key.sha256 for key in written.keys),
        models=None if written.models is None else frozenset(written.models),
        tags=frozenset(written.tags),
        tag_body=written.tag_body,
        on_disconnect=written.on_disconnect,
        contracts=None if written.contracts is None else frozenset(written.contracts),
        pins=MappingProxyType(dict(written.pins)),
        biller_change=written.biller_change,
        limits=AppLimits(**dict(written.limits)),
        data_policy=policy_of(written.data_policy),
        receipts=written.receipts,
        duplicates=written.duplicates,
        keeps_results=written.results,
        refuses_unknown_price=written.unknown_price == "refuse",
    )


def _model(name: str, written: model.Model, routes: Mapping[str, Route]) -> Model:
    fallback = written.fallback
    return Model(
        name=name,
        aliases=written.aliases,
        routes=tuple(routes[route] for route in written.routes),
        tiers=MappingProxyType(dict(written.tiers)),
        split=MappingProxyType(dict(written.split)),
        cheapest_first=written.cheapest_first,
        fallback=None
        if fallback is None
        else FallbackPolicy(
            owners=frozenset(map(Owner, fallback.on)),
            contracts=frozenset(fallback.to),
            attempts_max=fallback.attempts_max,
            deadline_s=fallback.deadline_s,
            failed_within_s=fallback.failed_within_s,
        ),
        retries=RetryPolicy(**dict(written.retries)),
        eject_last=written.eject_last,
    )


def _capabilities(route: route.Route, catalogue: Mapping[str, Capabilities], dialect: str) -> Capabilities | None:
    """The catalogue's, as far as the route does not narrow it; the route's own where the catalogue has none.

    Behind litellm, never more than it passes on.
    """
    known = catalogue.get(route.upstream_model)
    own = None if route.capabilities is None else capabilities_of(route.capabilities)
    found = own if known is None else known if own is None else narrowed(known, own)
    return narrowed(found or Capabilities(), limits(route.upstream_model, route.operations)) if dialect == DIALECT else found
