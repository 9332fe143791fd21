"""The one way in: files -> what is written -> what runs, or every problem at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from pathlib import Path

from gateway.config.checks.budgets import check_budgets
from gateway.config.checks.capabilities import check_capabilities
from gateway.config.checks.dialects import check_dialects
from gateway.config.checks.expired_contracts import expired
from gateway.config.checks.openrouter import check_openrouter
from gateway.config.checks.policies import check_policies
from gateway.config.checks.price_series import check_series
from gateway.config.checks.published_keys import check_published
from gateway.config.checks.references import check_references
from gateway.config.checks.reported_cost import check_reported
from gateway.config.checks.schema_errors import validate
from gateway.config.checks.warnings import config_warnings
from gateway.config.problem import ConfigInvalid, Problem
from gateway.config.secrets.own_secrets import NO_SECRETS, read_own_secrets
from gateway.config.secrets.provider_keys import key_files, read_credentials
from gateway.config.secrets.token_command import Tokens
from gateway.config.settings import Settings, settings_of
from gateway.config.snapshot import build_snapshot
from gateway.config.source.document import read_tree
from gateway.config.source.interpolation import NOT_SET
from gateway.config.source.node import Node
from gateway.core.snapshot import Snapshot

_OF_PATHS = frozenset({"ledger", "history", "evidence"})


class Secrets(Enum):
    """Which secrets must be there: all; those that open the books (``ledger.url``), for whoever only reads them; none."""

    ALL = frozenset[str]()
    BOOKS = frozenset({"state.redis_url"})
    NONE = frozenset({"state.redis_url", "ledger.url"})

    @property
    def dispensable(self) -> frozenset[str]:
        """The paths of texts whose variables need not be set, beside the keys, which only ``ALL`` reads."""
        return self.value


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can run, and what somebody should know about it.

    ``looked_at`` are the paths at which an edit could change it. ``files`` are those it was read from, the main one first, and
    ``contents`` their bytes, one a file; ``credential_files`` are those that hold providers' keys. ``expired`` are contracts
    used outside their dates: a check refuses them, a gateway that runs lets their routes take no request.
    """

    snapshot: Snapshot
    settings: Settings
    warnings: tuple[Problem, ...]
    looked_at: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()
    contents: tuple[bytes, ...] = field(default=(), repr=False)
    credential_files: tuple[Path, ...] = ()
    expired: tuple[Problem, ...] = ()


def load(
    path: Path, environment: Mapping[str, str], today: date, tokens: Tokens | None = None, *, secrets: Secrets = Secrets.ALL
) -> Loaded:
    """Read the configuration at ``path``; ``today`` is a UTC day. Raises ``ConfigInvalid`` with all problems.

    ``tokens`` runs the commands that print keys; without it those keys are empty, and so are all that ``secrets`` leaves out.
    """
    tree = read_tree(path, environment)
    written, complaints = validate(tree.root)
    credentials, missing = read_credentials(tree.root, environment, tokens) if secrets is Secrets.ALL else ({}, ())
    own, unusable = read_own_secrets(tree.root, environment) if secrets is Secrets.ALL else (NO_SECRETS, ())
    # With a file missing, every name that it defines would look unknown.
    contradictions = _contradictions(tree.root) if tree.complete else ()
    credential_files = key_files(tree.root)
    looked_at = (*tree.looked_at, *credential_files)
    published = check_published(tree.root, credentials)
    unreadable = [it for it in tree.problems if it.path not in secrets.dispensable or not it.what.endswith(NOT_SET)]
    problems = {*unreadable, *complaints, *missing, *unusable, *contradictions, *published}
    if problems or written is None:
        raise ConfigInvalid(tuple(sorted(problems)), looked_at)
    snapshot, settings = build_snapshot(written, credentials), settings_of(written, own)
    warnings = config_warnings(written, snapshot, tree.root, today)
    over = expired(written, tree.root, today)
    return Loaded(snapshot, settings, warnings, looked_at, tree.files, tree.contents, credential_files, over)


def load_paths(path: Path, environment: Mapping[str, str]) -> Loaded:
    """Only where the books are, whatever is wrong with the rest; raises ``ConfigInvalid`` where that cannot be told."""
    tree = read_tree(path, environment)
    sections = {name: member for name, member in tree.root.members().items() if name in _OF_PATHS}
    written, complaints = validate(Node(sections, tree.root.at))
    hiding = [it for it in tree.problems if it.path.partition(".")[0] in _OF_PATHS or ("ledger" not in sections and not it.path)]
    if written is None or hiding:
        raise ConfigInvalid(tuple(sorted({*hiding, *complaints})), tree.looked_at)
    return Loaded(build_snapshot(written, {}), settings_of(written), ())


def _contradictions(root: Node) -> tuple[Problem, ...]:
    by_names = (*check_references(root), *check_series(root), *check_policies(root))
    by_dialect = (*check_dialects(root), *check_openrouter(root), *check_reported(root))
    return (*by_names, *check_capabilities(root), *by_dialect, *check_budgets(root))
