"""In the place of litellm's log of a call: nothing is noted, so nothing is kept and nothing is told."""

from typing import Any


class Silent:
    """As far as the code of images speaks to it (litellm 1.110.2)."""

    def __init__(self) -> None:
        self.model_call_details: dict[str, Any] = {}

    def update_from_kwargs(self, *_: Any, **__: Any) -> None:
        """Nothing is noted."""

    def pre_call(self, *_: Any, **__: Any) -> None:
        """Nothing is noted."""

    def post_call(self, *_: Any, **__: Any) -> None:
        """Nothing is noted."""
