"""What the process itself needs to know, beside the snapshot that requests see: listeners, ledger, state, history, log."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gateway.config.schema import document
from gateway.config.secrets.own_secrets import NO_SECRETS, OwnSecrets
from gateway.core.secret import Secret
from gateway.relay.result_settings import ResultSettings


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The data plane's listener; port 0 lets the system choose."""

    host: str
    port: int
    body_bytes_max: int
    body_wait_s_max: float
    upload_bytes_max: int
    upload_wait_s_max: float
    spool_folder: Path
    spool_memory_bytes_max: int
    in_flight_requests_max: int
    in_flight_bytes_max: int
    in_flight_app_share: float
    bridged_answer_bytes_max: int
    client_stall_s_max: float
    heartbeat_s: float
    lame_duck_s: float
    shutdown_grace_s: int
    connections_max: int | None
    head_wait_s_max: float
    idle_wait_s_max: float


@dataclass(frozen=True, slots=True)
class AdminSettings:
    """The admin plane's listener; port 0 lets the system choose. ``hosts`` are more names that it answers to."""

    host: str
    port: int
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """The SQLite file, relative to the working directory, and how hard a commit is; with a ``url``, PostgreSQL instead.

    Entries wait in ``spool`` while it cannot be written, at most ``spool_bytes_max`` of them.
    """

    path: Path
    synchronous: Literal["full", "normal"]
    spool: Path
    spool_bytes_max: int
    url: Secret | None = None


@dataclass(frozen=True, slots=True)
class StateSettings:
    """``redis_url`` is ``None`` where this process counts alone."""

    redis_url: Secret | None
    timeout_s: float


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """Earlier configurations, overrides and the audit log."""

    folder: Path
    revisions_max: int


@dataclass(frozen=True, slots=True)
class DecisionSettings:
    """Routing decisions, at ``path``."""

    path: Path
    kept_max: int


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """Evidence of requests, at ``path``."""

    path: Path
    keep: Literal["all", "failures"]
    days_max: int
    requests_max: int


@dataclass(frozen=True, slots=True)
class SigningSettings:
    """``key`` is the private key as a JWK, ``None`` where nothing is signed; ``former`` are public keys as JWKs."""

    key: Secret | None
    former: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdempotencySettings:
    """For how long requests are remembered, and of how many this process does so alone; ``claims`` is its journal."""

    claims: Path
    keys_s: int
    window_s: int
    names_max: int


@dataclass(frozen=True, slots=True)
class LoggingSettings:
    """``level`` is a logging name in lower case."""

    level: str
    queued_bytes_max: int


@dataclass(frozen=True, slots=True)
class Settings:
    """All of them."""

    server: ServerSettings
    admin: AdminSettings
    ledger: LedgerSettings
    state: StateSettings
    history: HistorySettings
    decisions: DecisionSettings
    evidence: EvidenceSettings
    signing: SigningSettings
    idempotency: IdempotencySettings
    results: ResultSettings
    logging: LoggingSettings


def settings_of(written: document.Configuration, own: OwnSecrets = NO_SECRETS) -> Settings:
    """The settings as they are written, defaults included."""
    beside = Path(written.ledger.path).parent
    folder = beside / "history" if written.history.folder is None else Path(written.history.folder)
    redis_url = None if written.state.redis_url is None else Secret(written.state.redis_url)
    ledger_url = None if written.ledger.url is None else Secret(written.ledger.url)
    return Settings(
        server=ServerSettings(**dict(written.server) | {"spool_folder": Path(written.server.spool_folder)}),
        admin=AdminSettings(**dict(written.admin)),
        ledger=LedgerSettings(
            Path(written.ledger.path),
            written.ledger.synchronous,
            beside / "ledger-spool.jsonl",
            written.ledger.spool_bytes_max,
            ledger_url,
        ),
        state=StateSettings(redis_url, written.state.timeout_s),
        history=HistorySettings(folder, written.history.revisions_max),
        decisions=DecisionSettings(beside / "decisions.jsonl", written.decisions.kept_max),
        evidence=EvidenceSettings(beside / "evidence.sqlite", **dict(written.evidence)),
        signing=SigningSettings(own.signing, written.signing.former),
        idempotency=IdempotencySettings(beside / "claims.jsonl", **dict(written.idempotency)),
        results=ResultSettings(
            **dict(written.results)
            | {
                "folder": beside / "results" if written.results.folder is None else Path(written.results.folder),
                "key": own.results,
            }
        ),
        logging=LoggingSettings(written.logging.level, written.logging.queued_bytes_max),
    )
