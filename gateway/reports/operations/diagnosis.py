"""Whose an error is, by the rules that the gateway itself uses."""

from gateway.core.outcome import Diagnosis
from gateway.reports.document import Document

READ_CHARS_MAX = 500


def diagnosis_document(found: Diagnosis, read: str) -> Document:
    """The diagnosis, and what was ``read`` of the provider's words, without secrets."""
    return {
        "owner": found.owner.value,
        "rule": found.rule,
        "confidence": found.confidence.value,
        "first_check": found.first_check,
        "stop_rule": found.stop_rule,
        "retryable": found.retryable,
        "billed": found.billed.value,
        "read": read[:READ_CHARS_MAX],
    }
