"""Which single values differ between two of the same kind, each with its path, its weight and how, in plain words."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Literal

from gateway.core.contract.capability import SizeRule
from gateway.core.contract.contract import Contract, RecordedLimit
from gateway.core.money.amount import amount_text
from gateway.core.money.pricing import ImageRate, PriceList
from gateway.core.secret import Secret
from gateway.core.snapshot import ProviderSettings

Weight = Literal["money", "data", "routing", "limits", "access", "setting"]
Said = Iterator[tuple[Weight, str]]

# Between the names of a path: names of models have dots of their own.
STEP = "\x1f"
# Stands for "_" in an id: those of fields' names are read as spaces.
_UNDERSCORE = "\x1e"
_WEIGHT_OF: Mapping[str, Weight] = {
    "billing": "money", "failure": "money", "price_list": "money", "cost_centre": "money", "biller_change": "money",
    "data": "data", "data_policy": "data", "limits": "limits", "pins": "routing", "effective_from": "routing",
    "effective_to": "routing", "verification": "access", "models": "access", "contracts": "access", "tags": "access",
}  # fmt: skip
_WORDS = {
    "billing.owner": "who bills", "billing.account": "the account that is billed", "billing.currency": "the invoice's currency",
    "billing.invoice_issuer": "who sends the invoice", "billing.terms": "the payment terms", "price_list": "the price list",
    "earlier": "the list that it supersedes",
    "limits.owner": "who sets the limits", "limits.queue_s": "how long a request waits for a limit, in seconds,",
    "effective_from": "the first day in force", "effective_to": "the first day no longer in force",
    "verification.state": "the organization verification", "support.owner": "who answers tickets", "aliases": "its other names",
    "failure.on_ambiguous": "what follows an attempt that may have been billed", "models": "which models it may use",
    "contracts": "which contracts may serve it", "biller_change": "whether a fallback may change who bills",
}  # fmt: skip
_NOTHING: tuple[object, ...] = (None, (), frozenset())


def compared(old: object, new: object, weight: Weight, without: Set[str] = frozenset(), *, fixed: bool = False) -> Said:
    """Every value that differs. ``weight`` is that of paths that have none of their own, with ``fixed`` that of all."""
    for path, text in differing(old, new, without):
        words = _WORDS.get(path.replace(STEP, "."), path.replace(STEP, ": ").replace("_", " ").replace(_UNDERSCORE, "_"))
        yield weight if fixed else _WEIGHT_OF.get(path.partition(STEP)[0], weight), f"{words} {text}"


def differing(old: object, new: object, without: Set[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """The path of every value that differs, and how; ``without`` are paths that are left out."""
    was, now = (dict(_leaves(it, without)) for it in (old, new))
    for path in dict.fromkeys((*was, *now)):
        if path not in was:
            # Of what is added as a whole, only what it says.
            yield from () if now[path] in _NOTHING else ((path, f"is added: {shown(now[path])}"),)
        elif path not in now:
            yield from () if was[path] in _NOTHING else ((path, f"is removed; it was {shown(was[path])}"),)
        elif was[path] != now[path]:
            secret = isinstance(was[path], Secret) and isinstance(now[path], Secret)
            yield path, "changes" if secret else f"changes from {shown(was[path])} to {shown(now[path])}"
    if was.keys() == now.keys() and list(was) != list(now):
        yield "order of rows", "changes: the first that matches counts"


def same(old: object, new: object) -> bool:
    """Whether two of the same kind say the same, however deep it stands. Routes are compared by identity elsewhere."""
    if is_dataclass(old) and type(old) is type(new):
        return all(same(getattr(old, it.name), getattr(new, it.name)) for it in fields(old))
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(same(old[key], new[key]) for key in old)
    if isinstance(old, tuple) and isinstance(new, tuple):
        return len(old) == len(new) and all(map(same, old, new))
    return old == new


def shown(value: object) -> str:
    """A value as a person reads it; what is named by several words stands in quotes."""
    match value:
        case None:
            return "not set"
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return amount_text(value)
        case RecordedLimit():
            return f"{value.value} (recorded {value.recorded_on}, {value.source})"
        case frozenset() | tuple():
            words = map(shown, value)
            return ", ".join(words if isinstance(value, tuple) else sorted(words)) or "none"
    return f"'{value}'" if isinstance(value, str) and " " in value else str(value)


def _leaves(value: object, without: Set[str], path: str = "") -> Iterator[tuple[str, object]]:
    """Each single value in ``value`` by its path; what has an id of its own and is only named here counts as that."""
    inner: list[tuple[str, object]] = []
    if path in without:
        return
    if isinstance(value, ImageRate):
        yield path, value.amount
    elif isinstance(value, Contract | ProviderSettings | PriceList) and path:
        yield path, value.id
    elif is_dataclass(value) and not isinstance(value, Secret | SizeRule | RecordedLimit):
        inner = [(it.name, getattr(value, it.name)) for it in fields(value)]
    elif isinstance(value, Mapping):
        inner = [(str(key).replace("_", _UNDERSCORE), value[key]) for key in sorted(value)]
    elif isinstance(value, tuple) and any(map(is_dataclass, value)):
        names = [_row(it) for it in value]
        inner = [(f"{it} ({names[:at].count(it) + 1})" if it in names[:at] else it, value[at]) for at, it in enumerate(names)]
    else:
        yield path, value
    for name, it in inner:
        yield from _leaves(it, without, f"{path}{STEP}{name}" if path else name)


def _row(value: RecordedLimit | ImageRate) -> str:
    if isinstance(value, ImageRate):
        return f"{value.size} {value.quality}"
    return f"{value.dimension} of {value.model.replace('_', _UNDERSCORE)}"
