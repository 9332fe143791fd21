"""The configuration in force: one reference, swapped whole between requests."""

from gateway.core.snapshot import Snapshot


class Current:
    """Read ``snapshot`` once a request, and keep what was read until its end."""

    __slots__ = ("snapshot",)

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
