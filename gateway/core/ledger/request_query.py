"""Which attempts somebody looks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Member(StrEnum):
    """By what attempts are found; of an open one the outcome is ``OPEN``."""

    APP = "app"
    TEAM = "team"
    CONTRACT = "contract"
    PROVIDER = "provider"
    MODEL = "model"
    ROUTE = "route"
    OWNER = "owner"
    OUTCOME = "outcome"
    UPSTREAM_REQUEST_ID = "upstream_request_id"


OPEN = "open"


@dataclass(frozen=True, slots=True)
class RequestQuery:
    """Attempts begun in ``[since, until)``, each member one of those values, each tag as said; empty restricts nothing.

    ``discrepant``: only those whose delivery differs from the request.
    """

    since: datetime | None = None
    until: datetime | None = None
    only: Mapping[Member, frozenset[str]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    discrepant: bool = False


EVERY_REQUEST = RequestQuery()
