"""What is known of a contract, in four layers that are often taken for one another, each with what it does not prove."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from gateway.core.contract.contract import Contract, RecordedLimit
from gateway.core.readiness.staleness import PRICE_LIST_DAYS_MAX, too_old
from gateway.core.snapshot import Route

# What providers' headers have named since the gateway started, by upstream model and dimension.
Observed = Mapping[tuple[str, str], int]
_SERVICE_TIER_SOURCE = "OpenAI API reference, Images and Responses; SDK 3.54.0 for Python"
_SERVICE_TIER_READ = date(2026, 11, 23)


@dataclass(frozen=True, slots=True)
class Fact:
    """``on`` is when it was recorded or began, ``None`` where nobody wrote that down; ``stale``: that is too long ago."""

    name: str
    value: str
    source: str
    on: date | None = None
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """``unproven`` says, in a sentence or two, what does not follow from the facts."""

    id: str
    title: str
    facts: tuple[Fact, ...]
    unproven: str


def layers(contract: Contract, routes: Sequence[Route], observed: Observed | None, today: date) -> tuple[Layer, ...]:
    """Usage tier, model capacity, service tier, route terms.

    ``routes`` are the contract's; ``observed`` is ``None`` where no running gateway was asked; ``today`` is a UTC day.
    """
    return (
        _usage_tier(contract, today),
        _model_capacity(contract, routes, observed, today),
        _service_tier(),
        _route_terms(contract, routes, today),
    )


def _usage_tier(contract: Contract, today: date) -> Layer:
    verification, where = contract.verification, f"contracts.{contract.id}"
    on = verification.recorded_on
    return Layer(
        "usage_tier",
        "Usage tier: a bucket of the whole account",
        (
            Fact("usage tier", contract.limits.usage_tier, f"declared in {where}.limits", contract.effective_from),
            Fact(
                "organization verification",
                verification.state.value,
                f"declared in {where}.verification",
                on,
                stale=on is not None and too_old(on, today),
            ),
        ),
        "That any model may be called, how often, or that the organization is verified. A tier only follows what was paid.",
    )


def _model_capacity(contract: Contract, routes: Sequence[Route], observed: Observed | None, today: date) -> Layer:
    models = list(dict.fromkeys(route.upstream_model for route in routes))
    recorded = [limit for limit in contract.limits.recorded if not models or limit.model in models]
    facts = [_recorded(limit, today) for limit in recorded]
    if observed is None:
        facts.append(Fact("observed", "not asked", "no gateway has answered"))
    else:
        found = {key: value for key, value in observed.items() if key[0] in models}
        facts += [_seen(*key, value, recorded) for key, value in sorted(found.items())]
        if not found:
            facts.append(Fact("observed", "nothing yet", "the provider's headers since the gateway started"))
    return Layer(
        "model_capacity",
        "Model capacity: what the account may send to one model",
        tuple(facts),
        "The dashboard of the organization and project that own the key decides, and it can change without notice. A limit is no "
        "promise of capacity, and a model on a list is no access to it.",
    )


def _recorded(limit: RecordedLimit, today: date) -> Fact:
    value = f"{limit.value} {_words(limit.dimension)}, recorded"
    return Fact(limit.model, value, limit.source, limit.recorded_on, stale=too_old(limit.recorded_on, today))


def _seen(model: str, dimension: str, value: int, recorded: Sequence[RecordedLimit]) -> Fact:
    known = sorted({limit.value for limit in recorded if (limit.model, limit.dimension) == (model, dimension)})
    says = f"your contract records {', '.join(map(str, known))}" if known else "your contract records none"
    differs = "" if value in known else f"; {says}: check the limits page"
    return Fact(model, f"observed {value} {_words(dimension)}{differs}", "the provider's headers since the gateway started")


def _service_tier() -> Layer:
    return Layer(
        "service_tier",
        "service_tier: how a request is processed",
        (
            Fact("applies to", "Responses and Chat Completions", _SERVICE_TIER_SOURCE, _SERVICE_TIER_READ),
            Fact("Images API", "has no such parameter; the gateway refuses it there", _SERVICE_TIER_SOURCE, _SERVICE_TIER_READ),
        ),
        "It has nothing to do with Tier 1 to 5. It raises no limit, verifies nobody and unlocks no model.",
    )


def _route_terms(contract: Contract, routes: Sequence[Route], today: date) -> Layer:
    return Layer(
        "route_terms",
        "Route terms: who answers for what, on these routes",
        tuple(_terms(contract, routes, today)),
        "These are the words of this contract, for its routes only. That they serve says nothing about an account at another "
        "provider, and least of all about one at OpenAI.",
    )


def _terms(contract: Contract, routes: Sequence[Route], today: date) -> Iterator[Fact]:
    where = f"contracts.{contract.id}, revision {contract.revision}"
    begun = contract.effective_from
    ends = f" until {contract.effective_to}" if contract.effective_to else ", open-ended"
    yield Fact("in force", f"from {begun}{ends}", where, begun, stale=not contract.effective(today))
    owners = (
        (
            "billing",
            f"{contract.billing.owner}, account {contract.billing.account}; invoices by {contract.billing.invoice_issuer}",
        ),
        ("limits", contract.limits.owner),
        ("support", f"{contract.support.owner} ({contract.support.contact})"),
        ("refunds", contract.failure.refunds),
        ("retries", contract.failure.retries),
        ("reference images", contract.data.reference_images),
        ("outputs", contract.data.outputs),
        ("model", contract.model_mapping.statement + ("" if contract.model_mapping.verifiable else " Not verifiable.")),
    )
    yield from (Fact(name, value, where, begun) for name, value in owners)
    for prices in {it.id: it for it in (route.price_list.at(today) for route in routes)}.values():
        old = too_old(prices.recorded_on, today, PRICE_LIST_DAYS_MAX)
        yield Fact("prices", f"{prices.id}, in {prices.currency}", prices.source, prices.recorded_on, stale=old)
    for route in routes:
        value = f"{route.upstream_model} at {route.provider.id} for '{route.model}', {route.state.value}"
        yield Fact(f"route {route.id}", value, f"routes.{route.id}")
    if not routes:
        yield Fact("routes", "none", where)


def _words(dimension: str) -> str:
    return dimension.replace("_", " ").replace(" per minute", " a minute")
