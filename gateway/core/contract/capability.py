"""What a route supports, and what of a request it cannot: such a route is not eligible, and nothing is dropped (law 7)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.core.request.body_field import AUTO
from gateway.core.request.images import ImageRequest, pixels_of

# Images that come along without being references.
OVERLAYS = frozenset({"mask", "markup"})


@dataclass(frozen=True, slots=True)
class SizeRule:
    """Sizes by a rule.

    Both edges are multiples of ``edge_multiple`` up to ``edge_max``, the longer at most ``ratio_max`` times the shorter, with
    ``pixels_min`` to ``pixels_max`` pixels.
    """

    edge_multiple: int
    edge_max: int
    ratio_max: int
    pixels_min: int
    pixels_max: int

    def allows(self, width: int, height: int) -> bool:
        """Whether an image of that size may be asked for."""
        long_edge, short_edge = max(width, height), min(width, height)
        return (
            width % self.edge_multiple == height % self.edge_multiple == 0
            and long_edge <= self.edge_max
            and long_edge <= self.ratio_max * short_edge
            and self.pixels_min <= width * height <= self.pixels_max
        )

    def narrowed(self, by: "SizeRule") -> "SizeRule":
        """The rule for what both rules allow."""
        return SizeRule(
            edge_multiple=math.lcm(self.edge_multiple, by.edge_multiple),
            edge_max=min(self.edge_max, by.edge_max),
            ratio_max=min(self.ratio_max, by.ratio_max),
            pixels_min=max(self.pixels_min, by.pixels_min),
            pixels_max=min(self.pixels_max, by.pixels_max),
        )

    def __str__(self) -> str:
        return (
            f"both edges multiples of {self.edge_multiple} and at most {self.edge_max}, at most {self.ratio_max}:1, "
            f"{self.pixels_min} to {self.pixels_max} pixels"
        )


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model at a provider supports. ``None`` where nothing is known to be refused; ``auto`` is always possible.

    A size is possible where ``sizes`` names it or ``size_rule`` allows it. ``without`` names the members of a request that
    are refused or ignored; members that nobody names are passed on.
    """

    sizes: frozenset[str] | None = None
    size_rule: SizeRule | None = None
    qualities: frozenset[str] | None = None
    output_formats: frozenset[str] | None = None
    backgrounds: frozenset[str] | None = None
    n_max: int | None = None
    partial_images_max: int | None = None
    references_max: int | None = None
    stream: bool = True
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A parameter that cannot be supported as asked, what was asked, and what is possible."""

    param: str
    asked: str
    possible: str


def shortfalls(request: ImageRequest, capabilities: Capabilities) -> tuple[Shortfall, ...]:
    """All that the request asks for and the capabilities do not hold."""
    return tuple(_shortfalls(request, capabilities))


def bounds(can: Capabilities) -> tuple[str, ...]:
    """All that is refused or limited, for people: ``n at most 1``. Empty where nothing is."""
    found = [f"size {_sizes_possible(can)}"] if _sized(can) else []
    for param, possible in (
        ("quality", can.qualities),
        ("output_format", can.output_formats),
        ("background", can.backgrounds),
    ):
        if possible is not None:
            found.append(f"{param} {', '.join(sorted(possible)) or 'only auto'}")
    for param, most in (("n", can.n_max), ("partial_images", can.partial_images_max), ("references", can.references_max)):
        if most is not None:
            found.append(f"{param} at most {most}")
    if not can.stream:
        found.append("no stream")
    if can.without:
        found.append(f"without {', '.join(sorted(can.without))}")
    return tuple(found)


def narrowed(known: Capabilities, by: Capabilities) -> Capabilities:
    """What both hold, never more than ``known``."""
    sizes, size_rule = _sizes_of_both(known, by)
    return Capabilities(
        sizes=sizes,
        size_rule=size_rule,
        qualities=_both(known.qualities, by.qualities),
        output_formats=_both(known.output_formats, by.output_formats),
        backgrounds=_both(known.backgrounds, by.backgrounds),
        n_max=_least(known.n_max, by.n_max),
        partial_images_max=_least(known.partial_images_max, by.partial_images_max),
        references_max=_least(known.references_max, by.references_max),
        stream=known.stream and by.stream,
        without=known.without | by.without,
    )


def size_possible(size: str, can: Capabilities) -> bool:
    """Whether a size other than ``auto`` can be supported."""
    if not _sized(can):
        return True
    pixels = pixels_of(size)
    by_rule = can.size_rule is not None and pixels is not None and can.size_rule.allows(*pixels)
    return by_rule or (can.sizes is not None and size in can.sizes)


def _sized(can: Capabilities) -> bool:
    return can.sizes is not None or can.size_rule is not None


def _sizes_of_both(known: Capabilities, by: Capabilities) -> tuple[frozenset[str] | None, SizeRule | None]:
    """The sizes by name that both allow, each by name or by rule, and the rule for those that both allow by rule."""
    if not _sized(by):
        return known.sizes, known.size_rule
    if not _sized(known):
        return by.sizes, by.size_rule
    named = (known.sizes or frozenset()) | (by.sizes or frozenset())
    rule = known.size_rule.narrowed(by.size_rule) if known.size_rule and by.size_rule else None
    return frozenset(size for size in named if size_possible(size, known) and size_possible(size, by)), rule


def _both(known: frozenset[str] | None, by: frozenset[str] | None) -> frozenset[str] | None:
    return by if known is None else known if by is None else known & by


def _least(known: int | None, by: int | None) -> int | None:
    return min((it for it in (known, by) if it is not None), default=None)


def _shortfalls(request: ImageRequest, can: Capabilities) -> Iterator[Shortfall]:
    if request.size != AUTO and not size_possible(request.size, can):
        yield Shortfall("size", request.size, _sizes_possible(can))
    for param, asked, possible in (
        ("quality", request.quality, can.qualities),
        ("output_format", request.output_format, can.output_formats),
        ("background", request.background, can.backgrounds),
    ):
        if asked != AUTO and possible is not None and asked not in possible:
            yield Shortfall(param, asked, ", ".join(sorted(possible)) or "none")
    for param, count, most in (
        ("n", request.n, can.n_max),
        ("partial_images", request.partial_images, can.partial_images_max),
        ("image" if request.text is None else "input", request.references - len(request.members & OVERLAYS), can.references_max),
    ):
        if most is not None and count > most:
            yield Shortfall(param, str(count), f"at most {most}")
    if request.stream and not can.stream:
        yield Shortfall("stream", "true", "false")
    if can.without and (sent := request.members & can.without):
        for param in sorted(sent):
            yield Shortfall(param, "a value", "absent")


def _sizes_possible(can: Capabilities) -> str:
    named = ", ".join(sorted(can.sizes or ()))
    return "; ".join(filter(None, (named, str(can.size_rule) if can.size_rule else ""))) or "only auto"
