"""The evidence that is kept of requests, for reading."""

from gateway.app.clock import now
from gateway.config.load import Loaded
from gateway.stores.evidence_file import EvidenceFile


def evidence_of(loaded: Loaded) -> EvidenceFile:
    """What is kept of requests, for reading."""
    return EvidenceFile(loaded.settings.evidence.path, loaded.settings.evidence.days_max, now)
