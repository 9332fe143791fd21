"""One day and line on both sides: what was booked, what was charged, and what that is called."""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from gateway.core.finance.reconciliation.candidate import Candidate, Residue, resolved
from gateway.core.finance.reconciliation.finding import Finding, Resolution, Result, Tolerance

_NOTHING = Decimal(0)
_UNTOLD = "or usage that is not the gateway's: without counts or request ids the file cannot tell"


@dataclass(slots=True)
class Side:
    """What one side has of a day and line; a count is ``None`` where nobody counted."""

    amount: Decimal = _NOTHING
    lines: int = 0
    requests: int | None = None
    images: int | None = None
    source: str = ""

    def add(self, amount: Decimal | None, requests: int | None, images: int | None, source: str = "") -> None:
        """An attempt of ours, or a line of the file; lines of money and lines of counts may come apart."""
        if amount is not None:
            self.amount += amount
            self.lines += 1
        self.requests = self.requests if requests is None else (self.requests or 0) + requests
        self.images = self.images if images is None else (self.images or 0) + images
        self.source = self.source or source


@dataclass(slots=True)
class Pair:
    """Both sides of one day and line in one currency; ``candidates`` are ours of unknown cost, in ``booked`` as requests only."""

    day: date
    line: str
    currency: str
    booked: Side = field(default_factory=Side)
    charged: Side = field(default_factory=Side)
    candidates: list[Candidate] = field(default_factory=list)


def judged(pair: Pair, unit: Decimal, tolerance: Tolerance, *, covered: bool) -> tuple[list[Finding], tuple[Resolution, ...]]:
    """The findings, whose differences add up to that of the pair. ``unit`` is the smallest amount that the file can name."""
    if not pair.candidates:
        return [_compared(pair, unit, tolerance)], ()
    ours, theirs, asked = pair.booked, pair.charged, len(pair.candidates)
    slack, over = unit * max(theirs.lines, 1), theirs.amount - ours.amount
    more = None if theirs.requests is None else theirs.requests - (ours.requests or 0)
    found = resolved(pair.candidates, Residue(pair.day, pair.currency, over, more, slack, covered, theirs.source))
    undecided = isinstance(found, str)
    paid = 0 if isinstance(found, str) else sum(it.amount > 0 for it in found)
    if over <= slack or not (undecided or paid):
        over = _NOTHING
    doubt = Finding(
        pair.day,
        pair.line,
        pair.currency,
        Result.AMBIGUOUS,
        charged=over,
        requests=asked,
        requests_charged=None if more is None else max(more, 0),
        request_id=pair.candidates[0].request_id if asked == 1 else "",
        note=found
        if isinstance(found, str)
        else f"{paid} of {asked} charged"
        if asked > 1
        else f"{'' if paid else 'not '}charged",
    )
    rest = replace(theirs, amount=theirs.amount - over, requests=ours.requests if over else theirs.requests)
    if over:
        rest.images = ours.images
    if not ours.lines and not rest.amount:
        return [doubt], () if isinstance(found, str) else found
    compared = _compared(replace(pair, charged=rest, candidates=[]), unit, tolerance)
    return [compared, doubt], () if isinstance(found, str) else found


def _compared(pair: Pair, unit: Decimal, tolerance: Tolerance) -> Finding:
    ours, theirs = pair.booked, pair.charged
    difference, more = theirs.amount - ours.amount, _more(ours, theirs)
    note = ""
    if not ours.lines:
        result = Result.PROVIDER_ONLY if difference else Result.MATCHED
    elif not theirs.lines:
        result = Result.GATEWAY_ONLY if abs(difference) >= unit else Result.ROUNDING if difference else Result.MATCHED
    elif more:
        result = Result.GATEWAY_ONLY if more.startswith("-") else Result.PROVIDER_ONLY
        note = f"{more} against what is booked"
    elif not difference:
        result = Result.MATCHED
    elif abs(difference) < unit * theirs.lines:
        result = Result.ROUNDING
    elif tolerance.holds(pair.currency, difference, theirs.amount):
        result, note = Result.MATCHED, "within the tolerance"
    else:
        result, note = Result.PRICE_VARIANCE, _ratio(pair)
    return Finding(
        pair.day,
        pair.line,
        pair.currency,
        result,
        ours.amount,
        theirs.amount,
        ours.requests or 0,
        theirs.requests,
        ours.images or 0,
        theirs.images,
        note=note,
    )


def _more(ours: Side, theirs: Side) -> str:
    """By how many requests, else images, the provider's count differs; empty where it does not, or nobody counted."""
    for what, count, other in (("requests", ours.requests, theirs.requests), ("images", ours.images, theirs.images)):
        if other is not None and other != (count or 0):
            return f"{other - (count or 0):+} {what}"
    return ""


def _ratio(pair: Pair) -> str:
    """What finance asks first: by how much the price has changed."""
    ours, theirs = pair.booked, pair.charged
    times = f"{(theirs.amount / ours.amount).quantize(Decimal('0.0001'))} times what is booked" if ours.amount > 0 else ""
    told = theirs.requests is not None or theirs.images is not None
    return "; ".join(filter(None, (times, "" if told else _UNTOLD)))
