"""What does not keep a configuration from running, but that somebody should know before it does."""

from collections.abc import Iterator
from datetime import date
from urllib.parse import urlsplit

from gateway.config.checks.budget_warnings import budget_warnings
from gateway.config.checks.date_warnings import date_warnings
from gateway.config.checks.price_series import series_warnings
from gateway.config.checks.routing_warnings import ConfigWarning, routing_warnings
from gateway.config.problem import Path, Problem
from gateway.config.schema.contract import Contract
from gateway.config.schema.document import Configuration
from gateway.config.schema.price import Price
from gateway.config.source.node import Node, find, key_position
from gateway.core.contract.address import loopback
from gateway.core.contract.contract import OnAmbiguous, VerificationState
from gateway.core.money.pricing import ANY
from gateway.core.snapshot import Snapshot

UNKNOWN = "unknown"


def config_warnings(written: Configuration, snapshot: Snapshot, root: Node, today: date) -> tuple[Problem, ...]:
    """All warnings about a valid configuration, and the snapshot that was made of it, on that UTC day."""
    found = [
        *_emptiness(written),
        *_listeners(written),
        *_providers(written),
        *series_warnings(written, today),
        *_gaps_of_lists(written),
    ]
    found += [*routing_warnings(written), *date_warnings(snapshot, today), *budget_warnings(snapshot, today)]
    for key, contract in written.contracts.items():
        found += _terms(("contracts", key), contract)
        found += _days(("contracts", key), contract, today)
    return tuple(sorted(_placed(root, path, what, fix) for path, what, fix in found))


def _placed(root: Node, path: Path, what: str, fix: str) -> Problem:
    node = find(root, path)
    at = key_position(root, path) if node is None or node.members() else node.at
    return at.problem(path, what, fix)


def _emptiness(written: Configuration) -> Iterator[ConfigWarning]:
    if not written.models:
        yield ("models",), "there are no models, so nothing can be asked for", "Add a model and a route."
    if not written.apps:
        yield ("apps",), "there are no apps, so nobody can call", "Add an app; 'gateway keys APP' makes its key."


def _listeners(written: Configuration) -> Iterator[ConfigWarning]:
    if not loopback(written.admin.host):
        what = "the admin plane has no login and can be reached from other hosts"
        yield ("admin", "host"), what, "Listen on 127.0.0.1, or let only the monitoring's network reach it."


def _providers(written: Configuration) -> Iterator[ConfigWarning]:
    for key, provider in written.providers.items():
        parts = urlsplit(provider.base_url or "")
        if parts.scheme == "http" and not loopback(parts.hostname or ""):
            what = "the provider's key and the prompts travel unencrypted to another host"
            yield ("providers", key, "base_url"), what, "Use https."


def _terms(path: Path, contract: Contract) -> Iterator[ConfigWarning]:
    """Unknown is a legal answer, and a visible one."""
    for field, terms in (("data", contract.data), ("limits", contract.limits)):
        for name in type(terms).model_fields:
            if getattr(terms, name) == UNKNOWN:
                yield (*path, field, name), "is unknown", "Ask the contract's support owner and write the answer here."
    if not contract.limits.recorded:
        yield (*path, "limits", "recorded"), "no limit is recorded", "Copy the limits from the provider's page, with the day."
    if contract.verification.state is VerificationState.UNKNOWN:
        yield (*path, "verification", "state"), "is unknown", "Look it up in the provider's console."
    if contract.failure.on_ambiguous is OnAmbiguous.RETRY:
        what = "an attempt that may have been billed can be followed by another: both images may be paid for"
        yield (*path, "failure", "on_ambiguous"), what, "Write fail unless that is accepted."


def _days(path: Path, contract: Contract, today: date) -> Iterator[ConfigWarning]:
    if today < contract.effective_from:
        what = (
            f"the contract is not in force for another {(contract.effective_from - today).days} days: its routes take no request"
        )
        yield (*path, "effective_from"), what, "Correct the day, or use another contract until then."


def _gaps_of_lists(written: Configuration) -> Iterator[ConfigWarning]:
    for key, prices in written.price_lists.items():
        for model, price in prices.models.items():
            yield from _gaps(("price_lists", key, "models", model), price)


def _gaps(path: Path, price: Price) -> Iterator[ConfigWarning]:
    """What a response is likely to report and the price does not answer."""
    tokens = price.per_million_tokens
    for name in ("text_in", "image_out"):
        if tokens is not None and getattr(tokens, name) is None:
            what = f"there is no price for {name}: a cost that needs it will be unknown, never 0"
            yield (*path, "per_million_tokens"), what, f"Add {name}."
    if tokens is not None and price.output_tokens is None:
        what = "nothing says how many tokens an image takes: no money can be held for it beforehand"
        yield path, what, "Add output_tokens with the factors of the provider's calculator."
    if price.per_image and not any((rate.size, rate.quality) == (ANY, ANY) for rate in price.per_image):
        what = "no row is for any size and quality: the cost of an image that no row matches will be unknown, never 0"
        yield (*path, "per_image"), what, 'End with a row {size: "*", quality: "*"}.'
