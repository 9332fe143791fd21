"""What sums the ledger's days while the gateway runs."""

from collections.abc import Coroutine

import structlog

from gateway.app.adapters import postgres
from gateway.app.clock import now
from gateway.config.settings import LedgerSettings
from gateway.engine.money.rollup import roll_up
from gateway.stores.ledger.sqlite.rollups import SqliteRollups

_log = structlog.get_logger("gateway")


def rolling(ledger: LedgerSettings) -> Coroutine[None, None, None]:
    """Beside the ledger that this configuration writes."""
    rollups = SqliteRollups(ledger.path, now) if ledger.url is None else postgres().rollups(ledger.url.reveal())
    return roll_up(rollups, _tell)


def _tell(days: int, failed: str) -> None:
    if days:
        _log.info("ledger", summed_days=days)
    if failed:
        _log.warning("ledger", problem=f"Reports read entries instead of sums: {failed}")
