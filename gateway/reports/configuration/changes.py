"""What changed from one configuration to another, and what was in force before."""

from collections.abc import Sequence

from gateway.config.change.difference import Change
from gateway.config.change.history import Revision
from gateway.reports.document import Document, plain


def changes_document(old: str, new: str, changes: Sequence[Change]) -> Document:
    """``{"old", "new", "changes"}``, by the ids of both."""
    return {"old": old, "new": new, "changes": plain(changes)}


def history_document(revisions: Sequence[Revision]) -> Document:
    """``{"revisions": […]}``, with the names of their files and not what stands in them."""
    return {"revisions": [_revision(it) for it in revisions]}


def _revision(revision: Revision) -> Document:
    return {
        "id": revision.id,
        "at": revision.at.isoformat(),
        "who": revision.who,
        "why": revision.why,
        "sha256": revision.sha256,
        "files": list(revision.files),
        "changes": plain(revision.changes),
    }
