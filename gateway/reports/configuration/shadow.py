"""What another configuration would have done with the recorded requests."""

from gateway.core.routing.shadow import Shadow
from gateway.reports.document import Document, plain


def shadow_document(found: Shadow) -> Document:
    """``{"decisions", "unmoved", "neither", "moved", "refused", "served", "totals"}``; amounts are decimal texts."""
    return {
        "decisions": found.decisions,
        "unmoved": found.unmoved,
        "neither": found.neither,
        "moved": [{"from": plain(was), "to": plain(to), "count": count} for (was, to), count in found.moved.most_common()],
        "refused": [
            {"from": plain(was), "code": plain(code), "count": count} for (was, code), count in found.refused.most_common()
        ],
        "served": [{"to": plain(place), "count": count} for place, count in found.served.most_common()],
        "totals": {
            currency: {
                "old": str(total.old.amount),
                "new": str(total.new.amount),
                "difference": str(total.difference),
                "old_unknown": total.old.unknown,
                "new_unknown": total.new.unknown,
            }
            for currency, total in sorted(found.totals.items())
        },
    }
