"""What changes from one configuration to another, in plain words, for the people who approve it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args
from urllib.parse import urlsplit

from gateway.config.change.model_difference import billers_of, choice_of, fallback_of, model_changes
from gateway.config.change.value_difference import STEP, Said, Weight, compared, differing, same, shown
from gateway.config.load import Loaded
from gateway.config.settings import Settings
from gateway.core.budget import ANY, Budget
from gateway.core.contract.capability import Capabilities
from gateway.core.money.amount import amount_text
from gateway.core.redaction.secrets import redact
from gateway.core.snapshot import App, ProviderSettings, Route, Snapshot

# Enough of a key's hash to find its line in the configuration.
FINGERPRINT_CHARS = 12
_WEIGHTS = get_args(Weight)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``subject`` is what changes (``model gpt-image-2``), ``text`` how, without secrets and addresses' paths."""

    subject: str
    text: str
    weight: Weight

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


def differences(old: Loaded, new: Loaded) -> tuple[Change, ...]:
    """All differences, those of money first; none where nothing changes. Prices are those of the lists, whatever the day."""
    before, after = _sections(old.snapshot), _sections(new.snapshot)
    found = [it for kind in before for it in _pairs(kind, before[kind], after[kind])]
    found += _setting_changes(old.settings, new.settings)
    if not found and old.snapshot.revision != new.snapshot.revision:
        found.append(_of_no_section(old.snapshot, new.snapshot))
    clean = (Change(_clean(it.subject), _clean(it.text), it.weight) for it in found)
    return tuple(sorted(clean, key=lambda it: _WEIGHTS.index(it.weight)))


def _sections(snapshot: Snapshot) -> dict[str, Mapping[str, Any]]:
    return {
        "model": {it.name: it for it in snapshot.models.values()},
        "route": snapshot.routes,
        "contract": snapshot.contracts,
        "price list": {
            **snapshot.price_lists,
            **{each.id: each for it in snapshot.routes.values() for each in it.price_list.series},
        },
        "budget": {it.id: it for it in snapshot.budgets},
        "exchange rates": snapshot.exchange,
        "upstream model": snapshot.retirements,
        "app": {it.id: it for it in snapshot.apps.values()},
        "provider": snapshot.providers,
    }


def _of_no_section(old: Snapshot, new: Snapshot) -> Change:
    """What runs is the same, or it is not: then nobody must believe that nothing changes."""
    if same(replace(old, revision=new.revision, catalogued=new.catalogued), new):
        text = "nothing changes that is in use: only a source, a date of recording, or what no route or model refers to"
        return Change("configuration", text, "setting")
    text = "something changes that cannot be told here: compare the files before you approve it"
    return Change("configuration", text, "money")


def _pairs(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    weight, described, changes = _KINDS[kind]
    for key in sorted(old.keys() | new.keys()):
        if key in old and key in new:
            yield from (Change(f"{kind} {key}", text, its) for its, text in changes(old[key], new[key]))
        else:
            text = f"is removed; it was: {described(old[key])}" if key in old else f"is added: {described(new[key])}"
            yield Change(f"{kind} {key}", text, weight)


def _route_changes(old: Route, new: Route) -> Said:
    yield from compared(old, new, "routing", {"price_list", "capabilities"})
    yield from compared(old.capabilities or Capabilities(), new.capabilities or Capabilities(), "routing")


def _budget(budget: Budget) -> str:
    kind = "hard" if budget.hard else "soft"
    whose = f"each {budget.scope}" if budget.subject == ANY else f"the {budget.scope} {budget.subject}"
    return f"{amount_text(budget.amount)} {budget.currency} per {budget.period} for {whose}, {kind}"


def _app(app: App) -> str:
    models = "all" if app.models is None else shown(app.models)
    return f"team {app.team}, cost centre {app.cost_centre}, keys: {_fingerprints(app.key_hashes)}, models: {models}"


def _app_changes(old: App, new: App) -> Said:
    keys, were = set(new.key_hashes), set(old.key_hashes)
    if keys - were:
        yield "access", f"may call with a further key: {_fingerprints(keys - were)}"
    if were - keys:
        yield "access", f"can no longer call with the key: {_fingerprints(were - keys)}"
    yield from compared(old, new, "setting", {"key_hashes"})


def _fingerprints(hashes: Iterable[str]) -> str:
    return ", ".join(f"sha256 {it[:FINGERPRINT_CHARS]}…" for it in sorted(hashes))


def _provider_changes(old: ProviderSettings, new: ProviderSettings) -> Said:
    was, now = urlsplit(old.base_url), urlsplit(new.base_url)
    if (was.scheme, was.netloc) != (now.scheme, now.netloc):
        yield "data", f"requests go to {now.scheme}://{now.netloc} instead of {was.scheme}://{was.netloc}"
    if was.path != now.path:
        yield "routing", "the path of its base URL changes"
    for name, words in (("credential", "key"), ("organization", "organization"), ("project", "project")):
        if getattr(old, name) != getattr(new, name):
            yield "access", f"has another {words}"
    yield from compared(old, new, "setting", {"base_url", "credential", "organization", "project"})


# What an addition or a removal weighs, how one is described, and what of it changes.
_KINDS: Mapping[str, tuple[Weight, Callable[[Any], str], Callable[[Any, Any], Said]]] = {
    "model": ("routing", lambda it: f"served by {choice_of(it)}; billed by {billers_of(it)}; {fallback_of(it)}", model_changes),
    "route": ("routing", lambda it: f"{it.model} at {it.provider.id} under {it.contract.id}, {it.state}", _route_changes),
    "contract": ("money", lambda it: f"billed by {it.billing.owner}", lambda old, new: compared(old, new, "setting")),
    "price list": ("money", lambda it: f"in {it.currency}", lambda old, new: compared(old, new, "money", fixed=True)),
    "budget": ("money", _budget, lambda old, new: compared(old, new, "money", fixed=True)),
    "upstream model": ("routing", lambda it: f"ends on {it.on}", lambda old, new: compared(old, new, "routing")),
    "exchange rates": ("setting", lambda it: f"{it.base} in {it.quote}", lambda old, new: compared(old, new, "setting")),
    "app": ("access", _app, _app_changes),
    "provider": ("routing", lambda it: f"at {urlsplit(it.base_url).netloc}", _provider_changes),
}


def _setting_changes(old: Settings, new: Settings) -> Iterator[Change]:
    """Where the decisions are kept follows from the ledger's place."""
    for path, text in differing(old, new, {f"decisions{STEP}path"}):
        yield Change(path.replace(STEP, "."), f"{text} (takes effect at the next start)", "setting")


def _clean(text: str) -> str:
    """Without secrets, and without characters that could command a terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in redact(text))
