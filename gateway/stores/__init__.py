"""Where the gateway keeps what must outlive it, or what replicas share; what needs Redis is imported where one is configured."""

from gateway.stores.audit_log import AuditLog
from gateway.stores.books_postgres import PostgresBooks
from gateway.stores.books_sqlite import SqliteBooks
from gateway.stores.budgets_memory import MemoryBudgets
from gateway.stores.budgets_postgres import PostgresBudgets
from gateway.stores.claims_memory import MemoryClaims, remembered_claims
from gateway.stores.evidence_sqlite import EvidenceFile, SqliteEvidence
from gateway.stores.ledger_chain import unsigned
from gateway.stores.ledger_postgres import PostgresLedger
from gateway.stores.ledger_spool import LedgerSpool
from gateway.stores.ledger_sqlite import SqliteLedger
from gateway.stores.ledger_verify import verify_ledger
from gateway.stores.ledger_verify_postgres import verify_postgres
from gateway.stores.rollups_postgres import PostgresRollups
from gateway.stores.rollups_sqlite import SqliteRollups
from gateway.stores.savings_postgres import PostgresSavings
from gateway.stores.savings_sqlite import SqliteSavings
from gateway.stores.spooling_ledger import SpoolingLedger
from gateway.stores.state_memory import MemoryState

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
    "PostgresRollups",
    "PostgresSavings",
    "SpoolingLedger",
    "SqliteBooks",
    "SqliteEvidence",
    "SqliteLedger",
    "SqliteRollups",
    "SqliteSavings",
    "remembered_claims",
    "unsigned",
    "verify_ledger",
    "verify_postgres",
]
