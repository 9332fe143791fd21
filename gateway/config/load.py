"""The one way in: files -> what is written -> what runs, or every problem at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from gateway.config.caution import cautions
from gateway.config.complaint import validate
from gateway.config.credential import read_credentials
from gateway.config.problem import ConfigInvalid, Problem
from gateway.config.references import check_references
from gateway.config.settings import Settings, settings_of
from gateway.config.snapshot import build_snapshot
from gateway.config.tree import read_tree
from gateway.core.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can run, and what somebody should know about it."""

    snapshot: Snapshot
    settings: Settings
    warnings: tuple[Problem, ...]


def load(path: Path, environment: Mapping[str, str], today: date) -> Loaded:
    """Read the configuration at ``path``; ``today`` is a UTC day. Raises ``ConfigInvalid`` with all problems."""
    tree = read_tree(path, environment)
    written, complaints = validate(tree.root)
    credentials, missing = read_credentials(tree.root, environment)
    # With a file missing, every name that it defines would look unknown.
    contradictions = check_references(tree.root) if tree.complete else ()
    problems = {*tree.problems, *complaints, *missing, *contradictions}
    if problems or written is None:
        raise ConfigInvalid(tuple(sorted(problems)))
    return Loaded(build_snapshot(written, credentials), settings_of(written), cautions(written, tree.root, today))
