"""A ledger in PostgreSQL and what stands beside it. Imported only where one is configured: its driver takes 0.2 s."""

from gateway.app.clock import now
from gateway.ports import Books, Replays, Rollups
from gateway.stores.ledger.chain import Sign
from gateway.stores.ledger.postgres.books import PostgresBooks
from gateway.stores.ledger.postgres.budgets import PostgresBudgets
from gateway.stores.ledger.postgres.ledger import PostgresLedger
from gateway.stores.ledger.postgres.replays import PostgresReplays
from gateway.stores.ledger.postgres.rollups import PostgresRollups


def ledger(url: str, sign: Sign) -> PostgresLedger:
    """For writing, not open yet."""
    return PostgresLedger(url, now, sign=sign)


def books(url: str) -> Books:
    """For reading."""
    return PostgresBooks(url)


def replays(url: str) -> Replays:
    """What repeated requests did not cost."""
    return PostgresReplays(url)


def rollups(url: str) -> Rollups:
    """Sums of days that are over."""
    return PostgresRollups(url, now)


def budgets(url: str) -> PostgresBudgets:
    """Counters that all gateways share."""
    return PostgresBudgets(url)
