"""Where the gateway keeps what must outlive it, or what replicas share; what needs Redis is imported where one is configured."""

from gateway.stores.audit_log import AuditLog
from gateway.stores.evidence import EvidenceFile, SqliteEvidence
from gateway.stores.ledger.chain import unsigned
from gateway.stores.ledger.postgres.books import PostgresBooks
from gateway.stores.ledger.postgres.budgets import PostgresBudgets
from gateway.stores.ledger.postgres.ledger import PostgresLedger
from gateway.stores.ledger.postgres.replays import PostgresReplays
from gateway.stores.ledger.postgres.rollups import PostgresRollups
from gateway.stores.ledger.postgres.verify import verify_postgres
from gateway.stores.ledger.spool import LedgerSpool
from gateway.stores.ledger.spooled import SpoolingLedger
from gateway.stores.ledger.sqlite.books import SqliteBooks
from gateway.stores.ledger.sqlite.ledger import SqliteLedger
from gateway.stores.ledger.sqlite.replays import SqliteReplays
from gateway.stores.ledger.sqlite.rollups import SqliteRollups
from gateway.stores.ledger.sqlite.verify import verify_ledger
from gateway.stores.memory.budgets import MemoryBudgets
from gateway.stores.memory.claims import MemoryClaims, remembered_claims
from gateway.stores.memory.state import MemoryState

__all__ = [
    "AuditLog",
    "EvidenceFile",
    "LedgerSpool",
    "MemoryBudgets",
    "MemoryClaims",
    "MemoryState",
    "PostgresBooks",
    "PostgresBudgets",
    "PostgresLedger",
    "PostgresReplays",
    "PostgresRollups",
    "SpoolingLedger",
    "SqliteBooks",
    "SqliteEvidence",
    "SqliteLedger",
    "SqliteReplays",
    "SqliteRollups",
    "remembered_claims",
    "unsigned",
    "verify_ledger",
    "verify_postgres",
]
