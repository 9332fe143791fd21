"""Whether a ledger is what its writers have written, and under which keys its roots hold."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from gateway.app.clock import now
from gateway.config.load import Loaded
from gateway.core.ledger.chain import ROOT, Root, Verification
from gateway.signing import BadSignature, verified
from gateway.stores.ledger.postgres.verify import verify_postgres
from gateway.stores.ledger.sqlite.ledger import SqliteLedger
from gateway.stores.ledger.sqlite.verify import verify_ledger


def check_unused(ledger: Path) -> None:
    """Raises ``LedgerUnavailable`` while a gateway writes to that file."""
    unused = SqliteLedger(ledger, "full", now)
    unused.open()
    unused.close()


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
