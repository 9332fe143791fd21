"""Capabilities from what is written."""

from gateway.config.schema import catalogue
from gateway.core.contract.capability import Capabilities, SizeRule


def capabilities_of(written: catalogue.Capabilities) -> Capabilities:
    """As the core compares them."""
    rule = written.size_rule
    sets = {
        name: None if (words := getattr(written, name)) is None else frozenset(words)
        for name in ("sizes", "qualities", "output_formats", "backgrounds")
    }
    return Capabilities(
        **sets,
        size_rule=None if rule is None else SizeRule(**dict(rule)),
        n_max=written.n_max,
        partial_images_max=written.partial_images_max,
        references_max=written.references_max,
        stream=written.stream,
        without=frozenset(written.without),
    )
