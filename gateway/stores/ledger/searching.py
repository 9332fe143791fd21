"""A query for attempts as a statement: the same for every database."""

from collections.abc import Sequence

from gateway.core.ledger.entry import Entry
from gateway.core.ledger.request_query import OPEN, Member, RequestQuery
from gateway.stores.ledger.book_rows import period_of
from gateway.stores.ledger.rows import entry_of
from gateway.stores.ledger.spending import Dialect, Read

# What only the entry knows that has closed the attempt; the other members stand in its reserve, too.
_CLOSING = frozenset({Member.OWNER, Member.OUTCOME, Member.UPSTREAM_REQUEST_ID})
_DISCREPANT = " AND discrepancies <> '[]'"


def found_attempts(sql: str, dialect: Dialect, query: RequestQuery, limit: int, read: Read) -> Sequence[Entry]:
    """See ``ports.Books.requests``; ``sql`` is the text of ``sql/requests.sql``, ``read`` runs a statement.

    A member's value is the name of its column: only names from that closed set enter the statement.
    """
    parameters: dict[str, int | str] = {"limit": limit, **period_of(query.since, query.until)}

    def parameter(value: str) -> str:
        name = f"asked_{len(parameters)}"
        parameters[name] = value
        return dialect.parameter.format(name=name)

    reserved = closed = ""
    for member, values in query.only.items():
        column = f"coalesce(outcome, '{OPEN}')" if member is Member.OUTCOME else member.value
        condition = f" AND {column} IN ({', '.join(map(parameter, sorted(values)))})"
        if member in _CLOSING:
            closed += condition
        else:
            reserved += condition
    for name, value in query.tags.items():
        reserved += f" AND {dialect.tag.format(name=parameter(name))} = {parameter(value)}"
    closed += _DISCREPANT if query.discrepant else ""
    return [entry_of(row) for row in read(sql.format(reserved=reserved, closed=closed), parameters)]
