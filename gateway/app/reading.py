"""What commands read without a running gateway, and beside one."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from gateway.app.clock import now
from gateway.config import Loaded
from gateway.config.settings import SigningSettings
from gateway.core.ledger.chain import ROOT, Root, Verification
from gateway.ports import Books
from gateway.signing import BadSignature, key_set, published, verified
from gateway.stores import EvidenceFile, PostgresBooks, SqliteBooks, SqliteLedger, verify_ledger, verify_postgres


def books_of(loaded: Loaded) -> Books:
    """The ledger of a configuration that is loaded already."""
    ledger = loaded.settings.ledger
    return SqliteBooks(ledger.path) if ledger.url is None else PostgresBooks(ledger.url.reveal())


def check_unused(ledger: Path) -> None:
    """Raises ``LedgerUnavailable`` while a gateway writes to that file."""
    unused = SqliteLedger(ledger, "full", now)
    unused.open()
    unused.close()


def evidence_of(loaded: Loaded) -> EvidenceFile:
    """What is kept of requests, for reading."""
    return EvidenceFile(loaded.settings.evidence.path, loaded.settings.evidence.days_max, now)


def published_keys(signing: SigningSettings) -> dict[str, Any]:
    """A JWK set of those that sign or have signed; empty where nothing is signed."""
    texts = [*([signing.key.reveal()] if signing.key is not None else []), *signing.former]
    return key_set(map(published, texts))


def verify(loaded: Loaded, keys: Mapping[str, Any] | None, progress: Callable[[int, int], None]) -> Verification:
    """Read the whole ledger of that configuration; ``keys`` (a JWK set) are those that its roots must be signed with."""
    ledger, check = loaded.settings.ledger, partial(_root_fault, keys=keys)
    if ledger.url is not None:
        return verify_postgres(ledger.url.reveal(), check, progress)
    return verify_ledger(ledger.path, check, progress)


def _root_fault(root: Root, signature: str, *, keys: Mapping[str, Any] | None) -> str:
    if keys is None:
        return ""
    if not signature:
        return "it is not signed"
    try:
        claims = verified(signature, keys, ROOT)
    except BadSignature as error:
        return f"its signature is wrong: {error}"
    return "" if claims == root.claims else "its signature is that of another root"
