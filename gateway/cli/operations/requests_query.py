"""A query for requests as people type it: a mistake in an option ends the command with exit code 2."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from gateway.cli.terminal.period import naming, period_of
from gateway.core.ledger.request_query import OPEN, Member, RequestQuery
from gateway.core.outcome import Outcome, Owner

OUTCOMES = (*map(str, Outcome), OPEN)
_WORDS = {Member.OWNER: tuple(map(str, Owner)), Member.OUTCOME: OUTCOMES}


def request_query(
    only: Mapping[Member, str | None], tags: Iterable[str], since: str | None, until: str | None, *, discrepant: bool
) -> RequestQuery:
    """Each member as one value, or as several separated by commas: any of these."""
    begin, end = period_of(since, until, datetime.now(UTC))
    values = {member: _values(member, text) for member, text in only.items() if text is not None}
    with naming("--tag"):
        return RequestQuery(begin, end, values, dict(map(_tag, tags)), discrepant=discrepant)


def _values(member: Member, text: str) -> frozenset[str]:
    values = frozenset(value.strip() for value in text.split(","))
    with naming(f"--{member}"):
        if unknown := sorted(values.difference(_WORDS.get(member, values))):
            raise ValueError(f"'{unknown[0]}' is none of {', '.join(_WORDS[member])}.")
    return values


def _tag(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"'{text}' is not NAME=VALUE. Write campaign=spring.")
    return name, value
